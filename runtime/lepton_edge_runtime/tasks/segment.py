"""Segmentation: what each pixel is, or which pixels each thing covers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import Rows, Semantic
from lepton_edge_runtime.images import opencv
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results import Detections, Instances, Mask, Origin
from lepton_edge_runtime.results.naming import name_of
from lepton_edge_runtime.tasks import Decode, Limits
from lepton_edge_runtime.tasks.boxes import Finder, input_size
from lepton_edge_runtime.tasks.boxes.found import check_labels
from lepton_edge_runtime.tasks.placing import boxes_in_picture, cells_of_picture
from lepton_edge_runtime.tasks.scores import Scores
from lepton_edge_runtime.tensors import dequantize

_PACKED_MAX = 256
"""Classes that 8 bits tell apart."""


class SemanticMask:
    """Decodes a score a class for each cell of a grid, or the class itself."""

    def __init__(self, card: Card, head: Semantic) -> None:
        self._size = input_size(card)
        self._labels = card.labels
        spec = card.outputs[0].tensor
        if len(card.outputs) != 1 or len(spec.shape) not in (3, 4) or spec.shape[0] != 1:
            shapes = ", ".join(end.tensor.shape_text() for end in card.outputs)
            raise BundleError(
                f"the head 'semantic' has an output of 1 × height × width × classes ({head.layout}) or 1 × height × "
                f"width; this model's outputs are {shapes}"
            )
        self._axis = None if len(spec.shape) == 3 else (2 if head.layout == "nhwc" else 0)
        count = 1 if self._axis is None else spec.shape[1 + self._axis]
        self._single = self._axis is not None and count == 1
        self._least = Scores(spec, head.apply, head.threshold).least if self._single else 0.0
        if self._axis is not None:
            check_labels(card.labels, max(count, 2))

    def __call__(self, outputs: Sequence[NDArray[Any]], placement: Placement | None, origin: Origin) -> Mask:
        """Return the best class of each cell that lies in the picture."""
        scores = outputs[0][0]
        rows, columns = (slice(None), slice(None))
        grid = scores.shape if self._axis is None else tuple(np.delete(scores.shape, self._axis))
        box, size = (0.0, 0.0, float(self._size[0]), float(self._size[1])), self._size
        if placement is not None:
            (rows, columns), box = cells_of_picture(placement, self._size, grid)
            size = (placement.width, placement.height)
        seen = scores[:, rows, columns] if self._axis == 0 else scores[rows, columns]
        return Mask(self._best(seen), box, size, self._labels, origin)

    def _best(self, scores: NDArray[Any]) -> NDArray[np.int32]:
        if self._axis is None:
            return scores.astype(np.int32)
        if self._single:
            return (
                scores.reshape([size for i, size in enumerate(scores.shape) if i != self._axis]) >= self._least
            ).astype(np.int32)
        return best_class(scores, self._axis)


def best_class(scores: NDArray[Any], axis: int) -> NDArray[np.int32]:
    """Return the index of the greatest score along an axis, the lower index of equals; ``int32``.

    Args:
        scores: Rows × columns × classes (axis 2), or classes × rows × columns (axis 0).
        axis: That of the classes.
    """
    count = scores.shape[axis]
    if scores.dtype.itemsize != 1 or count > _PACKED_MAX:
        return np.asarray(scores.argmax(axis=axis), np.int32)
    planes = scores
    if axis:
        rows, columns, _ = scores.shape
        planes = opencv().transpose(scores.reshape(-1, count)).reshape(count, rows, columns)
    signed = planes if planes.dtype == np.int8 else (planes ^ 0x80).view(np.int8)
    # Score and class in one number of 16 bits, whose greatest the processor's widest instructions find, plane after
    # plane: 5 to 8 times as fast as a search in each cell.
    bits = max(1, (count - 1).bit_length())
    last = (1 << bits) - 1
    best = np.full(planes.shape[1:], np.iinfo(np.int16).min, np.int16)
    for number in range(count):
        packed = signed[number].astype(np.int16)
        packed <<= bits
        packed += last - number
        np.maximum(best, packed, out=best)
    return np.asarray(last - (best & last), np.int32)


class InstanceMasks:
    """Decodes boxes, and the pixels of each: a sum of prototypes, as YOLACT has them (Bolya et al., ICCV 2019)."""

    def __init__(self, card: Card, head: Rows, limits: Limits) -> None:
        self._find = Finder(card, limits)
        self._labels = card.labels
        self._place = next(i for i, end in enumerate(card.outputs) if len(end.tensor.shape) == 4)
        self._spec = card.outputs[self._place].tensor
        shape = self._spec.shape
        if head.masks not in (shape[1], shape[3]):
            raise BundleError(f"the head has {head.masks} coefficients a mask, and its prototypes are {self._spec}")
        self._last = shape[3] == head.masks
        self._count = head.masks

    def __call__(self, outputs: Sequence[NDArray[Any]], placement: Placement | None, origin: Origin) -> Instances:
        """Return boxes and masks, the best first."""
        boxes = self._find(outputs)
        assert boxes.extra is not None  # noqa: S101 - the head has coefficients
        stored = outputs[self._place][0]
        prototypes = stored if self._last else stored.transpose(1, 2, 0)
        xyxy = boxes_in_picture(boxes.xyxy, placement)
        detections = Detections(
            xyxy,
            boxes.score,
            boxes.class_id,
            tuple([name_of(one, self._labels) for one in boxes.class_id.tolist()]),
            origin,
        )
        size = self._find.size if placement is None else (placement.width, placement.height)
        whole = np.array([*size, *size])
        edges = np.clip(np.concatenate([np.floor(xyxy[:, :2]), np.ceil(xyxy[:, 2:])], axis=1), 0, whole).astype(
            np.int64
        )
        masks = tuple(
            self._mask(prototypes, coefficients, box, placement)
            for coefficients, box in zip(boxes.extra[:, : self._count], edges.tolist(), strict=True)
        )
        return Instances(detections, edges[:, :2], masks, origin)

    def _mask(
        self,
        prototypes: NDArray[Any],
        coefficients: NDArray[np.float32],
        box: Sequence[int],
        placement: Placement | None,
    ) -> NDArray[np.bool_]:
        """Return the pixels of one box of the picture that a thing covers."""
        left, top, right, bottom = box
        if right <= left or bottom <= top:
            return np.zeros((max(0, bottom - top), max(0, right - left)), np.bool_)
        rows, columns, _ = prototypes.shape
        placed = placement or Placement(1, 1, 0, 0, *self._find.size)
        # Cells of the grid at the middles of the box's pixels.
        along = ((np.arange(left, right) + 0.5) * placed.scale_x + placed.offset_x) * columns / self._find.size[0] - 0.5
        down = ((np.arange(top, bottom) + 0.5) * placed.scale_y + placed.offset_y) * rows / self._find.size[1] - 0.5
        first_x, last_x = _span(along, columns)
        first_y, last_y = _span(down, rows)
        # Only the part of the grid under the box is summed.
        part = np.asarray(dequantize(prototypes[first_y:last_y, first_x:last_x], self._spec), np.float32)
        logits = part @ coefficients
        map_x = np.broadcast_to((along - first_x).astype(np.float32), (bottom - top, right - left))
        map_y = np.broadcast_to((down - first_y).astype(np.float32)[:, np.newaxis], (bottom - top, right - left))
        cv2 = opencv()
        # A sigmoid is above one half where its argument is above 0.
        whole = cv2.remap(
            logits, np.ascontiguousarray(map_x), np.ascontiguousarray(map_y), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return np.asarray(whole > 0)


def _span(cells: NDArray[np.float64], count: int) -> tuple[int, int]:
    """Return the first and the end of the cells that a linear interpolation at ``cells`` reads."""
    first = min(max(int(np.floor(cells[0])), 0), count - 1)
    return first, max(first + 1, min(int(np.floor(cells[-1])) + 2, count))


def make(card: Card, limits: Limits) -> Decode:
    """Return the decoder for a card."""
    head = card.head
    if isinstance(head, Semantic):
        return SemanticMask(card, head)
    if isinstance(head, Rows) and head.masks:
        return InstanceMasks(card, head, limits)
    raise BundleError("the task 'segment' needs the head 'semantic', or 'yolo' or 'yolo_end_to_end' with masks")
