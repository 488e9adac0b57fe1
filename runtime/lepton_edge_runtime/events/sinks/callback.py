"""A function of the embedding program."""

from collections.abc import Callable

import msgspec

from lepton_edge_runtime.errors import SinkError, SinkRefusedError, typed_line
from lepton_edge_runtime.events.event import Event, decode_event

_WORDS_MAX = 200


class CallbackSink:
    """Calls a function with each event; one that raises is called again with the same event.

    Args:
        function: Called from the delivery's thread; while it does not return, nothing else is delivered or closed.
    """

    def __init__(self, function: Callable[[Event], object]) -> None:
        self._function = function

    def send(self, message: bytes) -> None:
        """Call the function."""
        try:
            event = decode_event(message)
        except msgspec.DecodeError as problem:
            raise SinkRefusedError(f"what is kept is no event: {problem}") from problem
        try:
            self._function(event)
        except Exception as problem:
            raise SinkError(f"the callback raised {typed_line(problem, most=_WORDS_MAX)}") from problem

    def check(self) -> None:
        """A function is always there."""

    def close(self) -> None:
        """Hold nothing."""
