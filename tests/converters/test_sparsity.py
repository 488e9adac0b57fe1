"""Sparse weights: the carry to tf_keras and back, what is made zero or equal, and what is left of it in 8 bits."""

import gzip

import keras_models
import msgspec
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_converters import improving
from lepton_edge_converters.errors import GateRefusedError, LoadError, RecipeError, SamplesError
from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.recipe import Gates, Recipe, load_recipe
from lepton_edge_converters.report.sparse import SparseLayer, SparseWeights
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.sparsity.known import LAYERS
from lepton_edge_converters.thinning import Sparsity
from lepton_edge_converters.train import Training
from lepton_edge_converters.worker import Worker
from lepton_edge_runtime.bundle import Bundle

LENIENT = Gates(min_agreement=0.0, min_cosine=0.0, min_sqnr_db=-99.0, min_parity=0.0, min_parity_db=-99.0)


def sparse(scheme="int8", formats=("tflite", "onnx"), **settings):
    improved = settings.pop("improved", False)
    return Recipe(
        scheme=scheme,
        io="uint8" if scheme == "int8" else "float32",
        formats=formats,
        sparsity=Sparsity(**{"epochs": 1, "batch_size": 8} | settings),
        gates=LENIENT,
        equalize=improved,
        correct_bias=improved,
    )


def tflite_weights(content):
    """Return the constants of two axes and more by name, as LiteRT's own interpreter gives them."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    made = {int(i) for op in interpreter._get_ops_details() for i in op["outputs"]}
    made |= {one["index"] for one in interpreter.get_input_details()}
    return {
        one["name"]: interpreter.get_tensor(one["index"])
        for one in interpreter.get_tensor_details()
        if one["index"] not in made and len(one["shape"]) > 1 and one["dtype"] in (np.int8, np.float32)
    }


def onnx_weights(content):
    """Return the initializers of two axes and more by name."""
    import onnx

    graph = onnx.load_model_from_string(content).graph
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    return {name: one for name, one in arrays.items() if one.ndim > 1 and one.dtype in (np.int8, np.float32)}


def share(arrays):
    return sum(int((one == 0).sum()) for one in arrays) / sum(one.size for one in arrays)


@pytest.fixture(scope="module")
def carried(tmp_path_factory):
    """Samples and Keras 3's answers of each model, a function that gives tf_keras's, and where they are written."""
    folder = tmp_path_factory.mktemp("carried")
    with Worker() as keras3, keras3.another() as keras2:
        found = keras3.call("carried_models:write_all", folder)
        yield found, lambda name: keras2.call("carried_models:answer_carried", folder, name, found[name][0]), folder


@pytest.mark.slow
class TestCarry:
    def test_tf_keras_answers_alike_with_the_same_weights(self, carried):
        found, answer, _ = carried
        apart = {}
        for name, (_, expected) in found.items():
            answers, _, same = answer(name)
            assert same, name
            assert [one.shape for one in answers] == [one.shape for one in expected], name
            distances = [float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(answers, expected, strict=True)]
            apart[name] = max(distances)
        # The same operators in another order of additions, at most.
        assert {name: one for name, one in apart.items() if one > 2e-6} == {}

    def test_every_kind_that_is_known_is_among_them(self, carried):
        from lepton_edge_converters.sparsity.written import read_network

        found, _, folder = carried
        seen = {layer.kind for name in found for layer in read_network(folder / name)[0].layers}
        assert set(LAYERS) - seen <= {"SpatialDropout1D", "SpatialDropout3D"}

    def test_layers_keep_their_names_and_nested_ones_say_where_they_are(self, carried):
        _, names, _ = carried[1]("nested")
        assert names[0] == "base/_conv"
        assert names[-1] == "last"

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            ("unknown", r"the layer 'e' is of a kind \(EinsumDense\) that cannot be carried to tf_keras"),
            ("bare", r"the model has the bare operation 'sin' \(Sin\)"),
            ("function", "the layer 'd' has the activation"),
            ("stateful", "the layer 'l' keeps a state"),
            ("rank", r"the layer 'd' \(Dense\) has lora_rank"),
            ("own", "'mine' is a model of a class of its own, Own"),
        ],
    )
    def test_what_cannot_be_carried_is_named(self, worker, kind, message):
        import re

        assert re.search(message, worker.call("carried_models:refusal", kind))

    def test_a_layer_of_the_users_own_is_refused_by_name(self, worker, tmp_path):
        worker.call("keras_models:save_custom", tmp_path)
        job = "lepton_edge_converters.sparsity.carry:write_carried"
        with pytest.raises(LoadError, match=r"of a kind \(Double\) that cannot be carried"):
            worker.call(job, tmp_path / "custom.keras", LoadOptions(custom=("custom_layers:Double",)), tmp_path / "c")

    def test_a_keras_2_file_is_refused_with_what_to_do(self, worker, tmp_path):
        path = tmp_path / "old.h5"
        worker.call("keras_models:save_keras2", path)
        job = "lepton_edge_converters.sparsity.carry:write_carried"
        with pytest.raises(LoadError, match="weights are made sparse in Keras 3 models"):
            worker.call(job, path, LoadOptions(), tmp_path / "c")

    def test_a_model_that_tf_keras_computes_otherwise_is_refused(self, keras_file, worker, tmp_path):
        """The answers decide, whatever the layers are called: here, those of another model."""
        worker.call(
            "lepton_edge_converters.sparsity.carry:write_carried",
            keras_file("sequential"),
            LoadOptions(),
            tmp_path / "c",
        )
        np.save(tmp_path / "x.npy", keras_models.patterns(8)[0].astype(np.float32))
        np.save(tmp_path / "y.npy", np.full((8, 4), 0.25, np.float32))
        samples = StoredSamples((tmp_path / "x.npy",), (None,))
        given = tmp_path / "c", Sparsity(zeros=0.5), samples, (tmp_path / "y.npy",), None, ("distribution",), 0
        with (
            worker.another() as trainer,
            pytest.raises(le.LeptonError, match="computes output 0 otherwise than the original"),
        ):
            trainer.call("lepton_edge_converters.sparsity.training:train_sparse", *given, tmp_path / "w.npz")

    def test_a_model_with_nothing_to_make_sparse_is_refused(self, keras_file, worker, tmp_path):
        job = "lepton_edge_converters.sparsity.carry:write_carried"
        worker.call(job, keras_file("sequential"), LoadOptions(), tmp_path / "c")
        given = tmp_path / "c", Sparsity(zeros="3:7", keep=("classes",)), StoredSamples((), ()), (), None, (), 0
        message = (
            r"no layer has weights that could be made sparse; conv2d\S*: its 3 input channels are no multiple of 7; "
            r"depthwise_conv2d\S*: depthwise kernels are small, .*; classes: it is to be kept"
        )
        with worker.another() as trainer, pytest.raises(LoadError, match=message):
            trainer.call("lepton_edge_converters.sparsity.training:train_sparse", *given, tmp_path / "w.npz")

    def test_a_model_that_masks_steps_is_refused(self, carried, worker, tmp_path):
        given = carried[2] / "Masking", Sparsity(zeros=0.5), StoredSamples((), ()), (), None, (), 0
        with worker.another() as trainer, pytest.raises(LoadError, match="the layer 'masking' masks steps"):
            trainer.call("lepton_edge_converters.sparsity.training:train_sparse", *given, tmp_path / "w.npz")


@pytest.fixture(scope="module")
def made(keras_file, tmp_path_factory):
    """Return a function: report and bundle of a kind of model, converted by a recipe; made once."""
    folder, known = tmp_path_factory.mktemp("sparse"), {}

    def convert(kind, recipe):
        key = kind, msgspec.json.encode(recipe)
        if key not in known:
            out = folder / f"{len(known)}.lepton"
            known[key] = le.convert(keras_file(kind), out, data=keras_models.patterns(120, seed=7), recipe=recipe), out
        return known[key]

    return convert


@pytest.mark.slow
class TestZeros:
    """Batch normalizations folded, channels equalized, biases corrected: zeros stay zeros."""

    RECIPE = sparse(zeros=0.8, improved=True)

    def test_80_percent_are_80_percent_in_each_layer_that_is_made_sparse(self, made):
        report, _ = made("imbalanced", self.RECIPE)
        for one in report.sparse.layers:
            assert one.zeros == pytest.approx(0.0 if one.left else 0.8, abs=1 / one.weights), one
        assert [one.layer for one in report.sparse.layers] == ["conv_0", "conv_1", "conv_2", "classes"]
        assert report.sparse.layers[-1].left == "it has 64 weights: nothing to gain"

    def test_zeros_are_zeros_in_int8_in_both_formats(self, made):
        report, bundle = made("imbalanced", self.RECIPE)
        expected = sum(round(one.zeros * one.weights) for one in report.sparse.layers)
        for member, read, title in (
            ("model.tflite", tflite_weights, "TFLite int8"),
            ("model.onnx", onnx_weights, "ONNX int8"),
        ):
            weights = list(read(Bundle(bundle).member(member)).values())
            assert sum(one.size for one in weights) == sum(one.weights for one in report.sparse.layers)
            assert sum(int((one == 0).sum()) for one in weights) >= expected
            assert report.row(title).zeros == pytest.approx(share(weights))
        assert not any("quantization lost" in warning for warning in report.warnings)
        assert report.changes  # the graph was improved all the same

    def test_the_report_says_what_it_buys_and_what_not(self, made):
        from html import unescape
        from io import StringIO

        from lepton_edge_converters.report.page import render_page
        from lepton_edge_converters.report.remarks import remarks
        from lepton_edge_converters.report.table import print_report

        report, bundle = made("imbalanced", self.RECIPE)
        (said,) = [one.text for one in remarks(report) if one.about == "sparse weights"]
        packed = len(gzip.compress(Bundle(bundle).member("model.tflite"), 9, mtime=0)) - 12  # gzip's own head and tail
        assert abs(report.row("TFLite int8").download_bytes - packed) <= 8
        assert f"{packed / 1024:,.0f} KB when packed" in said
        assert said.endswith("No engine here runs sparse weights faster, nor in less memory")
        out = StringIO()
        print_report(report, out)
        assert said in out.getvalue()
        assert "conv_1" in out.getvalue()
        assert said in unescape(render_page(report))
        assert report.to_dict()["sparse"]["layers"][1]["layer"] == "conv_1"

    @pytest.mark.usefixtures("fresh_workers")
    def test_the_same_input_gives_the_same_bytes(self, made, keras_file, tmp_path):
        data = keras_models.patterns(120, seed=7)
        le.convert(keras_file("imbalanced"), tmp_path / "m.lepton", data=data, recipe=self.RECIPE)
        assert (tmp_path / "m.lepton").read_bytes() == made("imbalanced", self.RECIPE)[1].read_bytes()

    def test_what_is_judged_is_likeness_to_the_original(self, made):
        """A model robbed of nearly all its weights answers otherwise than the one that was given."""
        report, _ = made("imbalanced", sparse(zeros=0.99, formats=("tflite",), scheme="float32"))
        assert report.row("TFLite float32").cosine < 0.999
        assert report.row("original").accuracy.value > 0.95


@pytest.mark.slow
class TestPatterns:
    RECIPE = sparse(zeros="2:4", clusters=8)

    def test_of_each_four_weights_along_the_inputs_two_stay(self, made):
        report, bundle = made("sequential", self.RECIPE)
        left = {one.kind: one.left for one in report.sparse.layers}
        assert left["Conv2D"] == "its 3 input channels are no multiple of 4"
        assert left["Dense"] == ""
        # TFLite stores a dense layer's weights as outputs × inputs.
        (dense,) = [one for one in tflite_weights(Bundle(bundle).member("model.tflite")).values() if one.ndim == 2]
        assert dense.shape == (4, 968)
        assert ((dense.reshape(-1, 4) != 0).sum(1) <= 2).all()
        assert share([dense]) == pytest.approx(0.5, abs=0.05)

    def test_a_channel_has_no_more_integers_than_clusters(self, made):
        report, bundle = made("sequential", self.RECIPE)
        (classes,) = [one for one in report.sparse.layers if one.layer == "classes"]
        assert 2 < classes.values <= 8
        (dense,) = [one for one in tflite_weights(Bundle(bundle).member("model.tflite")).values() if one.ndim == 2]
        assert max(len(np.unique(channel)) for channel in dense) <= 8

    def test_the_download_is_smaller_than_that_of_the_dense_model(self, made, converted):
        _, bundle = made("sequential", self.RECIPE)
        sparse_file, dense_file = (Bundle(one).member("model.tflite") for one in (bundle, converted[0]))
        assert len(gzip.compress(sparse_file)) < 0.7 * len(gzip.compress(dense_file))
        assert abs(len(sparse_file) - len(dense_file)) < 0.05 * len(dense_file)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["dynamic", "float16", "weights"])
def test_other_schemes_hold_the_zeros_too_and_load(made, scheme):
    """``dynamic`` among them: its weights are stored dense, since a sparse encoding would not load."""
    report, _ = made("sequential", sparse(zeros=0.8, formats=("tflite",), scheme=scheme))
    assert report.row(f"TFLite {scheme}").zeros >= report.sparse.zeros - 1e-6
    assert report.row(f"TFLite {scheme}").latency is not None


@pytest.fixture
def brief(monkeypatch):
    """Training for 8 bits takes seconds: what becomes of zeros counts, and not how far it gets."""
    monkeypatch.setattr(improving, "settings_for", lambda _, *, seed: Training(epochs=4, distillation=1.0, seed=seed))


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_training_for_8_bits_leaves_zeros_where_they_are(made):
    report, bundle = made("sequential", msgspec.structs.replace(sparse(zeros=0.8, formats=("tflite",)), qat=True))
    assert report.changes[-1].startswith("trained for 8 bits: ")
    weights = tflite_weights(Bundle(bundle).member("model.tflite")).values()
    assert share(weights) >= report.sparse.zeros
    assert not any("quantization lost" in warning for warning in report.warnings)


@pytest.mark.slow
def test_a_repair_does_not_train_clusters_apart(keras_file, tmp_path):
    # So many clusters that the float file passes, at 110 dB, and only 8 bits are refused, at 51.
    recipe = sparse(clusters=256, formats=("tflite",))
    recipe = msgspec.structs.replace(recipe, repair=True, gates=Gates(min_sqnr_db=90))
    with pytest.raises(GateRefusedError) as refused:
        le.convert(keras_file("sequential"), tmp_path / "m.lepton", data=keras_models.patterns(120), recipe=recipe)
    rung = refused.value.report.rungs[-1]
    assert rung.name == "quantization-aware training"
    assert "which would undo the clusters" in rung.refused[0]


@pytest.mark.slow
def test_what_zeros_have_lost_is_not_looked_for_in_8_bits(keras_file, tmp_path):
    recipe = msgspec.structs.replace(sparse(zeros=0.99, formats=("tflite",)), repair=True, gates=Gates())
    with pytest.raises(GateRefusedError) as refused:
        le.convert(keras_file("imbalanced"), tmp_path / "m.lepton", data=keras_models.patterns(120), recipe=recipe)
    assert [rung.name for rung in refused.value.report.rungs] == ["as asked"]
    assert "the model that was made sparse is refused in float already" in refused.value.report.warnings[-1]


@pytest.mark.slow
def test_a_layer_to_keep_that_is_not_there_is_told(made):
    with pytest.raises(LoadError, match=r"no layer 'clases' to keep \(did you mean 'classes'\?\)"):
        made("sequential", sparse(zeros=0.5, keep=("clases",)))


@pytest.mark.slow
def test_a_model_in_memory_is_made_sparse_and_stays_as_it_is(keras_file, worker, tmp_path):
    data = keras_models.patterns(60, seed=7)
    report, untouched = worker.call(
        "carried_models:convert_in_memory", keras_file("sequential"), tmp_path / "m.lepton", data
    )
    assert untouched
    assert report.row("TFLite float32").zeros == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
def test_labels_can_be_learnt_instead_and_layers_kept(made):
    report, _ = made("sequential", sparse(zeros=0.5, learn="labels", epochs=2, keep=("classes",), formats=("tflite",)))
    assert {one.layer: one.left for one in report.sparse.layers}["classes"] == "it is to be kept"
    assert report.row("TFLite int8").accuracy.value > 0.9


@pytest.mark.slow
def test_labels_that_are_not_there_cannot_be_learnt(keras_file, tmp_path):
    with pytest.raises(SamplesError, match="can only learn labels of a classifier's labelled samples"):
        le.convert(
            keras_file("sequential"),
            tmp_path / "m.lepton",
            data=keras_models.patterns(60)[0],
            recipe=sparse(zeros=0.5, learn="labels"),
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "asks for nothing"),
        ({"zeros": 1.5}, "zeros is a share between 0 and 1, not 1.5"),
        ({"zeros": "4:2"}, "zeros is a share, such as 0.8, or N of M that stay, such as '2:4', not '4:2'"),
        ({"zeros": "0:4"}, "not '0:4'"),
        ({"clusters": 2}, "clusters is a number of values from 3 to 256, not 2"),
        ({"zeros": 0.5, "begin": 0.8}, "begin and end are shares"),
        ({"zeros": 0.5, "epochs": 0}, "epochs is 1 or more, not 0"),
        ({"zero": 0.5}, r"\[sparsity\]: unknown key 'zero' \(did you mean 'zeros'\?\)"),
        ({"zeros": 0.5, "learn": "label"}, "sparsity.learn"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path, settings, message):
    from lepton_edge_converters.toml import encode_toml

    path = tmp_path / "r.toml"
    path.write_text(encode_toml({"scheme": "int8", "sparsity": settings}))
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_what_is_said_beside_a_recipe_goes_into_its_sparsity():
    recipe = load_recipe("int8", zeros="2:4", clusters=16)
    assert recipe.sparsity == Sparsity(zeros="2:4", clusters=16)
    assert recipe.sparsity.blocks == (2, 4)
    assert load_recipe(recipe, zeros=0.8).sparsity == Sparsity(zeros=0.8, clusters=16)
    assert load_recipe("int8").sparsity is None


def test_epochs_are_those_of_the_training_that_the_recipe_asks_for():
    assert load_recipe("int8", zeros=0.5, epochs=3).sparsity == Sparsity(zeros=0.5, epochs=3)
    assert load_recipe("int8", speedup=2.0, epochs=3).training.epochs == 3
    for nothing in ({}, {"qat": True}):
        with pytest.raises(RecipeError, match="epochs and learning_rate are for models that are pruned or made sparse"):
            load_recipe("int8", epochs=3, **nothing)


def test_clusters_are_not_asked_for_with_what_undoes_them():
    assert load_recipe("int8", zeros=0.5, qat=True).qat
    with pytest.raises(RecipeError, match="which undoes clusters"):
        load_recipe("int8", clusters=16, qat=True)


def test_samples_to_train_with_are_not_passed_over(keras_file, tmp_path):
    data = keras_models.patterns(60)
    with pytest.raises(RecipeError, match="the recipe trains nothing"):
        le.convert(keras_file("sequential"), tmp_path / "m.lepton", data=data, train_data=data)


def test_without_samples_there_is_nothing_to_train_on(keras_file, tmp_path):
    with pytest.raises(SamplesError, match="sparsity trains the model on samples"):
        le.convert(keras_file("sequential"), tmp_path / "m.lepton", recipe="float32", zeros=0.5)


def test_a_report_without_sparse_weights_says_nothing_of_them(converted):
    from lepton_edge_converters.report.remarks import remarks, sparse_remark

    report = converted[1]
    assert report.sparse is None
    assert sparse_remark(report) == ""
    assert not any(one.about == "sparse weights" for one in remarks(report))


def test_zeros_that_quantization_lost_are_told(converted, tmp_path):
    """A dense file beside a model that claims to be sparse."""
    from dataclasses import replace
    from types import SimpleNamespace

    from lepton_edge_converters.sparsifying import weighed
    from lepton_edge_converters.sparsity.files import weigh

    bundle, report = converted
    path = tmp_path / "m.tflite"
    path.write_bytes(Bundle(bundle).member("model.tflite"))
    plan = SimpleNamespace(sparse=SparseWeights("half", (SparseLayer("d", "Dense", 10, 0.5, 5),), 0.5))
    job = SimpleNamespace(stage=lambda _, path, backend, gives: weigh(path, backend))
    file = SimpleNamespace(title="TFLite int8", path=path, backend="tflite")
    told = weighed(replace(report, warnings=()), plan, [file], job)
    assert len(told.warnings) == 1
    assert "and the sparse model 50.0%: quantization lost some" in told.warnings[0]


@pytest.mark.parametrize(
    ("given", "expected"), [("0.8", {"zeros": 0.8}), ("2:4", {"zeros": "2:4"}), (None, {"zeros": None})]
)
def test_the_command_line_takes_a_share_or_a_pattern(monkeypatch, given, expected):
    from click.testing import CliRunner

    from lepton_edge.cli.convert import command
    from lepton_edge_converters import pipeline

    seen = {}

    def convert(*_, **settings):
        seen.update(settings)
        raise LoadError("enough")

    monkeypatch.setattr(pipeline, "convert", convert)
    CliRunner().invoke(command, ["m.keras", "-o", "m.lepton", *(["--sparsity", given] if given else []), "--no-cache"])
    assert {name: seen[name] for name in expected} == expected
    assert seen["clusters"] is None


def test_the_command_line_tells_a_sparse_model_how_long_to_train(monkeypatch, tmp_path):
    from click.testing import CliRunner

    from lepton_edge.cli.convert import command
    from lepton_edge_converters import pipeline

    seen = {}
    monkeypatch.setattr(pipeline, "convert", lambda *_, **settings: seen.update(settings))
    given = ["m.keras", "-o", str(tmp_path / "m.lepton"), "--sparsity", "0.5", "--epochs", "3", "--no-cache"]
    CliRunner().invoke(command, given)
    assert seen["recipe"].sparsity == Sparsity(zeros=0.5, epochs=3)


def test_the_command_line_refuses_what_is_neither():
    from click.testing import CliRunner

    from lepton_edge.cli.convert import command

    done = CliRunner().invoke(command, ["m.keras", "-o", "m.lepton", "--sparsity", "much"])
    assert done.exit_code == 2
    assert "'much' is neither a share, such as 0.8, nor a pattern, such as 2:4" in done.output
