"""OpenVINO, with resizing's colours and numbers in the graph, the rest written by hand."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.protocol import Answer, Job, Named

PACKAGES = ("openvino", "numpy", "opencv-python-headless")
IMPORTS = ("openvino", "numpy", "cv2")


def settings(job: Job) -> dict[str, Any]:
    """Return the fastest there are for one frame after the other, in the precision that is asked for."""
    # Left to itself, it computes floats in bfloat16 where the processor can.
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": job.threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }


def load(job: Job) -> Answer:
    import numpy as np
    import openvino as ov
    from openvino.preprocess import ColorFormat, PrePostProcessor

    from benchmarks.peers.served.by_hand import fit, named, real

    core = ov.Core()
    net = core.read_model(job.file)
    steps = PrePostProcessor(net)
    planes = tuple(net.inputs[0].shape)[1] == 3
    took = steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    took.set_color_format(ColorFormat.BGR)
    if not job.bgr:
        steps.input().preprocess().convert_color(ColorFormat.RGB)
    steps.input().model().set_layout(ov.Layout("NCHW" if planes else "NHWC"))
    request = core.compile_model(steps.build(), "CPU", settings(job)).create_infer_request()
    ends = len(net.outputs)
    picture = np.full((1, job.size[1], job.size[0], 3), 114, np.uint8)
    request.set_input_tensor(ov.Tensor(picture, shared_memory=True))

    def answer(frame: Any) -> list[Named]:
        _, place = fit(frame, job, picture[0])
        request.infer()
        outputs = [real(job, request.get_output_tensor(i).data) for i in range(ends)]
        return named(job, outputs, place, frame)

    return answer
