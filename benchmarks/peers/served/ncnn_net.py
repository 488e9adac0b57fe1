"""ncnn, the rest written by hand."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.protocol import Answer, CannotServeError, Job, Named

PACKAGES = ("ncnn", "numpy", "opencv-python-headless")
IMPORTS = ("ncnn", "numpy", "cv2")


def load(job: Job) -> Answer:
    import cv2
    import ncnn
    import numpy as np

    from benchmarks.peers.served.by_hand import fit, named

    net = ncnn.Net()
    net.opt.num_threads = job.threads
    net.opt.use_vulkan_compute = False
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, name, False)
    if net.load_param(job.file) or net.load_model(job.file.removesuffix("param") + "bin"):
        raise CannotServeError("ncnn has not all operators that pnnx makes of this model")
    planes = job.head == "yolox"  # an ONNX file of others; ours take a picture as it lies in memory
    canvas = np.full((job.size[1], job.size[0], 3), 114, np.uint8) if job.letterbox else None

    def answer(frame: Any) -> list[Named]:
        picture, place = fit(frame, job, canvas)
        if not job.bgr:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        if planes:
            picture = picture.transpose(2, 0, 1)
        tensor = np.ascontiguousarray(picture, np.float32)
        with net.create_extractor() as extractor:
            extractor.input("in0", ncnn.Mat(tensor))
            _, output = extractor.extract("out0")
            return named(job, [np.array(output)], place, frame)

    return answer
