"""Which channels go: of each group the least important, as many as its new width leaves out."""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import PruneError
from lepton_edge_converters.prune.candidate import Candidate, aligned_step
from lepton_edge_converters.prune.dependencies import Dependencies
from lepton_edge_converters.prune.importance import Importance
from lepton_edge_runtime.wire import nearest


def candidates(
    dependencies: Dependencies,
    importance: Importance,
    *,
    step: int,
    keep: Collection[str] = (),
    least: Mapping[str, int] | None = None,
) -> list[Candidate]:
    """Return the groups that may lose channels, as the solver takes them.

    Args:
        dependencies: Of the model.
        importance: Of each channel.
        step: Widths are multiples of it, or what they were; of narrow groups, of a part of it.
        keep: Layers that keep all channels that they make.
        least: Of groups, how many channels they keep at least; 1 by default.

    Raises:
        PruneError: There is no such layer to keep.
    """
    names = {call.name for call in dependencies.flat.calls}
    for name in keep:
        if name not in names:
            raise PruneError(f"there is no layer {name!r} to keep{nearest(name, sorted(names))}")
    return [
        Candidate(
            group.name,
            group.width,
            importance[group.leaders],
            minimum=group.width if {*group.makers} & {*keep} else min(group.width, (least or {}).get(group.name, 1)),
            step=aligned_step(group.width, step),
        )
        for group in dependencies.prunable
    ]


def least_important(dependencies: Dependencies, importance: Importance, widths: Mapping[str, int]) -> NDArray[np.int64]:
    """Return the leaders of the channels that new widths leave out; groups without a new width lose none."""
    gone = [np.empty(0, np.int64)]
    for group in dependencies.prunable:
        # Of equals the later ones go.
        order = np.argsort(-importance[group.leaders], kind="stable")
        gone.append(group.leaders[order[widths.get(group.name, group.width) :]])
    return np.sort(np.concatenate(gone))
