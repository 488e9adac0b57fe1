"""A user's own metric: ``module:function``."""

from collections.abc import Callable, Sequence
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import MetricError
from lepton_edge_converters.load.custom import find_object
from lepton_edge_converters.metrics import Compare, Scoring
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import first_line

MetricFunction = Callable[[list[NDArray[Any]], list[NDArray[Any]], NDArray[Any] | None], float]
"""``metric(reference, outputs, targets)``: a number, higher is better.

``reference`` and ``outputs`` are the original's answers and those judged, one array an output in the model's order,
real numbers, samples first; ``targets`` the labels of these samples as they were given, or ``None``."""


def own_metric(name: str, truths: NDArray[Any] | None) -> Compare:
    """Return the comparison that the user's function ``module:function`` makes.

    Raises:
        MetricError: There is no such function, or, when it is called, it fails or answers what is no number.
    """
    function = find_object(name, option="--metric", error=MetricError)
    if not callable(function):
        raise MetricError(f"the metric {name!r} is no function; it is called as metric(reference, outputs, targets)")

    def compare(reference: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]], card: Card) -> Scoring:
        del card  # the function knows its model

        def scoring(weights: NDArray[np.float64]) -> float:
            if (weights == 1).all():
                return _called(name, function, reference, outputs, truths)
            rows = np.repeat(np.arange(len(weights)), weights.astype(np.int64))
            drawn, drawn_outputs = ([array[rows] for array in arrays] for arrays in (reference, outputs))
            try:
                return _called(name, function, drawn, drawn_outputs, None if truths is None else truths[rows])
            except MetricError as failed:
                # A draw may lack a class that the number needs; the whole set does not.
                if isinstance(failed.__cause__, ValueError | ArithmeticError):
                    return nan
                raise

        return scoring

    return compare


def _called(
    name: str,
    function: MetricFunction,
    reference: Sequence[NDArray[Any]],
    outputs: Sequence[NDArray[Any]],
    truths: NDArray[Any] | None,
) -> float:
    try:
        given = None if truths is None else _frozen(truths)
        answer: Any = function([*map(_frozen, reference)], [*map(_frozen, outputs)], given)
    except Exception as problem:  # whatever the user's own code raises is told with its name
        raise MetricError(f"the metric {name!r} failed: {type(problem).__name__}: {first_line(problem)}") from problem
    try:
        return float(answer)
    except (TypeError, ValueError) as problem:
        raise MetricError(f"the metric {name!r} answered {type(answer).__name__}, not a number") from problem


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that the user's function cannot write into: others read the array after it."""
    view = array.view()
    view.flags.writeable = False
    return view
