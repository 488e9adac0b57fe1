"""Crowds that walk about in front of a simulated camera, and what a detector makes of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STEPS = 100  # simulated moments a second, whatever the frame rate
_CELLS = (12, 8)  # a body's box is looked at in so many rows and columns, to see how much of it is hidden


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame.

    Attributes:
        seconds: When it was taken.
        numbers: n: who is to be seen, by more than a tenth of the body.
        bodies: n × 4: where, left, top, right, bottom in pixels.
        boxes: m × 4: what the detector found.
        scores: m: how surely.
    """

    seconds: float
    numbers: NDArray[np.int64]
    bodies: NDArray[np.float64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]


def crowd(fps: int, *, people: int = 40, seconds: float = 30.0, dropped: float = 0.0, seed: int = 0) -> list[Moment]:
    """Return what a camera of 1280×720 gives of people who walk to goals, stop there, and hide each other.

    A detector's box jitters by 3 % of its size and more where the body is hidden; its score falls with what is to be
    seen; it misses 3 % of all, and finds a thing or so a frame that is none, never surely.

    Args:
        fps: Frames a second.
        people: How many.
        seconds: How long.
        dropped: Share of the frames that are lost, at random.
        seed: Of all that is drawn.
    """
    chance = np.random.default_rng(seed)
    size = np.array([1280.0, 720.0])
    place, goal = (_somewhere(chance, people, size) for _ in range(2))
    speed = np.clip(chance.normal(0.8, 0.25, people), 0.2, 2)  # of their own height a second
    velocity, rest = np.zeros((people, 2)), np.zeros(people)
    moments = []
    for step in range(int(seconds * _STEPS)):
        height = 40 + place[:, 1] / size[1] * 140  # nearer to the camera is lower in the picture, and larger
        way = goal - place
        distance = np.linalg.norm(way, axis=1)
        arrived = distance < 10
        goal[arrived] = _somewhere(chance, int(arrived.sum()), size)
        rest[arrived] = chance.exponential(1.0, arrived.sum()) * (chance.random(arrived.sum()) < 0.5)
        wanted = way / np.maximum(distance, 1)[:, np.newaxis] * (speed * height)[:, np.newaxis]
        wanted[rest > 0] = 0
        rest = np.maximum(0, rest - 1 / _STEPS)
        velocity += (wanted - velocity) / _STEPS / 0.4
        place = place + velocity / _STEPS
        if step % round(_STEPS / fps) == 0 and chance.random() >= dropped:
            width = 0.38 * height
            left = place[:, 0] - width / 2
            bodies = np.stack([left, place[:, 1] - height, left + width, place[:, 1]], axis=1)
            moments.append(_seen(chance, step / _STEPS, bodies, size))
    return moments


def _somewhere(chance: np.random.Generator, count: int, size: NDArray[np.float64]) -> NDArray[np.float64]:
    return chance.random((count, 2)) * size * [1, 0.8] + size * [0, 0.2]


def _seen(
    chance: np.random.Generator, seconds: float, bodies: NDArray[np.float64], size: NDArray[np.float64]
) -> Moment:
    visible = _visible(bodies)
    shown = visible > 0.1
    score = 0.92 * np.clip((visible - 0.1) / 0.6, 0, 1) ** 0.6 + chance.normal(0, 0.05, len(bodies))
    found = (visible > 0.2) & (chance.random(len(bodies)) < 0.97) & (score > 0.1)
    extent = np.tile(bodies[:, 2:] - bodies[:, :2], 2)
    jitter = chance.normal(0, 1, bodies.shape) * extent * 0.03 * (1 + 1.5 * (1 - visible))[:, np.newaxis]
    strays = chance.poisson(0.8)
    corner = chance.random((strays, 2)) * size
    stray = np.hstack([corner, corner + chance.uniform(20, 100, (strays, 1)) * [0.4, 1.0]])
    boxes = np.concatenate([(bodies + jitter)[found], stray])
    scores = np.concatenate([np.clip(score[found], 0.1, 0.99), chance.uniform(0.1, 0.55, strays)])
    order = np.argsort(-scores)
    return Moment(
        seconds, np.flatnonzero(shown), bodies[shown],
        boxes[order].astype(np.float32), scores[order].astype(np.float32),
    )  # fmt: skip


def _visible(bodies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of each body that no nearer one hides."""
    rows, columns = _CELLS
    visible = np.ones(len(bodies))
    order = np.argsort(-bodies[:, 3])
    for rank, i in enumerate(order):
        x = np.linspace(bodies[i, 0], bodies[i, 2], columns)
        y = np.linspace(bodies[i, 1], bodies[i, 3], rows)[:, np.newaxis]
        nearer = bodies[order[:rank], :, np.newaxis, np.newaxis]
        hidden = (nearer[:, 0] <= x) & (x <= nearer[:, 2]) & (nearer[:, 1] <= y) & (y <= nearer[:, 3])
        visible[i] = 1 - hidden.any(axis=0).mean()
    return visible
