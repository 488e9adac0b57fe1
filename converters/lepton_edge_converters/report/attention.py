"""Whether a converted file looks at the same places of a picture as the float one, in numbers."""

from dataclasses import dataclass, field

from lepton_edge_converters.report.disagreement import PAGE_ONLY
from lepton_edge_converters.report.layers import UNBOUNDED
from lepton_edge_converters.report.numbers import Score


@dataclass(frozen=True, slots=True)
class Attended:
    """One judged picture, and where both files look in it.

    Attributes:
        sample: Its index among the judged samples, from 0.
        name: Of its file, or ``sample`` and its number among all that were given.
        label: What is explained: the class that the float file decides, that of its surest box, or ``embedding``.
        correlation: Spearman's rank correlation of the two maps, -1 to 1; 0 where only one of them has any heat, not
            a number (in JSON ``null``) where neither has.
        reference: The float file's map over the picture, PNG or JPEG; empty with ``images=False``.
        converted: The converted file's, likewise.
    """

    sample: int
    name: str
    label: str
    correlation: float = field(metadata=UNBOUNDED)
    reference: bytes = field(default=b"", repr=False, metadata=PAGE_ONLY)
    converted: bytes = field(default=b"", repr=False, metadata=PAGE_ONLY)


@dataclass(frozen=True, slots=True)
class Attention:
    """Whether a converted file looks at the same places of judged pictures as the float one.

    Attributes:
        artefact: Title of the converted file.
        reference: Title of the float file.
        masks: How many random masks each picture was shown under, the same to both files.
        correlation: Mean of the pictures' rank correlations, with a 95 % interval (bootstrap over pictures); ``None``
            where no picture has one.
        pictures: Those that were explained, spread evenly over the judged samples; without those in which a float
            detector finds nothing.
        note: Why there are none; empty if nothing is to be said.
    """

    artefact: str
    reference: str
    masks: int
    correlation: Score | None
    pictures: tuple[Attended, ...]
    note: str = ""
