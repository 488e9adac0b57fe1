"""Text from files of others, before it reaches a terminal."""

import re

# Control characters, halves of pairs, and what turns the direction of writing: they can hide or forge a line.
_UNPLAIN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def is_plain(text: str) -> bool:
    """Return whether a text can be shown as it is."""
    return _UNPLAIN.search(text) is None


def printable(text: str) -> str:
    """Return a text with what cannot be shown written as escapes, such as ``\\x1b``."""
    return _UNPLAIN.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)
