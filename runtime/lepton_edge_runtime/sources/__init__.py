"""Sources yield pictures: a camera, a video file, a folder. A new one is a module and a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from lepton_edge_runtime.errors import SourceNotFoundError
from lepton_edge_runtime.images import IMAGE_SUFFIXES, Image


@dataclass(frozen=True, slots=True)
class Picture:
    """What a source gives.

    Attributes:
        image: Pixels; ``None`` where they could not be read.
        position_seconds: Place in time.
        name: File name; of what could not be read, what to call it.
        frames: How many it stands for; more than one only where they could not be read.
    """

    image: Image | None
    position_seconds: float
    name: str = ""
    frames: int = 1


class Source(Protocol):
    """An opened source. Only the thread that opened it may touch it.

    Attributes:
        live: Whether pictures come at their own pace, so that the newest matters and old ones do not.
        fps: Pictures a second, 0 where there is no telling.
    """

    live: bool
    fps: float

    def read(self) -> Picture | None:
        """Return the next picture, or ``None`` at the end; raise SourceError when it fails."""
        ...

    def close(self) -> None:
        """Let go of the device or file."""
        ...


class SourceModule(Protocol):
    """What a source's module offers."""

    def open_source(self, address: int | Path) -> Source:
        """Open the source, or raise SourceError."""
        ...


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A row of ``SOURCES``: the module in this package, and which addresses are its own."""

    module: str
    takes: Callable[[int | Path], bool]
    what: str


SOURCES: Mapping[str, SourceKind] = {
    "device": SourceKind("device", lambda address: isinstance(address, int), "a camera by its number, such as 0"),
    "folder": SourceKind(
        "folder",
        lambda address: isinstance(address, Path) and (address.is_dir() or address.suffix.lower() in IMAGE_SUFFIXES),
        "a folder of pictures, or one picture",
    ),
    "video": SourceKind("video", lambda address: isinstance(address, Path), "a video file"),
}
"""In the order in which an address is tried."""


def open_source(address: int | str | Path) -> Source:
    """Open a camera's number (also as text), a video file, or a folder of pictures.

    Raises:
        SourceNotFoundError: There is no such camera or path.
        SourceError: It is there and cannot be read.
    """
    if isinstance(address, str) and "://" in address:
        kinds = ", ".join(kind.what for kind in SOURCES.values())
        raise SourceNotFoundError(
            f"a source is {kinds}; network streams ({address.split('://')[0]}) are not among them"
        )
    target = int(address) if isinstance(address, int | str) and str(address).isdecimal() else Path(str(address))
    if isinstance(target, Path) and not target.exists():
        raise SourceNotFoundError(f"there is no file or folder {target}")
    kind = next(kind for kind in SOURCES.values() if kind.takes(target))
    module = cast("SourceModule", import_module(f"lepton_edge_runtime.sources.{kind.module}"))
    return module.open_source(target)
