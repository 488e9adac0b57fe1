"""The peer: the few lines that every tutorial on camera classification shows, kept as they are found."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def stretch(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return the frame at the model's size, whatever its shape."""
    return np.asarray(cv2.resize(frame, (width, height)))


def letterbox(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return the frame at the model's size, grey bars where it does not fit."""
    scale = min(width / frame.shape[1], height / frame.shape[0])
    inner = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
    resized = cv2.resize(frame, inner)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    right, bottom = width - inner[0] - left, height - inner[1] - top
    return np.asarray(cv2.copyMakeBorder(resized, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(114, 114, 114)))


def to_tensor(resized: NDArray[np.uint8], dtype: Any, scale: float, zero_point: int) -> NDArray[Any]:
    """Return the input tensor of a model that takes real numbers from 0 to 1."""
    rgb = cv2.cvtColor(resized, cv2.COLOR_BGR2RGB)
    real = rgb.astype(np.float32) / 255.0
    batch = np.expand_dims(real, axis=0)
    return batch if dtype == np.float32 else _quantized(batch, dtype, scale, zero_point)


def classify(interpreter: Any, frame: NDArray[np.uint8], labels: Sequence[str]) -> list[tuple[str, float]]:
    """Return the five best classes, by a quantized model that takes real numbers from 0 to 255."""
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, _ = taken["shape"]
    rgb = cv2.cvtColor(cv2.resize(frame, (width, height)), cv2.COLOR_BGR2RGB)
    batch = np.expand_dims(rgb.astype(np.float32), axis=0)
    interpreter.set_tensor(taken["index"], _quantized(batch, taken["dtype"], *taken["quantization"]))
    return _run(interpreter, given, labels)


def classify_bytes(interpreter: Any, frame: NDArray[np.uint8], labels: Sequence[str]) -> list[tuple[str, float]]:
    """Return the same as ``classify``, by someone who knows that this model takes the bytes as they are."""
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, _ = taken["shape"]
    rgb = cv2.cvtColor(cv2.resize(frame, (width, height)), cv2.COLOR_BGR2RGB)
    interpreter.set_tensor(taken["index"], np.expand_dims(rgb, axis=0))
    return _run(interpreter, given, labels)


def _quantized(batch: NDArray[np.float32], dtype: Any, scale: float, zero_point: int) -> NDArray[Any]:
    return np.asarray((batch / scale + zero_point).astype(dtype))


def _run(interpreter: Any, given: dict[str, Any], labels: Sequence[str]) -> list[tuple[str, float]]:
    interpreter.invoke()
    scale, zero_point = given["quantization"]
    scores = scale * (interpreter.get_tensor(given["index"])[0].astype(np.float32) - zero_point)
    return [(labels[i], float(scores[i])) for i in np.argsort(scores)[::-1][:5]]
