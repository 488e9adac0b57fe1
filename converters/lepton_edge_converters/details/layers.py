"""Layer by layer: the float TFLite file beside the converted one, on a few judged samples; runs in the worker."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from lepton_edge_converters.artefacts import Artefact, stored_inputs
from lepton_edge_converters.details.sums import Sums
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.quantize.layers import read_layers
from lepton_edge_converters.report.layers import Histogram, LayerError, LayerErrors
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import report_progress
from lepton_edge_runtime.errors import first_line
from lepton_edge_runtime.formats import Operator
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.machine import usable_cores
from lepton_edge_runtime.tensors import Quant

_SAMPLES = 8  # an SQNR over a layer's thousands of numbers hardly moves with more
_SECONDS_MAX = 10.0  # kernels without XNNPACK are slow, and nobody waits for a picture of a large model
_HISTOGRAMS = 6
_BINS = 64
# Constants that passes made, in the name of what they were fused into, are numbered as they came.
_OURS = re.compile(r";[^;]*/constant[_\d]*(?=;|$)")


@dataclass(frozen=True, slots=True)
class _Tensor:
    """What an operator makes, in both files.

    Attributes:
        operator: The float file's.
        name: In the float file; in the other one it may differ by the number of a constant.
        float_index: Of the tensor in the float file.
        index: Of the tensor in the converted one.
        dtype: In the converted one.
        quant: Its scaling there; ``None`` if it stores real numbers.
    """

    operator: Operator
    name: str
    float_index: int
    index: int
    dtype: np.dtype[Any]
    quant: Quant | None


class _Opened:
    """A TFLite file whose tensors can all be read after a run."""

    def __init__(self, artefact: Artefact) -> None:
        # XNNPACK keeps what it computes between two operators to itself: LiteRT's own kernels are run instead.
        self._interpreter = Interpreter(
            model_content=artefact.path.read_bytes(),
            num_threads=usable_cores(),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._interpreter.allocate_tensors()
        self._card = artefact.card
        self._inputs = {detail["name"]: detail["index"] for detail in self._interpreter.get_input_details()}
        self.tensors = {detail["name"]: detail for detail in self._interpreter.get_tensor_details()}

    def run(self, samples: StoredSamples, sample: int) -> None:
        """Run the file on one sample."""
        for end, stored in zip(self._card.inputs, stored_inputs(samples, self._card, sample, sample + 1), strict=True):
            shape = end.tensor.shape
            self._interpreter.set_tensor(self._inputs[end.tensor.name], stored.reshape(shape))
        self._interpreter.invoke()

    def read(self, index: int) -> NDArray[Any]:
        """Return what a tensor holds after the last run."""
        array: NDArray[Any] = self._interpreter.get_tensor(index)
        return array


def compare_layers(reference: Artefact, artefact: Artefact, samples: StoredSamples, facts: ModelFacts) -> LayerErrors:
    """Return how far each operator's output is from the float file's, matched by the tensor's name.

    A file that LiteRT's kernels without XNNPACK cannot run has no layers, and the note says why.
    """
    content = reference.path.read_bytes()
    operators = read_tflite(content).operators
    names = {one.operator: one.name for one in read_layers(content, facts)}
    try:
        before, after = _Opened(reference), _Opened(artefact)
        matched = list(match_tensors(operators, before.tensors, after.tensors))
        sums = {one.name: Sums(one.dtype, one.quant) for one in matched}
        count = _run(before, after, samples, matched, sums)
        layers = _layer_errors(operators, matched, sums, names)
        errors = LayerErrors(artefact.title, reference.title, count, _outputs(operators) - len(matched), layers)
        return _with_histograms(errors, before, samples, matched)
    except (RuntimeError, ValueError) as refused:
        note = f"LiteRT's kernels without XNNPACK cannot run one of the two files: {first_line(refused)}"
        return LayerErrors(artefact.title, reference.title, 0, _outputs(operators), (), note)


def match_tensors(
    operators: Sequence[Operator], before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]
) -> Iterator[_Tensor]:
    """Yield the float outputs that both files have, under one name and of one shape."""
    found = {_OURS.sub("", name): tensor for name, tensor in after.items()}
    for operator in operators:
        for name in operator.outputs:
            one, other = before.get(name), found.get(_OURS.sub("", name))
            if one is None or other is None or np.dtype(one["dtype"]).kind != "f":
                continue
            if list(one["shape"]) != list(other["shape"]):
                continue
            scale, zero_point = other["quantization"]
            quant = Quant(float(scale), int(zero_point)) if scale else None
            yield _Tensor(operator, name, one["index"], other["index"], np.dtype(other["dtype"]), quant)


def _outputs(operators: Sequence[Operator]) -> int:
    return sum(len(operator.outputs) for operator in operators)


def _run(
    before: _Opened, after: _Opened, samples: StoredSamples, matched: Sequence[_Tensor], sums: dict[str, Sums]
) -> int:
    """Run both files on samples, as far as time allows, and return how many there were."""
    begin, count = monotonic(), min(_SAMPLES, len(samples))
    for sample in range(count):
        before.run(samples, sample)
        after.run(samples, sample)
        for one in matched:
            sums[one.name].add(before.read(one.float_index), after.read(one.index))
        report_progress("layer by layer", sample + 1, count)
        if monotonic() - begin > _SECONDS_MAX:
            return sample + 1
    return count


def _layer_errors(
    operators: Sequence[Operator], matched: Sequence[_Tensor], sums: dict[str, Sums], names: Mapping[str, str]
) -> tuple[LayerError, ...]:
    """Return what was summed up, and how much of the error each layer added to that of its inputs."""
    tensors = {one.name: one for one in matched}
    noises: dict[str, float] = {}
    errors: list[LayerError] = []
    for operator in operators:
        inherited = max((noises.get(name, 0.0) for name in operator.inputs), default=0.0)
        for name in operator.outputs:
            # What has no partner hands on the error of its inputs.
            noises[name] = inherited
            if name not in tensors:
                continue
            found = sums[name]
            noises[name] = found.noise_share if found.power else inherited
            errors.append(
                LayerError(
                    position=len(errors) + 1,
                    layer=names.get(operator.output, operator.output),
                    tensor=name,
                    kind=operator.kind,
                    sqnr_db=found.sqnr_db,
                    added_noise=max(0.0, noises[name] - inherited),
                    storage_db=found.storage_db,
                    clipped=found.clipped_share,
                    low=found.low,
                    high=found.high,
                    range_low=found.range[0] if found.range else None,
                    range_high=found.range[1] if found.range else None,
                )
            )
    return tuple(errors)


def _with_histograms(
    errors: LayerErrors, before: _Opened, samples: StoredSamples, matched: Sequence[_Tensor]
) -> LayerErrors:
    """Return the errors with histograms of the worst layers that have a range, whose ends are known by now."""
    worst = {one.tensor: one for one in errors.worst(_HISTOGRAMS) if one.added_noise and _is_drawn(one)}
    indices = {one.name: one.float_index for one in matched}
    counts = {tensor: np.zeros(_BINS, np.int64) for tensor in worst}
    for sample in range(errors.samples if worst else 0):
        before.run(samples, sample)
        for tensor, one in worst.items():
            counts[tensor] += np.histogram(before.read(indices[tensor]), _BINS, (one.low, one.high))[0]
    drawn = {
        tensor: Histogram(one.low, one.high, tuple(int(count) for count in counts[tensor]))
        for tensor, one in worst.items()
    }
    return replace(errors, layers=tuple(replace(one, histogram=drawn.get(one.tensor)) for one in errors.layers))


def _is_drawn(one: LayerError) -> bool:
    return one.range_low is not None and 0 < one.high - one.low < np.inf
