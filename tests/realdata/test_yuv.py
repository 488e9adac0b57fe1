"""How far a camera's own pictures are from the same converted first, on real ones."""

import cv2
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_runtime.plan import to_pixels

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def pictures(real_data):
    """BGR, of even sides."""
    paths = [*sorted((real_data / "images").glob("*.jpg")), *sorted((real_data / "images" / "faces").glob("*.jpg"))]
    read = [cv2.imread(str(path)) for path in paths]
    return [one[: one.shape[0] // 2 * 2, : one.shape[1] // 2 * 2] for one in read]


def camera_native(bgr, layout):
    """Converted by OpenCV; chroma at half the height is repeated for layouts that have all of it."""
    height, width = bgr.shape[:2]
    rows = cv2.cvtColor(np.ascontiguousarray(bgr), cv2.COLOR_BGR2YUV_I420)
    if layout == "i420":
        return le.YuvImage.from_array(rows, layout)
    u, v = rows[height:].reshape(2, height // 2, width // 2)
    if layout == "nv12":
        return le.YuvImage(layout, (rows[:height], np.dstack([u, v])))
    both = np.stack([u, v], axis=-1).repeat(2, axis=0).reshape(height, width)
    return le.YuvImage(layout, (np.dstack([rows[:height], both]),))


@pytest.mark.parametrize("layout", ["nv12", "i420", "yuyv"])
@pytest.mark.parametrize("resize", ["stretch", "letterbox", "crop"])
@pytest.mark.parametrize(("color", "usual", "worst"), [("rgb", 0.8, 2), ("gray", 0.4, 0.5)])
@pytest.mark.parametrize("side", [224, 320])
def test_a_cameras_picture_is_near_the_same_converted_first(pictures, layout, resize, color, usual, worst, side):
    preprocess = le.Preprocess(size=(side, side), color=color, resize=resize)
    natives = [camera_native(bgr, layout) for bgr in pictures]
    apart = [
        np.abs(to_pixels(preprocess, one).astype(int) - to_pixels(preprocess, one.to_bgr()).astype(int))
        for one in natives
    ]
    means = [one.mean() for one in apart]
    assert max(means) > 0, "some are made much smaller, so that they are not converted first"
    assert np.mean(means) <= usual
    assert max(means) <= worst
    assert max(one.max() for one in apart) <= 80


def test_a_cameras_picture_is_judged_as_the_same_converted_first(real_data, pictures):
    with le.open_model(real_data / "models" / "mobilenet_v2_1.0_224_quant.tflite") as model:
        for bgr in pictures:
            image = camera_native(bgr, "nv12")
            ours, converted = model(image), model(image.to_bgr()).top
            # Where two classes are about as likely, either may come first.
            assert ours.score[ours.labels.index(converted.label)] == pytest.approx(converted.score, abs=0.1)
