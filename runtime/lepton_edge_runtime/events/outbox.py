"""Events on disk until everybody has them: a SQLite file that outlives crashes and power cuts."""

import fcntl
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition
from typing import IO, Any

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
_OPEN = """one.state != 'end' AND NOT EXISTS
(SELECT 1 FROM messages AS later WHERE later.id = one.id AND later.serial > one.serial)"""
"""Which message is the last of an event that has not ended: it is needed to end it after a crash."""

_KEPT_MAX = 1000  # in memory, while the disk is full
_SWEPT_EVERY = 64  # messages
_CLOCK_SET = 1_577_836_800  # 2020: a time before it is that of a clock that nobody had set

_Row = tuple[str, int, str, float, bytes]


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and its place in the outbox."""

    place: int
    content: bytes


class Outbox(Closing):
    """Messages in the order in which they were put, each kept until every sink has it.

    What ``put`` has returned from is on the disk. Each sink has a place of its own: one that is away for a week delays
    no other. What is too old, or too much, goes even if a sink has not had it; then ``counts`` tells it as lost.

    Attributes:
        kept_out: How many messages found no place, neither on the disk nor in memory.

    Args:
        path: The file; made if need be. One that is broken is put aside, with a word in the log, and a new one begun.
        sinks: Names of those that are to have each message. One that is new begins with the next message.
        megabytes: Most that messages may take.
        days: Longest that a message is kept; the last one of an event that goes on is kept longer.

    Raises:
        OutboxError: The file cannot be made or opened, or another process has it open.
    """

    def __init__(self, path: str | Path, sinks: tuple[str, ...], *, megabytes: float = 64, days: float = 14) -> None:
        self.path = Path(path)
        self.kept_out = 0
        self._bytes_max = int(megabytes * (1 << 20))
        self._seconds_max = days * 86400
        self._sinks = sinks
        self._changed = Condition()
        self._waiting: deque[_Row] = deque()
        self._puts = 0
        self._closed = False
        with self._errors("open"):
            self._lock = self._locked()
            try:
                self._base = self._opened()
            except BaseException:
                self._lock.close()
                raise

    def put(self, event: Event) -> None:
        """Keep an event; once this returns it outlives a power cut.

        While the disk is full, up to a thousand wait in memory and go first once there is room; more are counted in
        ``kept_out``.

        Raises:
            ValueError, TypeError: The event cannot be told; nothing is kept.
            OutboxError: It cannot be kept now, or only in memory; what follows may be again.
        """
        row = event.id, event.serial, event.state, event.at.timestamp(), event.encode()
        with self._changed:
            self._waiting.append(row)
            if len(self._waiting) > _KEPT_MAX:
                self._waiting.popleft()
                self.kept_out += 1
            with self._errors("write"):
                self._write_waiting()
            self._puts += 1
            if self._puts % _SWEPT_EVERY == 0:
                with suppress(OutboxError):  # the event is kept, which is what was asked
                    self.sweep()

    def pending(self, sink: str, most: int = 100, *, after: int = 0) -> list[Message]:
        """Return the next messages for a sink, the oldest first.

        Args:
            sink: Its name.
            most: So many at most.
            after: Only those behind this place.

        Raises:
            ValueError: There is no such sink.
        """
        if sink not in self._sinks:
            raise ValueError(f"the outbox has no sink {sink!r}; it has: {', '.join(self._sinks)}")
        with self._changed, self._errors("read"):
            rows = self._base.execute(
                "SELECT place, message FROM messages WHERE place > max(?, (SELECT place FROM sinks WHERE name = ?)) "
                "ORDER BY place LIMIT ?", (after, sink, most),
            )  # fmt: skip
            return [Message(place, content) for place, content in rows]

    def delivered(self, sink: str, place: int) -> None:
        """Note that a sink has all up to a place."""
        with self._changed, self._errors("write"):
            self._commit(("UPDATE sinks SET place = max(place, ?) WHERE name = ?", (place, sink)))

    def wait(self, sink: str, seconds: float, enough: Callable[[], bool], *, after: int = 0) -> bool:
        """Wait until there is something for a sink; return whether there is.

        Args:
            sink: Its name.
            seconds: Longest to wait.
            enough: Whether to wait no longer; asked when ``wake`` is called.
            after: As of ``pending``.
        """
        with self._changed:
            found = self._changed.wait_for(lambda: enough() or bool(self.pending(sink, 1, after=after)), seconds)
            return found and not enough()

    def wake(self) -> None:
        """End the waiting of all."""
        with self._changed:
            self._changed.notify_all()

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return, by sink, how many messages wait for it, and how many may never have reached it."""
        with self._changed, self._errors("read"):
            rows = self._base.execute(
                "SELECT name, (SELECT count(*) FROM messages WHERE messages.place > sinks.place), lost FROM sinks"
            )
            return {name: (waiting, lost) for name, waiting, lost in rows}

    def open_events(self) -> list[Event]:
        """Return the last message of each event that has begun and not ended."""
        with self._changed, self._errors("read"):
            rows = self._base.execute(f"SELECT message FROM messages AS one WHERE {_OPEN} ORDER BY place").fetchall()  # noqa: S608 - words of ours
        found = []
        for (content,) in rows:
            try:
                found.append(decode_event(content))
            except msgspec.DecodeError as problem:
                log.warning("%s holds what is no event: %s", self.path, problem)
        return found

    def sweep(self) -> int:
        """Let go of what every sink has, what is too old, and the oldest of what is too much; return how many.

        ``put`` does so now and then. Age is told by the events' own time: what was put before a clock was set has none.
        """
        with self._changed, self._errors("write"):
            self._write_waiting()
            had = self._base.execute("SELECT min(place) FROM sinks").fetchone()[0] or 0
            over = self._commit((f"DELETE FROM messages AS one WHERE place <= ? AND NOT ({_OPEN})", (had,)))  # noqa: S608
            old = f"one.at BETWEEN {_CLOCK_SET} AND ? AND NOT ({_OPEN})"
            over += self._let_go(old, time.time() - self._seconds_max)
            return over + self._let_go("one.place <= ?", self._too_much())

    def close(self) -> None:
        """Close the file, and end the waiting of all; harmless twice. What waits in memory is tried once more."""
        with self._changed:
            if self._closed:
                return
            with suppress(OutboxError), self._errors("write"):
                self._write_waiting()
            if self._waiting:
                log.warning("%s: %d events found no place on the disk", self.path, len(self._waiting))
                self.kept_out += len(self._waiting)
            self._closed = True
            self._base.close()
            self._lock.close()
            self._changed.notify_all()

    def _let_go(self, which: str, value: float) -> int:
        """Delete messages, counted for each sink that has not had them; return how many."""
        count = f"(SELECT count(*) FROM messages AS one WHERE one.place > sinks.place AND {which})"  # noqa: S608
        return self._commit(
            (f"UPDATE sinks SET lost = lost + {count} WHERE {count} > 0", (value, value)),  # noqa: S608
            (f"DELETE FROM messages AS one WHERE {which}", (value,)),  # noqa: S608
        )

    def _too_much(self) -> int:
        """Return the place of the last message that has to go so that the others fit; 0 where all do."""
        total = 0
        for place, length in self._base.execute("SELECT place, length(message) FROM messages ORDER BY place DESC"):
            total += length
            if total > self._bytes_max:
                return int(place)
        return 0

    def _write_waiting(self) -> None:
        while self._waiting:
            insert = "INSERT OR IGNORE INTO messages (id, serial, state, at, message) VALUES (?, ?, ?, ?, ?)"
            self._commit((insert, self._waiting[0]))
            self._waiting.popleft()
            self._changed.notify_all()

    def _commit(self, *statements: tuple[str, tuple[Any, ...]]) -> int:
        """Carry out statements, all or none; return how many rows the last one was about."""
        try:
            return self._transaction(statements)
        except sqlite3.OperationalError:
            # A journal that a full disk does not let grow can be begun anew once all of it is in the file.
            with suppress(sqlite3.Error):
                self._base.execute("PRAGMA wal_checkpoint(RESTART)")
            return self._transaction(statements)

    def _transaction(self, statements: Iterable[tuple[str, tuple[Any, ...]]]) -> int:
        rows = 0
        with self._base:
            for statement, values in statements:
                rows = self._base.execute(statement, values).rowcount
        return rows

    def _locked(self) -> IO[bytes]:
        """Return the lock beside the file: two outboxes in one file would take each other's sinks away."""
        lock = self.path.with_name(f"{self.path.name}.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as taken:
            lock.close()
            raise OutboxError(f"the outbox {self.path} is open already, here or in another process") from taken
        return lock

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._tables()
        except sqlite3.DatabaseError as broken:
            if isinstance(broken, sqlite3.OperationalError):
                raise  # it cannot be reached, which says nothing of what is in it
            aside = f"{self.path.name}.broken-{time.time_ns()}"
            for ending in ("", "-wal", "-shm"):
                part = self.path.with_name(self.path.name + ending)
                if part.exists():
                    part.rename(self.path.with_name(aside + ending))
            log.warning("%s is broken (%s) and lies in %s now; a new one is begun", self.path, broken, aside)
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
