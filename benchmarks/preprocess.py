"""A frame into the input tensor: the compiled plan beside the tutorial's code, OpenCV's, and a detour through BGR."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

import lepton_edge as le
from benchmarks import tutorial
from benchmarks.table import Cell, Table
from benchmarks.workshop import Workshop
from lepton_edge_runtime.plan import Plan
from lepton_edge_runtime.tensors import Quant, TensorSpec
from lepton_edge_runtime.timing import Latency, time_interleaved
from lepton_edge_runtime.yuv import YuvLayout, converted

_SOURCES = {"480p": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
_SIZES = (224, 320, 640)
_RESIZES: Mapping[Literal["stretch", "letterbox"], Callable[..., NDArray[np.uint8]]] = {
    "stretch": tutorial.stretch,
    "letterbox": tutorial.letterbox,
}
_QUANTS: Mapping[Literal["int8", "uint8", "float32"], Quant | None] = {
    "int8": Quant(1 / 255, -128),
    "uint8": Quant(1 / 255, 0),
    "float32": None,
}
_RUNS_MAX = 2000
_NATIVE: tuple[YuvLayout, ...] = ("nv12", "yuyv")
_NATIVE_SOURCES = ("720p", "1080p")
_NATIVE_SIZES = (224, 320)

_COLUMNS = (
    "frame → input",
    "resize",
    *(f"{dtype}{column}" for dtype in _QUANTS for column in (" µs", " faster", " (min)")),
)


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return the plan's time for each frame, size and type, and how many times it is faster than the others."""
    del workshop  # needs no model
    cv2.setNumThreads(1)
    return _beside_tutorial(seconds), _by_planes(seconds), _native(seconds)


def _beside_tutorial(seconds: float) -> Table:
    rng = np.random.default_rng(0)
    frames = {name: rng.integers(0, 256, (height, width, 3), np.uint8) for name, (width, height) in _SOURCES.items()}
    rows: list[tuple[Cell, ...]] = [
        (f"{name} → {size}", resize, *_cells(frame, size, resize, seconds / 2))
        for name, frame in frames.items()
        for size in _SIZES
        for resize in _RESIZES
    ]
    faster = [cell for row in rows for cell in row[3::3] if isinstance(cell, float)]
    notes = (
        f"'faster': the tutorial's median by ours, '(min)' its minimum by ours; {min(faster):.2f} to {max(faster):.2f}",
        "One OpenCV thread. The tutorial's copy into the engine (set_tensor) is not counted; the plan writes in place.",
    )
    return Table("BGR frame to RGB tensor, real numbers 0..1, Plan against the tutorial", _COLUMNS, tuple(rows), notes)


def _by_planes(seconds: float) -> Table:
    """Return the time of planes of colours, as most ONNX models take them."""
    width, height = _SOURCES["720p"]
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    rows: list[tuple[Cell, ...]] = []
    for size in _SIZES:
        spec = TensorSpec("image", "float32", (1, 3, size, size))
        plan, out = Plan(le.Preprocess(layout="nchw", range=(0.0, 1.0)), spec), np.empty(spec.shape, np.float32)
        others: dict[str, Callable[[], NDArray[Any]]] = {
            "tutorial": partial(_tutorial_planes, frame, size),
            "blobFromImage": partial(cv2.dnn.blobFromImage, frame, 1 / 255, (size, size), swapRB=True),
        }
        plan(frame, out)
        for call in others.values():
            _check_same_work(out, call(), None)
        latencies = time_interleaved(
            {"ours": partial(plan, frame, out), **others}, seconds=seconds, runs_max=_RUNS_MAX, warm=True
        )
        ours = latencies["ours"]
        ratios = [
            ratio
            for name in others
            for ratio in (latencies[name].median_ms / ours.median_ms, latencies[name].minimum_ms / ours.minimum_ms)
        ]
        rows.append((f"720p → {size}", ours.median_ms * 1e3, *ratios))
    columns = ("frame → input", "ours µs", "than tutorial", "(min)", "than blobFromImage", "(min)")
    notes = ("How many times faster: the other's median by ours, '(min)' its minimum by ours. One OpenCV thread.",)
    return Table("BGR frame to planes of RGB, float32, 0..1, stretched", columns, tuple(rows), notes)


def _tutorial_planes(frame: NDArray[np.uint8], size: int) -> NDArray[Any]:
    batch = tutorial.to_tensor(tutorial.stretch(frame, size, size), np.float32, 0, 0)
    return np.ascontiguousarray(batch.transpose(0, 3, 1, 2))


def _native(seconds: float) -> Table:
    """Return the time of pictures as cameras give them, beside converting them to BGR first."""
    rows = [
        (f"{name} {layout} → {size}", *_native_cells(layout, _SOURCES[name], size, seconds))
        for name in _NATIVE_SOURCES
        for layout in _NATIVE
        for size in _NATIVE_SIZES
    ]
    columns = ("frame → input", "ours µs", "BGR first µs", "faster", "(min)")
    notes = (
        "'BGR first': cv2.cvtColor of the whole frame into a buffer, then the plan; 'faster': its median by ours.",
        "Inexact: chroma is resized before colours are made of it (docs/cameras.md). One OpenCV thread.",
    )
    return Table("Camera-native frame to RGB tensor, int8, 0..1, stretched", columns, tuple(rows), notes)


def _native_cells(layout: YuvLayout, source: tuple[int, int], size: int, seconds: float) -> list[Cell]:
    width, height = source
    rows = height if layout == "yuyv" else height * 3 // 2
    stride = 2 * width if layout == "yuyv" else width
    data = np.random.default_rng(0).integers(16, 236, (rows, stride), np.uint8)
    image = le.YuvImage.from_array(data, layout)
    spec = TensorSpec("image", "int8", (1, size, size, 3), _QUANTS["int8"])
    plan, out, bgr = Plan(le.Preprocess(), spec), np.empty(spec.shape, np.int8), np.empty((height, width, 3), np.uint8)
    latencies = time_interleaved(
        {"ours": partial(plan, image, out), "first": lambda: plan(converted(image, bgr), out)},
        seconds=seconds,
        runs_max=_RUNS_MAX,
        warm=True,
    )
    ours, first = latencies["ours"], latencies["first"]
    ratios = first.median_ms / ours.median_ms, first.minimum_ms / ours.minimum_ms
    return [ours.median_ms * 1e3, first.median_ms * 1e3, *ratios]


def _cells(frame: NDArray[np.uint8], size: int, resize: Literal["stretch", "letterbox"], seconds: float) -> list[Cell]:
    """Return our median in µs, and how many times faster it is, for each type."""
    calls: dict[str, Callable[[], object]] = {}
    for dtype, quant in _QUANTS.items():
        spec = TensorSpec("image", dtype, (1, size, size, 3), quant)
        plan = Plan(le.Preprocess(resize=resize, range=(0.0, 1.0)), spec)
        out = np.empty(spec.shape, dtype)
        scale, zero_point = (quant.scale, quant.zero_point) if quant else (0.0, 0)
        theirs = partial(_tutorial, frame, size, resize, np.dtype(dtype), scale, zero_point)
        plan(frame, out)
        _check_same_work(out, theirs(), quant)
        calls[f"{dtype} ours"] = partial(plan, frame, out)
        calls[f"{dtype} tutorial"] = theirs
    latencies = time_interleaved(calls, seconds=seconds, runs_max=_RUNS_MAX, warm=True)
    return [cell for dtype in _QUANTS for cell in _faster(latencies, dtype)]


def _tutorial(
    frame: NDArray[np.uint8],
    size: int,
    resize: Literal["stretch", "letterbox"],
    dtype: np.dtype[Any],
    scale: float,
    zero_point: int,
) -> NDArray[Any]:
    return tutorial.to_tensor(_RESIZES[resize](frame, size, size), dtype, scale, zero_point)


def _check_same_work(ours: NDArray[Any], theirs: NDArray[Any], quant: Quant | None) -> None:
    # The tutorial truncates where it should round: one step off is its own mistake.
    allowed = 1 if quant else 1e-6
    assert np.abs(ours.astype(np.float64) - theirs).max() <= allowed


def _faster(latencies: Mapping[str, Latency], dtype: str) -> tuple[float, float, float]:
    ours, theirs = latencies[f"{dtype} ours"], latencies[f"{dtype} tutorial"]
    return ours.median_ms * 1e3, theirs.median_ms / ours.median_ms, theirs.minimum_ms / ours.minimum_ms
