"""Image files to arrays: the one place where OpenCV is imported and pictures are read."""

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.errors import InputError, not_imported

Image = NDArray[np.uint8]
"""Height × width × 3, BGR, or height × width, grey; ``uint8``."""

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


@cache
def opencv() -> ModuleType:
    """Return ``cv2``, any version from 4.6, wheel or the system's own.

    Raises:
        MissingExtraError: There is none.
        BrokenExtraError: It cannot be imported.
    """
    try:
        import cv2  # noqa: PLC0415 - imported where a picture is first touched
    except ImportError as problem:
        raise not_imported(
            problem,
            "OpenCV (cv2)",
            package="cv2",
            extra="camera",
            remedy="where there is no screen, opencv-python-headless needs less of the system",
        ) from problem
    module: ModuleType = cv2
    return module


def read_image(path: str | Path) -> Image:
    """Return the picture in a file: height × width × 3, BGR, ``uint8``, upright as its EXIF says.

    Raises:
        InputError: The file is missing, or no picture that OpenCV can read.
    """
    cv2 = opencv()
    path = Path(path)
    try:
        encoded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as problem:
        raise InputError(f"cannot read the picture {path}: {problem.strerror}") from problem
    try:
        image: Any = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    except cv2.error as refused:  # most give None; a picture of more pixels than it allows is an error
        raise InputError(f"{path} is no picture that OpenCV can read: {refused.err}") from refused
    if image is None:
        raise InputError(f"{path} is no picture that OpenCV can read")
    return image  # type: ignore[no-any-return]  # cv2 ships no types


def list_images(folder: Path) -> list[Path]:
    """Return the picture files straight inside ``folder``, sorted by name, hidden ones left out."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
