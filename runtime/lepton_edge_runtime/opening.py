"""What lies at a path, ready to be opened: a bundle, a file with our card, or one that is taken for something."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import msgspec

from lepton_edge_runtime.backends import BACKENDS, backend_of, open_backend
from lepton_edge_runtime.bare import NOTHING_GIVEN, Bare, describe_bare
from lepton_edge_runtime.bundle import GOLDEN, Bundle
from lepton_edge_runtime.card import Card, InputCard, check_card, decode_card
from lepton_edge_runtime.choice import Candidate
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.description import Description, described, read_description
from lepton_edge_runtime.errors import BackendError, InputError, ModelFileError, PreprocessError, requirement
from lepton_edge_runtime.formats import ModelFile
from lepton_edge_runtime.formats.onnx import read_onnx
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.golden import decode_golden
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.regular import read_regular
from lepton_edge_runtime.tasks import TASKS
from lepton_edge_runtime.tensors import OPEN, TensorSpec
from lepton_edge_runtime.text import printable
from lepton_edge_runtime.tokens.vocabulary import VOCABULARY, VOCABULARY_BYTES_MAX
from lepton_edge_runtime.wire import nearest

READERS = {".tflite": ("model.tflite", read_tflite), ".onnx": ("model.onnx", read_onnx)}
"""Bare model files: the member of a bundle that each stands for, and who reads it."""

_LABELS_BYTES_MAX = 4 << 20
_NUMBERED = re.compile(r"(\d{1,6})[ \t:]+(.+)")
_GAPS_MAX = 1000
# Where protobuf and flatbuffers end.
_MODEL_BYTES_MAX = (2 << 30) - 1


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
    if path.suffix.lower() not in READERS:
        bundle = Bundle(path)
        card = bundle.card
        members = {name: partial(bundle.member, name) for name, _ in READERS.values() if name in bundle}
        golden = (lambda: decode_golden(bundle.member(GOLDEN), card)) if GOLDEN in bundle else None
        taken = _overridden(card, given)
        texts = any(end.tokenize for end in card.inputs)
        vocabulary = partial(bundle.member, VOCABULARY, bytes_max=VOCABULARY_BYTES_MAX) if texts else None
        return Candidate(taken.card, members, golden, bundle.manifest.tolerance, taken.assumptions, vocabulary)
    bare = read_bare(path)
    draft = draft_card(path, bare.file, given)
    card = _with_shown_outputs(draft.card, bare.member, bare.content)
    check_card(card, error=ModelFileError)
    return Candidate(card, {bare.member: lambda: bare.content}, assumptions=draft.assumptions)


@dataclass(frozen=True, slots=True)
class BareFile:
    """A ``.tflite`` or ``.onnx`` file: the member of a bundle that it stands for, its bytes, and what they say."""

    member: str
    content: bytes
    file: ModelFile


def read_bare(path: Path) -> BareFile:
    """Return what a bare file says of itself; its suffix is one of ``READERS``.

    Raises:
        ModelFileError: It cannot be read, or is no such file; the message has its name.
    """
    member, read = READERS[path.suffix.lower()]
    content = read_regular(path, ModelFileError, bytes_max=_MODEL_BYTES_MAX, what="a model file")
    try:
        return BareFile(member, content, read(content))
    except ModelFileError as broken:
        raise ModelFileError(f"{path}: {broken}") from broken


def draft_card(path: Path, file: ModelFile, given: Description = NOTHING_GIVEN) -> Bare:
    """Return the card that a file carries, or what a bare one is taken for, before an engine has seen it.

    Raises:
        BundleError: It carries a broken card.
        ModelFileError, PreprocessError: It cannot be served, or not with what was given; the message has its name.
    """
    try:
        draft = _described(path, file, given) if file.card is None else _carried(file, file.card, given)
        check_card(draft.card, error=ModelFileError, outputs_may_be_open=True)
    except ModelFileError as refused:
        raise ModelFileError(f"{path}: {refused}") from refused
    except PreprocessError as refused:
        raise PreprocessError(f"{path}: {refused}") from refused
    return draft


def _described(path: Path, file: ModelFile, given: Description) -> Bare:
    """Return what a file without a card is taken for; a TOML file beside it, of the same name, may say more."""
    beside = path.with_suffix(".toml")
    if not beside.is_file():
        return describe_bare(file, path.stem, given)
    bare = describe_bare(file, path.stem, given.over(_with_labels(read_description(beside))))
    return Bare(bare.card, (f"what {beside.name}, which lies beside it, says of it", *bare.assumptions))


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


def read_labels(path: str | Path) -> tuple[str, ...]:
    """Return the labels in a text file, one a line, in class order; blank lines at the end are dropped.

    Numbers before all labels, rising from line to line, are the numbers of the classes: where some are left out, as
    COCO's lists do, those classes are called by their number.

    Raises:
        InputError: The file cannot be read, or is no text.
    """
    content = read_regular(Path(path), InputError, bytes_max=_LABELS_BYTES_MAX, what="a file of labels")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as problem:
        raise InputError(f"cannot read the labels in {path}: {problem}") from problem
    while lines and not lines[-1].strip():
        lines.pop()
    labels = [line.strip() for line in lines]
    return tuple(map(printable, _unnumbered(labels)))


def _unnumbered(labels: list[str]) -> list[str]:
    """Return labels without their numbers, each at its number's place, where all have one and they rise."""
    found = [_NUMBERED.fullmatch(label) for label in labels]
    numbered = [(int(one[1]), one[2]) for one in found if one]
    numbers = [number for number, _ in numbered]
    names = dict(numbered)
    if len(numbered) != len(labels) or len(labels) < 2 or any(a >= b for a, b in pairwise(numbers)):
        return labels
    # With gaps they may also be names such as "1 euro" and "5 euro".
    whole = numbers == list(range(len(labels)))
    if not whole and (len(set(names.values())) != len(names) or numbers[-1] > len(labels) + _GAPS_MAX):
        return labels
    # A list that begins with 1 leaves out no class: it counts from there.
    first = numbers[0] if numbers[0] <= 1 else 0
    return [names.get(i, str(i)) for i in range(first, numbers[-1] + 1)]


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
