"""Models that take texts: the words are split on the device, exactly as Keras splits them."""

import json

import numpy as np
import pytest
import text_models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_files import saver

import lepton_edge as le
from lepton_edge.cli import execute
from lepton_edge_converters.errors import LoadError, SamplesError
from lepton_edge_converters.facts import EndFacts
from lepton_edge_converters.pruning.alone import prune_file
from lepton_edge_converters.samples.read import open_samples, read_samples
from lepton_edge_converters.shrinking import Pruning
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.golden import decode_golden
from lepton_edge_runtime.tensors import TensorSpec
from lepton_edge_runtime.tokens.tokenizer import Tokenizer
from lepton_edge_runtime.tokens.vocabulary import decode_vocabulary, encode_vocabulary

# Letters that TensorFlow lowers and does not, white space that it splits at and does not, what it escapes, halves.
ODD = "aB cDÉßİ\t\n\r\x0b\x0c\x1c\x85\xa0\u3000\u2028\ufeff\x00,.'\u2019-_[]\\$`~漢😀\u0301"
TEXTS = st.lists(
    st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), max_size=24),
    min_size=2,
    max_size=8,
)
SETTINGS = [
    *({"standardize": one, "output_sequence_length": 6} for one in ("lower_and_strip_punctuation", "lower", None)),
    *({"split": one, "output_sequence_length": 9} for one in ("character", None)),
    {"standardize": "strip_punctuation", "ngrams": (3, 1), "output_sequence_length": 12},
    {"standardize": None, "split": "character", "ngrams": 2, "output_sequence_length": 30},
    {"output_mode": "multi_hot", "ngrams": 2},
    {"output_mode": "multi_hot", "max_tokens": 500, "pad_to_max_tokens": True},
    {"output_mode": "count", "split": "character"},
    {"output_mode": "count", "split": None, "standardize": None},
    {"output_mode": "tf_idf", "split": "character", "standardize": "lower"},
    {"output_mode": "tf_idf", "ngrams": (2, 1), "max_tokens": 300, "pad_to_max_tokens": True},
]


@pytest.fixture(scope="module")
def text_file(worker, tmp_path_factory):
    """Return a function: the file of a kind of model, trained once."""
    return saver(worker, "text_models:save", tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def sentiment(text_file, tmp_path_factory):
    """The usual model of texts, converted to int8 with labelled reviews."""
    path = tmp_path_factory.mktemp("bundle") / "sentiment.lepton"
    texts, classes = text_models.reviews(160, seed=1)
    report = le.convert(text_file("sentiment"), path, data=(texts, classes), labels=["bad", "good"])
    return path, report


@pytest.mark.parametrize("wanted", SETTINGS, ids=lambda one: " ".join(map(str, one.values())))
def test_any_text_becomes_what_keras_makes_of_it(worker, wanted):
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(adapted=TEXTS, texts=TEXTS)
    def check(adapted, texts):
        adapted = [*adapted, "a word,  and Another"]
        texts = [*texts, *adapted, ""]
        facts, theirs = worker.call("text_models:vectorized", wanted, adapted, texts)
        stored = decode_vocabulary(encode_vocabulary(facts.vocabulary), facts.tokenize)
        assert stored == facts.vocabulary
        dtype = "int64" if facts.tokenize.encoding == "int" else "float32"
        tokenizer = Tokenizer(facts.tokenize, stored, TensorSpec(name="x", dtype=dtype, shape=(1, theirs.shape[1])))
        ours = np.concatenate([tokenizer(one) for one in texts])
        np.testing.assert_array_equal(ours, theirs)

    check()


class TestConverted:
    def test_it_is_proven_like_any_other(self, sentiment):
        _, report = sentiment
        assert report.passed
        assert report.row("TFLite int8").accuracy.value > 0.95
        assert any("TextVectorization was split off" in one and "224 texts" in one for one in report.warnings)
        assert report.preprocess == ("23 tokens, lower_and_strip_punctuation, split at whitespace, int",)

    def test_a_text_is_answered_with_classes(self, sentiment):
        with le.open_model(sentiment[0]) as model:
            good, bad = model("What a LOVELY film!"), model({"review": "dull, dull"})
        assert (good.top.label, bad.top.label) == ("good", "bad")

    def test_tokens_are_taken_as_well(self, sentiment):
        with le.open_model(sentiment[0]) as model:
            (tokens,) = model.tensors("a lovely film")
            assert tokens.shape == (1, 12)
            assert model(tokens).top == model("a lovely film").top

    def test_golden_samples_are_tokens(self, sentiment):
        bundle = Bundle(sentiment[0])
        golden = decode_golden(bundle.member("golden.npz"), bundle.card)
        assert golden.inputs[0].dtype == np.int64
        assert 0 < golden.inputs[0].max() < bundle.card.inputs[0].tokenize.size

    def test_the_vocabulary_is_a_file_to_read(self, sentiment):
        lines = Bundle(sentiment[0]).member("vocabulary.txt").decode().split("\n")
        assert lines[:2] == ["", "[UNK]"]
        assert {"lovely", "its", "café"} <= set(lines)

    @pytest.mark.parametrize("kind", ["bag", "masked"])
    def test_other_encodings_and_recurrent_ones_too(self, kind, text_file, tmp_path):
        texts, classes = text_models.reviews(100, seed=2)
        report = le.convert(text_file(kind), tmp_path / "m.lepton", data={"x": texts, "y": classes}, recipe="float32")
        assert report.row("TFLite float32").sqnr_db > 80
        assert report.row("ONNX float32").agreement.value == 1.0
        with le.open_model(tmp_path / "m.lepton", backend="onnx") as model:
            assert len(model("a lovely film")) == 2

    def test_without_samples_texts_are_made_up(self, text_file, tmp_path):
        report = le.convert(text_file("bag"), tmp_path / "m.lepton", recipe="float32", formats=["tflite"])
        assert report.samples.origin == "seeded synthetic samples"
        assert any("64 texts became exactly its tensors" in one for one in report.warnings)


class TestAVocabularyOfTheUsers:
    def test_it_goes_into_the_bundle(self, text_file, tmp_path):
        (tmp_path / "words.txt").write_text("lovely\ndull\nfilm\n", encoding="utf-8")
        texts, _ = text_models.reviews(60)
        report = le.convert(
            text_file("indices"), tmp_path / "m.lepton", data=texts, recipe="float32", vocabulary=tmp_path / "words.txt"
        )
        assert any("'lovely' is 2" in one for one in report.warnings)
        with le.open_model(tmp_path / "m.lepton") as model:
            np.testing.assert_array_equal(model.tensors("Film? lovely trees")[0][0, :4], [4, 2, 1, 0])

    @pytest.mark.parametrize(
        ("vocabulary", "says"),
        [
            (["a"] * 2, "holds the token 'a' twice"),
            ([f"w{i}" for i in range(39)], "the vocabulary has 41 tokens, 2 special ones included, .* knows 40"),
        ],
    )
    def test_one_that_does_not_fit_is_refused(self, text_file, tmp_path, vocabulary, says):
        with pytest.raises(LoadError, match=says):
            le.convert(text_file("indices"), tmp_path / "m.lepton", recipe="float32", vocabulary=vocabulary)

    def test_a_model_with_one_of_its_own_needs_none(self, text_file, tmp_path):
        with pytest.raises(LoadError, match="a vocabulary was given, and the model has one of its own"):
            le.convert(text_file("bag"), tmp_path / "m.lepton", recipe="float32", vocabulary=["a"])
        with pytest.raises(LoadError, match="goes with a vocabulary of yours"):
            le.convert(text_file("indices"), tmp_path / "m.lepton", recipe="float32", standardize="lower")


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("ragged_length", "fills up texts to the longest of a batch.*output_sequence_length"),
        ("own_split", "splits texts by a function of its own, which no device has"),
        ("two_texts", "has 2 inputs and 1 TextVectorization layers; one text"),
    ],
)
def test_what_no_device_can_do_is_refused(worker, kind, says):
    import re

    assert re.search(says, worker.call("text_models:refusal", kind))


def test_a_pruned_keras_model_would_lose_its_words(text_file, tmp_path):
    with pytest.raises(LoadError, match="begins with TextVectorization, which a pruned Keras model would not have"):
        prune_file(text_file("sentiment"), tmp_path / "smaller.keras", pruning=Pruning(params=0.5, criterion="l2"))
    assert not (tmp_path / "smaller.keras").exists()


class TestSamples:
    END = EndFacts("review", "int64", (4,))

    @pytest.fixture
    def read(self, worker):
        facts, _ = worker.call("text_models:vectorized", {"output_sequence_length": 4}, ["good bad film"], ["good"])
        end = EndFacts("review", "int64", (4,), text=facts)

        def samples(data, labels=()):
            return read_samples(open_samples(data, (end,)), (end,), (None,), labels, 2, certain=True)

        return samples

    def test_a_table(self, read, tmp_path):
        path = tmp_path / "reviews.csv"
        path.write_text('review,label\n"good, film",pos\nbad,neg\n', encoding="utf-8")
        found = read(path)
        assert (found.count, found.labels, found.targets.tolist()) == (2, ("neg", "pos"), [1, 0])
        assert found.name(0) == "good, film"
        assert found.load([1])[0].shape == (1, 4)

    def test_folders_of_files(self, read, tmp_path):
        for name, text in {"neg/a.txt": "bad", "pos/b.txt": "good"}.items():
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_text(text, encoding="utf-8")
        assert read(tmp_path).targets.tolist() == [0, 1]

    def test_lines_of_a_file(self, read, tmp_path):
        (tmp_path / "t.txt").write_text("good film\n\nbad\n", encoding="utf-8")
        assert read(tmp_path / "t.txt").texts == ["good film", "bad"]

    def test_only_the_end_of_a_line_ends_a_text(self, read, tmp_path):
        (tmp_path / "t.txt").write_bytes("\ufeffgood\x0cfilm\u2028here\r\n\r\nbad\x85\n".encode())
        assert read(tmp_path / "t.txt").texts == ["good\x0cfilm\u2028here", "bad\x85"]

    def test_files_are_texts_whatever_the_case_of_their_names(self, read, tmp_path):
        for name, text in {"neg/a.TXT": "bad", "pos/b.txt": "good"}.items():
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_text(text, encoding="utf-8")
        assert read(tmp_path).texts == ["bad", "good"]

    @pytest.mark.parametrize(
        ("table", "says"),
        [
            ("text,label\ngood,neg\nso, a film,pos\n", "row 2 has 3 fields, and the heading 2; put quotes round"),
            ("text;label\ngood;pos\nbad;neg\n", "has one column, 'text;label'; part columns by commas, not by ';'"),
        ],
    )
    def test_columns_that_are_none_are_not_guessed(self, read, tmp_path, table, says):
        (tmp_path / "r.csv").write_text(table, encoding="utf-8")
        with pytest.raises(SamplesError, match=says):
            read(tmp_path / "r.csv")

    @pytest.mark.parametrize(
        "data",
        [
            (["good", "bad"], [1, 0]),
            {"review": ["good", "bad"], "y": np.array([[1.0], [0.0]])},
            [(b"good", 1), (b"bad", 0)],
            [(np.array([b"good", b"bad"], object), np.array([1, 0]))],
        ],
    )
    def test_texts_in_memory(self, read, data):
        found = read(data)
        assert (found.texts, found.targets.tolist()) == (["good", "bad"], [1, 0])

    def test_indices_are_samples_as_well(self, read):
        assert read(np.zeros((3, 4), np.int64)).count == 3

    def test_what_is_missing_is_said(self, read, tmp_path):
        (tmp_path / "r.csv").write_text("a,b\n1,2\n", encoding="utf-8")
        with pytest.raises(SamplesError, match="has no column 'text'; it has: a, b"):
            read(tmp_path / "r.csv")
        (tmp_path / "r.csv").write_text("text,label\na,\n", encoding="utf-8")
        with pytest.raises(SamplesError, match="row 1 has no label"):
            read(tmp_path / "r.csv")


class TestCommandLine:
    def test_a_text(self, sentiment, capsys):
        assert execute(["run", str(sentiment[0]), "--text", "a lovely film", "--no-cache"]) == 0
        told = capsys.readouterr()
        assert told.out.startswith("good 0.")
        assert "passes the golden samples" in told.err

    def test_a_file_of_them_line_by_line(self, sentiment, tmp_path, capsys):
        (tmp_path / "t.txt").write_text("lovely\ndull\n", encoding="utf-8")
        assert execute(["run", str(sentiment[0]), "--text", str(tmp_path / "t.txt"), "--json", "--no-cache"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(one["text"], one["classes"][0]["label"]) for one in lines] == [("lovely", "good"), ("dull", "bad")]

    def test_what_editors_begin_a_file_with_is_no_part_of_its_first_word(self, sentiment, tmp_path, capsys):
        (tmp_path / "t.txt").write_bytes("\ufefflovely\r\ndull\r\n".encode())
        assert execute(["run", str(sentiment[0]), "--text", str(tmp_path / "t.txt"), "--json", "--no-cache"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(one["text"], one["classes"][0]["label"]) for one in lines] == [("lovely", "good"), ("dull", "bad")]

    def test_a_stride_is_none_of_texts(self, sentiment, capsys):
        assert execute(["run", str(sentiment[0]), "--text", "a film", "--stride", "2"]) == 2
        assert "are about pictures, not texts" in capsys.readouterr().err

    def test_a_model_of_pictures_takes_none(self, bundle, capsys):
        assert execute(["run", str(bundle), "--text", "hello", "--no-cache"]) == 1
        assert "this model takes no texts" in capsys.readouterr().err

    def test_one_of_both_is_asked_for(self, bundle, capsys):
        assert execute(["run", str(bundle)]) == 2
        assert "--camera SOURCE, or --text" in capsys.readouterr().err


def test_a_single_share_is_no_angle():
    from lepton_edge_converters.gates.likeness import likeness
    from lepton_edge_runtime.card import OutputCard

    end = OutputCard(TensorSpec(name="good", dtype="float32", shape=(1, 1)), "sigmoid")
    sure, stored = np.array([[0.001], [0.9]]), np.array([[0.0], [0.9]])
    assert likeness([sure], [stored]).cosine == 0.5
    assert likeness([sure], [stored], [end]).cosine > 0.999
    assert likeness([sure], [1 - stored], [end]).cosine < 0.5
