"""What a user installs, and which parts must work then."""

from dataclasses import dataclass

FULL = "lepton-edge"
RUNTIME = "lepton-edge-runtime"

ENGINES = ("tflite", "onnx")
DEVICE_PARTS = (*ENGINES, "camera")
PARTS = (*DEVICE_PARTS, "convert", "demo")
"""Each named as the extra that brings it; what a kit does not bring, its errors must name."""


@dataclass(frozen=True, slots=True)
class Kit:
    """A row of ``KITS``: one ``pip install``, and what it brings.

    Attributes:
        name: For people and ``--only``.
        distribution: Which of the two wheels.
        extra: Empty for none.
        brings: Parts that must work afterwards; all others must be missing, and say so.
        quick: Whether continuous integration installs it too.
    """

    name: str
    distribution: str
    extra: str
    brings: tuple[str, ...]
    quick: bool = False

    @property
    def engines(self) -> tuple[str, ...]:
        """Backends that it brings."""
        return tuple(one for one in ENGINES if one in self.brings)

    @property
    def missing(self) -> tuple[str, ...]:
        """Parts that it does not bring, of those its distribution has."""
        parts = PARTS if self.distribution == FULL else DEVICE_PARTS
        return tuple(one for one in parts if one not in self.brings)


KITS = (
    Kit("base", FULL, "", (), quick=True),
    Kit("tflite", FULL, "tflite", ("tflite",)),
    Kit("onnx", FULL, "onnx", ("onnx",), quick=True),
    Kit("camera", FULL, "camera", ("camera",)),
    Kit("mqtt", FULL, "mqtt", ()),
    Kit("pi", FULL, "pi", ("tflite", "camera"), quick=True),
    Kit("desktop", FULL, "desktop", DEVICE_PARTS),
    Kit("convert", FULL, "convert", (*DEVICE_PARTS, "convert")),
    Kit("demo", FULL, "demo", PARTS),
    Kit("runtime", RUNTIME, "", ()),
    Kit("runtime-tflite", RUNTIME, "tflite", ("tflite",)),
    Kit("runtime-onnx", RUNTIME, "onnx", ("onnx",)),
    Kit("runtime-camera", RUNTIME, "camera", ("camera",)),
    Kit("runtime-mqtt", RUNTIME, "mqtt", ()),
    Kit("runtime-pi", RUNTIME, "pi", ("tflite", "camera"), quick=True),
    Kit("runtime-desktop", RUNTIME, "desktop", DEVICE_PARTS),
)
