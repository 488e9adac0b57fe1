"""``--batch dynamic``: files whose first axis is free, run by the bare engines on several samples at once."""

import architectures
import keras_models
import numpy as np
import onnxruntime as ort
import pytest
from ai_edge_litert.interpreter import Interpreter

import lepton_edge as le
from lepton_edge_converters.artefacts import Artefact, Batched
from lepton_edge_converters.errors import ConversionError, GateRefusedError, LoadError
from lepton_edge_converters.exporters import DERIVED
from lepton_edge_converters.gates.judge import BATCH, judge, run_gates
from lepton_edge_converters.recipe import SCHEMES, Recipe
from lepton_edge_converters.worker import Worker
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.card import Card, InputCard, OutputCard
from lepton_edge_runtime.tensors import TensorSpec


def by_tflite(bundle, batch):
    """Return what LiteRT makes of a batch for the only input, resized to it."""
    interpreter = Interpreter(model_content=bundle.member("model.tflite"))
    (into,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert into["shape_signature"][0] == out["shape_signature"][0] == -1
    interpreter.resize_tensor_input(into["index"], batch.shape, strict=True)
    interpreter.allocate_tensors()
    interpreter.set_tensor(into["index"], batch)
    interpreter.invoke()
    return interpreter.get_tensor(out["index"])


def by_onnx(bundle, batch):
    """Return what ONNX Runtime makes of a batch for the only input."""
    session = ort.InferenceSession(bundle.member("model.onnx"), providers=["CPUExecutionProvider"])
    (into,), (out,) = session.get_inputs(), session.get_outputs()
    assert into.shape[0] == out.shape[0] == "batch"
    return session.run(None, {into.name: batch})[0]


ENGINES = {"tflite": by_tflite, "onnx": by_onnx}


@pytest.fixture(scope="module")
def free(keras_file, tmp_path_factory):
    """Return a function: the pattern reader with a free batch by recipe, converted once."""
    folder = tmp_path_factory.mktemp("batches")

    def convert(recipe):
        path = folder / f"{recipe}.lepton"
        if not path.exists():
            data = keras_models.patterns(120, seed=7)
            report = le.convert(keras_file("sequential"), path, data=data, recipe=recipe, batch="dynamic")
            assert len([gate for gate in report.gates if gate.name.endswith(f"batch of {BATCH}")]) == 2
        return path

    return convert


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("recipe", SCHEMES)
def test_a_sample_of_a_batch_is_answered_as_alone(recipe, engine, free, pictures):
    bundle = Bundle(free(recipe))
    batch = pictures[0][:5].astype(bundle.card.inputs[0].tensor.dtype)
    together = ENGINES[engine](bundle, batch)
    alone = np.concatenate([ENGINES[engine](bundle, one[np.newaxis]) for one in batch])
    assert together.shape == (5, keras_models.CLASSES)
    assert len(np.unique(together, axis=0)) > 1
    # Float kernels may add in another order when there are more rows; integers have no order. What rounds activations
    # as they come rounds those of a whole batch by one scale in ONNX: half a step of 256 or so.
    tolerance = 0 if recipe == "int8" else 2e-3 if (recipe, engine) == ("dynamic", "onnx") else 1e-5
    np.testing.assert_allclose(together, alone, rtol=0, atol=tolerance)


@pytest.mark.parametrize("backend", ENGINES)
def test_the_device_answers_pictures_as_with_a_fixed_batch(backend, free, bundle, frame):
    with le.open_model(free("int8"), backend=backend) as model, le.open_model(bundle, backend=backend) as fixed:
        assert (model.card.batch, fixed.card.batch) == ("dynamic", 1)
        assert model.card.inputs == fixed.card.inputs
        assert (model(frame).top.index, model(frame).top.score) == pytest.approx(
            (fixed(frame).top.index, fixed(frame).top.score),
            abs=0.05,  # calibrated on other samples
        )


def test_quantized_by_onnx_runtime_its_batch_is_free_too(tmp_path):
    path = tmp_path / "grouped.keras"
    with Worker() as worker:
        worker.call("architectures:save", "grouped", path)
    recipe = Recipe(scheme="int8", calibration=20, batch="dynamic")
    samples = architectures.samples("grouped")
    report = le.convert(path, tmp_path / "m.lepton", data=samples, recipe=recipe, io="float32")
    assert report.row("ONNX int8").route != DERIVED
    assert by_onnx(Bundle(tmp_path / "m.lepton"), samples[:4]).shape == (4, 3)


def test_a_batch_is_one_unless_asked_otherwise(bundle):
    session = ort.InferenceSession(Bundle(bundle).member("model.onnx"), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape[0] == 1


class TestRefused:
    def test_loops(self, keras_file, tmp_path):
        with pytest.raises(LoadError, match=r"loops \(LSTM, GRU\), which TFLite runs for batches of 1 only"):
            le.convert(keras_file("lstm"), tmp_path / "m.lepton", recipe="float32", batch="dynamic")

    @pytest.mark.parametrize(
        ("kind", "error", "message"),
        [
            ("built_for_one", LoadError, "the model is built for batches of 1, so its batch cannot be dynamic"),
            ("reshaped_to_one", ConversionError, "'scores' is 1×3 and its first axis alone should be open"),
            ("mixing", GateRefusedError, "TFLite float32 batch of 3: .* the model mixes the samples of a batch"),
        ],
    )
    def test_a_batch_fixed_inside(self, kind, error, message, keras_file, tmp_path):
        with pytest.raises(error, match=message):
            le.convert(keras_file(kind), tmp_path / "m.lepton", recipe="float32", batch="dynamic")
        assert not (tmp_path / "m.lepton").exists()

    def test_a_batch_fixed_inside_is_none_of_the_business_of_batches_of_one(self, keras_file, tmp_path):
        assert le.convert(keras_file("reshaped_to_one"), tmp_path / "m.lepton", recipe="float32").passed

    def test_an_engine_that_cannot(self):
        card = Card(
            name="made up",
            task="raw",
            inputs=(InputCard(TensorSpec(name="x", dtype="float32", shape=(1, 4))),),
            outputs=(OutputCard(TensorSpec(name="y", dtype="float32", shape=(1, 2))),),
            batch="dynamic",
        )
        artefact = Artefact("ONNX float32", "onnx", path=None, card=card, route="made up")
        answers = [np.ones((4, 2), np.float32)]
        gates = {}
        for words in ("", "no such kernel"):
            batched = Batched((answers[0][:BATCH],) * (not words), words)
            judgement = judge(artefact, answers, answers, None, batched)
            gates[words] = run_gates(Recipe(scheme="float32"), [judgement])[-1]
        assert gates[""].passed
        assert not gates["no such kernel"].passed
        assert gates["no such kernel"].detail.startswith("no such kernel; the model fixes its batch inside")
