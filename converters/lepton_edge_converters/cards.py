"""What the card will say: size and colour of pictures, the task, the labels, what the outputs are."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import ConversionError, SamplesError
from lepton_edge_converters.facts import EndFacts, ModelFacts
from lepton_edge_converters.logits import before, left_out
from lepton_edge_converters.said import Said
from lepton_edge_runtime.card import Activation, Batch, Card, InputCard, OutputCard
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.errors import PreprocessError
from lepton_edge_runtime.formats import ModelFile
from lepton_edge_runtime.heads import TASKS_WITH_HEAD, Head, task_of
from lepton_edge_runtime.preprocess import Preprocess, picture_shape
from lepton_edge_runtime.tasks import TASKS, make_decoder
from lepton_edge_runtime.tensors import OPEN, TensorSpec
from lepton_edge_runtime.tokens import Tokenize
from lepton_edge_runtime.wire import nearest

_UNIT_RANGE_MAX = 1.5  # samples that reach further are bytes in floats
_RANGE_SLACK = 0.05  # resizing with a cubic filter, or noise, overshoots a little
_RANGE_USED_MIN = 0.02  # the darkest of real pictures use more of their range; 0..1 in 0..255 uses 0.004


@dataclass(frozen=True, slots=True)
class Classes:
    """How many classes a model may tell apart (``None``: it is no classifier), and whether that is certain."""

    count: int | None
    certain: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A card without the tensors, which only the finished file tells.

    ``activations`` are the original's; what of them files leave to the runtime's decoder is ``left_out``.
    """

    name: str
    task: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    preprocess: tuple[Preprocess | None, ...]
    tokenize: tuple[Tokenize | None, ...]
    clips: tuple[Clip | None, ...]
    activations: tuple[Activation, ...]
    labels: tuple[str, ...]
    head: Head | None = None
    points: tuple[str, ...] = ()
    left_out: Activation | None = None

    def scores(self, facts: ModelFacts) -> OutputCard | None:
        """Return what a classifier's scores are, as real numbers; ``None`` if it is none."""
        return OutputCard(facts.outputs[0].spec(), self.activations[0]) if self.task == "classify" else None


def complete_preprocess(
    facts: ModelFacts, given: Preprocess | None, extremes: Sequence[tuple[float, float] | None]
) -> tuple[tuple[Preprocess | None, ...], list[str]]:
    """Return one ``Preprocess`` an input, filled in from the model, and what was assumed for it.

    Args:
        facts: Of the model.
        given: What the user says of pictures.
        extremes: Least and largest value of the samples for each input, where they are model-ready numbers.

    Raises:
        PreprocessError: One was given, and contradicts the model, the samples, or the model takes no pictures.
    """
    completed: list[Preprocess | None] = []
    warnings: list[str] = []
    for end, seen in zip_longest(facts.inputs, extremes[: len(facts.inputs)]):
        spec = end.spec()
        if end.clip is not None:
            spec = end.clip.picture(spec)
        elif not _takes_pictures(end):
            completed.append(None)
            continue
        wanted = given or Preprocess()
        if wanted.range is None and not wanted.mean and not wanted.std:
            low_high, reason = _assumed_range(facts, seen)
            wanted = msgspec.structs.replace(wanted, range=low_high)
            if reason:
                low, high = low_high
                warnings.append(
                    f"the range of {end.name!r} was not given; {low:g}..{high:g} is assumed, {reason} (--range)"
                )
        full = wanted.completed(spec)
        _refuse_other_range(end, full, seen)
        completed.append(full)
    if given is not None and not any(completed):
        shapes = ", ".join(str(end.shape) for end in facts.inputs)
        raise PreprocessError(f"a preprocess was given, and the model takes no pictures: its inputs are {shapes}")
    return tuple(completed), warnings


def class_count(facts: ModelFacts, labels: tuple[str, ...], task: str | None, head: Head | None = None) -> Classes:
    """Return how many classes the model may tell apart.

    Raises:
        SamplesError: There are more or fewer labels, or no such task.
    """
    if task is not None and task not in TASKS:
        raise SamplesError(f"no task {task!r}; there are: {', '.join(TASKS)}{nearest(task, list(TASKS))}")
    if head is not None or task in (*TASKS_WITH_HEAD, "embed"):
        return Classes(None, certain=False)
    output = facts.outputs[0]
    if task == "raw" or len(facts.outputs) != 1 or len(output.shape) != 1 or output.shape[0] is None:
        if task == "classify" or labels:
            shapes = ", ".join(str(one.shape) for one in facts.outputs)
            raise SamplesError(f"a classifier has one output, a row of scores; this model's are {shapes}")
        return Classes(None, certain=False)
    if output.shape[0] == 1:
        # A single number decides between two classes if it is a sigmoid's, or if the user says it is a score.
        binary = output.activation == "sigmoid" or bool(labels) or task == "classify"
        count = 2
        if not binary:
            return Classes(None, certain=False)
    else:
        binary, count = False, output.shape[0]
    if labels and len(labels) != count:
        extra = len(labels) == count + 1 and labels[0].strip().lower() in ("background", "???", "dummy")
        hint = f"; the first, {labels[0]!r}, is one class more than it knows" if extra else ""
        raise SamplesError(f"there are {len(labels)} labels, and the model tells {count} classes apart{hint}")
    return Classes(count, certain=bool(labels) or task == "classify" or binary or output.activation == "softmax")


def draft(
    facts: ModelFacts,
    preprocess: tuple[Preprocess | None, ...],
    labels: tuple[str, ...],
    reference: list[NDArray[Any]],
    said: Said,
    classes: Classes,
    targets: NDArray[np.int64] | None,
) -> tuple[Draft, list[str]]:
    """Return what the card will say, and what was assumed for it.

    A row of scores whose last layer is hidden (a subclassed model) is taken for probabilities if the
    answers are; a row of plain numbers is a classifier's only if someone says so or the samples have classes.

    Raises:
        BundleError: The head that was said does not fit the outputs.
    """
    task = said.task or (task_of(said.head) if said.head else None)
    activations = tuple(
        end.activation or _seen_activation(answers) for end, answers in zip(facts.outputs, reference, strict=True)
    )
    warnings: list[str] = []
    classifier = classes.count is not None and (classes.certain or targets is not None or activations[0] == "softmax")
    decided = task or ("classify" if classifier else "raw")
    if decided == "raw" and classes.count is not None and task is None:
        warnings.append(
            f"the output {facts.outputs[0].name!r} is taken as {classes.count} plain numbers; if they are scores of "
            "classes, give --labels or --task classify"
        )
    if decided != "classify":
        activations = tuple("none" if one == "logits" else one for one in activations)
        labels = labels if decided in ("detect", "segment") else ()
    names = tuple(end.name for end in facts.inputs), tuple(end.name for end in facts.outputs)
    clips = tuple(end.clip for end in facts.inputs)
    tokenize = tuple(end.text.tokenize if end.text else None for end in facts.inputs)
    drafted = Draft(
        facts.name, decided, *names, preprocess, tokenize, clips, activations, labels, said.head, said.points
    )
    if decided in TASKS_WITH_HEAD:
        # Before minutes go by: what does not fit now, fits no file.
        make_decoder(_card(drafted, {end.name: end.spec() for end in (*facts.inputs, *facts.outputs)}, 1))
    return drafted, warnings


def at_logits(facts: ModelFacts, draft: Draft, told: list[str]) -> tuple[Draft, list[str]]:
    """Return the draft of files that leave out the activation that a classifier ends in, and what is told, of it too.

    Raises:
        LoadError: There is none to leave out, or nobody would apply it.
    """
    activation, note = left_out(draft.task, draft.activations[0], facts.outputs[0].spec())
    return replace(draft, left_out=activation), [*told, note]


def finish(draft: Draft, file: ModelFile, batch: Batch) -> Card:
    """Return the card of a finished file; its tensors are those of one sample, whatever the batch.

    Raises:
        ConversionError: The file's inputs or outputs are not the model's, or have no free batch where one was asked.
    """
    inputs, outputs = (
        {spec.name: _of_one(spec) if batch == "dynamic" else spec for spec in ends}
        for ends in (file.inputs, file.outputs)
    )
    if set(inputs) != set(draft.inputs) or set(outputs) != set(draft.outputs):
        raise ConversionError(f"the file's ends {', '.join([*inputs, *outputs])} are not the model's")
    return _card(draft, {**inputs, **outputs}, batch)


def _card(draft: Draft, specs: Mapping[str, TensorSpec], batch: Batch) -> Card:
    return Card(
        name=draft.name,
        task=draft.task,
        inputs=tuple(
            InputCard(specs[name], preprocess, tokenize, clip)
            for name, preprocess, tokenize, clip in zip(
                draft.inputs, draft.preprocess, draft.tokenize, draft.clips, strict=True
            )
        ),
        outputs=tuple(
            OutputCard(specs[name], before(activation, specs[name]) if draft.left_out else activation)
            for name, activation in zip(draft.outputs, draft.activations, strict=True)
        ),
        labels=draft.labels,
        head=draft.head,
        points=draft.points,
        batch=batch,
    )


def joined_hash(*hashes: str) -> str:
    """Return one SHA-256 for several."""
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def _of_one(spec: TensorSpec) -> TensorSpec:
    """Return the tensor with 1 for its free batch; refuse one that has none, or another open axis."""
    if spec.shape[:1] != (OPEN,) or OPEN in spec.shape[1:]:
        raise ConversionError(
            f"{spec.name!r} is {spec.shape_text()} and its first axis alone should be open: the model fixes its batch "
            "inside; build it for any batch size, or convert it for batches of 1 (--batch 1)"
        )
    return msgspec.structs.replace(spec, shape=(1, *spec.shape[1:]))


def _takes_pictures(end: EndFacts) -> bool:
    if np.dtype(end.dtype).kind != "f" and end.dtype != "uint8":
        return False
    try:
        picture_shape(end.spec(), "nhwc")
    except PreprocessError:
        return False
    return True


def _assumed_range(facts: ModelFacts, seen: tuple[float, float] | None) -> tuple[tuple[float, float], str]:
    """Return the range that the model probably expects, and why if that is a guess.

    Samples that are model-ready numbers are what the user knows to be right: they come first.
    """
    if seen is None:
        if facts.picture_range is not None:
            return facts.picture_range, ""
        return (0.0, 1.0), "the usual one for a model without a Rescaling layer"
    low, high = seen
    found = f"since the samples go from {low:g} to {high:g}"
    guess = (0.0, 255.0) if high > _UNIT_RANGE_MAX else (-1.0, 1.0) if low < 0 else (0.0, 1.0)
    return guess, "" if guess == facts.picture_range else found


def _refuse_other_range(end: EndFacts, preprocess: Preprocess, seen: tuple[float, float] | None) -> None:
    """Refuse model-ready samples of another range: calibrated on them, the device would feed other numbers."""
    if seen is None:
        return
    levels = preprocess.levels()
    low, high = float(levels.min()), float(levels.max())
    slack = _RANGE_SLACK * (high - low)
    outside = seen[0] < low - slack or seen[1] > high + slack
    if outside or seen[1] - seen[0] < _RANGE_USED_MIN * (high - low):
        raise PreprocessError(
            f"the samples for {end.name!r} go from {seen[0]:g} to {seen[1]:g}, and pictures on the device would go "
            f"from {low:g} to {high:g}; say what bytes become (--range), or give the samples as uint8 pictures"
        )


def _seen_activation(answers: NDArray[Any]) -> Activation:
    rows = np.asarray(answers, np.float64).reshape(len(answers), -1)
    probabilities = (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3)
    return "softmax" if probabilities and rows.shape[1] > 1 else "logits"
