"""The rules there are, as a site file has them."""

from typing import Annotated, Literal

import msgspec

from lepton_edge_runtime.rules.scene import Anchor

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=7 * 86400)]
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z|^24:00\Z")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Zone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the picture.

    Attributes:
        name: For rules and events.
        points: The corners in order, in shares of the picture's width and height, 0 to 1, so that another resolution
            changes nothing.
        anchor: Which point of a box must lie in it.
    """

    name: Name
    points: Annotated[tuple[tuple[Share, Share], ...], msgspec.Meta(min_length=3, max_length=100)]
    anchor: Anchor = "bottom"


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line across the picture; its sides are left and right of whoever goes from its first end to its second.

    Attributes:
        name: For rules and events.
        points: Both ends, in shares of the picture.
        anchor: Which point of a box must cross it.
    """

    name: Name
    points: tuple[tuple[Share, Share], tuple[Share, Share]]
    anchor: Anchor = "bottom"

    def __post_init__(self) -> None:
        """Refuse a line without length."""
        if self.points[0] == self.points[1]:
            raise ValueError(f"the line {self.name!r} has no length")


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the week in local time, such as nights: ``from`` may lie after ``to``, and then it ends the next day.

    Attributes:
        days: On which it begins; every day if none is named.
        begin, end: ``from`` and ``to`` in a file, HH:MM.
    """

    days: tuple[Day, ...] = ()
    begin: Clock = msgspec.field(default="00:00", name="from")
    end: Clock = msgspec.field(default="24:00", name="to")


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What all rules have.

    Attributes:
        name: Of the rule, for events.
        classes: Names of the classes it is about; all if none is named.
        hours: When it holds; always if not given.
        hold_seconds: So long a condition must be untrue before its event ends.
        update_seconds: How often an event that goes on is told again.
    """

    name: Name
    classes: tuple[str, ...] = ()
    hours: tuple[Hours, ...] = ()
    hold_seconds: Seconds = 1.0
    update_seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None


class Inside(_Rule, frozen=True, kw_only=True, tag="inside"):
    """A thing is in a zone: the event is new when it enters, and ends when it leaves.

    Attributes:
        zone: Name of the zone.
        after_seconds: So long it must be there: 0.3 leaves out what only touches it; more is loitering.
    """

    zone: str
    after_seconds: Seconds = 0.3


class Crossing(_Rule, frozen=True, kw_only=True, tag="crossing"):
    """A thing crosses a line: the event is new, and ends in the same moment.

    Attributes:
        line: Name of the line.
        direction: To which side.
        margin: Share of the box's height that it must get away from the line, so that one who stands on it does not
            cross it again and again.
    """

    line: str
    direction: Literal["both", "left", "right"] = "both"
    margin: Share = 0.05


class Crowd(_Rule, frozen=True, kw_only=True, tag="crowd"):
    """So many things are in a zone at once, or in the picture; one event for all of them.

    Attributes:
        count: At least so many.
        zone: Name of the zone; the whole picture if not given.
        after_seconds: So long there must be so many.
    """

    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    zone: str | None = None
    after_seconds: Seconds = 2.0


class Running(_Rule, frozen=True, kw_only=True, tag="running"):
    """A thing moves fast for its size.

    Attributes:
        speed: At least so many heights of its box a second: who walks covers 0.6 to 1, who runs 1.5 and more.
        zone: Name of the zone; the whole picture if not given.
        after_seconds: So long it must.
    """

    speed: Annotated[float, msgspec.Meta(gt=0)] = 1.5
    zone: str | None = None
    after_seconds: Seconds = 0.6


class Left(_Rule, frozen=True, kw_only=True, tag="left"):
    """A thing stands still with nobody near: left behind.

    Attributes:
        owners: Classes of which one near by means that it is not left.
        zone: Name of the zone; the whole picture if not given.
        alone_seconds: So long.
        near: So many heights of the owner's box may lie between the two boxes.
        still: It has moved by at most this share of its own size.
    """

    owners: tuple[str, ...] = ("person",)
    zone: str | None = None
    alone_seconds: Seconds = 30.0
    near: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    still: Annotated[float, msgspec.Meta(gt=0)] = 0.3


class Removed(_Rule, frozen=True, kw_only=True, tag="removed"):
    """A thing that stood still is gone: the event is new, and ends once it, or one like it, stands there again.

    Its place is not watched for ever: after ``forget_seconds`` the event ends by itself.

    Attributes:
        zone: Name of the zone; the whole picture if not given.
        after_seconds: So long it must be gone, so that somebody in front of it takes nothing away.
        settled_seconds: So long it must have stood before.
        forget_seconds: So long after it has gone its place is watched.
        still: It has moved by at most this share of its own size.
    """

    zone: str | None = None
    after_seconds: Seconds = 10.0
    settled_seconds: Seconds = 30.0
    forget_seconds: Seconds = 3600.0
    still: Annotated[float, msgspec.Meta(gt=0)] = 0.3


class Fall(_Rule, frozen=True, kw_only=True, tag="fall"):
    """Somebody who stood lies: the box was high and is flat.

    Attributes:
        zone: Name of the zone; the whole picture if not given.
        after_seconds: So long they must lie.
        flat: Width over height of the box from which on they lie.
        upright: And below which they stood.
        within_seconds: They stood so short a time ago.
    """

    zone: str | None = None
    after_seconds: Seconds = 2.0
    flat: Annotated[float, msgspec.Meta(gt=0)] = 1.1
    upright: Annotated[float, msgspec.Meta(gt=0)] = 0.7
    within_seconds: Seconds = 3.0


Rule = Inside | Crossing | Crowd | Running | Left | Removed | Fall
"""What a site file's rule may be."""

__all__ = [
    "DAYS", "Crossing", "Crowd", "Fall", "Hours", "Inside", "Left", "Line", "Removed", "Rule", "Running", "Zone",
]  # fmt: skip
