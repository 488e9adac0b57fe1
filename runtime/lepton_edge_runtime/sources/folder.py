"""A folder of pictures in the order of their names, or a single picture."""

from pathlib import Path

from lepton_edge_runtime.errors import InputError, SourceError, SourceFormatError
from lepton_edge_runtime.images import list_images, read_image
from lepton_edge_runtime.sources import Patience, Picture, Source
from lepton_edge_runtime.sources.address import Address


class FolderSource:
    """Pictures one after the other; a broken one is given without pixels, so that it is counted."""

    live = False
    fps = 0.0
    reopened = 0
    trouble: SourceError | None = None

    def __init__(self, paths: list[Path]) -> None:
        self._paths = iter(paths)

    def read(self) -> Picture | None:
        """Return the next picture, or ``None`` after the last one."""
        path = next(self._paths, None)
        if path is None:
            return None
        try:
            return Picture(read_image(path), 0.0, path.name)
        except InputError:
            return Picture(None, 0.0, path.name)

    def stop(self) -> None:
        """No picture takes long to read."""

    def close(self) -> None:
        """Nothing is held open between pictures."""


def open_source(address: Address, patience: Patience) -> Source:
    """Open a folder of pictures, or one picture.

    Raises:
        SourceFormatError: The folder holds no pictures.
    """
    del patience  # a file is there or is not
    path = Path(str(address))
    paths = list_images(path) if path.is_dir() else [path]
    if not paths:
        raise SourceFormatError(f"the folder {path} holds no pictures")
    return FolderSource(paths)
