"""What is written by hand round an engine that has no tasks: numpy and OpenCV, as well as it can be done there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from benchmarks.peers.protocol import CannotServeError, Job, Named

Fit = tuple[float, float, int, int]
"""Pixels of the frame a pixel of the model's input, across and down; and the input's columns and rows before it."""


def fit(frame: Any, job: Job, canvas: Any = None) -> tuple[Any, Fit]:
    """Return the frame at the model's size, still BGR, and where it lies; ``canvas`` is written over and returned."""
    (height, width), (wide, high) = frame.shape[:2], job.size
    if not job.letterbox:
        return cv2.resize(frame, (wide, high), dst=canvas), (width / wide, height / high, 0, 0)
    scale = min(wide / width, high / height)
    inner = round(width * scale), round(height * scale)
    left, top = (wide - inner[0]) // 2, (high - inner[1]) // 2
    if canvas is None:
        canvas = np.full((high, wide, 3), 114, np.uint8)
    cv2.resize(frame, inner, dst=canvas[top : top + inner[1], left : left + inner[0]])
    return canvas, (1 / scale, 1 / scale, left, top)


def real(job: Job, output: Any) -> Any:
    """Return an output as real numbers, whether the engine gives these or the bytes they are stored as."""
    if output.dtype == np.float32:
        return output
    return (output.astype(np.float32) - np.float32(job.zero)) * np.float32(job.step)


def named(job: Job, outputs: Sequence[Any], place: Fit, frame: Any) -> list[Named]:
    """Return what the model's outputs, real numbers, say of a frame."""
    if job.task == "classify":
        return classes(job, outputs[0].reshape(-1))
    if job.head == "yolo":
        return _yolo(job, outputs[0].reshape(len(job.labels) + 4, -1), place)
    if job.head == "yolox":
        return _yolox(job, outputs[0].reshape(-1, len(job.labels) + 5), place)
    if job.head == "ssd":
        return _ssd(job, outputs, frame)
    raise CannotServeError(f"no decoder of {job.head!r}")


def classes(job: Job, scores: Any) -> list[Named]:
    """Return the best classes."""
    best = np.argpartition(scores, -job.top)[-job.top :]
    best = best[np.argsort(scores[best])[::-1]]
    return [Named(job.labels[i], float(scores[i])) for i in best]


def _yolo(job: Job, columns: Any, place: Fit) -> list[Named]:
    sure = columns[4:].max(0)
    kept = np.flatnonzero(sure >= job.min_score)
    told = columns[:, kept]
    size = np.array([[job.size[0]], [job.size[1]]], np.float32) if job.int8 else np.float32(1)
    return _suppressed(job, told[:2] * size, told[2:4] * size, sure[kept], told[4:].argmax(0), place)


def _yolox(job: Job, rows: Any, place: Fit) -> list[Named]:
    kept = np.flatnonzero(rows[:, 4] >= job.min_score)
    told = rows[kept].T
    best = told[5:].argmax(0)
    score = told[4] * told[5 + best, np.arange(kept.size)]
    cells, strides = _grids(job.size)
    centres, sizes = (told[:2] + cells[:, kept]) * strides[kept], np.exp(told[2:4]) * strides[kept]
    sure = score >= job.min_score
    return _suppressed(job, centres[:, sure], sizes[:, sure], score[sure], best[sure], place)


_GRIDS: dict[tuple[int, int], tuple[Any, Any]] = {}


def _grids(size: tuple[int, int]) -> tuple[Any, Any]:
    if size not in _GRIDS:
        cells, strides = [], []
        for stride in (8, 16, 32):
            rows, columns = np.mgrid[: size[1] // stride, : size[0] // stride].reshape(2, -1)
            cells.append(np.stack([columns, rows]))
            strides.append(np.full(rows.size, stride, np.float32))
        _GRIDS[size] = np.concatenate(cells, axis=1).astype(np.float32), np.concatenate(strides)
    return _GRIDS[size]


def _suppressed(job: Job, centres: Any, sizes: Any, score: Any, class_id: Any, place: Fit) -> list[Named]:
    """Return boxes in the frame's pixels, of those of one class that overlap the surest."""
    across, down, left, top = place
    corner = (centres - sizes / 2 - [[left], [top]]) * [[across], [down]]
    wide = sizes * [[across], [down]]
    boxes = np.concatenate([corner, wide]).T
    kept = cv2.dnn.NMSBoxesBatched(boxes, score, class_id.astype(np.int32), job.min_score, job.iou)
    return [
        Named(job.labels[class_id[i]], float(score[i]), (x, y, x + w, y + h))
        for i, (x, y, w, h) in ((i, boxes[i].tolist()) for i in np.asarray(kept).reshape(-1).tolist())
    ]


def _ssd(job: Job, outputs: Sequence[Any], frame: Any) -> list[Named]:
    boxes, class_id, score = (one[0] for one in outputs[:3])
    height, width = frame.shape[:2]
    kept = np.flatnonzero(score[: int(outputs[3][0])] >= job.min_score)
    return [
        Named(job.labels[int(class_id[i])], float(score[i]), (left * width, top * height, right * width, low * height))
        for i, (top, left, low, right) in ((i, boxes[i].tolist()) for i in kept.tolist())
    ]
