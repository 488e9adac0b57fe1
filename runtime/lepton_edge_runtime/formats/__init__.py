"""What model files say of themselves, read without running them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lepton_edge_runtime.tensors import TensorSpec

CARD_KEY = "lepton_edge_card"
"""Name of the card in TFLite Metadata and in ONNX ``metadata_props``."""

OPERATORS_MAX = 100_000
"""More than any model has: a file that claims more is refused before it fills the memory."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of a graph.

    Attributes:
        kind: The format's own name, such as ``CONV_2D`` or ``Conv``; ``custom`` ones by their own code.
        custom: Whether a plain engine has no kernel for it (custom and Flex operators).
        dtypes: Types of the tensors that it computes on, without shapes, indices and biases.
        macs: Multiply-accumulates of one run, 0 where it has none.
        inputs, outputs: Names of its tensors.
    """

    kind: str
    custom: bool = False
    dtypes: frozenset[str] = frozenset()
    macs: int = 0
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def output(self) -> str:
        """Name of its first output."""
        return self.outputs[0] if self.outputs else ""


@dataclass(frozen=True, slots=True)
class PictureHint:
    """What another tool's metadata say of a picture input; empty or ``None`` where they say nothing.

    Attributes:
        color: ``rgb``, ``bgr`` or ``gray``.
        resize: ``stretch``, ``letterbox`` or ``crop``.
        crop_fraction: Share of the short side that ``crop`` keeps.
        size: Width and height.
        mean, std: One number a channel, or one for all: a byte ``b`` becomes ``(b - mean) / std``.
    """

    color: str = ""
    resize: str = ""
    crop_fraction: float | None = None
    size: tuple[int, int] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Hints:
    """What another tool's metadata say of a model.

    Attributes:
        source: Whose they are, such as ``TFLite Metadata``.
        name: The model's name.
        task: In that tool's word; empty where it says none.
        labels: Of the classes, in order.
        labels_from: The file that holds them.
        pictures: One an input, in the file's order; ``None`` where nothing is said.
        notes: What could not be used, one sentence each.

    As text: what is used of them; empty where that is nothing.
    """

    source: str
    name: str = ""
    task: str = ""
    labels: tuple[str, ...] = ()
    labels_from: str = ""
    pictures: tuple[PictureHint | None, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [self.name] if self.name else []
        parts += [f"task {self.task}"] if self.task else []
        parts += [f"{len(self.labels)} labels" + (f" in {self.labels_from}" if self.labels_from else "")] * bool(
            self.labels
        )
        for picture in self.pictures:
            if picture is not None and picture.std:
                mean, std = (", ".join(f"{one:g}" for one in numbers) for numbers in (picture.mean, picture.std))
                parts.append(f"mean {mean}, std {std}")
        return f"{self.source}: {'; '.join(parts)}" if parts else ""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What one model file says of itself.

    Attributes:
        operators: Of the main graph.
        inputs, outputs: In the file's order; the size of an axis is ``OPEN`` where the file does not fix it.
        card: Ours, if it carries one.
        hints: What other tools' metadata say.
        obstacles: Why no engine of ours can serve it, one sentence each.
        versions: Of the format and of its operator sets.
    """

    operators: tuple[Operator, ...]
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    card: bytes | None = None
    hints: Hints | None = None
    obstacles: tuple[str, ...] = ()
    versions: Mapping[str, int] = field(default_factory=dict)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run, where the format tells them."""
        return sum(operator.macs for operator in self.operators)

    def counts(self) -> dict[str, int]:
        """Return how many operators of each kind there are, the most frequent first."""
        counts: dict[str, int] = {}
        for operator in self.operators:
            counts[operator.kind] = counts.get(operator.kind, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


_SERVED_DTYPES = frozenset(
    ("float32", "float16", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "bool")
)


def end_obstacles(inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> list[str]:
    """Return what keeps a model's ends from being fed or read."""
    found = []
    if not inputs:
        found.append("it takes no input")
    for kind, specs, use in (("input", inputs, "feeds"), ("output", outputs, "reads")):
        found += [
            f"the {kind} {spec.name!r} is of type {spec.dtype}, which no task {use}"
            for spec in specs
            if spec.dtype not in _SERVED_DTYPES
        ]
    found += [
        f"the input {spec.name!r} is a single number (a scalar), which no task feeds; fix it when the model is exported"
        for spec in inputs
        if not spec.shape and spec.dtype in _SERVED_DTYPES
    ]
    return found
