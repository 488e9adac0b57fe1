"""What is told to the world: one message of something that was noticed."""

import secrets
import time
from datetime import datetime
from math import isfinite
from typing import Literal

import msgspec

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

FORMAT_VERSION = 1
"""Of the messages; a consumer that meets a greater one should say so."""


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an event is about.

    Attributes:
        track_id: Its number on this camera, since the process began.
        label: What it is.
        score: How surely, 0 to 1.
        box: Left, top, right, bottom in pixels of the camera's picture.
    """

    track_id: int
    label: str
    score: float
    box: tuple[float, float, float, float]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One message about something that a rule has noticed.

    A message is sent at least once: whoever counts takes the first of each ``id`` and ``serial``.

    Attributes:
        id: Of what was noticed, in time order (a ULID): the same in its ``new``, ``update`` and ``end``.
        serial: 0 for the first message of an ``id``, then 1, 2, …
        state: ``new``, ``update`` or ``end``.
        camera: Name of the camera.
        rule, kind: Name of the rule, and its kind.
        began: Since when it has been so.
        at: When this message was made.
        things: What it is about.
        interrupted: Of an ``end``: the process ended before what it tells of did.
        snapshot, clip: Files beside the events, by their name in the folder of the site; ``None`` where there is none.
    """

    format: int = FORMAT_VERSION
    id: str
    serial: int
    state: Literal["new", "update", "end"]
    camera: str
    rule: str
    kind: str
    began: datetime
    at: datetime
    things: tuple[Thing, ...] = ()
    interrupted: bool = False
    snapshot: str | None = None
    clip: str | None = None

    def encode(self) -> bytes:
        """Return the message as JSON, one line.

        Raises:
            ValueError: A number that is none, which JSON has no word for.
        """
        if not all(isfinite(number) for thing in self.things for number in (thing.score, *thing.box)):
            raise ValueError(f"the event {self.id!r} tells of what is nowhere: {self.things}")
        return msgspec.json.encode(self)


def decode_event(message: bytes) -> Event:
    """Return the event of a message.

    Raises:
        msgspec.DecodeError: It is none.
    """
    return msgspec.json.decode(message, type=Event)


def new_id(milliseconds: int | None = None) -> str:
    """Return an id that no other is like and that sorts by its millisecond: a ULID (ulid/spec, canonical form).

    Args:
        milliseconds: Since 1970; now if not given.
    """
    number = (time.time_ns() // 1_000_000 if milliseconds is None else milliseconds) << 80 | secrets.randbits(80)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
