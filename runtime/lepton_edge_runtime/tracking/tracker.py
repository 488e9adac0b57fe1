"""Boxes of one frame after the other, and which of them are one thing."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.boxes import centred_of, corners_around
from lepton_edge_runtime.results import Detections
from lepton_edge_runtime.results.detections import UNTRACKED
from lepton_edge_runtime.tracking.assignment import Pairs, assign
from lepton_edge_runtime.tracking.likeness import buffered_overlap
from lepton_edge_runtime.tracking.motion import Motion

_FAR, _NEAR = 1e6, 1e-3  # pixels: beyond all pictures, and less than any thing
_BACK_MAX = 1.0  # seconds that a camera's own times may jitter by
_BUFFER_MAX = 1.0  # of the box, on either side: beyond it, everything is like everything


@dataclass(frozen=True, slots=True)
class Track:
    """One thing that is followed.

    Attributes:
        track_id: 1 for the first; no other track of its tracker ever has it.
        class_id, label: What it is.
        score: Of the box that was seen last.
        box: Left, top, right, bottom in pixels: where it is, by the filter; expected, while it is not seen.
        velocity: Of its centre, pixels a second, across and down.
        first_seconds, last_seconds: When it was seen first, and last.
        seen: In how many frames.
    """

    track_id: int
    class_id: int
    label: str
    score: float
    box: tuple[float, float, float, float]
    velocity: tuple[float, float]
    first_seconds: float
    last_seconds: float
    seen: int


class Tracker:
    """Follows what a detector finds through the frames of one camera.

    The sure boxes are matched with all tracks by where these are expected, then the unsure ones with what is left, as
    ByteTrack does (Zhang et al., ECCV 2022), so that a half hidden thing keeps its number. Time is counted in seconds,
    not in frames: how far a thing may have come, and how long it may stay unseen, depends neither on the frame rate nor
    on frames that were dropped.

    Args:
        high: Least score, 0 to 1, of a sure box. The detector's own ``min_score`` should be ``low``.
        low: Least score of a box that may go on with a track.
        start: Least score of a box that begins a track; ``high`` if not given.
        least_overlap: Of where a sure box is expected, both widened by the doubt about it.
        lost_seconds: So long a track waits, unseen, before it ends; more than what lies between two frames.
        frames: In so many frames a thing must be seen before it has a number; what is not seen again at once has none.
        any_class: Whether a track may go on with a box of another class, for detectors that waver between two.

    Raises:
        ValueError: A score or share that is none, or a time or number that follows nothing.

    Example:
        >>> import lepton_edge as le
        >>> with le.open_model("coco.lepton", min_score=0.1) as model, le.Camera(0) as camera:   # doctest: +SKIP
        ...     tracker = le.Tracker()
        ...     for found in model.stream(camera):
        ...         print(tracker(found))
    """

    def __init__(
        self,
        *,
        high: float = 0.5,
        low: float = 0.1,
        start: float | None = None,
        least_overlap: float = 0.2,
        lost_seconds: float = 2.0,
        frames: int = 2,
        any_class: bool = False,
    ) -> None:
        start = high if start is None else start
        if not 0 <= low <= high <= 1 or not high <= start <= 1 or not 0 < least_overlap < 1:
            raise ValueError(
                f"scores are 0 <= low <= high <= start <= 1 and least_overlap lies in 0..1, not {low}, {high}, {start} "
                f"and {least_overlap}"
            )
        if not lost_seconds > 0 or frames < 1:
            raise ValueError(f"lost_seconds is above 0 and frames are 1 or more, not {lost_seconds} and {frames}")
        self._high, self._low, self._start = high, low, start
        self._least = least_overlap
        self._lost_seconds = lost_seconds
        self._frames = frames
        self._any_class = any_class
        self._next_id = 1
        self._now: float | None = None
        self._motion = Motion()
        self._facts = np.empty(0, _FACTS)
        self._labels: dict[int, str] = {}

    @property
    def seconds(self) -> float:
        """The time of the last frame, as ``scene_of`` takes it; 0 before the first."""
        return 0.0 if self._now is None else self._now

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks that have a number and have not ended, the oldest first."""
        numbered = np.flatnonzero(self._facts["track_id"] > 0)
        boxes, velocity = corners_around(self._motion.centred), self._motion.velocity
        return tuple(
            Track(
                int(one["track_id"]), int(one["class_id"]), self._labels[int(one["class_id"])], float(one["score"]),
                tuple(boxes[i].tolist()), tuple(velocity[i].tolist()), float(one["first"]), float(one["last"]),
                int(one["seen"]),
            )
            for i, one in zip(numbered.tolist(), self._facts[numbered], strict=True)
        )  # fmt: skip

    def __call__(self, found: Detections, seconds: float | None = None) -> Detections:
        """Return what was found with a ``track_id`` each; ``UNTRACKED`` where a box belongs to no track (yet).

        Args:
            found: In the next frame of the camera; call it for frames in which nothing was found too.
            seconds: When that frame was taken; of the frame that ``found`` is about, if not given (pictures of a folder
                count as a second apart). A time more than a second before the last one is taken for another
                recording: all tracks end.

        Raises:
            ValueError: Nobody says when, or it is no time.
        """
        if seconds is None:
            frame = found.origin.frame
            if frame is None:
                raise ValueError("say when the picture was taken (seconds=): what was found is of no camera's frame")
            seconds = float(frame.index) if frame.name else frame.position_seconds
        if not np.isfinite(seconds):
            raise ValueError(f"a picture is taken at a time, not at {seconds}")
        self._move_on(seconds)
        seconds = self.seconds
        track_id = np.full(len(found), UNTRACKED, np.int64)
        self._labels.update(zip(found.class_id.tolist(), found.labels, strict=True))
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is passed over
            centred = centred_of(found.xyxy)
        real = (np.abs(centred) < _FAR).all(axis=1) & (centred[:, 2:] > _NEAR).all(axis=1)
        usable = np.flatnonzero(real & (found.score >= self._low))
        sure = found.score[usable] >= self._high
        unseen, new = np.ones(len(self._facts), np.bool_), np.zeros(len(found), np.bool_)
        new[usable[sure]] = True
        taken: list[Pairs] = []
        for boxes, least in ((usable[sure], self._least), (usable[~sure], 0.5)):
            free = np.flatnonzero(unseen)
            rows, columns = self._matched(free, centred[boxes], found.class_id[boxes], least)
            taken.append((free[rows], boxes[columns]))
            unseen[free[rows]] = False
        tracks, boxes = (np.concatenate(one) for one in zip(*taken, strict=True))
        new[boxes] = False
        self._motion.correct(tracks, centred[boxes])
        self._see(tracks, found, boxes, seconds)
        track_id[boxes] = self._facts["track_id"][tracks]
        self._motion.steady(unseen)
        # What was seen once and not again was no thing.
        self._keep(~unseen | (self._facts["track_id"] > 0))
        self._begin(np.flatnonzero(new & (found.score >= self._start)), centred, found, seconds, track_id)
        return replace(found, track_id=track_id)

    def _move_on(self, seconds: float) -> None:
        if self._now is not None and self._now - _BACK_MAX <= seconds < self._now:
            return
        if self._now is not None and seconds < self._now:
            self._motion, self._facts = Motion(), np.empty(0, _FACTS)
        elif self._now is not None and seconds > self._now:
            self._keep(seconds - self._facts["last"] <= self._lost_seconds)
            self._motion.predict(seconds - self._now)
        self._now = seconds

    def _matched(
        self,
        tracks: NDArray[np.intp],
        centred: NDArray[np.float32],
        class_id: NDArray[np.int64],
        least: float,
    ) -> Pairs:
        """Return which of some tracks (rows) go on with which of some boxes (columns)."""
        if not tracks.size or not len(centred):
            return np.empty(0, np.intp), np.empty(0, np.intp)
        expected = self._motion.centred[tracks]
        buffer = np.minimum(self._motion.doubt[tracks], _BUFFER_MAX * expected[:, 2:])
        likeness = buffered_overlap(expected, buffer, centred)
        if not self._any_class:
            likeness *= self._facts["class_id"][tracks][:, np.newaxis] == class_id
        return assign(likeness, least)

    def _see(self, tracks: NDArray[np.intp], found: Detections, boxes: NDArray[np.intp], seconds: float) -> None:
        facts = self._facts
        facts["score"][tracks] = found.score[boxes]
        facts["last"][tracks] = seconds
        facts["seen"][tracks] += 1
        if self._any_class:
            facts["class_id"][tracks] = found.class_id[boxes]
        self._number()

    def _number(self) -> None:
        """Give a number to those that have been seen often enough."""
        new = np.flatnonzero((self._facts["track_id"] < 0) & (self._facts["seen"] >= self._frames))
        self._facts["track_id"][new] = np.arange(self._next_id, self._next_id + new.size)
        self._next_id += new.size

    def _begin(
        self,
        boxes: NDArray[Any],
        centred: NDArray[np.float32],
        found: Detections,
        seconds: float,
        track_id: NDArray[np.int64],
    ) -> None:
        if not boxes.size:
            return
        born = np.zeros(boxes.size, _FACTS)
        born["track_id"] = UNTRACKED
        born["class_id"], born["score"] = found.class_id[boxes], found.score[boxes]
        born["first"] = born["last"] = seconds
        born["seen"] = 1
        self._motion.add(centred[boxes])
        self._facts = np.concatenate([self._facts, born])
        self._number()
        track_id[boxes] = self._facts["track_id"][-boxes.size :]

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """End the other tracks."""
        if not kept.all():
            self._motion.keep(kept)
            self._facts = self._facts[kept]


_FACTS = np.dtype(
    [("track_id", "i8"), ("class_id", "i8"), ("seen", "i8"), ("score", "f4"), ("first", "f8"), ("last", "f8")]
)
