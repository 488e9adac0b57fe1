"""How weights are made zero or equal: the ``[sparsity]`` table of a recipe."""

from typing import Literal

import msgspec

Teacher = Literal["answers", "labels"]


class Sparsity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Weights made zero, or equal, while the model is trained on: a smaller download, and no faster model.

    Attributes:
        zeros: Share of each layer's weights that become zero, 0 to 1, the smallest of them; or ``"2:4"``: of each 4
            weights in a row, along the channels that go in, at most 2 stay. ``None`` to make none zero.
        clusters: How many different values the weights of a layer may have, zero among them; ``None`` for any.
        epochs: How often the training samples are seen, once for zeros and once more for clusters.
        begin, end: Shares of that training, 0 to 1, between which weights become zero: slower and slower.
        learning_rate: Adam's; a thirtieth of it while weights are clustered.
        batch_size: How many samples a step sees.
        learn: What the training samples teach: the original model's ``answers``, or their ``labels``.
        keep: Names of layers whose weights are left alone.
    """

    zeros: float | str | None = None
    clusters: int | None = None
    epochs: int = 10
    begin: float = 0.0
    end: float = 0.7
    learning_rate: float = 1e-3
    batch_size: int = 32
    learn: Teacher = "answers"
    keep: tuple[str, ...] = ()

    @property
    def blocks(self) -> tuple[int, int] | None:
        """How many weights of how many in a row stay; ``None`` where zeros are no pattern."""
        if not isinstance(self.zeros, str):
            return None
        stay, _, of = self.zeros.partition(":")
        return int(stay), int(of)

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out."""
        if self.zeros is None and self.clusters is None:
            raise ValueError("sparsity asks for nothing; say zeros, such as 0.8 or '2:4', or clusters, such as 16")
        if isinstance(self.zeros, str):
            stay, _, of = self.zeros.partition(":")
            if not (stay.isdecimal() and of.isdecimal() and 0 < int(stay) < int(of)):
                raise ValueError(
                    f"zeros is a share, such as 0.8, or N of M that stay, such as '2:4', not {self.zeros!r}"
                )
        elif self.zeros is not None and not 0 < self.zeros < 1:
            raise ValueError(f"zeros is a share between 0 and 1, not {self.zeros:g}")
        if self.clusters is not None and not 3 <= self.clusters <= 256:
            raise ValueError(f"clusters is a number of values from 3 to 256, not {self.clusters}")
        if not 0 <= self.begin < self.end <= 1:
            raise ValueError(f"begin and end are shares of the training, 0 to 1, not {self.begin:g} and {self.end:g}")
        for name, least in (("epochs", 1), ("batch_size", 1), ("learning_rate", 1e-9)):
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} is {least:g} or more, not {getattr(self, name):g}")
