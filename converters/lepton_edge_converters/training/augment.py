"""Pictures moved a little, so that a model learns what they show and not where."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHARE = 8  # of a side: how far a picture is moved at most, one part in so many


def flip_and_shift(pictures: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Return n × height × width × channels, each mirrored or not and moved; its edge fills what comes free.

    All pictures of a clip, n × frames × height × width × channels, are moved alike.
    """
    if pictures.ndim == 5:
        count, frames, height, width, channels = pictures.shape
        beside = np.moveaxis(pictures, 1, 3).reshape(count, height, width, frames * channels)
        apart = flip_and_shift(beside, rng).reshape(count, height, width, frames, channels)
        return np.moveaxis(apart, 3, 1)
    count, height, width = pictures.shape[:3]
    rows = _moved(count, height, rng)
    columns = _moved(count, width, rng)
    mirrored = rng.random(count) < 0.5
    columns[mirrored] = columns[mirrored, ::-1]
    moved: NDArray[Any] = pictures[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved


def _moved(count: int, side: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return, for each picture, which row or column stands at each place after a random move."""
    most = side // _SHARE
    offsets = rng.integers(-most, most, count, endpoint=True)
    places: NDArray[np.int64] = np.clip(np.arange(side) + offsets[:, None], 0, side - 1)
    return places
