"""What lies at a path, ready to be opened: a bundle, a file with our card, or one that is taken for something."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from lepton_edge_runtime.backends import BACKENDS, backend_of, open_backend
from lepton_edge_runtime.bare import NOTHING_GIVEN, Bare, describe_bare
from lepton_edge_runtime.bare.files import READERS, BareFile, is_bare, read_bare
from lepton_edge_runtime.bundle import GOLDEN, Bundle
from lepton_edge_runtime.card import Card, InputCard, check_card, decode_card
from lepton_edge_runtime.choice import Candidate
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.description import Description, described, read_description
from lepton_edge_runtime.errors import BackendError, ModelFileError, PreprocessError, requirement
from lepton_edge_runtime.formats import ModelFile
from lepton_edge_runtime.golden import decode_golden
from lepton_edge_runtime.labels import read_labels
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.tasks import TASKS
from lepton_edge_runtime.tensors import OPEN, TensorSpec
from lepton_edge_runtime.tokens.vocabulary import VOCABULARY, VOCABULARY_BYTES_MAX
from lepton_edge_runtime.wire import nearest


def given_by_user(
    labels: Sequence[str] | str | Path | None,
    preprocess: Preprocess | None,
    task: str | None,
    description: Description | str | Path | None = None,
) -> Description:
    """Return what the user says of a model, the labels read if they are in a file.

    What ``labels``, ``preprocess`` and ``task`` say goes before the description, or the TOML file that has it.

    Raises:
        InputError: Labels or description cannot be read.
        TypeError, ValueError: Labels that are no text, or a task that there is not.
    """
    return _with_labels(described(labels, preprocess, task, description))


def _with_labels(given: Description) -> Description:
    """Return a description that can be relied on, its labels read."""
    if given.task is not None and given.task not in TASKS:
        raise ValueError(f"no task {given.task!r}; there are: {', '.join(TASKS)}{nearest(given.task, list(TASKS))}")
    if isinstance(given.labels, str):
        return msgspec.structs.replace(given, labels=read_labels(given.labels))
    for name in given.labels or ():
        if not isinstance(name, str):
            raise TypeError(f"labels are text, not {name!r}")
    return given


def read_candidate(path: Path, given: Description = NOTHING_GIVEN) -> Candidate:
    """Return what is needed to open the model in ``path``: a bundle, or a bare file."""
    if is_bare(path):
        bare = read_bare(path)
        draft = draft_card(path, bare, given)
        shown = _with_shown_outputs(draft.card, bare.member, bare.content)
        check_card(shown, error=ModelFileError)
        return Candidate(shown, {bare.member: lambda: bare.content}, assumptions=draft.assumptions)
    bundle = Bundle(path)
    card = bundle.card
    members = {name: partial(bundle.member, name) for name, _ in READERS.values() if name in bundle}
    golden = (lambda: decode_golden(bundle.member(GOLDEN), card)) if GOLDEN in bundle else None
    taken = _overridden(card, given)
    texts = any(end.tokenize for end in card.inputs)
    vocabulary = partial(bundle.member, VOCABULARY, bytes_max=VOCABULARY_BYTES_MAX) if texts else None
    return Candidate(taken.card, members, golden, bundle.manifest.tolerance, taken.assumptions, vocabulary)


def draft_card(path: Path, bare: BareFile, given: Description = NOTHING_GIVEN) -> Bare:
    """Return the card that a file carries, or what a bare one is taken for, before an engine has seen it.

    Raises:
        BundleError: It carries a broken card.
        ModelFileError, PreprocessError: It cannot be served, or not with what was given; the message has its name.
    """
    try:
        card = bare.file.card
        draft = _described(path, bare, given) if card is None else _carried(bare.file, card, given)
        check_card(draft.card, error=ModelFileError, outputs_may_be_open=True)
    except ModelFileError as refused:
        raise ModelFileError(f"{path}: {refused}") from refused
    except PreprocessError as refused:
        raise PreprocessError(f"{path}: {refused}") from refused
    return draft


def _described(path: Path, bare: BareFile, given: Description) -> Bare:
    """Return what a file without a card is taken for; a TOML file beside it, of the same name, may say more."""
    sources = list(bare.sources)
    beside = path.with_suffix(".toml")
    if beside.is_file():
        given = given.over(_with_labels(read_description(beside)))
        sources.insert(0, f"what {beside.name}, which lies beside it, says of it")
    taken = describe_bare(bare.file, path.stem, given.over(bare.said))
    return Bare(taken.card, (*sources, *taken.assumptions))


def _carried(file: ModelFile, text: bytes, given: Description) -> Bare:
    """Return the card inside a file; refuse one that is another file's."""
    if file.obstacles:
        raise ModelFileError("; ".join(file.obstacles))
    card = decode_card(text)
    for kind, ends, specs in (("input", card.inputs, file.inputs), ("output", card.outputs, file.outputs)):
        names = [spec.name for spec in specs]
        for end in ends:
            if end.tensor.name not in names:
                raise ModelFileError(
                    f"its card names the {kind} {end.tensor.name!r}, and the file has: {', '.join(map(repr, names))}"
                )
    return _overridden(card, given)


def _with_shown_outputs(card: Card, member: str, content: bytes) -> Card:
    """Return the card with the outputs' shapes; where the file leaves them open, its engine is asked."""
    if all(OPEN not in end.tensor.shape for end in card.outputs):
        return card
    name = backend_of(member)
    if not BACKENDS[name].installed:
        raise BackendError(
            f"only {BACKENDS[name].distribution} can tell the shapes of this model's outputs. Try: pip install "
            f"{requirement(BACKENDS[name].extra)}"
        )
    backend = open_backend(name, content, shapes={end.tensor.name: end.tensor.shape for end in card.inputs})
    shown = with_shapes(card, backend.outputs)
    backend.close()
    return shown


def with_shapes(card: Card, shown: Sequence[TensorSpec]) -> Card:
    """Return the card with its outputs' shapes as an engine shows them."""
    shapes = {spec.name: spec.shape for spec in shown}
    outputs = tuple(
        msgspec.structs.replace(end, tensor=msgspec.structs.replace(end.tensor, shape=shapes[end.tensor.name]))
        if end.tensor.name in shapes
        else end
        for end in card.outputs
    )
    return msgspec.structs.replace(card, outputs=outputs)


def _overridden(card: Card, given: Description) -> Bare:
    """Return the card with what the user says instead; what their preprocessing leaves open stays the card's."""
    if given.task is not None:
        card = msgspec.structs.replace(card, task=given.task)
    if given.names is not None:
        card = msgspec.structs.replace(card, labels=given.names)
    if given.head is not None:
        card = msgspec.structs.replace(card, head=given.head)
    if given.points is not None:
        card = msgspec.structs.replace(card, points=given.points)
    if given.clip is not None:
        card = _clipped_otherwise(card, given.clip)
    if given.preprocess is not None:
        if not any(end.preprocess for end in card.inputs):
            raise PreprocessError("a preprocess was given, and this model takes no pictures")
        ends = tuple(_prepared_otherwise(end, given.preprocess) for end in card.inputs)
        card = msgspec.structs.replace(card, inputs=ends)
    return Bare(card, assumptions=())


def _clipped_otherwise(card: Card, given: Clip) -> Card:
    """Return the card with other frames in its clips; how many there are is the model's."""
    if not any(end.clip for end in card.inputs):
        raise PreprocessError("clips were asked for, and this model takes none")
    ends = tuple(
        msgspec.structs.replace(end, clip=given.completed(end.tensor)) if end.clip else end for end in card.inputs
    )
    return msgspec.structs.replace(card, inputs=ends)


def _prepared_otherwise(end: InputCard, given: Preprocess) -> InputCard:
    if end.preprocess is None:
        return end
    return msgspec.structs.replace(end, preprocess=given.over(end.preprocess).completed(end.picture))
