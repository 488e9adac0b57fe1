"""LiteRT, through ``Interpreter``: ``CompiledModel`` kills the process on cores without LSE atomics."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from lepton_edge_runtime.backends import Backend
from lepton_edge_runtime.errors import BackendError, first_line
from lepton_edge_runtime.tensors import TensorSpec, read_quant


class TfliteBackend:
    """A TFLite model in LiteRT's interpreter, with XNNPACK kernels."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self.inputs = tuple(_spec(detail) for detail in inputs)
        self.outputs = tuple(_spec(detail) for detail in outputs)
        self.notes: tuple[str, ...] = ()
        self._inputs = [detail["index"] for detail in inputs]
        self._outputs = [detail["index"] for detail in outputs]

    def input_view(self, index: int) -> NDArray[Any]:
        """Return the interpreter's own memory; a view still alive makes ``run`` raise."""
        view: NDArray[Any] = self._interpreter.tensor(self._inputs[index])()
        return view

    def run(self) -> tuple[NDArray[Any], ...]:
        """Run the model on what its inputs hold."""
        interpreter = self._interpreter
        try:
            interpreter.invoke()
        except RuntimeError as refused:
            raise _refusal(refused) from refused
        return tuple([interpreter.get_tensor(index) for index in self._outputs])

    def close(self) -> None:
        """Free the interpreter."""
        self._interpreter = None


def open_backend(content: bytes, *, threads: int, shapes: Mapping[str, tuple[int, ...]]) -> Backend:
    """Open a TFLite file's bytes.

    Raises:
        BackendError: LiteRT cannot load or run it; its own words follow.
    """
    try:
        interpreter = Interpreter(model_content=content, num_threads=threads)
        for detail in interpreter.get_input_details():
            wanted = shapes.get(detail["name"], tuple(detail["shape"]))
            if wanted != tuple(detail["shape"]):
                interpreter.resize_tensor_input(detail["index"], wanted, strict=True)
        interpreter.allocate_tensors()
        # Output memory is null before the first run, and the first run allocates: pay for it here.
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
        interpreter.invoke()
        return TfliteBackend(interpreter)
    except (ValueError, RuntimeError, MemoryError) as refused:
        raise _refusal(refused) from refused


def _spec(detail: dict[str, Any]) -> TensorSpec:
    scales = detail["quantization_parameters"]["scales"]
    dtype = np.dtype(detail["dtype"]).name
    quant = None
    if len(scales) == 1:
        zero_points = detail["quantization_parameters"]["zero_points"]
        quant = read_quant(dtype, float(scales[0]), int(zero_points[0]))
    return TensorSpec(
        name=detail["name"],
        dtype=dtype,
        shape=tuple(int(size) for size in detail["shape"]),
        quant=quant,
    )


def _refusal(problem: Exception) -> BackendError:
    return BackendError(f"LiteRT cannot run this model: {first_line(problem)}")
