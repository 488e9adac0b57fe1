"""What is left out of a result."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What is left out of a result.

    Attributes:
        top: A classifier gives this many classes at most.
        min_score: Boxes and bodies of a lower score, 0 to 1, are left out, and classes that do not exclude each
            other; ``None`` is what the card's head says. Classes that do are given whatever their score.
        iou: Boxes of one class that overlap by more than this share count as one, 0 to 1; ``None`` is what the
            card's head says. Models that leave out the repeated themselves are not asked.
        boxes: A detector gives this many boxes at most.
    """

    top: int = 5
    min_score: float | None = None
    iou: float | None = None
    boxes: int = 300

    def __post_init__(self) -> None:
        """Refuse what no score could be compared with."""
        if self.top < 1:
            raise ValueError(f"top is 1 class or more, not {self.top}")
        if self.boxes < 1:
            raise ValueError(f"boxes is 1 or more, not {self.boxes}")
        for name in ("min_score", "iou"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} lies from 0 to 1, not {value}")
