"""Real models that Keras 3 refuses or never wrote, beside what their publishers made of them; skipped where absent."""

import numpy as np
import onnxruntime as ort
import pytest
from ai_edge_litert.interpreter import Interpreter

import lepton_edge as le
from lepton_edge_runtime.images import list_images, read_image
from lepton_edge_runtime.plan import to_pixels

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def published(path):
    """Return a function: a published TFLite file's outputs as real numbers, by shape, for a real input."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()

    def answer(real):
        (end,) = interpreter.get_input_details()
        scale, zero_point = end["quantization"]
        if scale:
            limits = np.iinfo(end["dtype"])
            real = np.clip(np.rint(real / scale + zero_point), limits.min, limits.max).astype(end["dtype"])
        interpreter.set_tensor(end["index"], real)
        interpreter.invoke()
        return [interpreter.get_tensor(out["index"]) for out in interpreter.get_output_details()]

    return answer


def test_a_keras_2_person_detector_decides_as_its_publishers_int8_file(real_data, tmp_path):
    pictures = real_data / "images" / "imagenet"
    report = le.convert(
        real_data / "models" / "vww_96.h5",
        tmp_path / "vww.lepton",
        data=pictures,
        preprocess=le.Preprocess(range=(0, 1)),
    )
    assert report.row("TFLite int8").agreement.value >= 0.95
    assert "largest difference 0" in report.gates[-1].detail
    theirs = published(real_data / "models" / "vww_96_int8.tflite")
    with le.open_model(tmp_path / "vww.lepton") as model:
        preprocess = model.card.inputs[0].preprocess
        same = []
        for path in list_images(pictures):
            pixels = to_pixels(preprocess, read_image(path))
            (answer,) = theirs(pixels[np.newaxis] / np.float32(255))
            same.append(model(path).top.index == int(answer.argmax()))
    # Two calibrations of one model: each differs from the original in a few of a hundred near-even decisions.
    assert len(same) == 500
    assert np.mean(same) >= 0.94


def test_a_keras_2_model_of_separable_convolutions(real_data, tmp_path):
    report = le.convert(
        real_data / "models" / "fer_emotion.hdf5",
        tmp_path / "fer.lepton",
        data=real_data / "images" / "imagenet",
        preprocess=le.Preprocess(range=(-1, 1)),
    )
    assert report.row("TFLite int8").agreement.value >= 0.92
    assert "largest difference 0" in report.gates[-1].detail


def test_a_saved_model_answers_as_its_published_formats(real_data, tmp_path):
    folder = real_data / "models" / "basic_pitch"
    le.convert(folder / "nmp", tmp_path / "pitch.lepton", recipe="float32")
    tflite = published(folder / "nmp.tflite")
    onnx = ort.InferenceSession(str(folder / "nmp.onnx"), providers=["CPUExecutionProvider"])
    seconds = np.arange(43_844) / 22_050
    for backend in ("tflite", "onnx"):
        with le.open_model(tmp_path / "pitch.lepton", backend=backend) as model:
            for hertz in (220.0, 523.25):
                tone = (0.3 * np.sin(2 * np.pi * hertz * seconds)).astype(np.float32).reshape(1, -1, 1)
                by_name = model({"input_2": tone}).values
                # Theirs are sorted otherwise and named by number: note and onset share a shape.
                for theirs in (tflite(tone), onnx.run(None, {onnx.get_inputs()[0].name: tone})):
                    for ours in by_name.values():
                        nearest = min(np.abs(ours - one).max() for one in theirs if one.shape == ours.shape)
                        assert nearest < 2e-6
