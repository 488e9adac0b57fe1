"""Of what is true from frame to frame, what begins, goes on and ends."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

State = Literal["new", "update", "end"]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Episode(Generic[V]):
    since: float
    last_true: float
    value: V
    told: float | None = None


class Episodes(Generic[K, V]):
    """Conditions by key, each true or not at a moment, told as episodes.

    An episode begins once its condition has been true for ``after_seconds``, and ends once it has not been true for
    ``hold_seconds``: what flickers makes one episode, not many.

    Args:
        after_seconds: How long a condition must be true; that it is not for ``hold_seconds`` or less is passed over.
        hold_seconds: How long it must be untrue.
        update_seconds: How often an episode that goes on is told again; never if not given.
    """

    def __init__(self, after_seconds: float, hold_seconds: float, update_seconds: float | None = None) -> None:
        self._after = after_seconds
        self._hold = hold_seconds
        self._update = update_seconds
        self._episodes: dict[K, _Episode[V]] = {}
        self._before = 0.0

    @property
    def told(self) -> Mapping[K, V]:
        """What goes on and has been told, with what was told of it last."""
        return {key: episode.value for key, episode in self._episodes.items() if episode.told is not None}

    def __call__(self, true: Mapping[K, V], seconds: float) -> Iterator[tuple[State, K, V, float]]:
        """Yield what begins, goes on and ends: state, key, value, and since when its condition has been true.

        Args:
            true: The keys of the conditions that are true now, each with what is to be told of it.
            seconds: Now.
        """
        for key, value in true.items():
            episode = self._episodes.get(key)
            # Between two frames nobody knows: only what was not true in one that was seen begins anew.
            missed = episode is not None and episode.last_true < self._before
            if episode is None or (episode.told is None and missed and seconds - episode.last_true > self._hold):
                episode = self._episodes[key] = _Episode(seconds, seconds, value)
            episode.last_true, episode.value = seconds, value
            if episode.told is None:
                if seconds - episode.since >= self._after:
                    episode.told = seconds
                    yield "new", key, value, episode.since
            elif self._update is not None and seconds - episode.told >= self._update:
                episode.told = seconds
                yield "update", key, value, episode.since
        self._before = seconds
        over = [
            key
            for key, episode in self._episodes.items()
            if key not in true and seconds - episode.last_true >= self._hold
        ]
        for key in over:
            episode = self._episodes.pop(key)
            if episode.told is not None:
                yield "end", key, episode.value, episode.since

    def close(self) -> Iterator[tuple[State, K, V, float]]:
        """Yield the end of what has begun."""
        for key, episode in self._episodes.items():
            if episode.told is not None:
                yield "end", key, episode.value, episode.since
        self._episodes.clear()
