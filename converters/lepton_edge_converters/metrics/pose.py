"""Keypoints: how near to where the original put them, for the size of whoever they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import MetricError
from lepton_edge_converters.metrics import Scoring
from lepton_edge_runtime.card import Card

_NEAR = 0.1  # of the longer side of the keypoints' box
_SURE = 0.3  # least score of a keypoint that the original is held to
# Standard deviations of people who mark the 17 keypoints of COCO, nose to ankles, as shares of the person's size.
_COCO_SIGMAS = (
    .026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Keypoints:
    """Places, samples × keypoints × 2, and whether the model is sure of each."""

    place: NDArray[np.float64]
    sure: NDArray[np.bool_]


def keypoints_near(reference: Sequence[NDArray[Any]], answers: Sequence[NDArray[Any]], card: Card) -> Scoring:
    """Return the share of keypoints that lie within a tenth of the person's size of the original's: PCK at 0.1.

    The size is the longer side of the box around the keypoints that the original is sure of. Source: Y. Yang and
    D. Ramanan, "Articulated human detection with flexible mixtures of parts", IEEE TPAMI 35 (2013).

    Raises:
        MetricError: No output holds keypoints.
    """
    distance, box, sure = _apart(reference, answers, card)
    hits = (distance <= _NEAR * box.max(axis=-1)[:, np.newaxis]) & sure
    return _mean(hits.sum(axis=1), sure.sum(axis=1))


def keypoints_alike(reference: Sequence[NDArray[Any]], answers: Sequence[NDArray[Any]], card: Card) -> Scoring:
    """Return the mean object keypoint similarity (OKS) to the original's keypoints, 0 to 1.

    The similarity of a keypoint is exp(-d² / (2 s² k²)), with d its distance, s² the area of the box around the
    original's keypoints and k twice the spread with which people mark it: COCO's where there are its 17 keypoints,
    else their mean. Source: COCO keypoint evaluation (T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context",
    2014, and cocodataset.org).

    Raises:
        MetricError: No output holds keypoints.
    """
    distance, box, sure = _apart(reference, answers, card)
    count = distance.shape[1]
    sigmas = np.array(_COCO_SIGMAS if count == len(_COCO_SIGMAS) else [np.mean(_COCO_SIGMAS)] * count)
    area = np.maximum(box.prod(axis=-1), np.finfo(np.float64).tiny)
    alike = np.exp(-(distance**2) / (2 * area[:, np.newaxis] * (2 * sigmas) ** 2)) * sure
    counts = sure.sum(axis=1)
    return _mean(alike.sum(axis=1) / np.maximum(counts, 1), (counts > 0).astype(np.int64))


def _mean(sums: NDArray[Any], counts: NDArray[Any]) -> Scoring:
    def scoring(weights: NDArray[np.float64]) -> float:
        whole = float(weights @ counts)
        return float(weights @ sums) / whole if whole > 0 else nan

    return scoring


def _apart(
    reference: Sequence[NDArray[Any]], answers: Sequence[NDArray[Any]], card: Card
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return distances, n × keypoints; the boxes' width and height, n × 2; and which keypoints count."""
    del card  # keypoints are told by their shape
    which = next((i for i, array in enumerate(reference) if _holds_keypoints(array)), None)
    if which is None:
        shapes = ", ".join(str(array.shape[1:]) for array in reference)
        raise MetricError(
            "the metrics 'pck' and 'oks' are for an output of keypoints × 2 (or × 3, a score last), or of height × "
            f"width × keypoints, of one person; this model's are {shapes}"
        )
    one, other = _keypoints(reference[which]), _keypoints(answers[which])
    distance = np.linalg.norm(one.place - other.place, axis=-1)
    away = np.where(one.sure[..., np.newaxis], one.place, nan)
    sure = one.sure & (one.sure.sum(axis=1) > 1)[:, np.newaxis]  # a single keypoint has no size
    box = np.zeros((len(away), 2))
    measured = sure.any(axis=1)
    box[measured] = np.nanmax(away[measured], axis=1) - np.nanmin(away[measured], axis=1)
    return distance, box, sure


def _holds_keypoints(array: NDArray[Any]) -> bool:
    squeezed = _squeezed(array)
    return (squeezed.ndim == 3 and squeezed.shape[-1] in (2, 3)) or (squeezed.ndim == 4 and min(squeezed.shape[1:]) > 1)


def _squeezed(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array without the axes of one person or one picture that some models put before the keypoints."""
    while array.ndim > 3 and array.shape[1] == 1:
        array = array[:, 0]
    return array


def _keypoints(array: NDArray[Any]) -> _Keypoints:
    array = np.asarray(_squeezed(array), np.float64)
    if array.ndim == 3:
        sure = array[..., 2] >= _SURE if array.shape[-1] == 3 else np.ones(array.shape[:2], np.bool_)
        return _Keypoints(array[..., :2], sure)
    count, _, width, keypoints = array.shape
    peak = array.reshape(count, -1, keypoints).argmax(axis=1)
    place = np.stack([peak // width, peak % width], axis=-1).astype(np.float64)
    return _Keypoints(place, np.ones((count, keypoints), np.bool_))
