"""Synthetic samples: pictures of noise, small integers that are in any vocabulary, noise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card, InputCard
from lepton_edge_runtime.tensors import quantize

_CELLS_MAX = 1024


def synthetic_inputs(card: Card, seed: int) -> tuple[NDArray[Any], ...]:
    """Return one sample, always the same for a seed: a tensor an input, as stored."""
    return tuple(_synthetic(end, np.random.default_rng([seed, i])) for i, end in enumerate(card.inputs))


def _synthetic(end: InputCard, rng: np.random.Generator) -> NDArray[Any]:
    spec = end.tensor
    if end.preprocess is not None and end.preprocess.size is not None:
        width, height = end.preprocess.size
        count = 1 if end.clip is None else spec.shape[1]
        picture = np.stack([noise_picture(height, width, end.preprocess.channels, rng) for _ in range(count)])
        return end.preprocess.stored(picture, spec).reshape(spec.shape)
    if end.tokenize is not None and end.tokenize.encoding == "int":
        return rng.integers(0, end.tokenize.size, spec.shape).astype(spec.dtype)
    if np.dtype(spec.dtype).kind in "iub" and spec.quant is None:
        return rng.integers(0, 2, spec.shape).astype(spec.dtype)
    return quantize(rng.standard_normal(spec.shape), spec)


def noise_picture(height: int, width: int, channels: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return noise whose coarse parts are stronger than its fine ones, from 0 to 255.

    Row by row, so that a large picture takes no more memory than itself and its coarse parts.
    """
    grids = []
    cells = 2
    while cells <= min(max(height, width), _CELLS_MAX):
        grids.append(rng.standard_normal((cells, cells, channels)) / np.sqrt(cells))
        cells *= 2
    columns = [np.arange(width) * len(grid) // width for grid in grids]

    def row(y: int) -> NDArray[np.float64]:
        total = np.zeros((width, channels))
        for grid, places in zip(grids, columns, strict=True):
            total += grid[y * len(grid) // height][places]
        return total

    low, high = np.inf, -np.inf
    for y in range(height):
        values = row(y)
        low, high = min(low, values.min()), max(high, values.max())
    picture = np.empty((height, width, channels), np.uint8)
    for y in range(height):
        picture[y] = np.rint((row(y) - low) / max(high - low, 1e-9) * 255)
    return picture
