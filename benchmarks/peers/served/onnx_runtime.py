"""ONNX Runtime, the rest written by hand."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.protocol import Answer, Job, Named

PACKAGES = ("onnxruntime", "numpy", "opencv-python-headless")
IMPORTS = ("onnxruntime", "numpy", "cv2")


def load(job: Job) -> Answer:
    import cv2
    import numpy as np
    import onnxruntime

    from benchmarks.peers.served.by_hand import fit, named, real

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(job.file, options, providers=["CPUExecutionProvider"])
    taken, given = session.get_inputs()[0], [one.name for one in session.get_outputs()]
    dtype = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}[taken.type]
    planes = taken.shape[1] == 3
    canvas = np.full((job.size[1], job.size[0], 3), 114, np.uint8) if job.letterbox else None

    def answer(frame: Any) -> list[Named]:
        picture, place = fit(frame, job, canvas)
        if not job.bgr:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        if planes:
            picture = picture.transpose(2, 0, 1)
        tensor = np.ascontiguousarray(picture, dtype)[None]
        outputs = [real(job, one) for one in session.run(given, {taken.name: tensor})]
        return named(job, outputs, place, frame)

    return answer
