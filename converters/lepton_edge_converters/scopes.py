"""Layers by the names that their author gave them, found in the scopes of a traced graph.

TensorFlow names an operator by the scopes it was made in, ``digits_1/stem_conv_1/convolution``, and TFLite one that
several were fused into by all their names with ``;`` between. Keras 3 enters each layer's scope twice, to build and to
call, so that TensorFlow numbers it.
"""

import re
from collections.abc import Collection, Iterator

Path = tuple[str, ...]

# Scopes of a SavedModel's functions, one in the other.
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
# What a normalization does, in a scope that it opens for itself.
_NORMALIZING = re.compile(r"batchnorm/(add|mul|sub|Rsqrt)[_\d]*$")


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
        inner = 2 if _NORMALIZING.search(part) else 1
        scopes = [_author_name(scope, layers) for scope in part.split("/")[:-inner] if scope not in _CALLS]
        known = [i for i, scope in enumerate(scopes) if scope in layers]
        yield tuple(scopes[: known[-1] + 1] if known else scopes)


def within(path: Path, model: str) -> Path:
    """Return a path inside the model that is its outermost scope."""
    return path[1:] if len(path) > 1 and path[0] == model else path


def title(operator: str, layers: Collection[str] = (), model: str = "") -> str:
    """Return the name of the layer that an operator comes from, the first of those that were fused into it.

    Example:
        >>> title("net_1/norm_1/batchnorm/mul_1", ["net", "norm"], "net")
        'norm'
    """
    return "/".join(within(next(paths(operator, layers)), model)) or operator


def lies_in(path: Path, layer: str) -> bool:
    """Return whether a path goes through a layer, named by itself or with what it lies in: ``base/conv``."""
    wanted = tuple(layer.split("/"))
    return any(path[i : i + len(wanted)] == wanted for i in range(len(path) - len(wanted) + 1))


def _author_name(scope: str, layers: Collection[str]) -> str:
    plain = re.sub(r"_\d+$", "", scope)
    return plain if plain in layers else scope
