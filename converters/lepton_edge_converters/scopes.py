"""Layers by the names that their author gave them, found in the scopes of a traced graph.

TensorFlow names an operator by the scopes it was made in, ``digits_1/stem_conv_1/convolution``, and TFLite one that
several were fused into by all their names with ``;`` between. Keras 3 enters each layer's scope twice, to build and to
call, so that TensorFlow numbers it.
"""

import re
from collections.abc import Collection, Iterator

Path = tuple[str, ...]


def paths(operator: str, layers: Collection[str]) -> Iterator[Path]:
    """Yield where an operator comes from: names of layers, outermost first; one path for each that was fused into it.

    Args:
        operator: Its name in the graph.
        layers: Names of the model's layers, where its loader numbers their scopes; what stands inside one is left out.

    Example:
        >>> list(paths("net_1/relu_1/Relu;net_1/conv_2_1/convolution", ["net", "relu", "conv_2"]))
        [('net', 'relu'), ('net', 'conv_2')]
    """
    for part in operator.split(";"):
        scopes = [_author_name(scope, layers) for scope in part.split("/")[:-1]]
        known = [i for i, scope in enumerate(scopes) if scope in layers]
        yield tuple(scopes[: known[-1] + 1] if known else scopes)


def lies_in(path: Path, layer: str) -> bool:
    """Return whether a path goes through a layer, named by itself or with what it lies in: ``base/conv``."""
    wanted = tuple(layer.split("/"))
    return any(path[i : i + len(wanted)] == wanted for i in range(len(path) - len(wanted) + 1))


def _author_name(scope: str, layers: Collection[str]) -> str:
    plain = re.sub(r"_\d+$", "", scope)
    return plain if plain in layers else scope
