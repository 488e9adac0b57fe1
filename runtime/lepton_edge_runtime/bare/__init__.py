"""A card for a model file of others: what its metadata say, what the user says, and what is left to assume."""

from lepton_edge_runtime.bare.draft import NOTHING_GIVEN, Bare, Draft
from lepton_edge_runtime.bare.inputs import input_card
from lepton_edge_runtime.bare.outputs import DETECTION, answered, detected
from lepton_edge_runtime.card import ENDS_MAX, Card, check_tensor
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import ModelFileError, PreprocessError
from lepton_edge_runtime.formats import Hints, ModelFile
from lepton_edge_runtime.text import printable

__all__ = ["NOTHING_GIVEN", "Bare", "describe_bare"]


def describe_bare(file: ModelFile, name: str, given: Description) -> Bare:
    """Return what a bare file is taken for.

    Args:
        file: What it says of itself.
        name: For people, where its metadata have none.
        given: What the user says.

    Raises:
        ModelFileError: No engine of ours can serve it, or not with what was given.
        PreprocessError: The preprocessing given contradicts it, or its size must be given.
    """
    if file.obstacles:
        raise ModelFileError("; ".join(file.obstacles))
    for kind, specs in (("input", file.inputs), ("output", file.outputs)):
        if not 1 <= len(specs) <= ENDS_MAX:
            raise ModelFileError(f"it has {len(specs)} {kind}s; a model has 1 to {ENDS_MAX}")
    for spec in (*file.inputs, *file.outputs):
        check_tensor(spec, error=ModelFileError, may_be_open=True)
    hints = file.hints or Hints(source="")
    draft = Draft(file, hints, given, assumptions=list(hints.notes))
    inputs = tuple(input_card(draft, i) for i in range(len(file.inputs)))
    if given.preprocess is not None and not any(end.preprocess for end in inputs):
        raise PreprocessError("a preprocess was given, and this model takes no pictures")
    detector = next((one for one in file.operators if one.kind == DETECTION), None)
    as_detector = detector if given.task in (None, "detect") and given.head is None else None
    answers = detected(draft, as_detector) if as_detector else answered(draft)
    card = Card(
        name=hints.name or printable(name),
        task=answers.task,
        inputs=inputs,
        outputs=answers.outputs,
        labels=answers.labels,
        head=answers.head,
        points=answers.points,
    )
    return Bare(card, tuple(draft.assumptions))
