"""The peers, and the environments that they run in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FileKind = Literal["tflite", "described", "onnx", "ncnn"]
"""What a peer reads: ``described`` is TFLite with the metadata that Google's task libraries want."""

PINS = Path(__file__).parent / "pins"

_SERVED = "benchmarks.peers.served"


@dataclass(frozen=True, slots=True)
class Environment:
    """Packages of one peer or several: those in ``pins/NAME.txt``, each with its version, and no others.

    Attributes:
        python: Which it must be; whichever runs this if empty.
        ours: Whether this library is installed beside them, as it lies here.
    """

    python: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """A row of ``PEERS``.

    Attributes:
        title: For people.
        module: That is served, by its whole name.
        environment: Row of ``ENVIRONMENTS``.
        reads: Kinds of files, the one that it is fastest on first.
        settings: How it is set up, for people.
    """

    title: str
    module: str
    environment: str
    reads: tuple[FileKind, ...]
    settings: str


ENVIRONMENTS: Mapping[str, Environment] = {
    "ours": Environment(ours=True),
    "ours_onnx": Environment(ours=True),
    "litert": Environment(),
    "onnxruntime": Environment(),
    "openvino": Environment(),
    "model_api": Environment(),
    "mediapipe": Environment(),
    "opencv": Environment(),
    "ncnn": Environment(),
    "tflite_support": Environment(python="3.10"),
    "pnnx": Environment(),
}

PEERS: Mapping[str, Peer] = {
    "ours": Peer("Lepton Edge", f"{_SERVED}.ours", "ours", ("tflite",), "as it opens"),
    "ours_onnx": Peer("Lepton Edge on ONNX", f"{_SERVED}.ours_onnx", "ours_onnx", ("onnx",), "`backend='onnx'`"),
    "litert": Peer(
        "LiteRT, by hand", f"{_SERVED}.litert", "litert", ("tflite",),
        "frames resized in place, all boxes decoded at once",
    ),
    "tutorial": Peer("LiteRT, tutorial loop", f"{_SERVED}.tutorial", "litert", ("tflite",), "the code as it is found"),
    "onnxruntime": Peer(
        "ONNX Runtime, by hand", f"{_SERVED}.onnx_runtime", "onnxruntime", ("onnx",),
        "threads that do not spin; the rest as LiteRT by hand",
    ),
    "openvino": Peer(
        "OpenVINO, by hand", f"{_SERVED}.openvino_bare", "openvino", ("onnx", "tflite"),
        "LATENCY, one stream, floats as float32; colours and layout in the graph, the frame resized into its input",
    ),
    "model_api": Peer(
        "OpenVINO Model API", f"{_SERVED}.openvino_model_api", "model_api", ("tflite",),
        "LATENCY, one stream, floats as float32; resizing in the graph",
    ),
    "mediapipe": Peer(
        "MediaPipe Tasks", f"{_SERVED}.mediapipe_tasks", "mediapipe", ("described", "tflite"),
        "running mode IMAGE, on the CPU",
    ),
    "opencv": Peer(
        "OpenCV dnn", f"{_SERVED}.opencv_dnn", "opencv", ("onnx", "tflite"), "its own engine, as it chooses it"
    ),
    "ncnn": Peer("ncnn, by hand", f"{_SERVED}.ncnn_net", "ncnn", ("ncnn",), "converted by pnnx, floats as float32"),
    "tflite_support": Peer(
        "TFLite Task Library", f"{_SERVED}.tflite_support", "tflite_support", ("described", "tflite"), "as it opens"
    ),
}  # fmt: skip

LEFT_OUT: Mapping[str, str] = {
    "Ultralytics": "it reads ONNX and TFLite files through torch, whose package for x86-64 brings CUDA along: several "
    "GB, none of which runs here",
}
"""Who is not measured, and why."""
