"""The outputs of a bare file: what they are, and which task reads them."""

from collections.abc import Mapping, Sequence
from math import prod

import msgspec

from lepton_edge_runtime.bare.draft import Answers, Draft
from lepton_edge_runtime.bare.layouts import told_head
from lepton_edge_runtime.card import Activation, OutputCard
from lepton_edge_runtime.errors import ModelFileError
from lepton_edge_runtime.formats import Operator
from lepton_edge_runtime.heads import TASKS_WITH_HEAD, Head, TflitePostprocess, task_of
from lepton_edge_runtime.tensors import OPEN, TensorSpec

DETECTION = "TFLite_Detection_PostProcess"
"""TFLite's operator that ends a detector: boxes, classes, scores and their count."""

_BACKGROUND = ("???", "background")
_ACTIVATIONS: dict[str, Activation] = {
    "SOFTMAX": "softmax", "Softmax": "softmax", "LOGISTIC": "sigmoid", "Sigmoid": "sigmoid",
    "LOG_SOFTMAX": "logits", "LogSoftmax": "logits",
}  # fmt: skip
# Operators that give the same numbers another shape, type or name.
_CARRIERS = {
    "RESHAPE", "SQUEEZE", "QUANTIZE", "DEQUANTIZE",
    "Reshape", "Squeeze", "Flatten", "Identity", "QuantizeLinear", "DequantizeLinear",
}  # fmt: skip

_CARRIERS_MAX = 100


def detected(draft: Draft, operator: Operator) -> Answers:
    """Return the answers of a model that ends in TFLite's operator for detection."""
    specs = {spec.name: spec for spec in draft.file.outputs}
    if len(operator.outputs) != 4 or not set(operator.outputs) <= specs.keys():
        raise ModelFileError(f"the operator {DETECTION} has not all of its four outputs at the model's end")
    labels = draft.given.names if draft.given.names is not None else draft.hints.labels
    if labels and labels[0].strip().lower() in _BACKGROUND:
        labels = labels[1:]
        draft.assume(f"the first label is left out: {DETECTION} counts classes from the first after the background")
    if not labels:
        draft.assume("it has no labels: classes are numbers (--labels)")
    ends = tuple(OutputCard(_batch_of_one(specs[name])) for name in operator.outputs)
    return Answers(ends, "detect", labels, head=TflitePostprocess())


def answered(draft: Draft) -> Answers:
    """Return the answers of any other model."""
    specs = tuple(_batch_of_one(spec) for spec in draft.file.outputs)
    makers = {name: one for one in draft.file.operators for name in one.outputs}
    activations = tuple(_activation(makers, spec) for spec in specs)
    head = draft.given.head or told_head(draft.hints, specs, as_shares=_is_tflite(draft))
    if head is not None or draft.given.task in TASKS_WITH_HEAD:
        return _headed(draft, specs, head)
    labels = draft.given.names
    if labels is None:
        labels = _told_labels(draft, specs)
    task = draft.given.task or _task(draft, specs, activations, labels)
    if task == "embed":
        return Answers(tuple(OutputCard(spec) for spec in specs), task)
    if task != "classify":
        if draft.given.names is not None:
            raise ModelFileError(f"labels were given, and the task {task!r} has none; try --task classify")
        known = tuple("none" if one in (None, "logits") else one for one in activations)
        plain = tuple(OutputCard(spec, one) for spec, one in zip(specs, known, strict=True))
        return Answers(plain, task)
    ends = []
    for spec, activation in zip(specs, activations, strict=True):
        if activation is None:
            draft.assume(f"the numbers of {spec.name!r} are taken to be logits: no softmax stands before them")
        ends.append(OutputCard(spec, activation or "logits"))
    if not labels:
        draft.assume("it has no labels: classes are numbers (--labels)")
    return Answers(tuple(ends), task, labels)


def _headed(draft: Draft, specs: Sequence[TensorSpec], head: Head | None) -> Answers:
    """Return the answers of a model with a head."""
    task = draft.given.task or (task_of(head) if head else "")
    if head is None:
        shapes = ", ".join(spec.shape_text() for spec in specs)
        raise ModelFileError(
            f"the task {task!r} needs a head, which says how the outputs ({shapes}) are laid out: describe it in a "
            "TOML file (--describe), such as head = { kind = 'yolo' }"
        )
    labels = draft.hints.labels if draft.given.names is None else draft.given.names
    if not labels and task in ("detect", "segment"):
        draft.assume("it has no labels: classes are numbers (--labels)")
    return Answers(tuple(map(OutputCard, specs)), task, labels, head, draft.given.points or ())


def _is_tflite(draft: Draft) -> bool:
    """Return whether the operators are TFLite's, whose names have no lower case but in custom ones."""
    return any(one.kind.isupper() for one in draft.file.operators)


def _told_labels(draft: Draft, specs: Sequence[TensorSpec]) -> tuple[str, ...]:
    labels = draft.hints.labels
    if len(specs) != 1 or not labels or draft.hints.task not in ("", "classify"):
        return ()
    count = specs[0].shape[-1] if specs[0].shape else 1
    if len(labels) not in (count, 2 if count == 1 else count):
        draft.assume(f"its metadata have {len(labels)} labels for {count} classes, and are not used (--labels)")
        return ()
    return labels


def _task(
    draft: Draft, specs: Sequence[TensorSpec], activations: Sequence[Activation | None], labels: Sequence[str]
) -> str:
    if draft.hints.task and draft.hints.task != "classify":
        draft.assume(
            f"its metadata say the task {draft.hints.task!r}, and not how its outputs are laid out: they are given as "
            "they are (--describe)"
        )
        return "raw"
    row = len(specs) == 1 and bool(specs[0].shape) and prod(specs[0].shape) == specs[0].shape[-1]
    if labels or (row and draft.hints.task == "classify"):
        return "classify"
    if row and activations[0] == "softmax":
        draft.assume(
            f"the output {specs[0].name!r} is taken as the probabilities of {specs[0].shape[-1]} classes (--task)"
        )
        return "classify"
    if row and specs[0].shape[-1] > 1:
        draft.assume(
            f"the output {specs[0].name!r} is taken as {specs[0].shape[-1]} plain numbers; if they are scores of "
            "classes, give --labels or --task classify"
        )
    return "raw"


def _activation(makers: Mapping[str, Operator], spec: TensorSpec) -> Activation | None:
    """Return what the numbers of an output are, as far as the operators that make it tell."""
    name = spec.name
    # A broken file may lead in a circle.
    for _ in range(_CARRIERS_MAX):
        maker = makers.get(name)
        if maker is None or maker.kind not in _CARRIERS or not maker.inputs:
            break
        name = maker.inputs[0]
    maker = makers.get(name)
    if maker is not None and maker.kind in _ACTIVATIONS:
        return _ACTIVATIONS[maker.kind]
    # What converters give a softmax: 256 steps from 0 to almost 1.
    lowest = {"uint8": 0, "int8": -128}.get(spec.dtype)
    if spec.quant and spec.quant.scale == 1 / 256 and spec.quant.zero_point == lowest:
        return "softmax"
    return None


def _batch_of_one(spec: TensorSpec) -> TensorSpec:
    if not spec.shape:
        return msgspec.structs.replace(spec, shape=(OPEN,))  # some files give no shape, which is not a scalar
    if len(spec.shape) > 1 and spec.shape[0] == OPEN:
        return msgspec.structs.replace(spec, shape=(1, *spec.shape[1:]))
    return spec
