"""Where events go: each sink knows one way to hand a message over."""

from typing import Protocol


class Sink(Protocol):
    """Hands messages over, one at a time, from one thread."""

    def send(self, message: bytes) -> None:
        """Return once the receiver has the message.

        Args:
            message: JSON, one line, of an ``Event``.

        Raises:
            SinkRefusedError: It will never take this one.
            SinkError: It cannot take it now.
        """
        ...

    def check(self) -> None:
        """Raise SinkError if the receiver is known to be out of reach; asked now and then, between messages."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...
