"""MNIST's file format, and the pictures of a data set in it; read without TensorFlow."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the bytes of an IDX file in its own shape: two zeros, type 8, the number of axes, their sizes."""
    content = gzip.decompress(path.read_bytes())
    assert content[:3] == b"\x00\x00\x08"
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def read(folder: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images, n × 28 × 28 × 1, and classes of ``train`` or ``t10k``."""
    images = read_idx(next(folder.glob(f"{part}-images-idx3-ubyte*")))
    return images[..., np.newaxis], read_idx(next(folder.glob(f"{part}-labels-idx1-ubyte*")))
