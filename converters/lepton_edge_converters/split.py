"""Which samples judge the result, and which calibrate it: never the same ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import SamplesError


@dataclass(frozen=True, slots=True)
class Split:
    """Indices into the samples, ascending: those that calibrate and those that judge."""

    calibration: NDArray[np.int64]
    judged: NDArray[np.int64]


def split(count: int, targets: NDArray[np.int64] | None, *, holdout: float, calibration: int, seed: int) -> Split:
    """Return a seeded split: ``holdout`` of the samples judge, up to ``calibration`` of the others calibrate.

    Both are spread over the classes: the judging share takes the same part of each class, as far as
    whole samples go; calibration takes one of each class before it takes a second of any.

    Raises:
        SamplesError: There are too few samples to do both.
    """
    if count < 2:
        raise SamplesError(f"{count} sample is not enough to calibrate with one part and judge with the other")
    rng = np.random.default_rng(seed)
    classes = np.zeros(count, np.int64) if targets is None else targets
    ranks, sizes = _ranks(classes, rng)
    noise = rng.random(count)
    judges = min(count - 1, max(1, round(holdout * count)))
    # A class of n samples has its keys spread evenly over [0, 1): a cut at a share takes that share of each.
    judged = np.argsort((ranks + noise) / sizes, kind="stable")[:judges]
    others = np.setdiff1d(np.arange(count), judged)
    other_ranks, _ = _ranks(classes[others], rng)
    calibrating = others[np.argsort(other_ranks + noise[others], kind="stable")[:calibration]]
    return Split(np.sort(calibrating), np.sort(judged))


def _ranks(classes: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each sample, its place in a shuffle of its class, and how large the class is."""
    ranks, sizes = np.zeros(len(classes), np.int64), np.ones(len(classes), np.int64)
    for one in np.unique(classes):
        members = np.flatnonzero(classes == one)
        ranks[members] = rng.permutation(len(members))
        sizes[members] = len(members)
    return ranks, sizes
