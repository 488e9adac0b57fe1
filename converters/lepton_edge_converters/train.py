"""How a model is trained again: the ``[train]`` table of a recipe."""

from typing import Literal

import msgspec

Augment = Literal["none", "flip+shift"]


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a model is trained again.

    Attributes:
        epochs: How often it sees the samples, at most.
        batch_size: Samples a step; all of them where there are fewer.
        learning_rate: Of Adam, at its highest: it rises to there evenly and falls to zero along half a cosine. The
            default is for nets of some hundred thousand weights; large ones want a tenth of it.
        warmup: Share of the steps in which it rises, 0 to 1.
        distillation: Share of the loss that is the distance from the teacher's answers where the samples have labels
            too, 0 to 1; without labels it is all of it, without a teacher nothing.
        temperature: Of distilled classes: what both models' scores are divided by, so that the unlikely classes are
            learned from as well.
        patience: Epochs without a better one before it stops.
        holdout: Share of the samples that judges the epochs and is not learned from, 0 to 1.
        augment: ``flip+shift``: pictures are mirrored left to right, half of them, and moved by up to an eighth of
            their sides; ``none``: they are seen as they are.
        seed: Of held-out part, order, moves, and whatever the model draws by lot.
        max_minutes: No further batch is begun after this long.

    Example:
        >>> Training(epochs=3).learning_rate
        0.003
    """

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 3e-3
    warmup: float = 0.1
    distillation: float = 0.7
    temperature: float = 2.0
    patience: int = 5
    holdout: float = 0.1
    augment: Augment = "none"
    seed: int = 0
    max_minutes: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what nothing could be learned with."""
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is 1 or more, not {getattr(self, name)}")
        if not 0 < self.learning_rate <= 1:
            raise ValueError(f"learning_rate is more than 0 and at most 1, not {self.learning_rate:g}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup is a share of the steps, 0 or more and less than 1, not {self.warmup:g}")
        if not 0 <= self.distillation <= 1:
            raise ValueError(f"distillation is a share of the loss from 0 to 1, not {self.distillation:g}")
        if not 1 <= self.temperature <= 100:
            raise ValueError(f"temperature is a number from 1 to 100, not {self.temperature:g}")
        if not 0 < self.holdout < 1:
            raise ValueError(f"holdout is a share between 0 and 1, not {self.holdout:g}")
        if self.seed < 0:
            raise ValueError(f"seed is 0 or more, not {self.seed}")
        if not self.max_minutes > 0:
            raise ValueError(f"max_minutes is a number of minutes, not {self.max_minutes:g}")
