"""Rules kept over a camera's tracks: what of them becomes an event."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

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
        state: ``new``, then perhaps ``update``, then ``end``; of a crossing only ``new``.
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


@dataclass(slots=True)
class _Kept:
    rule: Rule
    condition: Condition
    episodes: Episodes[Key, tuple[int, ...]]
    before: Holds


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
        self._kept = []
        for rule in rules:
            _refuse_unknown(rule, places)
            episodes: Episodes[Key, tuple[int, ...]] = Episodes(
                getattr(rule, "after_seconds", 0.0), rule.hold_seconds, rule.update_seconds
            )
            self._kept.append(_Kept(rule, CONDITIONS[type(rule)](rule, places), episodes, {}))

    def __call__(self, scene: Scene, now: datetime | None = None) -> list[Occurrence]:
        """Return what is noticed in the next scene of the camera.

        Args:
            scene: The tracks.
            now: Local time, for rules with hours.
        """
        found = []
        seen = scene.seen
        for kept in self._kept:
            rule = kept.rule
            if not _holds(rule.hours, now):
                kept.before = {}
                found += self._told(kept, {}, scene.seconds)
                continue
            about = seen & np.array([not rule.classes or one.label in rule.classes for one in scene.tracks], np.bool_)
            true = kept.condition(scene, about)
            if isinstance(rule, Crossing):
                found += [
                    Occurrence(rule.name, "crossing", "new", key, tracks, scene.seconds, scene.seconds)
                    for key, tracks in true.items()
                ]
                continue
            # What is hidden for a moment neither enters nor leaves.
            for i in np.flatnonzero(~seen).tolist():
                track_id = scene.tracks[i].track_id
                if track_id in kept.before:
                    true.setdefault(track_id, kept.before[track_id])
            kept.before = true
            found += self._told(kept, true, scene.seconds)
        return found

    def close(self, seconds: float) -> list[Occurrence]:
        """Return the end of what goes on: the camera is watched no longer."""
        return [
            Occurrence(kept.rule.name, _kind(kept.rule), state, key, tracks, since, seconds)
            for kept in self._kept
            for state, key, tracks, since in kept.episodes.close()
        ]

    @staticmethod
    def _told(kept: _Kept, true: Holds, seconds: float) -> list[Occurrence]:
        return [
            Occurrence(kept.rule.name, _kind(kept.rule), state, key, tracks, since, seconds)
            for state, key, tracks, since in kept.episodes(true, seconds)
        ]


def _kind(rule: Rule) -> str:
    return str(rule.__struct_config__.tag)


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
