"""Heads of files that say their task, where labels and shapes leave no doubt how the outputs are laid out."""

from collections.abc import Iterator, Sequence

from lepton_edge_runtime.formats import Hints
from lepton_edge_runtime.heads import TASKS_WITH_HEAD, Head, Yolo, YoloEndToEnd
from lepton_edge_runtime.heads.parts import Unit
from lepton_edge_runtime.tensors import OPEN, TensorSpec

_BODY = 17
_FINISHED_MAX = 1000
"""More boxes than any end-to-end head gives, and fewer than any dense one has."""


def told_head(hints: Hints, specs: Sequence[TensorSpec], *, as_shares: bool) -> Head | None:
    """Return the head of an Ultralytics export; ``None`` where task, labels and shapes do not tell it for certain.

    Args:
        hints: Task and labels, from the file's metadata.
        specs: Of the outputs.
        as_shares: Whether places are shares of the input, as its TFLite exports have them, and not pixels.
    """
    rows = [spec.shape for spec in specs if len(spec.shape) == 3]
    prototypes = [spec.shape for spec in specs if len(spec.shape) == 4]
    if hints.task not in TASKS_WITH_HEAD or not hints.labels or len(rows) != 1 or OPEN in rows[0]:
        return None
    if len(prototypes) != (hints.task == "segment") or len(specs) != 1 + len(prototypes):
        return None
    unit: Unit = "share" if as_shares else "pixels"
    # Prototypes are planes of TFLite's last axis or of ONNX's second: as many as a row has coefficients.
    masks = {prototypes[0][1], prototypes[0][3]} if prototypes else {0}
    found = [
        head
        for count in sorted(masks)
        for head in _heads(rows[0][1:], len(hints.labels), count, _BODY if hints.task == "pose" else 0, unit)
    ]
    return found[0] if len(found) == 1 else None


def _heads(shape: tuple[int, ...], classes: int, masks: int, keypoints: int, unit: Unit) -> Iterator[Head]:
    """Yield the heads whose rows have this shape: numbers × boxes, or boxes × numbers."""
    first, second = shape
    extra = masks + 3 * keypoints
    if second == 6 + extra and first <= _FINISHED_MAX:
        yield YoloEndToEnd(unit=unit, masks=masks, keypoints=keypoints)
        return
    for in_rows in (False, True):
        numbers, boxes = (second, first) if in_rows else (first, second)
        for objectness in (False, True):
            if numbers == 4 + objectness + classes + extra and boxes > numbers:
                yield Yolo(
                    layout="rows" if in_rows else "columns",
                    objectness=objectness,
                    unit=unit,
                    masks=masks,
                    keypoints=keypoints,
                    iou=0.7,
                )
