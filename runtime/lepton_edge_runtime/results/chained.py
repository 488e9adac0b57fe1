"""What was found in one picture, and what a second model says of each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lepton_edge_runtime.drawing import canvas, draw_boxes
from lepton_edge_runtime.images import Image
from lepton_edge_runtime.results.classes import Classes
from lepton_edge_runtime.results.detections import Detections
from lepton_edge_runtime.results.instances import Instances
from lepton_edge_runtime.results.origin import Origin
from lepton_edge_runtime.results.poses import Poses

if TYPE_CHECKING:
    from lepton_edge_runtime.results import Result


@dataclass(frozen=True, slots=True)
class Chained:
    """What was found in one picture, and what a second model says of each.

    Attributes:
        found: What the first model answered.
        then: An answer of the second model for each thing found, in its order, places in it in pixels of the whole
            picture; ``None`` where it was not asked.
        origin: Of the first model's answer.
    """

    found: Detections | Poses | Instances
    then: "tuple[Result | None, ...]"
    origin: Origin

    def __len__(self) -> int:
        return len(self.then)

    def __str__(self) -> str:
        parts = str(self.found).split("  ")
        if not self.then:
            return parts[0]
        said = (f"{one} → {then}" if then is not None else one for one, then in zip(parts, self.then, strict=True))
        return "  ".join(said)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: each thing found, with what is said of it under ``then``."""
        ((kind, found),) = self.found.to_dict().items()
        said = [None if then is None else then.to_dict() for then in self.then]
        return {kind: [{**one, "then": then} for one, then in zip(found, said, strict=True)]}

    def draw(self, image: Image) -> Image:
        """Return a copy of ``image`` (BGR) with what was found, and what is said of each, drawn on it."""
        drawn = self.found.draw(image)
        for then in self.then:
            if then is not None and not isinstance(then, Classes):
                drawn = then.draw(drawn)
        boxes = self.found.detections if isinstance(self.found, Instances) else self.found
        classes = [i for i, then in enumerate(self.then) if isinstance(then, Classes) and len(then)]
        if classes:
            drawn = canvas(drawn)
            texts = [self._text(i) for i in classes]
            draw_boxes(drawn, boxes.xyxy[classes], texts, boxes.xyxy[classes][:, 0].astype(int))
        return drawn

    def _text(self, place: int) -> str:
        then = self.then[place]
        assert isinstance(then, Classes)  # noqa: S101 - the caller looked
        return f"{then.top.label} {then.top.score:.0%}"
