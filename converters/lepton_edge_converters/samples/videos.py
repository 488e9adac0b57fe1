"""Videos as samples: the frames in the middle of each make one clip."""

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import SamplesError
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.errors import SourceError
from lepton_edge_runtime.plan import to_pixels
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.sources import Patience, open_source
from lepton_edge_runtime.sources.address import parse_address

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"})
_FRAMES_MAX = 3000
_PATIENCE = Patience(10.0, 10.0)


def list_videos(folder: Path) -> list[Path]:
    """Return the videos in a folder, sorted by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def read_clip(path: Path, preprocess: Preprocess, clip: Clip) -> NDArray[np.uint8]:
    """Return the clip in the middle of a video's first 3,000 frames: frames × height × width × channels.

    Raises:
        SamplesError: It is no video, or has fewer frames than a clip spans.
    """
    # What lies before the clip that would be in the middle if the video ended here is not needed again.
    kept: deque[NDArray[Any]] = deque()
    count = dropped = 0
    try:
        source = open_source(parse_address(path), _PATIENCE)
        try:
            while count < _FRAMES_MAX and (picture := source.read()) is not None:
                if picture.image is None:
                    continue
                kept.append(to_pixels(preprocess, picture.image))
                count += 1
                while dropped < (count - clip.span) // 2:
                    kept.popleft()
                    dropped += 1
        finally:
            source.close()
    except SourceError as broken:
        raise SamplesError(f"{broken}; mend it or take it out of the samples") from broken
    if count < clip.span:
        raise SamplesError(
            f"{path} has {count} frames, and {clip.describe()} span {clip.span}: take it out of the samples, or say "
            "how far they are apart (--interval)"
        )
    return np.stack([kept[i] for i in range(0, clip.span, clip.interval)])
