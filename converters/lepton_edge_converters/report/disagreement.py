"""Samples that a converted file answers otherwise than the original model."""

from dataclasses import dataclass, field

from lepton_edge_runtime.results import ClassScore

PAGE_ONLY = {"page_only": True}
"""Metadata of fields that the HTML page shows and the JSON leaves out."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One judged sample on which some file of the bundle decides otherwise than the original model.

    Attributes:
        sample: Its index among the judged samples, from 0.
        name: Of its file, or ``sample`` and its number among all that were given.
        target: What it is, where the samples have labels.
        original: What the original model decides, and how surely.
        answers: What each file of the bundle decides, by its title.
        picture: As the model sees it, PNG or JPEG; empty where there is none, or with ``images=False``.
    """

    sample: int
    name: str
    target: str | None
    original: ClassScore
    answers: dict[str, ClassScore]
    picture: bytes = field(default=b"", repr=False, metadata=PAGE_ONLY)


@dataclass(frozen=True, slots=True)
class Disagreements:
    """The samples on which the original and a file of the bundle disagree.

    Attributes:
        samples: How many were judged.
        total: How many of them some file decides otherwise.
        shown: The first of them: where right became wrong, then where the original was surest.
    """

    samples: int
    total: int
    shown: tuple[Disagreement, ...]
