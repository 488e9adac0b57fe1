"""OpenCV's dnn module, which writes the input itself; decoding is written by hand."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.protocol import Answer, CannotServeError, Job, Named

PACKAGES = ("opencv-python-headless", "numpy")
IMPORTS = ("cv2", "numpy")


def load(job: Job) -> Answer:
    import cv2
    import numpy as np

    from benchmarks.peers.served.by_hand import fit, named, real

    cv2.setNumThreads(job.threads)
    try:
        net = cv2.dnn.readNet(job.file)
        planes = _takes_planes(net, job)
    except cv2.error as error:
        raise CannotServeError(f"cv2.dnn refuses the file: {error.err}") from error
    canvas = np.full((job.size[1], job.size[0], 3), 114, np.uint8) if job.letterbox else None
    ends = net.getUnconnectedOutLayersNames()

    def answer(frame: Any) -> list[Named]:
        picture, place = fit(frame, job, canvas)
        if planes:
            tensor = cv2.dnn.blobFromImage(picture, swapRB=not job.bgr)
        else:
            rgb = picture if job.bgr else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            tensor = rgb[None] if job.int8 else rgb[None].astype(np.float32)
        net.setInput(tensor)
        return named(job, [real(job, one) for one in net.forward(ends)], place, frame)

    return answer


def _takes_planes(net: Any, job: Job) -> bool:
    """Return whether the net takes colours as planes: it does not say, it only fails on the other."""
    import cv2
    import numpy as np

    kind = np.uint8 if job.int8 else np.float32
    try:
        net.setInput(np.zeros((1, job.size[1], job.size[0], 3), kind))
        net.forward()
    except cv2.error:
        net.setInput(np.zeros((1, 3, job.size[1], job.size[0]), np.float32))
        net.forward()
        return True
    return False
