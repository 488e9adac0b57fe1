"""Vocabularies in bundles: what is refused, and what a text becomes."""

import msgspec
import numpy as np
import pytest
from small_bundle import CARD, MANIFEST, MEMBERS

import lepton_edge as le
from lepton_edge_runtime.bundle import write_bundle
from lepton_edge_runtime.card import InputCard, decode_card, encode_card
from lepton_edge_runtime.errors import BundleError, InputError
from lepton_edge_runtime.intake import Intake
from lepton_edge_runtime.opening import read_candidate
from lepton_edge_runtime.tensors import Quant, TensorSpec
from lepton_edge_runtime.tokens import TOKENS_MAX, Tokenize
from lepton_edge_runtime.tokens.tokenizer import Tokenizer
from lepton_edge_runtime.tokens.vocabulary import VOCABULARY_BYTES_MAX, Vocabulary, decode_vocabulary, encode_vocabulary
from lepton_edge_runtime.verification import verify

WORDS = Vocabulary(("", "[UNK]", "the", "door"))
SPEC = TensorSpec(name="text", dtype="int32", shape=(1, 4))


def card(tokenize, spec=SPEC):
    return msgspec.structs.replace(CARD, inputs=(InputCard(spec, tokenize=tokenize),))


@pytest.fixture
def path(tmp_path):
    """Return a function: a bundle that says so of its texts, with this vocabulary, or none."""

    def written(content):
        path = tmp_path / "door.lepton"
        manifest = msgspec.structs.replace(MANIFEST, card=card(Tokenize(size=4)))
        more = {} if content is None else {"vocabulary.txt": content}
        write_bundle(path, manifest, {"model.tflite": MEMBERS["model.tflite"], **more})
        return path

    return written


def test_a_card_with_texts_is_read_back():
    made = card(Tokenize(size=4, standardize="lower", split="character", ngrams=(2, 1)))
    assert decode_card(encode_card(made)) == made


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\n[UNK]\nthe\nthe\n", "holds the token 'the' twice"),
        (b"\n[UNK]\nthe\n", "has 3 lines, and the card says 4 tokens"),
        (b"\n[UNK]\nthe\ndoor", "has 3 lines"),
        (b"the\ndoor\na\nb\n", "begins with 'the', 'door', and not with '', '\\[UNK\\]'"),
        (b"\n[UNK]\n\nthe\n", "holds an empty token"),
        (b"\n[UNK]\nthe\n\xff\n", "is no text in UTF-8"),
        (b"\n[UNK]\nthe\n\\x\n", "line 4 has a backslash that begins no escape"),
        (b"\n[UNK]\nthe\t1.5\ndoor\n", "line 3 has a weight"),
        (b"", "has 0 lines"),
    ],
)
def test_a_vocabulary_that_is_not_as_the_card_says_is_refused(path, content, says):
    bundle = path(content)
    with pytest.raises(BundleError, match=says):
        Intake(read_candidate(bundle))
    (checked,) = [one for one in verify(bundle) if one.what == "vocabulary"]
    assert checked.outcome == "failed"


def test_a_bundle_without_its_vocabulary_is_refused(path):
    with pytest.raises(BundleError, match=r"has no member 'vocabulary.txt'"):
        le.open_model(path(None))


def test_a_huge_vocabulary_is_refused_before_it_is_read(path):
    content = b"\n[UNK]\n" + b"a" * VOCABULARY_BYTES_MAX
    with pytest.raises(BundleError, match=r"vocabulary.txt is larger than 64 MB"):
        Intake(read_candidate(path(content)))


@pytest.mark.parametrize(
    ("tokenize", "spec", "says"),
    [
        (Tokenize(size=4), TensorSpec(name="t", dtype="int8", shape=(1, 4), quant=Quant(1.0, 0)), "takes no text"),
        (Tokenize(size=4), TensorSpec(name="t", dtype="int32", shape=(2, 4)), "takes no text"),
        (Tokenize(size=9, encoding="count"), TensorSpec(name="t", dtype="float32", shape=(1, 4)), "takes no text"),
        (Tokenize(size=4, encoding="count"), TensorSpec(name="t", dtype="uint8", shape=(1, 4)), "takes no text"),
    ],
)
def test_a_card_whose_tensor_takes_no_text_is_refused(tokenize, spec, says):
    with pytest.raises(BundleError, match=says):
        decode_card(encode_card(card(tokenize, spec)))


@pytest.mark.parametrize("wrong", [{"size": 2}, {"size": TOKENS_MAX + 1}, {"size": 4, "ngrams": (0,)}])
def test_a_card_with_no_tokens_or_too_many_is_refused(wrong):
    with pytest.raises(ValueError, match="a vocabulary has at least|ngrams are numbers"):
        Tokenize(**wrong)


def test_tokens_with_ends_of_lines_are_escaped():
    odd = Vocabulary(("", "[UNK]", "\n", "\\n", "\t\r"))
    assert decode_vocabulary(encode_vocabulary(odd), Tokenize(size=5)) == odd


def test_weights_are_kept_to_the_bit():
    weights = tuple(np.array([0.1, 1 / 3, 2e-7], np.float32).tolist())
    words = Vocabulary(("[UNK]", "a\tb", "c"), weights)
    assert decode_vocabulary(encode_vocabulary(words), Tokenize(size=3, encoding="tf_idf")) == words


@pytest.mark.parametrize("weight", [b"", b"\tnan", b"\tinf", b"\tlots"])
def test_weights_that_are_none_are_refused(weight):
    content = b"[UNK]\t1\na\t1\nb" + weight + b"\n"
    with pytest.raises(BundleError, match="weight"):
        decode_vocabulary(content, Tokenize(size=3, encoding="tf_idf"))


def test_a_text_is_cut_and_filled_up():
    tokenizer = Tokenizer(Tokenize(size=4), WORDS, SPEC)
    assert tokenizer("The DOOR, the window!").tolist() == [[2, 3, 2, 1]]
    assert tokenizer("the").tolist() == [[2, 0, 0, 0]]
    assert tokenizer("door " * 9).tolist() == [[3, 3, 3, 3]]


def test_half_a_character_is_refused():
    with pytest.raises(InputError, match="half of a character"):
        Tokenizer(Tokenize(size=4), WORDS, SPEC)("\ud800")
