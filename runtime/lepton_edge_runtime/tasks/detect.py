"""Detection: boxes around things, in pixels of the picture."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results import Detections, Origin
from lepton_edge_runtime.results.naming import name_of
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
        labels = tuple([name_of(one, self._labels) for one in boxes.class_id.tolist()])
        return Detections(boxes_in_picture(boxes.xyxy, placement), boxes.score, boxes.class_id, labels, origin)


def make(card: Card, limits: Limits) -> Decode:
    """Return the decoder for a card."""
    return Detect(card, limits)
