"""Messages from the outbox to one sink, in a thread of its own, until it has them."""

import logging
import random
from collections.abc import Callable
from threading import Event as Flag
from threading import Thread

from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import LeptonError, OutboxError, SinkRefusedError, typed_line
from lepton_edge_runtime.events.outbox import Outbox
from lepton_edge_runtime.events.sinks import Sink

log = logging.getLogger(__name__)

_IDLE_SECONDS = 5.0
_WORDS_MAX = 200


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
        self._sent_to = 0  # what it has, also where the outbox could not note it
        self._failures = 0
        self._noted = True
        self._stopped = Flag()
        self._thread = Thread(target=self._run, name=f"events to {name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the message that is under way; what waits stays in the outbox."""
        self._stopped.set()
        self._outbox.wake()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._look_after_sink()
                if self._outbox.wait(self.name, _IDLE_SECONDS, self._stopped.is_set, after=self._sent_to):
                    self._hand_over()
            except Exception as problem:
                known = isinstance(problem, LeptonError)
                self._note(str(problem) if known else typed_line(problem, most=_WORDS_MAX), unforeseen=not known)
                self._let_go()
                pause = min(self._longest_pause, self._first_pause * 2 ** min(self._failures, 20))
                self._failures += 1
                self._stopped.wait(random.uniform(0, pause))  # noqa: S311 - to spread, not to hide
        self._let_go()

    def _look_after_sink(self) -> None:
        """Make the sink, or see that the one there is still reaches its receiver."""
        if self._sink is None:
            self._sink = self._make_sink()
        else:
            self._sink.check()
        if not self._noted:
            self._note_sent()
        if self.trouble is not None and not self._outbox.pending(self.name, 1, after=self._sent_to):
            self._mended()

    def _hand_over(self) -> None:
        """Send what is pending; raise at the first that does not get through."""
        assert self._sink is not None  # noqa: S101 - it has just been looked after
        for message in self._outbox.pending(self.name, after=self._sent_to):
            if self._stopped.is_set():
                return
            try:
                self._sink.send(message.content)
                self.sent += 1
            except SinkRefusedError as refused:
                self.refused += 1
                log.warning("event sink %s: a message is passed over: %s", self.name, refused)
            self._sent_to = message.place
            self._failures = 0
            self._mended()
            self._note_sent()

    def _note_sent(self) -> None:
        """Have the outbox note what is sent; where a full disk does not let it, that holds back no event."""
        try:
            self._outbox.delivered(self.name, self._sent_to)
            self._noted = True
        except OutboxError as problem:
            if self._noted:
                log.warning("event sink %s: what it has would be sent again after a restart: %s", self.name, problem)
            self._noted = False

    def _note(self, problem: str, *, unforeseen: bool = False) -> None:
        if self.trouble is None:
            log.warning("event sink %s: %s; events are kept and sent later", self.name, problem, exc_info=unforeseen)
        self.trouble = problem

    def _mended(self) -> None:
        if self.trouble is not None:
            log.info("event sink %s: back again", self.name)
            self.trouble = None

    def _let_go(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.close()
            except Exception as problem:
                log.info("event sink %s: closing: %s", self.name, typed_line(problem, most=_WORDS_MAX))
