"""Rules kept over a camera's tracks: what of them becomes an event."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.rules.conditions import CONDITIONS, Condition, Holds, Key, Places
from lepton_edge_runtime.rules.episodes import Episodes, State
from lepton_edge_runtime.rules.kinds import DAYS, Crossing, Hours, Line, Rule, Zone
from lepton_edge_runtime.rules.scene import Scene
from lepton_edge_runtime.wire import nearest


@dataclass(frozen=True, slots=True)
class Occurrence:
    """What a rule has noticed.

    Attributes:
        rule: Its name.
        kind: Its kind, such as ``inside``.
        state: ``new``, then perhaps ``update``, then ``end``; of a crossing both at once.
        key: What it is about: the number of a track, or a word; with ``rule`` and ``since_seconds`` it is this
            episode's and no other's.
        tracks: The numbers of the tracks that it is about now.
        since_seconds: Since when it has been true, on the camera's clock.
        seconds: When it was noticed, likewise.
    """

    rule: str
    kind: str
    state: State
    key: Key
    tracks: tuple[int, ...]
    since_seconds: float
    seconds: float


_BACK_MAX = 1.0  # seconds that a camera's own times may jitter by


class _Kept:
    """A rule, with what it remembers."""

    def __init__(self, rule: Rule, places: Places) -> None:
        self.rule = rule
        self._places = places
        self.episodes: Episodes[Key, tuple[int, ...]] = Episodes(
            getattr(rule, "after_seconds", 0.0), rule.hold_seconds, rule.update_seconds
        )
        self._condition: Condition | None = None

    def true(self, scene: Scene, about: NDArray[np.bool_]) -> Holds:
        """Return for what the rule is true now."""
        if self._condition is None:
            self._condition = CONDITIONS[type(self.rule)](self.rule, self._places)
        return self._condition(scene, about)

    def forget(self) -> None:
        """Forget earlier scenes: what was not looked at may have changed."""
        self._condition = None

    def told(self, found: Iterable[tuple[State, Key, tuple[int, ...], float]], seconds: float) -> list[Occurrence]:
        """Return what is told of the rule's episodes."""
        name, kind = self.rule.name, str(self.rule.__struct_config__.tag)
        return [Occurrence(name, kind, state, key, tracks, since, seconds) for state, key, tracks, since in found]


class Watch:
    """Rules over the tracks of one camera.

    Args:
        rules: What is to be noticed.
        zones, lines: The places that the rules name.

    Raises:
        ValueError: Two of one name, or a rule names a place that there is not.
    """

    def __init__(self, rules: Sequence[Rule], *, zones: Sequence[Zone] = (), lines: Sequence[Line] = ()) -> None:
        for what, named in (("rules", rules), ("zones", zones), ("lines", lines)):
            _refuse_twins(what, named)
        places = Places({one.name: one for one in zones}, {one.name: one for one in lines})
        for rule in rules:
            _refuse_unknown(rule, places)
        self._kept = [_Kept(rule, places) for rule in rules]
        self._now: float | None = None

    def __call__(self, scene: Scene, now: datetime | None = None) -> list[Occurrence]:
        """Return what is noticed in the next scene of the camera.

        Args:
            scene: The tracks. A time more than a second before the last scene's is another recording: what goes on
                ends.
            now: Local time, for rules with hours.
        """
        found = []
        if self._now is not None and scene.seconds < self._now - _BACK_MAX:
            found += self.close(self._now)
        self._now = scene.seconds
        seen = scene.seen
        for kept in self._kept:
            if not _holds(kept.rule.hours, now):
                kept.forget()
                found += kept.told(kept.episodes({}, scene.seconds), scene.seconds)
                continue
            classes = kept.rule.classes
            about = seen & np.array([not classes or one.label in classes for one in scene.tracks], np.bool_)
            found += _noticed(kept, scene, seen, kept.true(scene, about))
        return found

    def close(self, seconds: float) -> list[Occurrence]:
        """Return the end of what goes on: the camera is watched no longer, or begins anew."""
        found = []
        for kept in self._kept:
            found += kept.told(kept.episodes.close(), seconds)
            kept.forget()
        self._now = None
        return found


def _noticed(kept: _Kept, scene: Scene, seen: NDArray[np.bool_], true: Holds) -> list[Occurrence]:
    seconds = scene.seconds
    if isinstance(kept.rule, Crossing):
        states: tuple[State, ...] = ("new", "end")
        return kept.told(((state, key, tracks, seconds) for key, tracks in true.items() for state in states), seconds)
    # What is hidden for a moment has not left, and has not entered either.
    told = kept.episodes.told
    for i in np.flatnonzero(~seen).tolist():
        track_id = scene.tracks[i].track_id
        if track_id in told:
            true.setdefault(track_id, told[track_id])
    return kept.told(kept.episodes(true, seconds), seconds)


def _holds(hours: Iterable[Hours], now: datetime | None) -> bool:
    """Return whether a rule with these hours holds now."""
    spans = tuple(hours)
    if not spans:
        return True
    if now is None:
        raise ValueError("a rule has hours: say which time it is (now=)")
    today, minute = now.weekday(), now.hour * 60 + now.minute
    return any(_within(one, today, minute) for one in spans)


def _within(one: Hours, today: int, minute: int) -> bool:
    begin, end = (60 * int(clock[:2]) + int(clock[3:]) for clock in (one.begin, one.end))
    days = {DAYS.index(day) for day in one.days} or set(range(7))
    if begin < end:
        return today in days and begin <= minute < end
    return (today in days and minute >= begin) or ((today - 1) % 7 in days and minute < end)


def _refuse_twins(what: str, named: Sequence[Any]) -> None:
    names = [one.name for one in named]
    twin = next((name for name in names if names.count(name) > 1), None)
    if twin is not None:
        raise ValueError(f"there are two {what} of the name {twin!r}")


def _refuse_unknown(rule: Rule, places: Places) -> None:
    for what, known in (("zone", places.zones), ("line", places.lines)):
        name = getattr(rule, what, None)
        if name is not None and name not in known:
            there = ", ".join(known) or "none"
            raise ValueError(
                f"the rule {rule.name!r} names the {what} {name!r}; there are: {there}{nearest(name, list(known))}"
            )
