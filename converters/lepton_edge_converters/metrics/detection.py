"""Boxes: average precision with the original's boxes for the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.metrics import Scoring
from lepton_edge_converters.metrics.boxes import read_boxes
from lepton_edge_runtime.boxes import overlap
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.tasks.boxes.found import Boxes

_SURE = 0.25  # least score of a box that the original is held to
_COUNTED = 0.05  # least score of a box that may match one
_BOXES_MAX = 300  # a sample: the surest
_OVERLAPS = np.linspace(0.5, 0.95, 10)  # intersections over union that make a match, as COCO averages over
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class _OfClass:
    """What was found of one class in all samples, the surest first.

    Attributes:
        sample: Which sample each box lies in.
        matched: Overlaps × boxes: whether it matches a box of the original.
        truths: How many boxes of the original there are, one number a sample.
    """

    sample: NDArray[np.int64]
    matched: NDArray[np.bool_]
    truths: NDArray[np.float64]


def boxes_kept(reference: Sequence[NDArray[Any]], answers: Sequence[NDArray[Any]], card: Card) -> Scoring:
    """Return the mean average precision of the answers' boxes, the original's sure boxes being the truth, 0 to 1.

    Averaged over classes that the original finds and over overlaps of .50 to .95 in steps of .05; precision at 101
    recalls. No suppression is needed: each of the original's boxes is matched once at most. Source: COCO detection
    evaluation (T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", 2014, and cocodataset.org), without its
    crowds and its limit of 100 boxes.

    Raises:
        MetricError: The outputs hold no boxes.
    """
    truths = [_chosen(one, _SURE) for one in read_boxes(reference, card)]
    found = [_chosen(one, _COUNTED) for one in read_boxes(answers, card)]
    classes = np.unique(np.concatenate([one.class_id for one in truths])) if truths else np.array([])
    evidence = [_of_class(truths, found, int(one)) for one in classes]

    def scoring(weights: NDArray[np.float64]) -> float:
        numbers = [_average_precision(one, weights) for one in evidence if weights @ one.truths > 0]
        return float(np.mean(numbers)) if numbers else nan

    return scoring


def _chosen(boxes: Boxes, least: float) -> Boxes:
    """Return the boxes that count, the surest first."""
    order = np.argsort(-boxes.score, kind="stable")[:_BOXES_MAX]
    order = order[boxes.score[order] >= least]
    return Boxes(boxes.xyxy[order], boxes.score[order], boxes.class_id[order])


def _of_class(truths: list[Boxes], found: list[Boxes], which: int) -> _OfClass:
    samples, scores, matched, counts = [], [], [], []
    for i, (truth, boxes) in enumerate(zip(truths, found, strict=True)):
        wanted, given = truth.xyxy[truth.class_id == which], boxes.class_id == which
        counts.append(float(len(wanted)))
        samples.append(np.full(given.sum(), i))
        scores.append(boxes.score[given])
        matched.append(_matches(boxes.xyxy[given], wanted))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return _OfClass(np.concatenate(samples)[order], np.concatenate(matched, axis=1)[:, order], np.array(counts))


def _matches(boxes: NDArray[np.float32], truths: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return overlaps × boxes: which boxes, the surest first, each take the nearest truth that is still free."""
    matched = np.zeros((len(_OVERLAPS), len(boxes)), np.bool_)
    if not len(boxes) or not len(truths):
        return matched
    shared = overlap(boxes, truths)
    for k, least in enumerate(_OVERLAPS):
        free = np.ones(len(truths), np.bool_)
        for i in range(len(boxes)):
            candidates = np.where(free, shared[i], -1.0)
            best = int(candidates.argmax())
            # The thresholds are sums of floats: a box that lies exactly on one counts.
            if candidates[best] >= least - 1e-9:
                matched[k, i], free[best] = True, False
    return matched


def _average_precision(evidence: _OfClass, weights: NDArray[np.float64]) -> float:
    """Return the average precision of one class, averaged over overlaps."""
    counted = weights[evidence.sample]
    hits = np.cumsum(evidence.matched * counted, axis=1)
    seen = np.cumsum(counted)
    recall = hits / (weights @ evidence.truths)
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    best = np.concatenate([best, np.zeros((len(best), 1))], axis=1)  # a recall that is never reached
    # A rounding error below a recall still reaches it.
    at = [np.searchsorted(row, _RECALLS - 1e-9) for row in recall]
    return float(np.mean([row[index] for row, index in zip(best, at, strict=True)]))
