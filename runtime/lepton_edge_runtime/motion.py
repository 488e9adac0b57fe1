"""Which frames are worth a model's time: those in which something moves."""

from collections.abc import Sequence
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.areas import read_areas
from lepton_edge_runtime.frame import Frame
from lepton_edge_runtime.images import Image, opencv

_STEP_SECONDS = 1.0
"""What lies between two frames that tell no time, such as pictures of a folder."""
_TIE_SECONDS = 1e-6
"""Times of frames are rounded."""
_NEW_SCENE, _UNLIKE = 0.6, 0.6
"""Another scene: a larger share of the picture changes, or most of it by more than so much of its own contrast."""
_NOISE_SECONDS = 1.0
_OVEREXPOSED = 240
"""A place as bright as this may have been brighter."""
_OTHER_LIGHT, _ROUGHLY = 3.0, 0.5
"""Light that changes a picture by so many grey levels is another one; so much of what it does may be guessed wrong."""
_PLAIN = 3.0
"""By so many grey levels most places differ from the median where there is nothing to see."""
_MEDIAN_OF_NORMAL = 0.6745
"""Median of the absolute deviation, of noise whose standard deviation is 1."""
_DEVIATIONS = 5.0
"""Noise goes beyond so many of its standard deviations nearly never."""


class MotionGate:
    """Lets a frame pass if something moves in it, did so a moment ago, or none has passed for long.

    Each frame is compared, small and grey, with a background that slowly becomes like the frames. Light that
    changes all over the picture and noise count as no motion. The first frame passes, and so does one that shows
    another scene. A gate remembers its camera's background: each camera wants its own.

    Attributes:
        boxes: Where the last frame moved: ``int64``, n × 4, left, top, right, bottom in its pixels, the largest
            first; none where it passed for another reason.
        area: Share of the picture that moved in the last frame, 0 to 1.

    Args:
        threshold: By how many grey levels, 0 to 255, a place must differ from the background; where noise is
            stronger than that, by more.
        min_area: Least share of the picture that must move in one piece, above 0 to 1.
        hold_seconds: How long frames pass after motion has ended.
        every_seconds: So often a frame passes though nothing moves; ``None`` for never.
        adapt_seconds: How long the background takes to become two thirds like what is new in it.
        areas: Motion counts in these parts of the picture alone: left, top, right, bottom, in pixels or as shares,
            0 to 1, of width and height; everywhere if not given.
        side: Pixels of the small copy's longer side.

    Raises:
        ValueError: Numbers that no gate works with.

    Example:
        >>> import lepton_edge as le
        >>> with le.open_model("coco.lepton") as model, le.Camera(0) as camera:   # doctest: +SKIP
        ...     for result in model.stream(camera, gate=le.MotionGate(min_area=0.005)):
        ...         print(result)
    """

    def __init__(
        self,
        *,
        threshold: float = 20.0,
        min_area: float = 0.001,
        hold_seconds: float = 1.0,
        every_seconds: float | None = 10.0,
        adapt_seconds: float = 10.0,
        areas: Sequence[float] | Sequence[Sequence[float]] | NDArray[Any] = (),
        side: int = 160,
    ) -> None:
        if not 0 < threshold < 256 or not 0 < min_area <= 1 or side < 16:
            raise ValueError(
                "threshold is in grey levels, above 0 and below 256, min_area a share of the picture, above 0 and up "
                f"to 1, and side 16 pixels or more, not {threshold}, {min_area} and {side}"
            )
        if hold_seconds < 0 or adapt_seconds <= 0 or (every_seconds is not None and every_seconds <= 0):
            raise ValueError(
                "hold_seconds is 0 or more, adapt_seconds and every_seconds are more than 0, not "
                f"{hold_seconds}, {adapt_seconds} and {every_seconds}"
            )
        self.boxes: NDArray[np.int64] = np.empty((0, 4), np.int64)
        self.area = 0.0
        self._threshold = threshold
        self._min_area = min_area
        self._hold = hold_seconds
        self._every = every_seconds
        self._adapt = adapt_seconds
        self._areas = read_areas(areas) if len(areas) else ()
        self._side = side
        self._size = (0, 0)
        self._background: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._seen = 0
        self._where: NDArray[np.uint8] | None = None
        self._noise: float | None = None
        # By the frames' own clock, which a video that is read fast has too.
        self._position = self._now = self._moved = self._passed = 0.0

    def __call__(self, frame: Frame) -> bool:
        """Return whether a frame is worth being answered.

        Raises:
            InputError: An area lies outside the picture.
        """
        elapsed = frame.position_seconds - self._position
        elapsed = elapsed if elapsed > 0 else _STEP_SECONDS
        self._position = frame.position_seconds
        self._now += elapsed
        if self._moves(frame.image, elapsed):
            self._moved = self._now
        held = self._now - self._moved <= self._hold + _TIE_SECONDS
        due = self._every is not None and self._now - self._passed >= self._every - _TIE_SECONDS
        if held or due:
            self._passed = self._now
        return held or due

    def _moves(self, image: Image, elapsed: float) -> bool:
        """Return whether something moves in a picture, and learn what it looks like."""
        small = self._shrunk(image)
        if (image.shape[1], image.shape[0]) != self._size:  # the first frame, or another resolution
            self._begin(image, small)
            return True
        changed = self._changed(small, elapsed)
        if changed is None or changed.mean() > _NEW_SCENE:
            self._begin(image, small)
            return True
        self._seen += 1
        # A mean at first: who stood in the first picture does not stay in the background for long.
        share = max(1 - exp(-elapsed / self._adapt), 1 / self._seen)
        opencv().accumulateWeighted(small, self._background, share)
        if self._where is not None:
            changed *= self._where
        self.boxes, self.area = self._pieces(changed)
        return len(self.boxes) > 0

    def _begin(self, image: Image, small: NDArray[np.float32]) -> None:
        """Take a picture for the background, and for one that moved as a whole."""
        height, width = image.shape[:2]
        self._size = (width, height)
        self._background, self._seen = small, 1
        self.boxes, self.area = np.array([[0, 0, width, height]], np.int64), 1.0
        self._where = self._places(small.shape)

    def _places(self, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
        """Return which pixels of the small copy motion counts in; ``None`` for all."""
        if not self._areas:
            return None
        where = np.zeros(shape, np.uint8)
        width, height = self._size
        for area in self._areas:
            left, top, right, bottom = area.of(width, height)
            columns = slice(left * shape[1] // width, -(-right * shape[1] // width))
            where[top * shape[0] // height : -(-bottom * shape[0] // height), columns] = 1
        return where

    def _shrunk(self, image: Image) -> NDArray[np.float32]:
        """Return a small grey copy: each pixel the mean of sixteen, spread over what it stands for."""
        cv2 = opencv()
        height, width = image.shape[:2]
        scale = min(1.0, self._side / max(height, width))
        size = max(2, round(width * scale)), max(2, round(height * scale))
        if scale <= 0.5:  # the mean of all pixels takes five times as long
            image = cv2.resize(image, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_LINEAR)
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
        small: NDArray[np.uint8] = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        return small.astype(np.float32)

    def _changed(self, small: NDArray[np.float32], elapsed: float) -> NDArray[np.uint8] | None:
        """Return 1 where a small copy is unlike the background in its light, else 0; ``None`` for another scene."""
        cv2 = opencv()
        before, now = _some(self._background), _some(small)
        gain, offset = _light(before, now)
        expected = np.clip(gain * self._background + offset, 0, 255)
        noise = self._noise_of(small - expected, elapsed)
        if _is_another_scene(before, now, _some(expected), noise):
            return None
        shift = cv2.absdiff(expected, self._background)
        # What light does to a place is only known roughly: where it did much, more must differ.
        limit = max(self._threshold, _DEVIATIONS * noise) + _ROUGHLY * shift
        moved = cv2.absdiff(small, expected) > limit
        moved &= (self._background < _OVEREXPOSED) | (small < expected)
        if shift.mean() > _OTHER_LIGHT:
            self._background = np.where(moved, expected, small)
        return cv2.medianBlur(moved.astype(np.uint8), 3)  # type: ignore[no-any-return]  # cv2 ships no types

    def _noise_of(self, difference: NDArray[np.float32], elapsed: float) -> float:
        """Return the standard deviation of noise: what neighbours differ by, and at most half more than lately."""
        steps = np.abs(difference[::3, 1::3] - difference[::3, :-1:3]).ravel()
        found = _median(steps) / _MEDIAN_OF_NORMAL / 2**0.5
        lately = found if self._noise is None else self._noise
        self._noise = lately + (found - lately) * (1 - exp(-elapsed / _NOISE_SECONDS))
        return min(found, 1.5 * lately + 1)

    def _pieces(self, changed: NDArray[np.uint8]) -> tuple[NDArray[np.int64], float]:
        """Return a box round each piece that is large enough, and the share of the picture that they cover."""
        cv2 = opencv()
        least = max(1.0, self._min_area * changed.size)
        if cv2.countNonZero(changed) < least:
            return np.empty((0, 4), np.int64), 0.0
        closed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(closed)
        found = stats[1:][stats[1:, cv2.CC_STAT_AREA] >= least]  # the first is all the rest
        found = found[np.argsort(-found[:, cv2.CC_STAT_AREA], kind="stable")]
        begins, ends = found[:, :2], found[:, :2] + found[:, 2:4]
        scale = np.array(self._size) / (changed.shape[1], changed.shape[0])
        edges = np.concatenate([np.floor(begins * scale), np.ceil(ends * scale)], axis=1)
        boxes = np.minimum(edges, [*self._size, *self._size]).astype(np.int64)
        return boxes, float(found[:, cv2.CC_STAT_AREA].sum() / changed.size)


def _some(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return one pixel of nine: enough for a median."""
    return small[::3, ::3].ravel()


def _light(before: NDArray[np.float32], now: NDArray[np.float32]) -> tuple[float, float]:
    """Return gain and offset that make ``before`` like ``now`` at most places; what moves does not sway a median."""
    contrast = before - _median(before)
    spread = _median(np.abs(contrast))
    gain = 1.0
    if spread >= _PLAIN:
        telling = np.abs(contrast) >= spread
        gain = float(np.clip(_median((now[telling] - _median(now)) / contrast[telling]), 0.2, 5.0))
    return gain, _median(now - gain * before)


def _is_another_scene(
    before: NDArray[np.float32], now: NDArray[np.float32], expected: NDArray[np.float32], noise: float
) -> bool:
    """Return whether most places are unlike what the light makes of those before; a thing that moves is not most."""
    if _spread(before) < _PLAIN:
        return False  # a bare wall: any light could have made it so
    unlike = _median(np.abs(now - expected)) ** 2 - (_MEDIAN_OF_NORMAL * noise) ** 2
    return unlike > (_UNLIKE * _spread(now)) ** 2


def _spread(values: NDArray[np.float32]) -> float:
    return _median(np.abs(values - _median(values)))


def _median(values: NDArray[np.float32]) -> float:
    """Return the median, the higher one of two: seven times as fast as numpy's."""
    middle = values.size // 2
    return float(np.partition(values, middle)[middle])
