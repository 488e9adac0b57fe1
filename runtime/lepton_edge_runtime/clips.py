"""Clips: several pictures in a row that go into a model at once."""

from math import gcd

import msgspec

from lepton_edge_runtime.errors import PreprocessError
from lepton_edge_runtime.tensors import TensorSpec

FRAMES_MAX = 1024
INTERVAL_MAX = 1000
_RING_BYTES_MAX = 1 << 30


class Clip(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which frames of a camera make a clip.

    Attributes:
        frames: How many; ``None`` where the model tells.
        interval: Each is so many frames of the camera after the one before; 1 for one right after the other.
        stride: A stream is answered every so many frames, once there are enough.

    Example:
        >>> Clip(frames=8, interval=4).span
        29
    """

    frames: int | None = None
    interval: int = 1
    stride: int = 1

    def __post_init__(self) -> None:
        """Refuse what makes no clip."""
        if self.frames is not None and not 1 <= self.frames <= FRAMES_MAX:
            raise ValueError(f"a clip has 1 to {FRAMES_MAX} frames, not {self.frames}")
        if not 1 <= self.interval <= INTERVAL_MAX or not 1 <= self.stride <= INTERVAL_MAX:
            raise ValueError(
                f"interval and stride of a clip are 1 to {INTERVAL_MAX} frames, not {self.interval} and {self.stride}"
            )

    @property
    def span(self) -> int:
        """Frames of a camera from the first of a clip to its last."""
        return ((self.frames or 1) - 1) * self.interval + 1

    @property
    def step(self) -> int:
        """Every how many frames of a camera one may belong to a clip that is answered."""
        return gcd(self.interval, self.stride)

    @property
    def slots(self) -> int:
        """How many pictures must be kept for the next clip."""
        return (self.span - 1) // self.step + 1

    def picture(self, spec: TensorSpec) -> TensorSpec:
        """Return the tensor of one of a clip's pictures.

        Raises:
            PreprocessError: The tensor takes no such clips.
        """
        if len(spec.shape) != 5 or spec.shape[0] != 1 or self.frames not in (None, spec.shape[1]):
            raise PreprocessError(
                f"the input {spec.name!r} takes no clips of {self.frames or 'several'} pictures: its shape is "
                f"{spec.shape}, not 1 × frames × height × width × channels"
            )
        return msgspec.structs.replace(spec, shape=(1, *spec.shape[2:]))

    def completed(self, spec: TensorSpec) -> "Clip":
        """Return this with the number of frames as the tensor has it.

        Raises:
            PreprocessError: The tensor takes no such clips.
        """
        size_bytes = self.picture(spec).size_bytes
        full = msgspec.structs.replace(self, frames=spec.shape[1])
        if full.slots * size_bytes > _RING_BYTES_MAX:
            raise PreprocessError(
                f"clips over {full.span} frames would keep {full.slots} pictures of {spec.name!r}: too large"
            )
        return full

    def describe(self) -> str:
        """Return one line for people."""
        apart = "in a row" if self.interval == 1 else f"{self.interval} frames apart"
        often = "" if self.stride == 1 else f", answered every {self.stride} frames"
        return f"clips of {self.frames or 'several'} pictures {apart}{often}"
