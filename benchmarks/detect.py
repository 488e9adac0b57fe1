"""What a detector's tensor takes until there are boxes, beside the tutorials' loop and numpy with OpenCV."""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Cell, Table, at_most, side_by_side
from benchmarks.workshop import Workshop
from lepton_edge_runtime.card import Card, InputCard, OutputCard
from lepton_edge_runtime.heads import Yolo
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.results import Origin, Timing
from lepton_edge_runtime.tasks import make_decoder
from lepton_edge_runtime.tensors import Quant, TensorSpec, quantize
from lepton_edge_runtime.timing import Latency, time_interleaved

_BUDGET_MS = 0.25
_SIZE, _CLASSES, _BOXES = 640, 80, 8400
_THINGS, _BOXES_OF_ONE = 20, 8
_MIN_SCORE, _IOU = 0.25, 0.45
_RUNS_MAX = 100_000
_SPEC = TensorSpec("boxes", "int8", (1, 4 + _CLASSES, _BOXES), Quant(1 / 255, -128))


def measure(_: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return what each way takes from the stored tensor to boxes."""
    stored = made_up()
    calls = {name: way(stored) for name, way in WAYS.items()}
    return (_table(time_interleaved(calls, seconds=seconds, runs_max=_RUNS_MAX, warm=True)),)


def made_up() -> NDArray[Any]:
    """Return the tensor of a picture with twenty things, each of which eight boxes tell, among weak noise."""
    rng = np.random.default_rng(0)
    real = np.zeros((4 + _CLASSES, _BOXES), np.float32)
    real[:4] = rng.uniform(0.05, 0.95, (4, _BOXES))
    real[4:] = rng.uniform(0, 0.1, (_CLASSES, _BOXES))
    taken = rng.permutation(_BOXES)[: _THINGS * _BOXES_OF_ONE].reshape(_THINGS, _BOXES_OF_ONE)
    for i, some in enumerate(taken):
        middle = 0.1 + 0.2 * (i % 5), 0.125 + 0.25 * (i // 5)
        real[:4, some] = np.array([[*middle, 0.12, 0.12]]).T + rng.uniform(-0.01, 0.01, (4, _BOXES_OF_ONE))
        real[4 + i, some] = rng.uniform(0.5, 0.95, _BOXES_OF_ONE)
    return quantize(real[None], _SPEC)


def _ours(stored: NDArray[Any]) -> Callable[[], Any]:
    picture = InputCard(TensorSpec("picture", "uint8", (1, _SIZE, _SIZE, 3)), Preprocess(range=(0, 255)))
    head = Yolo(unit="share", min_score=_MIN_SCORE, iou=_IOU)
    outputs = (OutputCard(_SPEC),)
    decode = make_decoder(Card(name="detector", task="detect", inputs=(picture,), outputs=outputs, head=head))
    origin = Origin("none", Timing(0, 0))
    return lambda: decode([stored], None, origin)


def _vectorised(stored: NDArray[Any]) -> Callable[[], Any]:
    def call() -> list[tuple[Any, Any, Any]]:
        columns = _real(stored)
        sure = columns[4:].max(0)
        kept = np.flatnonzero(sure >= _MIN_SCORE)
        told, score = columns[:, kept], sure[kept]
        class_id, boxes = told[4:].argmax(0).astype(np.int32), told[:4].T * _SIZE
        boxes[:, :2] -= boxes[:, 2:] / 2
        return [(boxes[i], score[i], class_id[i]) for i in _suppressed(boxes, score, class_id)]

    return call


def _looped(stored: NDArray[Any]) -> Callable[[], Any]:
    def call() -> list[tuple[Any, Any, Any]]:
        boxes, scores, class_ids = [], [], []
        for row in _real(stored).T:
            class_id = int(np.argmax(row[4:]))
            if row[4 + class_id] >= _MIN_SCORE:
                x, y, width, height = row[:4] * _SIZE
                boxes.append([x - width / 2, y - height / 2, width, height])
                scores.append(float(row[4 + class_id]))
                class_ids.append(class_id)
        return [(boxes[i], scores[i], class_ids[i]) for i in _suppressed(boxes, scores, class_ids)]

    return call


WAYS: Mapping[str, Callable[[NDArray[Any]], Callable[[], Any]]] = {
    "ours": _ours,
    "numpy at once, cv2.dnn.NMSBoxesBatched": _vectorised,
    "a loop over boxes, cv2.dnn.NMSBoxesBatched": _looped,
}


def _real(stored: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray((stored[0].astype(np.float32) + 128) * np.float32(1 / 255))


def _suppressed(boxes: Any, scores: Any, class_ids: Any) -> list[int]:
    return [int(i) for i in cv2.dnn.NMSBoxesBatched(boxes, scores, class_ids, _MIN_SCORE, _IOU)]


def _table(latencies: Mapping[str, Latency]) -> Table:
    ours = latencies["ours"]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, *side_by_side(one, ours), at_most(one.median_ms, _BUDGET_MS, "ms") if one is ours else None)
        for name, one in latencies.items()
    )
    note = f"{ours.runs} interleaved calls each; {_THINGS} things, {_BOXES_OF_ONE} boxes each, of one class each."
    columns = ("way", "median", "minimum", "× ours", "× ours (min)", "budget")
    title = f"{4 + _CLASSES} × {_BOXES} int8 to boxes, overlapping ones left out, OpenCV {cv2.__version__}, ms"
    return Table(title, columns, rows, (note,))
