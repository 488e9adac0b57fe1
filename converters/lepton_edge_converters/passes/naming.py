"""Lists of names, for people."""

_SHOWN = 4


def listed(names: list[str]) -> str:
    """Return a few of the names, and how many there are more.

    Example:
        >>> listed(["a", "b", "c", "d", "e", "f"])
        'a, b, c, d and 2 more'
    """
    unlike = list(dict.fromkeys(names))
    more = len(unlike) - _SHOWN
    return ", ".join(unlike[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
