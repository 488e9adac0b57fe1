"""The operators of a float TFLite file, called by the names of the layers that they come from."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ai_edge_litert import schema_py_generated as schema

from lepton_edge_converters import scopes
from lepton_edge_converters.errors import RecipeError
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_runtime.formats import Operator
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.wire import nearest

MOVERS = frozenset(
    {
        *("AVERAGE_POOL_2D", "DEPTH_TO_SPACE", "EXPAND_DIMS", "GATHER", "MAX_POOL_2D", "MIRROR_PAD", "PAD", "RESHAPE"),
        *("RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "SLICE", "SPACE_TO_DEPTH", "SPLIT", "SQUEEZE", "STRIDED_SLICE"),
        *("TILE", "TRANSPOSE"),
    }
)
"""Operators whose output has the scale of their input: they move numbers about, or take one or the mean of several."""

# What an operator that does most of the work was called before activations and normalizations were fused into it.
_CORES = {
    "CONV_2D": ("convolution", "Conv2D"),
    "DEPTHWISE_CONV_2D": ("depthwise", "DepthwiseConv2D", "DepthwiseConv2dNative"),
    "FULLY_CONNECTED": ("MatMul", "Tensordot"),
    "TRANSPOSE_CONV": ("conv2d_transpose", "conv_transpose", "Conv2DBackpropInput"),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator that computes with real numbers.

    Attributes:
        name: Of the layer it comes from, with its kind where the layer has several; unlike all others.
        kind: TFLite's name, such as ``CONV_2D``.
        index: Its place among the file's operators.
        operator: Its own name, that of its first output.
        paths: Layers that were fused into it.
        inputs, outputs: Names of the tensors.
    """

    name: str
    kind: str
    index: int
    operator: str
    paths: tuple[scopes.Path, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def lies_in(self, layer: str) -> bool:
        """Return whether it is, or belongs to, a layer of this name."""
        return layer == self.name or any(scopes.lies_in(path, layer) for path in self.paths)


def read_layers(content: bytes, facts: ModelFacts) -> tuple[Layer, ...]:
    """Return the layers of a float file, in the order in which they run.

    Args:
        content: The file, its ends under the names that tracing gave them or under the model's own.
        facts: Of the model it was made of.
    """
    file = read_tflite(content)
    ends = _end_names(content, facts)
    found = [
        Layer("", one.kind, i, one.output, _paths(one, ends, facts), one.inputs, one.outputs)
        for i, one in enumerate(file.operators)
        if "float32" in one.dtypes
    ]
    shared = Counter(path for layer in found for path in set(layer.paths))
    names = [_name(layer, shared) for layer in found]
    return tuple(replace(layer, name=name) for name, layer in zip(_numbered(names), found, strict=True))


def named_layers(layers: Sequence[Layer], names: Sequence[str]) -> tuple[Layer, ...]:
    """Return the layers that these names mean, and those between them that only move numbers about.

    A tensor that 8 bits cannot hold is spared only if whoever makes it and whoever reads it compute in float; a
    reshape between the two would quantize it after all.

    Raises:
        RecipeError: A name means none.
    """
    chosen: set[int] = set()
    for name in names:
        meant = {layer.index for layer in layers if layer.lies_in(name)}
        if not meant:
            known = sorted({layer.name for layer in layers})
            hint = nearest(name, known) or f"; there are: {', '.join(known[:8])}{' …' if len(known) > 8 else ''}"
            raise RecipeError(f"float_layers: no layer {name!r} in the converted model{hint}")
        chosen |= meant
    spared = _with_movers(layers, chosen)
    return tuple(layer for layer in layers if layer.index in spared)


def _with_movers(layers: Sequence[Layer], chosen: set[int]) -> set[int]:
    """Return the chosen layers and the movers that get from, and give to, none but chosen ones and such movers."""
    makers = {name: layer.index for layer in layers for name in layer.outputs}
    readers = {layer.index: {one.index for one in layers if {*layer.outputs} & {*one.inputs}} for layer in layers}
    sources = {layer.index: makers.get(layer.inputs[0]) for layer in layers if layer.kind in MOVERS}
    between = set(sources)
    while True:
        inside = chosen | between
        kept = {i for i in between if sources[i] in inside and readers[i] and readers[i] <= inside}
        if kept == between:
            return inside
        between = kept


def _end_names(content: bytes, facts: ModelFacts) -> dict[str, str]:
    """Return the model's names of its outputs, by the names of their tensors."""
    model = schema.Model.GetRootAs(content, 0)
    signature, graph = model.SignatureDefs(0), model.Subgraphs(0)
    outputs = [signature.Outputs(i) for i in range(signature.OutputsLength())]
    named = {graph.Tensors(one.TensorIndex()).Name().decode(): one.Name().decode() for one in outputs}
    # In a finished file, tensor and entry of the signature have the model's own name.
    return {tensor: key if tensor == key else facts.outputs[output_number(key)].name for tensor, key in named.items()}


def output_number(key: str) -> int:
    """Return which output a key of a traced model's signature means: ``output_1`` is the second."""
    return int(key.removeprefix("output_"))


def _paths(operator: Operator, ends: dict[str, str], facts: ModelFacts) -> tuple[scopes.Path, ...]:
    """Return where an operator comes from; one that makes an output is called by it, and tells more by its weights."""
    if operator.output not in ends:
        return tuple(scopes.within(path, facts.name) for path in scopes.paths(operator.output, facts.layer_names))
    weights = operator.inputs[1] if len(operator.inputs) > 1 else ""
    more = (scopes.within(path, facts.name) for path in scopes.paths(weights, facts.layer_names) if path)
    return ((ends[operator.output],), *more)


def _name(layer: Layer, shared: Counter[scopes.Path]) -> str:
    path = _core(layer)
    name = "/".join(path) or layer.operator
    return name if shared[path] == 1 else f"{name}/{layer.kind.lower()}"


def _core(layer: Layer) -> scopes.Path:
    """Return the path of the operator that does the work, among those that were fused."""
    parts = layer.operator.split(";")
    if len(parts) == len(layer.paths):
        for part, path in zip(parts, layer.paths, strict=True):
            # TFLite adds a digit to a name that another tensor has.
            if re.sub(r"\d*$", "", part.split("/")[-1]) in _CORES.get(layer.kind, ()):
                return path
    return layer.paths[-1]


def _numbered(names: list[str]) -> list[str]:
    """Return the names, those that several have with a number behind."""
    counts, seen = Counter(names), Counter[str]()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(name if counts[name] == 1 else f"{name}_{seen[name]}")
    return numbered
