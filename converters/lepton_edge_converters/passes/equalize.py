"""Cross-layer equalization: channels of one tensor brought to like ranges, the layers behind taking it back.

In 8 bits a tensor has one scale; a channel five hundred times larger than the rest leaves these no grey level. A
positive factor a channel goes through rectifiers, pooling, padding and sums unchanged, so that the layer before may
be divided by it and the layers behind multiplied, and no answer changes; not by a bit, since the factors are powers
of two. After Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019, section 4.1,
who look at weights alone; samples are at hand here, and ranges are those that the activations have.
"""

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.passes.channels import is_fused
from lepton_edge_converters.passes.graph import Graph, Values
from lepton_edge_converters.passes.observe import channel_peaks
from lepton_edge_converters.passes.scales import Scales, find_scales
from lepton_edge_converters.passes.sets import Ids, Sets
from lepton_edge_converters.samples import StoredSamples

_WORTH_TELLING = 2.0
Exponents = NDArray[np.float64]


def equalize(graph: Graph, samples: StoredSamples) -> tuple[str, ...]:
    """Balance the channels of each tensor, and return what was done, a sentence."""
    scales = find_scales(graph)
    free = [name for name, ids in scales.tensors.items() if not scales.fixed(ids).all() and not is_fused(graph, name)]
    if not free:
        return ("no tensor bears a factor for each of its channels, so none was balanced",)
    peaks = channel_peaks(graph, free, samples)
    factors = np.exp2(np.rint(_exponents(scales, peaks)))
    for node, place, constant, ids in scales.sums:
        graph.set_constant(node, place, (constant / factors[scales.sets.roots(ids)]).astype(np.float32))
    for target, read, made in scales.layers:
        into, out = factors[scales.sets.roots(read)], factors[scales.sets.roots(made)]
        kernel = target.kernel * target.along_input(into) / target.along_output(out)
        graph.set_constant(target.node, target.weights, kernel.astype(np.float32))
    return _told(graph, peaks, {name: factors[scales.sets.roots(scales.tensors[name])] for name in peaks})


def _exponents(scales: Scales, peaks: dict[str, Values]) -> Exponents:
    """Return the binary logarithm of each number's factor.

    Rounding an activation and rounding the weights that read it cost the same where both take the same part of their
    ranges: the factor is the root of their ratio. A depthwise layer's weights have a scale for each channel already,
    which bears any factor.
    """
    count = len(scales.sets)
    peak, weight, mixed = np.zeros(count), np.zeros(count), np.zeros(count, bool)
    for name, values in peaks.items():
        np.maximum.at(peak, scales.sets.roots(scales.tensors[name]), values / max(values.max(), np.finfo("f4").tiny))
    for target, read, _ in scales.layers:
        roots = scales.sets.roots(read)
        if target.mixes:
            mixed[roots] = True
            np.maximum.at(weight, roots, _shares(target.kernel, target.into, target.out))
    known = (peak > 0) & ((weight > 0) | ~mixed)
    exponents = np.zeros(count)
    exponents[known] = np.log2(peak[known])
    both = known & mixed
    exponents[both] = (exponents[both] - np.log2(weight[both])) / 2
    return _levelled(exponents, known, scales, list(peaks))


def _shares(kernel: Values, into: int, out: tuple[int, ...]) -> Exponents:
    """Return, for each input channel, the largest share that it has of an output channel's range of weights."""
    sizes = np.abs(kernel, dtype=np.float64)
    rest = tuple(axis for axis in range(kernel.ndim) if axis not in out)
    sizes /= np.maximum(sizes.max(axis=rest, keepdims=True), np.finfo("f4").tiny)
    shares: Exponents = sizes.max(axis=tuple(axis for axis in range(kernel.ndim) if axis != into))
    return shares


def _levelled(exponents: Exponents, known: NDArray[np.bool_], scales: Scales, tensors: list[str]) -> Exponents:
    """Return the factors relative to those channels of the same tensors that cannot have any, or to their mean."""
    together = Sets()
    together.fresh(len(exponents))
    rows: list[Ids] = [scales.sets.roots(scales.tensors[name]) for name in tensors]
    for row in rows:
        together.join(row[:-1], row[1:])
    everything = np.arange(len(exponents))
    groups, fixed, used = (
        together.roots(everything),
        scales.fixed(everything),
        np.isin(everything, np.concatenate(rows)),
    )
    level = np.zeros(len(exponents))
    for group in np.unique(groups[used]):
        members = used & known & (groups == group)
        basis = members & fixed if np.any(members & fixed) else members
        level[groups == group] = exponents[basis].mean() if np.any(basis) else 0.0
    return np.where(used & known & ~fixed, exponents - level, 0.0)


def _told(graph: Graph, peaks: dict[str, Values], factors: dict[str, NDArray[np.float64]]) -> tuple[str, ...]:
    """Say how far apart the ranges of channels were, and are now, where it is farthest."""
    spreads = {name: (_spread(peaks[name]), _spread(peaks[name] / factors[name])) for name in peaks}
    better = {name: both for name, both in spreads.items() if both[0] > _WORTH_TELLING * both[1]}
    if not better:
        return (f"channels were in balance already in the {len(peaks)} tensors that bear a factor for each",)
    worst = max(better, key=lambda name: better[name][0])
    before, after = better[worst]
    told = f"most in {graph.title(worst)}, whose ranges were {before:,.0f} times apart, and are {after:,.1f}"
    return (f"channels balanced in {len(better)} of {len(peaks)} tensors, {told}",)


def _spread(values: NDArray[np.floating]) -> float:
    lit = values[values > 0]
    return float(lit.max()) / float(lit.min()) if lit.size else 1.0
