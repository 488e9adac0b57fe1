"""Pictures of bright rectangles, and a detector that finds each, so that what is cut off can be told exactly."""

import cv2
import numpy as np
from detectors import ORIGIN

from lepton_edge_runtime.results import Detections


class BrightThings:
    """A detector that finds every bright rectangle of a picture, and no other: an edge of the picture cuts it off."""

    labels = ("thing",)
    choice = None
    assumptions = ()

    def __init__(self):
        self.shown = []

    def __call__(self, image):
        self.shown.append(image)
        _, _, stats, _ = cv2.connectedComponentsWithStats((image[..., 0] > 128).astype(np.uint8))
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:].tolist()], np.float32).reshape(-1, 4)
        score = np.full(len(boxes), 0.9, np.float32)
        return Detections(boxes, score, np.zeros(len(boxes), np.int64), ("thing",) * len(boxes), ORIGIN)


def picture(boxes, size=(640, 480)):
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, right, bottom in boxes:
        image[top:bottom, left:right] = 255
    return image
