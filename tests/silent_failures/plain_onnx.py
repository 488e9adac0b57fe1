"""What Keras' ONNX export and ONNX Runtime's quantizer do with models that break; as in ``plain``."""

import io
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import keras_models
import numpy as np

from silent_failures import plain


def unfolded_batchnorm(path):
    """Return how many multiplications and additions Keras' ONNX export leaves where BatchNormalizations were."""
    content = _keras_onnx(path, (1, keras_models.SIZE, keras_models.SIZE, 3))
    kinds = [node.op_type for node in content.graph.node]
    return {"unfolded": sum(kind in ("Mul", "Add", "BatchNormalization") for kind in kinds)}


def lost_normalization(path):
    """Return what ONNX Runtime says of Keras' ONNX export of a model with a Normalization inside."""
    return {"on the device": _onnx_refusal(_keras_onnx(path, (1, 16)))}


def exact_gelu(path):
    """Return what ONNX Runtime says of Keras' ONNX export of a model with an exact GELU."""
    return {"on the device": _onnx_refusal(_keras_onnx(path, (1, 16)))}


def saturated(path, emulator):
    """Return how like the float model ONNX Runtime's own u8s8 file answers here, and where VNNI is missing."""
    import keras
    import onnx
    import tensorflow as tf
    import tf2onnx
    from onnxruntime import quantization

    model, out = plain.load(path), Path(path).with_suffix(".float.onnx")
    functional = keras.Model(model.inputs, model.outputs)
    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="picture")]
    function = tf.function(functional, input_signature=signature)
    with redirect_stdout(io.StringIO()):
        onnx.save(tf2onnx.convert.from_function(function, signature)[0], out)
    small, shown = out.with_suffix(".u8s8.onnx"), plain.pictures(seed=11)[:50]
    quantization.quantize_static(out, small, _Reader(plain.pictures(seed=7)[:50]), per_channel=True)
    reference = model.predict(shown, verbose=0)
    np.save(out.with_suffix(".npy"), shown)
    script = _RUN_ONNX.format(
        paths=[path for path in sys.path if path],
        model=str(small),
        samples=str(out.with_suffix(".npy")),
        out=str(out.with_suffix(".out.npy")),
    )
    found = {}
    for where, command in {"here": [], "without VNNI": [emulator, "-cpu", "Haswell"]}.items():
        subprocess.run([*command, str(Path(sys.executable).resolve()), "-c", script], check=True, timeout=300)
        answers = np.load(out.with_suffix(".out.npy"))
        found[f"agreement {where}"] = plain.alike(answers, reference)["agreement"]
        found[f"largest error {where}"] = float(np.abs(answers - reference).max())
    return found


class _Reader:
    """What ONNX Runtime's quantizer calibrates with."""

    def __init__(self, samples):
        self._samples = iter(samples)

    def get_next(self):
        sample = next(self._samples, None)
        return None if sample is None else {"picture": sample[np.newaxis]}

    def __len__(self):
        return 1


_RUN_ONNX = """
import sys
sys.path[:0] = {paths!r}
import numpy as np, onnxruntime as ort
session = ort.InferenceSession({model!r}, providers=["CPUExecutionProvider"])
rows = [session.run(None, {{"picture": one[None]}})[0][0] for one in np.load({samples!r})]
np.save({out!r}, np.stack(rows))
"""


def onnx_operators(content):
    """Return the operators of an ONNX file."""
    import onnx

    return [node.op_type for node in onnx.load_from_string(content).graph.node]


def _keras_onnx(path, shape):
    import keras
    import onnx

    out = Path(path).with_suffix(".keras.onnx")
    model = plain.load(path)
    functional = keras.Model(model.inputs, model.outputs)  # the export refuses a Sequential
    with redirect_stdout(io.StringIO()):
        functional.export(
            str(out), format="onnx", verbose=False, input_signature=[keras.InputSpec(shape=shape, dtype="float32")]
        )
    return onnx.load(str(out))


def _onnx_refusal(content):
    """Return the first line of ONNX Runtime's error on loading or running a model; empty if it answers."""
    import onnxruntime as ort

    try:
        session = ort.InferenceSession(content.SerializeToString(), providers=["CPUExecutionProvider"])
        shape = [size if isinstance(size, int) else 1 for size in session.get_inputs()[0].shape]
        session.run(None, {session.get_inputs()[0].name: np.ones(shape, np.float32)})
    except Exception as refused:
        return str(refused).splitlines()[0][:200]
    return ""
