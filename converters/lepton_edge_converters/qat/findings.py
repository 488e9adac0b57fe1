"""What this room's job returns: without TensorFlow, so that the calling process stays light."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trained:
    """What quantization-aware training did.

    Attributes:
        epochs: That were run, in all parts.
        samples: That were learned from.
        weights: Numbers that were trained.
        ranges: Ranges of activations that were learned.
        loss_before: Distance of the rounded model's answers from the float one's, on samples held out of training.
        loss_after: The same when it was over; what is kept is never worse than what it began with.
        in_float: Operators that 8 bits do not reach, by their first outputs.
        one_step: Share of the int8 file's answers that are the trained model's, but for one step of an output's scale.
        strayed: Tensors that the quantizer gave another scale than they were trained for.
    """

    epochs: int
    samples: int
    weights: int
    ranges: int
    loss_before: float
    loss_after: float
    in_float: tuple[str, ...]
    one_step: float
    strayed: tuple[str, ...]

    def __str__(self) -> str:
        spared = f"; {len(self.in_float)} operators have no 8-bit form and stay float" if self.in_float else ""
        strayed = f"; {len(self.strayed)} tensors got another scale than they were trained for" if self.strayed else ""
        return (
            f"trained for 8 bits: {self.weights} weights and {self.ranges} ranges, {self.epochs} epochs of "
            f"{self.samples} samples, distance from the float model's answers {self.loss_before:.3g} before, "
            f"{self.loss_after:.3g} after; the int8 file answers within one step of what was trained in "
            f"{100 * self.one_step:.1f} % of its numbers{spared}{strayed}"
        )
