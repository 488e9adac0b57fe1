"""What training has done to a model; read without TensorFlow."""

from dataclasses import dataclass
from typing import Literal

Reason = Literal["epochs", "patience", "minutes"]


@dataclass(frozen=True, slots=True)
class Epoch:
    """What the model was after an epoch.

    Attributes:
        loss: Mean over the epoch's batches, without what the model adds to it; ``None`` before the first epoch.
        held_out_loss: The same of the held-out samples at its end.
        agreement: Share of the held-out decisions that are the teacher's, of the output where it is least; ``None``
            without a teacher, or where nothing is decided.
        accuracy: Share of the held-out samples whose label is decided; ``None`` without labels of the only output.
    """

    loss: float | None
    held_out_loss: float
    agreement: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Recovery:
    """What training has done to a model, which is left as it was after the best epoch.

    Attributes:
        history: The model before training, then after each epoch; an epoch cut short by ``max_minutes`` counts.
        best_epoch: Which of these has the least held-out loss: 0 where no epoch made it better.
        learned_from: ``labels``, ``teacher``, or ``labels and teacher``.
        learned: How many samples were learned from.
        held_out: How many judged.
        stopped_because: All ``epochs`` were run, none was better for as long as ``patience`` bears, or the
            ``minutes`` were used up.
        seconds: How long the epochs took, in all runs where it was resumed.
    """

    history: tuple[Epoch, ...]
    best_epoch: int
    learned_from: str
    learned: int
    held_out: int
    stopped_because: Reason
    seconds: float

    @property
    def epochs(self) -> int:
        """How many epochs were run."""
        return len(self.history) - 1

    @property
    def before(self) -> Epoch:
        """The model before training."""
        return self.history[0]

    @property
    def after(self) -> Epoch:
        """The model as it is left."""
        return self.history[self.best_epoch]


def best(history: list[Epoch]) -> int:
    """Return which epoch has the least held-out loss, the first of equals."""
    return min(range(len(history)), key=lambda i: history[i].held_out_loss)
