"""What the worker does with a model's file: prunes it, or lists its groups of channels."""

from pathlib import Path

import keras

from lepton_edge_converters.load.custom import find_custom
from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.load.opened import load_keras3
from lepton_edge_converters.prune.dependencies import find_dependencies
from lepton_edge_converters.prune.flat import flatten
from lepton_edge_converters.pruning.rounds import prune_channels
from lepton_edge_converters.report.pruned import GroupRow, Pruned
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.shrinking import Pruning
from lepton_edge_converters.train import Training
from lepton_edge_converters.worker import report_progress


def prune_file(
    path: Path,
    options: LoadOptions,
    samples: StoredSamples | None,
    pruning: Pruning,
    training: Training | None,
    cache: str | None,
    checkpoint: Path | None,
    out: Path,
) -> Pruned:
    """Write the model of a file without some of its channels; see ``prune_channels``."""
    with keras.saving.custom_object_scope(find_custom(options.custom)):
        model, told = prune_channels(
            load_keras3(path, options), samples, pruning, training,
            cache=cache, checkpoint=checkpoint, progress=report_progress,
        )  # fmt: skip
        model.save(out)
    return told


def list_groups(path: Path, options: LoadOptions) -> tuple[GroupRow, ...]:
    """Return the groups of channels of the model of a file, in the order of its graph."""
    dependencies = find_dependencies(flatten(load_keras3(path, options)))
    return tuple(
        GroupRow(
            group.name, group.width, group.makers, group.followers, group.takers,
            group.frozen or ("it is one channel" if group.width == 1 else ""),
        )
        for group in dependencies.groups
    )  # fmt: skip
