"""The engines with nothing of ours around them, as their own manuals show them; a row a backend."""

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

Call = Callable[[], object]
"""Sets the inputs, runs, and reads the outputs."""


def bare_litert(content: bytes, tensors: Mapping[str, NDArray[Any]], threads: int) -> Call:
    """Return a call of LiteRT's interpreter on tensors by input name."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - an extra

    interpreter = Interpreter(model_content=content, num_threads=threads)
    for detail in interpreter.get_input_details():
        if tensors[detail["name"]].shape != tuple(detail["shape"]):  # the file leaves an axis open
            interpreter.resize_tensor_input(detail["index"], tensors[detail["name"]].shape, strict=True)
    interpreter.allocate_tensors()
    inputs = [(detail["index"], tensors[detail["name"]]) for detail in interpreter.get_input_details()]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]

    def call() -> object:
        for index, tensor in inputs:
            interpreter.set_tensor(index, tensor)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]

    return call


def bare_onnxruntime(content: bytes, tensors: Mapping[str, NDArray[Any]], threads: int) -> Call:
    """Return a call of an ONNX Runtime session on tensors by input name."""
    import onnxruntime  # noqa: PLC0415 - an extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that spin after a run would slow whatever is timed next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    feed = {end.name: tensors[end.name] for end in session.get_inputs()}
    names = [end.name for end in session.get_outputs()]

    def call() -> object:
        return session.run(names, feed)

    return call


BARE: Mapping[str, Callable[[bytes, Mapping[str, NDArray[Any]], int], Call]] = {
    "tflite": bare_litert,
    "onnx": bare_onnxruntime,
}
"""One for each row of ``BACKENDS``."""
