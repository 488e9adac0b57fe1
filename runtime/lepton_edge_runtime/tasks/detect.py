"""Detection: boxes around things, in pixels of the picture."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results import Detections, Origin
from lepton_edge_runtime.tasks import Decode, Limits
from lepton_edge_runtime.tasks.boxes import Finder
from lepton_edge_runtime.tasks.placing import boxes_in_picture


class Detect:
    """Decodes boxes by the card's head, and puts them back into the picture."""

    def __init__(self, card: Card, limits: Limits) -> None:
        self._find = Finder(card, limits)
        self._labels = card.labels

    def __call__(self, outputs: Sequence[NDArray[Any]], placement: Placement | None, origin: Origin) -> Detections:
        """Return the boxes, the best first; in pixels of the input where a tensor was given instead of a picture."""
        boxes = self._find(outputs)
        labels = names_of(boxes.class_id.tolist(), self._labels)
        return Detections(boxes_in_picture(boxes.xyxy, placement), boxes.score, boxes.class_id, labels, origin)


def names_of(class_ids: Sequence[int], labels: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes; the number of one that has none."""
    return tuple([labels[one] if 0 <= one < len(labels) else str(one) for one in class_ids])


def make(card: Card, limits: Limits) -> Decode:
    """Return the decoder for a card."""
    return Detect(card, limits)
