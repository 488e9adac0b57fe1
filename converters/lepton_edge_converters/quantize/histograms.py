"""How often each number was seen in each tensor of a model, without keeping the numbers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

# A float32 without the low 17 bits of its mantissa: sign, exponent and the first 6 bits. Bins are then 1/64 of an
# octave wide at every magnitude, so that one pass is enough, whatever the range will turn out to be.
_DROPPED_BITS = 17
_BINS = 1 << (32 - _DROPPED_BITS)


@dataclass(frozen=True, slots=True)
class Histogram:
    """The numbers of a tensor, rounded to 1/64 of an octave.

    Attributes:
        values: Ascending; none where nothing was seen.
        counts: How often each was seen.
        low, high: Least and largest, exactly.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]
    low: float
    high: float


class Counter:
    """Counts numbers as they come.

    Example:
        >>> counter = Counter()
        >>> counter.add(np.array([0, 1, 1, 4], np.float32))
        >>> counter.histogram().counts.tolist()
        [1, 2, 1]
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self._low, self._high = np.inf, -np.inf

    def add(self, numbers: NDArray[Any]) -> None:
        """Count real numbers, of any shape; NaN and infinite ones are left out."""
        flat = np.ascontiguousarray(numbers, np.float32).reshape(-1)
        flat = flat[np.isfinite(flat)]
        if not flat.size:
            return
        self._counts += np.bincount(flat.view(np.uint32) >> _DROPPED_BITS, minlength=_BINS)
        self._low, self._high = min(self._low, float(flat.min())), max(self._high, float(flat.max()))

    def histogram(self) -> Histogram:
        """Return what was counted so far."""
        bins = np.flatnonzero(self._counts)
        # The middle of a bin; that of 0, with either sign, stays exact.
        middle = np.where(bins % (_BINS // 2), 1 << (_DROPPED_BITS - 1), 0)
        values = ((bins << _DROPPED_BITS) + middle).astype(np.uint32).view(np.float32).astype(np.float64)
        order = np.argsort(values, kind="stable")
        values = np.clip(values[order], self._low, self._high)
        return Histogram(values, self._counts[bins][order], self._low, self._high)


def observe(
    content: bytes,
    tensors: Collection[int],
    samples: Sequence[dict[str, NDArray[Any]]],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[int, Histogram]:
    """Return histograms of a float file's tensors, over all samples.

    Args:
        content: The file.
        tensors: Indices of those to count.
        samples: What the inputs of its signature take, one sample each.
        progress: Called with how many samples are done, and how many there are.
    """
    # XNNPACK keeps what is between operators to itself.
    interpreter = Interpreter(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    run = interpreter.get_signature_runner()
    counters = {index: Counter() for index in tensors}
    for done, sample in enumerate(samples):
        run(**sample)
        for index, counter in counters.items():
            counter.add(interpreter.get_tensor(index))
        progress(done + 1, len(samples))
    return {index: counter.histogram() for index, counter in counters.items()}


def save_histograms(histograms: Mapping[int, Histogram], path: Path) -> None:
    """Write histograms into one ``.npz``."""
    ends = [(index, len(one.values), one.low, one.high) for index, one in histograms.items()]
    values, counts = ([getattr(one, name) for one in histograms.values()] for name in ("values", "counts"))
    np.savez(path, ends=np.array(ends, np.float64), values=np.concatenate(values), counts=np.concatenate(counts))


def load_histograms(path: Path) -> dict[int, Histogram]:
    """Return what ``save_histograms`` wrote."""
    with np.load(path) as kept:
        ends, values, counts = kept["ends"], kept["values"], kept["counts"]
    stops = np.cumsum(ends[:, 1].astype(int))
    return {
        int(index): Histogram(values[stop - int(size) : stop], counts[stop - int(size) : stop], float(low), float(high))
        for (index, size, low, high), stop in zip(ends, stops, strict=True)
    }
