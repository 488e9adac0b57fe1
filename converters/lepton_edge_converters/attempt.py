"""One attempt at a model: its files, with the settings they were made by."""

from dataclasses import dataclass

from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.preparation import Job, Plan


@dataclass(frozen=True, slots=True)
class Attempt:
    """The files that one recipe makes of a model.

    Attributes:
        plan: With a sentence more where something else was done than asked for.
        job: With the scheme that was carried out.
        artefacts: To ship.
        compared: Float ones, to compare their speed with.
    """

    plan: Plan
    job: Job
    artefacts: list[Artefact]
    compared: list[Artefact]

    @property
    def scheme(self) -> str:
        """How numbers are stored."""
        return self.job.recipe.scheme

    @property
    def size_bytes(self) -> int:
        """Of the files to ship."""
        return sum(artefact.path.stat().st_size for artefact in self.artefacts)
