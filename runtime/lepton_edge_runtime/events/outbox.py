"""Events on disk until everybody has them: a SQLite file that outlives crashes and power cuts."""

import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Condition

import msgspec

from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import OutboxError
from lepton_edge_runtime.events.event import Event, decode_event

log = logging.getLogger(__name__)

_TABLES = """
CREATE TABLE IF NOT EXISTS messages (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL, serial INTEGER NOT NULL, state TEXT NOT NULL, at REAL NOT NULL, message BLOB NOT NULL,
    UNIQUE (id, serial)
);
CREATE TABLE IF NOT EXISTS sinks (name TEXT PRIMARY KEY, place INTEGER NOT NULL, lost INTEGER NOT NULL);
"""
_KEPT_MAX = 1000  # in memory, while the disk is full


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and its place in the outbox."""

    place: int
    content: bytes


class Outbox(Closing):
    """Messages in the order in which they were put, each kept until every sink has it.

    What ``put`` has returned from is on the disk. Each sink has a place of its own: one that is away for a week delays
    no other. What is too old, or too much, goes even if a sink has not had it; then ``lost`` counts it.

    Args:
        path: The file; made if need be. One that is broken is put aside, with a word in the log, and a new one begun.
        sinks: Names of those that are to have each message. One that is new begins with the next message.
        megabytes: Most that messages may take.
        days: Longest that a message is kept.

    Raises:
        OutboxError: The file cannot be made or opened.
    """

    def __init__(self, path: str | Path, sinks: tuple[str, ...], *, megabytes: float = 64, days: float = 14) -> None:
        self.path = Path(path)
        self._bytes_max = int(megabytes * (1 << 20))
        self._seconds_max = days * 86400
        self._sinks = sinks
        self._changed = Condition()
        self._waiting: deque[Event] = deque()
        self._closed = False
        self.kept_out = 0
        with self._errors("open"):
            self._base = self._opened()

    def put(self, event: Event) -> None:
        """Keep an event; once this returns it outlives a power cut.

        While the disk is full, up to a thousand wait in memory and go first once there is room; more are counted in
        ``kept_out``.

        Raises:
            OutboxError: It cannot be kept now, or only in memory; what follows may be again.
        """
        with self._changed:
            self._waiting.append(event)
            if len(self._waiting) > _KEPT_MAX:
                self._waiting.popleft()
                self.kept_out += 1
            self._write_waiting()

    def pending(self, sink: str, most: int = 100) -> list[Message]:
        """Return the next messages for a sink, the oldest first."""
        with self._changed, self._errors("read"):
            rows = self._base.execute(
                "SELECT place, message FROM messages WHERE place > (SELECT place FROM sinks WHERE name = ?) "
                "ORDER BY place LIMIT ?", (sink, most),
            )  # fmt: skip
            return [Message(place, content) for place, content in rows]

    def delivered(self, sink: str, place: int) -> None:
        """Note that a sink has all up to a place."""
        with self._changed, self._errors("write"), self._base:
            self._base.execute("UPDATE sinks SET place = max(place, ?) WHERE name = ?", (place, sink))

    def wait(self, sink: str, seconds: float, enough: Callable[[], bool]) -> bool:
        """Wait until there is something for a sink; return whether there is.

        Args:
            sink: Its name.
            seconds: Longest to wait.
            enough: Whether to wait no longer; asked when ``wake`` is called.
        """
        with self._changed:
            return self._changed.wait_for(lambda: enough() or bool(self.pending(sink, 1)), seconds) and not enough()

    def wake(self) -> None:
        """End the waiting of all."""
        with self._changed:
            self._changed.notify_all()

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return, by sink, how many messages wait for it, and how many it has lost."""
        with self._changed, self._errors("read"):
            rows = self._base.execute(
                "SELECT name, (SELECT count(*) FROM messages WHERE messages.place > sinks.place), lost FROM sinks"
            )
            return {name: (waiting, lost) for name, waiting, lost in rows if name in self._sinks}

    def open_events(self) -> list[Event]:
        """Return the last message of each event that has begun and not ended: the process ended before."""
        with self._changed, self._errors("read"):
            rows = self._base.execute(
                "SELECT message FROM messages AS one WHERE state != 'end' AND NOT EXISTS "
                "(SELECT 1 FROM messages AS later WHERE later.id = one.id AND later.serial > one.serial) ORDER BY place"
            )
            return [decode_event(content) for (content,) in rows]

    def sweep(self) -> int:
        """Let go of what every sink has, what is too old, and the oldest of what is too much; return how many."""
        with self._changed, self._errors("write"), self._base:
            had = self._base.execute("SELECT min(place) FROM sinks").fetchone()[0] or 0
            # The last message of an event that goes on is needed to end it after a crash.
            over = self._base.execute(
                "DELETE FROM messages WHERE place <= ? AND (state = 'end' OR EXISTS (SELECT 1 FROM messages AS later "
                "WHERE later.id = messages.id AND later.serial > messages.serial))", (had,),
            ).rowcount  # fmt: skip
            last = self._base.execute(
                "SELECT max(place) FROM messages WHERE at < ?", (time.time() - self._seconds_max,)
            ).fetchone()[0]
            last = max(last or 0, self._too_much())
            if last:
                self._base.execute(
                    "UPDATE sinks SET lost = lost + (SELECT count(*) FROM messages WHERE messages.place > sinks.place "
                    "AND messages.place <= ?), place = max(place, ?)", (last, last),
                )  # fmt: skip
                over += self._base.execute("DELETE FROM messages WHERE place <= ?", (last,)).rowcount
            return over

    def close(self) -> None:
        """Close the file, and end the waiting of all; harmless twice."""
        with self._changed:
            if not self._closed:
                self._closed = True
                self._base.close()
                self._changed.notify_all()

    def _too_much(self) -> int:
        """Return the place of the last message that has to go so that the others fit; 0 where all do."""
        total = 0
        for place, length in self._base.execute("SELECT place, length(message) FROM messages ORDER BY place DESC"):
            total += length
            if total > self._bytes_max:
                return int(place)
        return 0

    def _write_waiting(self) -> None:
        with self._errors("write"):
            while self._waiting:
                event = self._waiting[0]
                with self._base:
                    self._base.execute(
                        "INSERT OR IGNORE INTO messages (id, serial, state, at, message) VALUES (?, ?, ?, ?, ?)",
                        (event.id, event.serial, event.state, event.at.timestamp(), event.encode()),
                    )
                self._waiting.popleft()
                self._changed.notify_all()

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._tables()
        except sqlite3.DatabaseError as broken:
            if isinstance(broken, sqlite3.OperationalError):
                raise  # it cannot be reached, which says nothing of what is in it
            aside = self.path.with_name(f"{self.path.name}.broken-{time.time_ns()}")
            self.path.rename(aside)
            for ending in ("-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
            log.warning("%s is broken (%s) and lies in %s now; a new one is begun", self.path, broken, aside.name)
            return self._tables()

    def _tables(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.path, timeout=5, check_same_thread=False)
        try:
            base.execute("PRAGMA journal_mode = WAL")
            # In WAL mode only FULL has each commit on the disk when it returns.
            base.execute("PRAGMA synchronous = FULL")
            problem = base.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise sqlite3.DatabaseError(problem)  # noqa: TRY301 - as SQLite itself does for other damage
            with base:
                base.executescript(_TABLES)
                last = base.execute("SELECT seq FROM sqlite_sequence WHERE name = 'messages'").fetchone()
                for name in self._sinks:
                    base.execute("INSERT OR IGNORE INTO sinks VALUES (?, ?, 0)", (name, last[0] if last else 0))
                # One that is no longer wanted holds nothing back.
                marks = ", ".join("?" * len(self._sinks))
                base.execute(f"DELETE FROM sinks WHERE name NOT IN ({marks})", self._sinks)  # noqa: S608 - marks only
        except BaseException:
            base.close()
            raise
        return base

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as problem:
            raise OutboxError(f"cannot {what} the outbox {self.path}: {problem}") from problem
        except msgspec.DecodeError as problem:
            raise OutboxError(f"the outbox {self.path} holds what is no event: {problem}") from problem
