"""LiteRT, the rest written by hand."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.protocol import Answer, CannotServeError, Job, Named

PACKAGES = ("ai-edge-litert", "numpy", "opencv-python-headless")
IMPORTS = ("ai_edge_litert.interpreter", "numpy", "cv2")


def load(job: Job) -> Answer:
    import cv2
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    from benchmarks.peers.served.by_hand import fit, named

    interpreter = Interpreter(model_path=job.file, num_threads=job.threads)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()
    raw = taken["dtype"] == np.uint8
    if not raw and taken["dtype"] != np.float32:
        table = _stored(taken)
    canvas = np.full((job.size[1], job.size[0], 3), 114, np.uint8) if job.letterbox else None

    def answer(frame: Any) -> list[Named]:
        picture, place = fit(frame, job, canvas)
        if not job.bgr:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        if raw:
            tensor = picture
        elif taken["dtype"] == np.float32:
            tensor = picture.astype(np.float32)
        else:
            tensor = table[picture]
        interpreter.set_tensor(taken["index"], tensor[None])
        interpreter.invoke()
        outputs = [_real(interpreter.get_tensor(one["index"]), one) for one in given]
        return named(job, outputs, place, frame)

    if len(given) not in (1, 4):
        raise CannotServeError(f"{len(given)} outputs")
    return answer


def _stored(taken: dict[str, Any]) -> Any:
    """Return what each byte is as the model's integers; its numbers are 0 to 255."""
    import numpy as np

    scale, zero_point = taken["quantization"]
    limits = np.iinfo(taken["dtype"])
    values = np.rint(np.arange(256) / scale + zero_point)
    return values.clip(limits.min, limits.max).astype(taken["dtype"])


def _real(stored: Any, given: dict[str, Any]) -> Any:
    import numpy as np

    scale, zero_point = given["quantization"]
    if not scale:
        return stored
    return (stored.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
