"""Sources yield pictures: a camera, a stream, a video file, a folder. A new one is a module and a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from lepton_edge_runtime.errors import SourceError, SourceNotFoundError
from lepton_edge_runtime.images import IMAGE_SUFFIXES, Image
from lepton_edge_runtime.sources.address import Address, CsiAddress, parse_address
from lepton_edge_runtime.urls import Url


@dataclass(frozen=True, slots=True)
class Picture:
    """What a source gives: pixels, place in time, file name.

    Attributes:
        image: ``None`` where there is none to show; ``flaw`` then says why.
        position_seconds: In a video its place in it, else seconds since opening.
        name: Of the file in a folder of pictures; of what could not be read, what to call it; else empty.
        frames: How many it stands for; more than one only where they could not be read.
        flaw: ``unreadable``, or ``stale``: an old frame that a decoder gave away after its stream had stopped.
    """

    image: Image | None
    position_seconds: float
    name: str = ""
    frames: int = 1
    flaw: str = "unreadable"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one try may take: to open a source, and to get one frame from it."""

    open_seconds: float
    read_seconds: float


class Source(Protocol):
    """An opened source. Only the thread that opened it may touch it, but for ``stop`` and the attributes.

    Attributes:
        live: Whether pictures come at their own pace, so that the newest matters and old ones do not.
        fps: Pictures a second, 0 where there is no telling.
        reopened: How often it was lost and found again.
        trouble: Why it gives nothing at the moment, while it tries to mend that; else ``None``.
    """

    live: bool
    fps: float
    reopened: int
    trouble: SourceError | None

    def read(self) -> Picture | None:
        """Return the next picture, or ``None`` at the end and once stopped; raise SourceError when it fails."""
        ...

    def stop(self) -> None:
        """Have a read that is under way end soon; from any thread, and harmless twice."""
        ...

    def close(self) -> None:
        """Let go of the device or file."""
        ...


class SourceModule(Protocol):
    """What a source's module offers."""

    def open_source(self, address: Address, patience: Patience) -> Source:
        """Open the source, or raise SourceError."""
        ...


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A row of ``SOURCES``: the module in this package, and which addresses are its own."""

    module: str
    takes: Callable[[Address], bool]
    what: str


SOURCES: Mapping[str, SourceKind] = {
    "device": SourceKind("device", lambda address: isinstance(address, int), "a camera by its number, such as 0"),
    "csi": SourceKind("csi", lambda address: isinstance(address, CsiAddress), "a Raspberry Pi camera, csi:0"),
    "network": SourceKind(
        "network",
        lambda address: isinstance(address, Url) and address.scheme in {"rtsp", "rtsps", "http", "https"},
        "a stream, rtsp://… or http://…",
    ),
    "folder": SourceKind(
        "folder",
        lambda address: isinstance(address, Path) and (address.is_dir() or address.suffix.lower() in IMAGE_SUFFIXES),
        "a folder of pictures, or one picture",
    ),
    "video": SourceKind("video", lambda address: isinstance(address, Path), "a video file"),
}
"""In the order in which an address is tried."""


def open_source(source: Address | str, patience: Patience) -> Source:
    """Open a camera's number (also as text), a stream, a video file, or a folder of pictures.

    Raises:
        SourceNotFoundError: There is no such camera, stream or path.
        SourceAuthError: It wants another user or password.
        SourceTimeoutError: It did not answer in time.
        SourceError: It is there and cannot be read.
    """
    address = source if isinstance(source, Url | CsiAddress) else parse_address(source)
    if isinstance(address, Path) and not address.exists():
        raise SourceNotFoundError(f"there is no file or folder {address}")
    kind = next((kind for kind in SOURCES.values() if kind.takes(address)), None)
    if kind is None:
        kinds = ", ".join(kind.what for kind in SOURCES.values())
        raise SourceNotFoundError(f"a source is {kinds}; {address} is none of them")
    module = cast("SourceModule", import_module(f"lepton_edge_runtime.sources.{kind.module}"))
    return module.open_source(address, patience)
