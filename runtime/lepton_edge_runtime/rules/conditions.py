"""When a rule is true: for which things, or for the camera as a whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.boxes import overlap
from lepton_edge_runtime.rules.geometry import crosses, inside, side
from lepton_edge_runtime.rules.kinds import (
    Crossing,
    Crowd,
    Fall,
    Inside,
    Left,
    Line,
    Removed,
    Running,
    Zone,
)
from lepton_edge_runtime.rules.scene import Scene

Key = int | str
"""A track's number, or a word for what is no single thing."""

Holds = dict[Key, tuple[int, ...]]
"""For which keys a rule is true now, and the tracks that it is true of."""


class Condition(Protocol):
    """A rule's condition; it remembers what it needs of earlier scenes."""

    def __call__(self, scene: Scene, about: NDArray[np.bool_]) -> Holds:
        """Return for what it is true.

        Args:
            scene: Now.
            about: Which tracks the rule is about: of its classes, and seen.
        """
        ...


@dataclass(frozen=True, slots=True)
class Places:
    """The zones and lines of a camera, by name."""

    zones: Mapping[str, Zone]
    lines: Mapping[str, Line]

    def within(self, scene: Scene, zone: str | None) -> NDArray[np.bool_]:
        """Return which tracks are in a zone; all are in the whole picture."""
        if zone is None:
            return np.ones(len(scene.tracks), np.bool_)
        place = self.zones[zone]
        return inside(scene.anchors(place.anchor), place.points)


def _each(scene: Scene, which: NDArray[np.bool_]) -> Holds:
    return {scene.tracks[i].track_id: (scene.tracks[i].track_id,) for i in np.flatnonzero(which).tolist()}


def _inside(rule: Inside, places: Places) -> Condition:
    return lambda scene, about: _each(scene, about & places.within(scene, rule.zone))


@dataclass(slots=True)
class _Crowd:
    """Who is hidden for a moment has not left the crowd."""

    rule: Crowd
    places: Places
    there: tuple[int, ...] = ()

    def __call__(self, scene: Scene, about: NDArray[np.bool_]) -> Holds:
        hidden = ~scene.seen & np.isin([one.track_id for one in scene.tracks], self.there)
        there = np.flatnonzero((about & self.places.within(scene, self.rule.zone)) | hidden)
        self.there = tuple(scene.tracks[i].track_id for i in there.tolist())
        return {"crowd": self.there} if len(self.there) >= self.rule.count else {}


def _running(rule: Running, places: Places) -> Condition:
    def condition(scene: Scene, about: NDArray[np.bool_]) -> Holds:
        speed = np.array([np.hypot(*one.velocity) for one in scene.tracks])
        height = scene.xyxy[:, 3] - scene.xyxy[:, 1]
        return _each(scene, about & (speed >= rule.speed * height) & places.within(scene, rule.zone))

    return condition


@dataclass(slots=True)
class _Crossing:
    """Where each thing was when it was surely on one side."""

    rule: Crossing
    line: Line
    surely: dict[int, tuple[NDArray[np.float64], float]] = field(default_factory=dict)

    def __call__(self, scene: Scene, about: NDArray[np.bool_]) -> Holds:
        points = scene.anchors(self.line.anchor)
        # The shares of a picture that is no square have two lengths: sides are measured in pixels.
        pixels = np.array(scene.size, np.float64)
        line = tuple(tuple((np.array(end) * pixels).tolist()) for end in self.line.points)
        away = side(points * pixels, line)  # type: ignore[arg-type]  # two ends of two numbers
        least = self.rule.margin * (scene.xyxy[:, 3] - scene.xyxy[:, 1])
        found: Holds = {}
        for i in np.flatnonzero(about & (np.abs(away) > least)).tolist():
            track_id = scene.tracks[i].track_id
            before = self.surely.get(track_id)
            self.surely[track_id] = (points[i], float(away[i]))
            if before is None or (before[1] > 0) == (away[i] > 0):
                continue
            through = crosses(before[0][np.newaxis], points[i][np.newaxis], self.line.points)[0]
            if through and self.rule.direction in ("both", "right" if away[i] > 0 else "left"):
                found[track_id] = (track_id,)
        alive = {one.track_id for one in scene.tracks}
        self.surely = {track_id: was for track_id, was in self.surely.items() if track_id in alive}
        return found


@dataclass(slots=True)
class _Stood:
    """Since when each thing stands where it is; in shares of the picture, whose resolution may change."""

    still: float
    where: dict[int, tuple[NDArray[np.float64], float]] = field(default_factory=dict)

    def look(self, scene: Scene) -> None:
        """See who stands where; forget who is gone."""
        seen, pixels = scene.seen, np.array(scene.size)
        alive = {}
        for i, one in enumerate(scene.tracks):
            known = self.where.get(one.track_id)
            if seen[i]:
                box = scene.xyxy[i]
                center, size = (box[:2] + box[2:]) / 2, np.sqrt(np.prod(np.maximum(box[2:] - box[:2], 1)))
                if known is None or np.hypot(*(center - known[0] * pixels)) > self.still * size:
                    known = (center / pixels, scene.seconds)
            if known is not None:
                alive[one.track_id] = known
        self.where = alive

    def since(self, track_id: int) -> float:
        """Return since when a thing that is seen stands; now, where it has just moved."""
        return self.where[track_id][1]


@dataclass(slots=True)
class _Left:
    rule: Left
    places: Places
    stood: _Stood
    attended_at: dict[int, float] = field(default_factory=dict)

    def __call__(self, scene: Scene, about: NDArray[np.bool_]) -> Holds:
        self.stood.look(scene)
        owner = np.array([one.label in self.rule.owners for one in scene.tracks], np.bool_)
        within = self.places.within(scene, self.rule.zone)
        found: Holds = {}
        for i in np.flatnonzero(about & ~owner).tolist():
            track_id = scene.tracks[i].track_id
            if self._attended(scene, i, owner):
                self.attended_at[track_id] = scene.seconds
            alone_since = max(self.stood.since(track_id), self.attended_at.get(track_id, -np.inf))
            if within[i] and scene.seconds - alone_since >= self.rule.alone_seconds:
                found[track_id] = (track_id,)
        alive = {one.track_id for one in scene.tracks}
        self.attended_at = {track_id: at for track_id, at in self.attended_at.items() if track_id in alive}
        return found

    def _attended(self, scene: Scene, i: int, owner: NDArray[np.bool_]) -> bool:
        boxes = scene.xyxy[owner]
        thing = scene.xyxy[i]
        gap = np.maximum(np.maximum(boxes[:, :2] - thing[2:], thing[:2] - boxes[:, 2:]), 0)
        return bool((np.hypot(gap[:, 0], gap[:, 1]) <= self.rule.near * (boxes[:, 3] - boxes[:, 1])).any())


_SETTLED_MAX = 1000  # the oldest of more is forgotten
_SAME_PLACE = 0.3  # overlap of what stands where another stood


@dataclass(slots=True)
class _Settled:
    """A thing that stood long enough: its class, its box in shares of the picture, and when it was there last."""

    label: str
    box: NDArray[np.float64]
    there: float


@dataclass(slots=True)
class _Removed:
    """What stood long enough, and where; gone once no box of its class is there."""

    rule: Removed
    places: Places
    stood: _Stood
    settled: dict[int, _Settled] = field(default_factory=dict)

    def __call__(self, scene: Scene, about: NDArray[np.bool_]) -> Holds:
        self.stood.look(scene)
        shares = scene.xyxy / np.tile(scene.size, 2)
        for i in np.flatnonzero(about & self.places.within(scene, self.rule.zone)).tolist():
            one = scene.tracks[i]
            if scene.seconds - self.stood.since(one.track_id) >= self.rule.settled_seconds:
                self.settled.pop(one.track_id, None)
                self.settled[one.track_id] = _Settled(one.label, shares[i], scene.seconds)
        while len(self.settled) > _SETTLED_MAX:
            del self.settled[next(iter(self.settled))]
        return self._gone(scene, shares) if self.settled else {}

    def _gone(self, scene: Scene, shares: NDArray[np.float64]) -> Holds:
        """Return which of them are not there; forget those whose place another has, or that are gone for long."""
        alive = {one.track_id for one in scene.tracks}
        alike = overlap(np.stack([one.box for one in self.settled.values()]), shares) >= _SAME_PLACE
        labels = np.array([one.label for one in scene.tracks])
        found: Holds = {}
        for row, (track_id, one) in zip(alike, list(self.settled.items()), strict=True):
            if (row & scene.seen & (labels == one.label)).any():
                one.there = scene.seconds
                if track_id not in alive:
                    del self.settled[track_id]  # it is back, or another stands there, under a number of its own
            elif scene.seconds - one.there > self.rule.forget_seconds:
                del self.settled[track_id]
            else:
                found[track_id] = (track_id,)
        return found


@dataclass(slots=True)
class _Fall:
    rule: Fall
    places: Places
    stood_at: dict[int, float] = field(default_factory=dict)
    lying: set[int] = field(default_factory=set)

    def __call__(self, scene: Scene, about: NDArray[np.bool_]) -> Holds:
        sizes = np.maximum(scene.xyxy[:, 2:] - scene.xyxy[:, :2], 1e-6)
        ratio = sizes[:, 0] / sizes[:, 1]
        within = self.places.within(scene, self.rule.zone)
        for i in np.flatnonzero(about).tolist():
            track_id = scene.tracks[i].track_id
            if ratio[i] <= self.rule.upright:
                self.stood_at[track_id] = scene.seconds
                self.lying.discard(track_id)
            elif ratio[i] < (self.rule.flat + self.rule.upright) / 2:
                self.lying.discard(track_id)
            elif ratio[i] >= self.rule.flat and self._just_stood(track_id, scene.seconds):
                self.lying.add(track_id)
        alive = {one.track_id for one in scene.tracks}
        self.lying &= alive
        self.stood_at = {track_id: at for track_id, at in self.stood_at.items() if track_id in alive}
        lying = np.array([one.track_id in self.lying for one in scene.tracks], np.bool_)
        return _each(scene, about & lying & within)

    def _just_stood(self, track_id: int, seconds: float) -> bool:
        return seconds - self.stood_at.get(track_id, -np.inf) <= self.rule.within_seconds


CONDITIONS: Mapping[type, Callable[[Any, Places], Condition]] = {
    Inside: _inside,
    Crossing: lambda rule, places: _Crossing(rule, places.lines[rule.line]),
    Crowd: _Crowd,
    Running: _running,
    Left: lambda rule, places: _Left(rule, places, _Stood(rule.still)),
    Removed: lambda rule, places: _Removed(rule, places, _Stood(rule.still)),
    Fall: _Fall,
}
"""By the kind of rule, what makes its condition for a camera's places."""
