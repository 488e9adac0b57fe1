"""What is installed, what is missing, and the command that mends it: one module a topic."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from lepton_edge_runtime.diagnosis import cameras, engines, opencv, packages, processor, raspberry, system
from lepton_edge_runtime.diagnosis.finding import Diagnosis, Finding
from lepton_edge_runtime.diagnosis.surroundings import Surroundings, here

TOPICS: Mapping[str, Callable[[Surroundings], Iterator[Finding]]] = {
    "system": system.look,
    "packages": packages.look,
    "opencv": opencv.look,
    "processor": processor.look,
    "engines": engines.look,
    "cameras": cameras.look,
    "raspberry": raspberry.look,
}
"""In the order in which they are told."""


def doctor(surroundings: Surroundings | None = None) -> Diagnosis:
    """Return what is good, worth knowing or broken on this machine, and how to mend it.

    Nothing is changed, installed or downloaded. Engines and OpenCV are loaded in processes of their own; no
    camera is opened.

    Args:
        surroundings: Another machine than this one, for tests.
    """
    at = here() if surroundings is None else surroundings
    return Diagnosis(tuple(replace(found, topic=topic) for topic, look in TOPICS.items() for found in look(at)))
