"""Memory for what is read again at once: OpenCV writes it through the processor's cache."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_APART = 64
"""Bytes of the widest vector that OpenCV stores at once, and of a cache line."""


def scratch(*shapes: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Return arrays of these shapes, ``uint8``, that ``cv2.split`` and ``cv2.merge`` leave in the cache.

    Into arrays at aligned addresses, or all equally far from one, both write past the cache, and who reads them next
    waits for the memory: two to three times as long, measured on x86.
    """
    arrays = []
    for i, shape in enumerate(shapes):
        size = int(np.prod(shape))
        memory = np.empty(size + 2 * _APART, np.uint8)
        begin = -memory.ctypes.data % _APART + 1 + 8 * (i % 4)
        arrays.append(memory[begin : begin + size].reshape(shape))
    return arrays
