"""The loop of the tutorials on LiteRT, kept as it is found: ``benchmarks.tutorial``, and a loop over all boxes."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.protocol import Answer, Job, Named

PACKAGES = ("ai-edge-litert", "numpy", "opencv-python-headless")
IMPORTS = ("ai_edge_litert.interpreter", "numpy", "cv2")


def load(job: Job) -> Answer:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=job.file, num_threads=job.threads)
    interpreter.allocate_tensors()
    return _classifier(job, interpreter) if job.task == "classify" else _detector(job, interpreter)


def _classifier(job: Job, interpreter: Any) -> Answer:
    import cv2
    import numpy as np

    from benchmarks.tutorial import classify_bytes, stretch

    def answer_bytes(frame: Any) -> list[Named]:
        return [Named(*one) for one in classify_bytes(interpreter, frame, job.labels)]

    def answer(frame: Any) -> list[Named]:
        taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        rgb = cv2.cvtColor(stretch(frame, *job.size), cv2.COLOR_BGR2RGB)
        interpreter.set_tensor(taken["index"], np.expand_dims(rgb.astype(np.float32), axis=0))
        interpreter.invoke()
        scores = interpreter.get_tensor(given["index"])[0]
        return [Named(job.labels[i], float(scores[i])) for i in np.argsort(scores)[::-1][: job.top]]

    return answer_bytes if job.int8 else answer


def _detector(job: Job, interpreter: Any) -> Answer:
    import cv2
    import numpy as np

    from benchmarks.tutorial import letterbox, stretch

    def answer(frame: Any) -> list[Named]:
        taken = interpreter.get_input_details()[0]
        resized = (letterbox if job.letterbox else stretch)(frame, *job.size)
        picture = resized if job.bgr else cv2.cvtColor(resized, cv2.COLOR_BGR2RGB)
        batch = np.expand_dims(picture.astype(np.float32), axis=0)
        scale, zero_point = taken["quantization"]
        if scale and taken["dtype"] != np.uint8:  # these take the bytes as they are
            batch = batch / scale + zero_point
        interpreter.set_tensor(taken["index"], batch.astype(taken["dtype"]))
        interpreter.invoke()
        outputs = []
        for given in interpreter.get_output_details():
            output = interpreter.get_tensor(given["index"]).astype(np.float32)
            scale, zero_point = given["quantization"]
            outputs.append((output - zero_point) * scale if scale else output)
        if job.head == "ssd":
            return _finished(job, outputs, frame)
        return _suppressed(job, _rows(job, outputs[0][0]), frame)

    return answer


def _finished(job: Job, outputs: list[Any], frame: Any) -> list[Named]:
    boxes, class_ids, scores, count = outputs[0][0], outputs[1][0], outputs[2][0], int(outputs[3][0])
    height, width = frame.shape[:2]
    found = []
    for i in range(count):
        if scores[i] >= job.min_score:
            top, left, bottom, right = boxes[i]
            box = (float(left * width), float(top * height), float(right * width), float(bottom * height))
            found.append(Named(job.labels[int(class_ids[i])], float(scores[i]), box))
    return found


def _rows(job: Job, output: Any) -> Any:
    """Return a row a box in pixels of the input: centre x, centre y, width, height, a score a class."""
    import numpy as np

    if job.head == "yolo":
        rows = output.T
        if job.int8:
            rows[:, :4] *= [job.size[0], job.size[1], job.size[0], job.size[1]]
        return rows
    grids, strides = [], []
    for stride in (8, 16, 32):
        across, down = np.meshgrid(np.arange(job.size[0] // stride), np.arange(job.size[1] // stride))
        grid = np.stack((across, down), 2).reshape(-1, 2)
        grids.append(grid)
        strides.append(np.full((len(grid), 1), stride))
    grid, stride = np.concatenate(grids), np.concatenate(strides)
    centres = (output[:, :2] + grid) * stride
    sizes = np.exp(output[:, 2:4]) * stride
    return np.concatenate([centres, sizes, output[:, 4:5] * output[:, 5:]], axis=1)


def _suppressed(job: Job, rows: Any, frame: Any) -> list[Named]:
    import cv2

    boxes, scores, class_ids = [], [], []
    for row in rows:
        _, score, _, (class_id, _) = cv2.minMaxLoc(row[4:].reshape(1, -1))
        if score >= job.min_score:
            x, y, width, height = row[:4]
            boxes.append([float(x - width / 2), float(y - height / 2), float(width), float(height)])
            scores.append(score)
            class_ids.append(class_id)
    scale = min(job.size[0] / frame.shape[1], job.size[1] / frame.shape[0])
    left = (job.size[0] - round(frame.shape[1] * scale)) // 2
    top = (job.size[1] - round(frame.shape[0] * scale)) // 2
    found = []
    for i in cv2.dnn.NMSBoxesBatched(boxes, scores, class_ids, job.min_score, job.iou) if boxes else []:
        x, y, width, height = boxes[i]
        corner = (x - left) / scale, (y - top) / scale
        box = (*corner, corner[0] + width / scale, corner[1] + height / scale)
        found.append(Named(job.labels[class_ids[i]], float(scores[i]), box))
    return found
