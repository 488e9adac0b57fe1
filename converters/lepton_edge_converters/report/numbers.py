"""Measured numbers with their intervals."""

from dataclasses import dataclass, field

from lepton_edge_converters.report.layers import UNBOUNDED

_MARGIN = 1.05  # differences below are not worth another file, and order and temperature make such ones


@dataclass(frozen=True, slots=True)
class Share:
    """A share of samples, 0 to 1, with its 95 % interval (Wilson's) and how many samples there were."""

    value: float
    low: float
    high: float
    samples: int

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}] n={self.samples}"


@dataclass(frozen=True, slots=True)
class Drop:
    """Points of accuracy lost (0 to 100), with a 95 % interval from the same samples (paired).

    Attributes:
        points, low, high: Lost minus won, and the interval's ends.
        lost: Samples that the original had right and this one has not.
        won: The other way round.
        samples: How many there were.
        p: How likely counts as unequal are where in truth as many are lost as won (McNemar's exact test), 0 to 1.
    """

    points: float
    low: float
    high: float
    lost: int
    won: int
    samples: int
    p: float

    def __str__(self) -> str:
        return f"{self.points:+.2f} [{self.low:+.2f}, {self.high:+.2f}] points"


@dataclass(frozen=True, slots=True)
class Score:
    """What a metric says of one version of the model: higher is better; with a 95 % interval (paired bootstrap).

    Attributes:
        metric: Its name.
        value, low, high: In its own unit; not a number where these outputs have none.
        samples: How many there were.
    """

    metric: str
    value: float = field(metadata=UNBOUNDED)
    low: float = field(metadata=UNBOUNDED)
    high: float = field(metadata=UNBOUNDED)
    samples: int

    def __str__(self) -> str:
        return f"{self.value:.5g} [{self.low:.5g}, {self.high:.5g}] n={self.samples}"


@dataclass(frozen=True, slots=True)
class Loss:
    """How much of a metric's number was lost against the original, with a 95 % interval (paired bootstrap)."""

    value: float = field(metadata=UNBOUNDED)
    low: float = field(metadata=UNBOUNDED)
    high: float = field(metadata=UNBOUNDED)

    def __str__(self) -> str:
        return f"{self.value:+.5g} [{self.low:+.5g}, {self.high:+.5g}]"


@dataclass(frozen=True, slots=True)
class Ratio:
    """The time of one file as a multiple of another's, from rounds in which both were timed.

    Attributes:
        value: Median over the rounds.
        low, high: Its 95 % interval.
        minimum: Of the shortest times of both, which a busy machine disturbs least.
        rounds: How many there were.
    """

    value: float
    low: float
    high: float
    minimum: float
    rounds: int

    @property
    def slower(self) -> bool:
        """Whether it takes longer by more than noise: by over 5 %, by the whole interval and the minimum alike."""
        return min(self.low, self.minimum) > _MARGIN

    @property
    def faster(self) -> bool:
        """Whether it takes less time by more than noise."""
        return max(self.high, self.minimum) < 1 / _MARGIN

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"
