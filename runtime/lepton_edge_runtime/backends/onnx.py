"""ONNX Runtime on the CPU."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from lepton_edge_runtime.backends import Backend
from lepton_edge_runtime.errors import BackendError, ModelFileError
from lepton_edge_runtime.formats.onnx import read_onnx
from lepton_edge_runtime.tensors import TensorSpec

# They share no base class but Exception.
_ORT_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
# What the binding and numpy make of a broken file: names that are no text, sizes that no memory holds.
_PYTHON_ERRORS = (ValueError, RuntimeError, MemoryError)
_DTYPES = {
    "tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64",
    "tensor(int8)": "int8", "tensor(uint8)": "uint8", "tensor(int16)": "int16", "tensor(uint16)": "uint16",
    "tensor(int32)": "int32", "tensor(uint32)": "uint32", "tensor(int64)": "int64", "tensor(bool)": "bool",
}  # fmt: skip
# The reader has refused weights in other files and other formats; should it ever miss one, the engine has the same
# orders. Below a device no folder can be, and a path that leads out of the folder is refused by itself.
_GUARDS = {
    "session.load_model_format": "ONNX",
    "session.model_external_initializers_file_folder_path": "/dev/null/none",
}
_PRECISION_NOTE = (
    "session.x64quantprecision=1: this processor's 8-bit kernels overflow (x86 without VNNI), so exact, slower "
    "ones are used"
)


class OnnxBackend:
    """An ONNX model in an inference session; its inputs are arrays of our own.

    It is run once here: the first run allocates, and tells the shapes of outputs that the file leaves open.
    """

    def __init__(self, session: Any, shapes: Mapping[str, tuple[int, ...]], notes: tuple[str, ...]) -> None:
        self._session = session
        self.inputs = tuple(_spec(end, shapes.get(end.name, tuple(end.shape))) for end in session.get_inputs())
        self.notes = notes
        self._feed = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in self.inputs}
        self._views = list(self._feed.values())
        self._names = [end.name for end in session.get_outputs()]
        shown = [np.shape(answer) for answer in self.run()]
        self.outputs = tuple(_spec(end, shape) for end, shape in zip(session.get_outputs(), shown, strict=True))

    def input_view(self, index: int) -> NDArray[Any]:
        """Return the array that the session reads."""
        return self._views[index]

    def run(self) -> tuple[NDArray[Any], ...]:
        """Run the model on what its inputs hold."""
        try:
            return tuple(self._session.run(self._names, self._feed))
        except _ORT_ERRORS as refused:
            raise _refusal(refused) from refused

    def close(self) -> None:
        """Free the session."""
        self._session = None


def open_backend(content: bytes, *, threads: int, shapes: Mapping[str, tuple[int, ...]]) -> Backend:
    """Open an ONNX file's bytes, which are read first: weights in other files are none of the engine's business.

    Raises:
        BackendError: ONNX Runtime cannot load or run it; its own words follow.
    """
    saturates = saturating_processor()
    try:
        read_onnx(content)
        session = _session(content, _options(threads, exact=saturates))
        return OnnxBackend(session, shapes, notes=(_PRECISION_NOTE,) if saturates else ())
    except (*_ORT_ERRORS, *_PYTHON_ERRORS, ModelFileError) as refused:
        raise _refusal(refused) from refused


@cache
def saturating_processor() -> bool:
    """Return whether ONNX Runtime's 8-bit kernels overflow on this processor.

    x86 without VNNI sums pairs of uint8 × int8 products in 16 bits and clips them. Rather than read
    processor flags, which emulators and containers misreport, multiply 255 × 127 a few times and look.
    """
    probe = files("lepton_edge_runtime.backends").joinpath("saturation_probe.onnx").read_bytes()
    session = _session(probe, _options(1, exact=False))
    (product,) = session.run(None, {"x": np.full((4, 64), 255, np.uint8)})
    return bool(product.flat[0] != 64 * 255 * 127)


def _session(content: bytes, options: Any) -> Any:
    # By default a session that fails is made a second time, after a word on standard output.
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)


def _options(threads: int, *, exact: bool) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors are raised; ORT's own warnings are for its developers
    for key, value in _GUARDS.items():
        options.add_session_config_entry(key, value)
    if threads > 1:
        # Spinning threads burn a core between two frames.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if exact:
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def _spec(end: Any, shape: tuple[Any, ...]) -> TensorSpec:
    if any(not isinstance(size, int) for size in shape):
        raise BackendError(f"the ONNX model's {end.name!r} has a shape that is not fixed: {end.shape}")
    if end.type not in _DTYPES:
        raise BackendError(f"the ONNX model's {end.name!r} is a {end.type}, which no task reads")
    return TensorSpec(name=end.name, dtype=_DTYPES[end.type], shape=tuple(shape))  # type: ignore[arg-type]  # a row of _DTYPES


def _refusal(problem: Exception) -> BackendError:
    words = str(problem).split(" : ", 2)[-1] or type(problem).__name__
    sentence = words.splitlines()[0]
    if "IR version" in sentence or "opset" in sentence:
        sentence += " Export it with an older opset, or install a newer onnxruntime"
    return BackendError(f"ONNX Runtime cannot run this model: {sentence}")
