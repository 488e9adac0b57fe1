"""One picture from a camera, with when and which it was."""

from dataclasses import dataclass

from lepton_edge_runtime.images import Image


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: its pixels, its place in the source, and when it was taken.

    Attributes:
        image: Height × width × 3, BGR, ``uint8``. Shared, not copied: draw on a copy.
        index: 0 for the first frame that the source gave, counting dropped ones.
        captured_seconds: ``time.monotonic()`` when the frame was in hand.
        position_seconds: Where it stands in a video file; seconds since opening for live sources.
        name: The file's name in a folder of pictures, else empty.
    """

    image: Image
    index: int
    captured_seconds: float
    position_seconds: float = 0.0
    name: str = ""
