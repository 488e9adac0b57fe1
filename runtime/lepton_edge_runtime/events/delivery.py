"""Messages from the outbox to one sink, in a thread of its own, until it has them."""

import logging
import random
from collections.abc import Callable
from threading import Event as Flag
from threading import Thread

from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import OutboxError, SinkError, SinkRefusedError
from lepton_edge_runtime.events.outbox import Outbox
from lepton_edge_runtime.events.sinks import Sink

log = logging.getLogger(__name__)

_IDLE_SECONDS = 30.0


class Delivery(Closing):
    """Hands over what the outbox holds for a sink, the oldest first, each until the sink has it.

    A sink that fails is tried again after a pause that doubles and is drawn at random up to its length, so that many
    devices do not come back at one moment. A message that it will never take is counted and passed over.

    Attributes:
        name: Of the sink.
        sent: How many messages it has taken.
        refused: How many it will never take.
        trouble: Why nothing gets through at the moment; ``None`` where it does.

    Args:
        outbox: Knows the sink by this name.
        name: Of the sink.
        make_sink: Makes it, in the thread that uses it; called again after a failure.
        first_pause: Seconds, at most, before the first new try.
        longest_pause: Seconds, at most, before any.
    """

    def __init__(
        self,
        outbox: Outbox,
        name: str,
        make_sink: Callable[[], Sink],
        *,
        first_pause: float = 0.5,
        longest_pause: float = 60.0,
    ) -> None:
        self.name = name
        self.sent = 0
        self.refused = 0
        self.trouble: str | None = None
        self._outbox = outbox
        self._make_sink = make_sink
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._sink: Sink | None = None
        self._stopped = Flag()
        self._thread = Thread(target=self._run, name=f"events to {name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the message that is under way; what waits stays in the outbox."""
        self._stopped.set()
        self._outbox.wake()
        self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            try:
                if not self._outbox.wait(self.name, _IDLE_SECONDS, self._stopped.is_set):
                    continue
                self._hand_over()
                failures = 0
            except (SinkError, OutboxError) as problem:
                self._note(str(problem))
                self._let_go()
                pause = min(self._longest_pause, self._first_pause * 2 ** min(failures, 20))
                failures += 1
                self._stopped.wait(random.uniform(0, pause))  # noqa: S311 - to spread, not to hide
        self._let_go()

    def _hand_over(self) -> None:
        """Send what is pending; raise at the first that does not get through."""
        for message in self._outbox.pending(self.name):
            if self._stopped.is_set():
                return
            if self._sink is None:
                self._sink = self._make_sink()
            try:
                self._sink.send(message.content)
                self.sent += 1
            except SinkRefusedError as refused:
                self.refused += 1
                log.warning("event sink %s: a message is passed over: %s", self.name, refused)
            self._outbox.delivered(self.name, message.place)
            if self.trouble is not None:
                log.info("event sink %s: back again", self.name)
                self.trouble = None

    def _note(self, problem: str) -> None:
        if self.trouble is None:
            log.warning("event sink %s: %s; events are kept and sent later", self.name, problem)
        self.trouble = problem

    def _let_go(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None
