"""A traced model in, one that is easier to quantize out; runs in the worker."""

from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from lepton_edge_converters import scopes
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.load.rewrites import source
from lepton_edge_converters.load.trace import save_function
from lepton_edge_converters.passes.bias import correct_bias
from lepton_edge_converters.passes.constants import fold_constants
from lepton_edge_converters.passes.equalize import equalize
from lepton_edge_converters.passes.fold import fold
from lepton_edge_converters.passes.graph import Graph
from lepton_edge_converters.samples import StoredSamples

_WRAPPER = "PartitionedCall/"


def improve(
    traced: Path,
    facts: ModelFacts,
    samples: StoredSamples,
    out: Path,
    balance: bool,  # noqa: FBT001 - a job takes positions
    estimator: str,
) -> tuple[str, ...]:
    """Write another SavedModel of a traced model, and return what was changed, one sentence each.

    Args:
        traced: The SavedModel that ``load.trace`` wrote.
        facts: Of the model.
        samples: Those that calibrate.
        out: Folder to write.
        balance: Whether to equalize channels.
        estimator: Whose ranges to correct biases for, a row of ``ESTIMATORS``; empty to leave them. The answers then
            differ as much as rounding would have moved them.
    """
    graph, signature = read_traced(traced, facts)
    fold_constants(graph)
    changes = fold(graph)
    if balance:
        changes += equalize(graph, samples)
    if estimator:
        changes += correct_bias(graph, samples, estimator)
    save_function(graph.function(), signature, out)
    return changes


def read_traced(traced: Path, facts: ModelFacts) -> tuple[Graph, list[Any]]:
    """Return a traced model as a graph, its ends in the model's order, and the signature that it takes."""
    loaded = tf.saved_model.load(str(traced))
    function = loaded.signatures["serving_default"]
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    # A frozen function takes and gives its tensors flat, sorted by key: input_10 before input_2.
    answers = dict(zip(sorted(function.structured_outputs), (one.name for one in frozen.outputs), strict=True))
    taken = {source(one.name): one for one in frozen.inputs}
    inputs = [taken[f"input_{i}"] for i in range(len(taken))]
    outputs = [answers[f"output_{i}"] for i in range(len(answers))]
    signature = [tf.TensorSpec(one.shape, one.dtype, name=f"input_{i}") for i, one in enumerate(inputs)]
    wrapped = Graph(frozen.graph.as_graph_def(), [one.name for one in inputs], outputs)
    for node in wrapped:
        if node.op == "Identity" and wrapped.constant(node.input[0]) is None:
            wrapped.bypass(node)
    definition = wrapped.definition
    # A SavedModel's signature calls a function that calls the graph: its nodes get their own names back.
    for node in definition.node:
        node.name = _unwrapped(node.name)
        node.input[:] = [_unwrapped(name) for name in node.input]
    title = partial(scopes.title, layers=facts.layer_names, model=facts.name)
    return Graph(definition, wrapped.inputs, [_unwrapped(name) for name in wrapped.outputs], title), signature


def _unwrapped(name: str) -> str:
    while name.startswith(_WRAPPER):
        name = name.removeprefix(_WRAPPER)
    return name
