"""A function of the embedding program."""

from collections.abc import Callable

from lepton_edge_runtime.errors import SinkError, typed_line
from lepton_edge_runtime.events.event import Event, decode_event

_WORDS_MAX = 200


class CallbackSink:
    """Calls a function with each event; one that raises is called again with the same event.

    Args:
        function: Called from the delivery's thread.
    """

    def __init__(self, function: Callable[[Event], object]) -> None:
        self._function = function

    def send(self, message: bytes) -> None:
        """Call the function."""
        try:
            self._function(decode_event(message))
        except Exception as problem:
            raise SinkError(f"the callback raised {typed_line(problem, most=_WORDS_MAX)}") from problem

    def close(self) -> None:
        """Hold nothing."""
