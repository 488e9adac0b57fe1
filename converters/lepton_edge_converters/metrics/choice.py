"""Which metric judges: by name, or the one that goes with the task; a new one is a row of ``METRICS``."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from lepton_edge_converters.errors import MetricError
from lepton_edge_converters.metrics import Compare, Metric
from lepton_edge_converters.metrics.detection import boxes_kept
from lepton_edge_converters.metrics.own import own_metric
from lepton_edge_converters.metrics.pose import keypoints_alike, keypoints_near
from lepton_edge_converters.metrics.regression import closeness, determination
from lepton_edge_converters.metrics.segmentation import masks_kept
from lepton_edge_runtime.heads import Head, kind_of
from lepton_edge_runtime.tasks.boxes import HEADS
from lepton_edge_runtime.wire import nearest

_OWN_ROUNDS = 200  # a user's function is called twice a round

METRICS: Mapping[str, Compare] = {
    "r2": determination,
    "closeness": closeness,
    "map": boxes_kept,
    "miou": masks_kept,
    "pck": keypoints_near,
    "oks": keypoints_alike,
}
"""Ours, by name; each against the original's outputs, at most 1."""

_OF_TASK = {"raw": "r2", "embed": "r2", "detect": "map", "segment": "miou", "pose": "oks"}


def choose_metric(asked: str, task: str, truths: NDArray[Any] | None, head: Head | None = None) -> Metric | None:
    """Return the metric that was asked for, or the one that goes with the task; ``None`` where none does.

    Args:
        asked: A row of ``METRICS``, ``module:function``, or empty.
        task: What the outputs are.
        truths: Labels of the judged samples as the user gave them, for a metric of the user's own.
        head: How the outputs are laid out.

    Raises:
        MetricError: There is no such metric.
    """
    if not asked:
        # Where things come with boxes, those are compared, whatever else is told of each.
        name = "map" if head is not None and kind_of(head) in HEADS else _OF_TASK.get(task)
        return Metric(name, METRICS[name], asked=False) if name else None
    check_metric(asked)
    if ":" in asked:
        return Metric(asked, own_metric(asked, truths), rounds=_OWN_ROUNDS, own=True)
    return Metric(asked, METRICS[asked])


def check_metric(asked: str) -> None:
    """Raise MetricError if there is no metric of this name; a user's own is imported."""
    if ":" in asked:
        own_metric(asked, None)
    elif asked and asked not in METRICS:
        known = list(METRICS)
        raise MetricError(
            f"no metric {asked!r}{nearest(asked, known)}; there are: {', '.join(known)}, or your own as module:function"
        )
