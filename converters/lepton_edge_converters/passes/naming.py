"""Names of a graph's nodes, for people."""

_SHOWN = 4
# What Keras and TensorFlow put behind a layer's own name.
_INNER = frozenset(("batchnorm", "convolution", "depthwise", "Tensordot"))


def title(node: str) -> str:
    """Return the name of the layer that a node belongs to, as its author called it.

    Example:
        >>> title("functional_1/batch_normalization_1/batchnorm/mul_1")
        'batch_normalization_1'
    """
    parts = node.split("/")[:-1] or [node]
    while len(parts) > 1 and parts[-1] in _INNER:
        parts.pop()
    return parts[-1]


def listed(names: list[str]) -> str:
    """Return a few of the names, and how many there are more.

    Example:
        >>> listed(["a", "b", "c", "d", "e", "f"])
        'a, b, c, d and 2 more'
    """
    unlike = list(dict.fromkeys(names))
    more = len(unlike) - _SHOWN
    return ", ".join(unlike[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
