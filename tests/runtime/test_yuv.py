"""Pictures as cameras give them: their planes, and what a plan makes of them beside a float reference."""

import tracemalloc

import cv2
import numpy as np
import pytest
import small_models
from detectors import onnx_finder
from hypothesis import given, settings
from hypothesis import strategies as st

import lepton_edge as le
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.heads import YoloEndToEnd
from lepton_edge_runtime.plan import Plan, placed_pixels, to_pixels
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.tensors import TensorSpec

LAYOUTS = ("nv12", "nv21", "i420", "yuyv", "uyvy")
CODES = {
    "nv12": cv2.COLOR_YUV2BGR_NV12, "nv21": cv2.COLOR_YUV2BGR_NV21, "i420": cv2.COLOR_YUV2BGR_I420,
    "yuyv": cv2.COLOR_YUV2BGR_YUYV, "uyvy": cv2.COLOR_YUV2BGR_UYVY,
}  # fmt: skip
# Luma, U and V of colours of limited range, as ITU-R BT.601 has them, and the colours: R, G, B.
BARS = {
    (16, 128, 128): (0, 0, 0), (235, 128, 128): (255, 255, 255), (81, 90, 240): (255, 0, 0),
    (145, 54, 34): (0, 255, 0), (41, 240, 110): (0, 0, 255), (126, 128, 128): (128, 128, 128),
}  # fmt: skip


def packed(y, u, v, layout):
    """Rows of bytes of luma, height × width, and chroma at its own size, as a camera writes them."""
    height, width = y.shape
    if layout in ("yuyv", "uyvy"):
        rows, first = np.empty((height, width, 2), np.uint8), 0 if layout == "yuyv" else 1
        rows[..., first], rows[:, 0::2, 1 - first], rows[:, 1::2, 1 - first] = y, u, v
        return rows.reshape(height, 2 * width)
    if layout == "i420":
        return np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(-1, width)
    return np.vstack([y, np.dstack([u, v] if layout == "nv12" else [v, u]).reshape(-1, width)])


def chroma_shape(layout, height, width):
    return (height if layout in ("yuyv", "uyvy") else height // 2), width // 2


def noise(layout, height, width, seed=0):
    """Luma, U and V where anything may lie beside anything."""
    rng = np.random.default_rng(seed)
    shape = chroma_shape(layout, height, width)
    return rng.integers(16, 236, (height, width), np.uint8), *rng.integers(64, 192, (2, *shape), np.uint8)


def padded(y, u, v, layout, padding):
    """The same with bytes after each row that are none of the picture."""
    if layout != "i420":
        return np.pad(packed(y, u, v, layout), ((0, 0), (0, padding)), constant_values=77)
    planes = ((y, padding), (u, padding // 2), (v, padding // 2))
    wide = [np.pad(one, ((0, 0), (0, more)), constant_values=77).ravel() for one, more in planes]
    return np.concatenate(wide).reshape(-1, y.shape[1] + padding)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("padding", [0, 64])
def test_colours_are_those_that_opencv_makes_of_the_same_bytes(layout, padding):
    planes = noise(layout, 48, 64)
    rows = packed(*planes, layout)
    expected = cv2.cvtColor(rows.reshape(48, 64, 2) if layout in ("yuyv", "uyvy") else rows, CODES[layout])
    wide = padded(*planes, layout, padding)
    for image in (
        le.YuvImage.from_array(wide, layout, width=64),
        le.YuvImage.from_bytes(wide.tobytes(), layout, 64, 48, stride=wide.shape[1]),
    ):
        assert (image.width, image.height) == (64, 48)
        np.testing.assert_array_equal(image.to_bgr(), expected)
    assert all(np.shares_memory(plane, wide) for plane in le.YuvImage.from_array(wide, layout, width=64).planes)


def test_an_array_may_have_channels_as_opencv_gives_it():
    rows = packed(*noise("yuyv", 4, 6), "yuyv")
    expected = le.YuvImage.from_array(rows, "yuyv").to_bgr()
    np.testing.assert_array_equal(le.YuvImage.from_array(rows.reshape(4, 6, 2), "yuyv").to_bgr(), expected)
    rows = packed(*noise("nv12", 4, 6), "nv12")
    expected = le.YuvImage.from_array(rows, "nv12").to_bgr()
    np.testing.assert_array_equal(le.YuvImage.from_array(rows[..., np.newaxis], "nv12").to_bgr(), expected)


ROWS = np.zeros((6, 8), np.uint8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: le.YuvImage.from_bytes(bytes(23), "nv12", 4, 4), "4×4 in rows of 4 bytes has 24; got 23"),
        (lambda: le.YuvImage.from_bytes(bytes(24), "nv12", 4, 4, stride=8), "in rows of 8 bytes has 48; got 24"),
        (lambda: le.YuvImage.from_bytes(bytes(12), "i420", 4, 3), "even width and height.*got 4×3"),
        (lambda: le.YuvImage.from_bytes(bytes(18), "yuyv", 3, 3), "a yuyv picture has an even width.*got 3×3"),
        (lambda: le.YuvImage.from_bytes(b"", "nv12", 0, 0), "at least one pixel"),
        (lambda: le.YuvImage.from_array(ROWS[:5], "nv12"), "3 rows for each 2 of the picture; got 5"),
        (lambda: le.YuvImage.from_array(ROWS, "nv12", width=10), "rows of 8 bytes hold no nv12 picture of 10"),
        (lambda: le.YuvImage.from_array(ROWS, "yuyv", width=6), "rows of 8 bytes hold no yuyv picture of 6"),
        (lambda: le.YuvImage.from_array(ROWS[:, :4], "i420"), "padding cannot be cut off, say width="),
        (lambda: le.YuvImage.from_array(ROWS.ravel(), "nv12"), "bytes in a row are for from_bytes"),
        (lambda: le.YuvImage.from_array(ROWS.astype(int), "nv12"), "an array of uint8; got int64"),
        (lambda: le.YuvImage.from_array([[1]], "nv12"), "an array of uint8; got list"),
        (lambda: le.YuvImage.from_array(ROWS, "nv16"), "no layout 'nv16'; there are: nv12, nv21"),
        (lambda: le.YuvImage("nv12", (ROWS[:4], ROWS[4:])), r"one of height / 2 × width / 2 × 2; got .*\(2, 8\)"),
        (lambda: le.YuvImage("nv12", ()), "got none"),
        (lambda: le.YuvImage("yuyv", (ROWS,)), "is one plane, height × width × 2"),
        (lambda: le.YuvImage("uyvy", (np.zeros((4, 4, 2)),)), "uint8; got float64"),
    ],
)
def test_what_is_no_such_picture_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(17, 11), (32, 24), (224, 224)])
def test_colours_are_those_of_bt601(layout, size):
    for (y, u, v), rgb in BARS.items():
        shape = chroma_shape(layout, 128, 256)
        planes = np.full((128, 256), y, np.uint8), np.full(shape, u, np.uint8), np.full(shape, v, np.uint8)
        image = le.YuvImage.from_array(packed(*planes, layout), layout)
        pixels = to_pixels(Preprocess(size=size, color="rgb"), image).reshape(-1, 3).astype(int)
        assert np.abs(pixels - rgb).max() <= 2
        gray = to_pixels(Preprocess(size=size, color="gray"), image).astype(int)
        assert np.abs(gray - np.dot(rgb, (0.299, 0.587, 0.114))).max() <= 2


def sampled(plane, centres_y, centres_x):
    """Interpolate a plane linearly at places in its own pixels, in float64."""
    for axis, centres in ((0, centres_y), (1, centres_x)):
        at = np.clip(centres, 0, plane.shape[axis] - 1)
        low = np.minimum(np.floor(at).astype(int), plane.shape[axis] - 1)
        high = np.minimum(low + 1, plane.shape[axis] - 1)
        share = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
        plane = np.take(plane, low, axis) * (1 - share) + np.take(plane, high, axis) * share
    return plane


def reference(planes, layout, placement, size):
    """RGB in float64, from BT.601's definition, where the picture lies; chroma is sampled where luma is."""
    y, u, v = (one.astype(np.float64) for one in planes)
    left, top = max(0, placement.offset_x), max(0, placement.offset_y)
    right = min(size[0], placement.offset_x + placement.scale_x * placement.width)
    bottom = min(size[1], placement.offset_y + placement.scale_y * placement.height)
    columns = (np.arange(round(left), round(right)) + 0.5 - placement.offset_x) / placement.scale_x
    rows = (np.arange(round(top), round(bottom)) + 0.5 - placement.offset_y) / placement.scale_y
    down = 1 if layout in ("yuyv", "uyvy") else 2
    luma = (sampled(y, rows - 0.5, columns - 0.5) - 16) / 219
    blue, red = ((sampled(one, rows / down - 0.5, columns / 2 - 0.5) - 128) / 224 for one in (u, v))
    r, b = luma + 2 * (1 - 0.299) * red, luma + 2 * (1 - 0.114) * blue
    g = (luma - 0.299 * r - 0.114 * b) / 0.587
    return (slice(round(top), round(bottom)), slice(round(left), round(right))), np.clip(
        np.dstack([r, g, b]), 0, 1
    ) * 255


@settings(max_examples=150, deadline=None)
@given(
    layout=st.sampled_from(LAYOUTS),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    half=st.tuples(st.integers(45, 90), st.integers(45, 90)),
    resize=st.sampled_from(["stretch", "letterbox", "crop"]),
    align=st.sampled_from(["center", "top-left"]),
    seed=st.integers(0, 99),
)
def test_a_plan_is_near_the_float_reference(layout, size, half, resize, align, seed):
    """Cut at odd places and padded too; smooth, since a part of a picture has its chroma up to a pixel off."""
    width, height = 2 * half[0], 2 * half[1]
    planes = noise(layout, height, width, seed)
    if resize == "crop":
        planes = tuple(cv2.GaussianBlur(one, (0, 0), 6 if i == 0 else 4) for i, one in enumerate(planes))
    image = le.YuvImage.from_array(padded(*planes, layout, 32), layout, width=width)
    preprocess = Preprocess(size=size, color="rgb", resize=resize, align=align, pad=99, crop_fraction=0.97)
    pixels, placement = placed_pixels(preprocess, image)
    place, expected = reference(planes, layout, placement, size)
    apart = np.abs(pixels[place] - expected)
    # Two roundings of luma and chroma, the latter times two.
    assert apart.max() <= 5
    assert apart.size < 300 or apart.mean() <= 1.2  # of a few pixels there is no mean to speak of
    bars = np.ones(pixels.shape, bool)
    bars[place] = False
    assert (pixels[bars] == 99).all()
    assert placement == placed_pixels(preprocess, np.zeros((height, width, 3), np.uint8))[1]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("resize", ["stretch", "letterbox", "crop"])
@pytest.mark.parametrize("size", [(64, 48), (61, 43), (90, 90), (56, 42)])
def test_a_picture_that_is_hardly_made_smaller_is_converted_first(layout, resize, size):
    image = le.YuvImage.from_array(packed(*noise(layout, 48, 64), layout), layout)
    preprocess = Preprocess(size=size, color="rgb", resize=resize)
    np.testing.assert_array_equal(to_pixels(preprocess, image), to_pixels(preprocess, image.to_bgr()))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(64, 48), (31, 23)])
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_frame_after_frame_is_prepared_in_the_same_memory(layout, size, color):
    frames = [le.YuvImage.from_array(packed(*noise(layout, 288, 384, seed), layout), layout) for seed in (1, 2)]
    size = size if color == "gray" else (size[0] * 4, size[1] * 4)
    preprocess = Preprocess(size=size, color=color, resize="letterbox")
    channels = 1 if color == "gray" else 3
    spec = TensorSpec(name="x", dtype="float32", shape=(1, size[1], size[0], channels))
    plan, out, fresh = Plan(preprocess, spec), np.empty(spec.shape, "f4"), np.empty(spec.shape, "f4")
    plan(frames[0], out)
    plan(np.zeros((30, 20, 3), np.uint8), out)
    plan(frames[0], out)
    tracemalloc.start()
    plan(frames[1], out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000, "bytes that a frame took"
    Plan(preprocess, spec)(frames[1], fresh)
    np.testing.assert_array_equal(out, fresh)


def test_a_model_takes_a_cameras_picture_like_any_other(tmp_path):
    (tmp_path / "kind.onnx").write_bytes(small_models.onnx_picture_classifier().SerializeToString())
    image = le.YuvImage.from_array(packed(*noise("nv12", 48, 64), "nv12"), "nv12")
    with le.open_model(tmp_path / "kind.onnx") as model:
        np.testing.assert_allclose(model(image).score, model(image.to_bgr()).score, atol=0.05)
        size = (model.card.inputs[0].tensor.shape[3], model.card.inputs[0].tensor.shape[2])
        seen = to_pixels(Preprocess(size=size, color="rgb"), image)
        np.testing.assert_allclose(model.tensors(image)[0][0], np.moveaxis(seen, -1, 0) / 255, atol=1e-6)


def test_what_takes_no_pictures_refuses_a_cameras_too(tmp_path):
    weights = small_models.Tensor("weights", (2, 4), constant=np.ones((2, 4), np.float32))
    ends = small_models.Tensor("x", (1, 4)), small_models.Tensor("y", (1, 2))
    layer = ("FULLY_CONNECTED", ["x", "weights"], ["y"])
    model = small_models.TfliteFile([*ends, weights], [layer], ("x",), ("y",))
    (tmp_path / "m.tflite").write_bytes(model.build())
    image = le.YuvImage.from_bytes(bytes(24), "nv12", 4, 4)
    with le.open_model(tmp_path / "m.tflite") as model, pytest.raises(InputError, match=r"got YuvImage\(nv12, 4×4\)"):
        model(image)


def test_tiles_and_chains_take_a_cameras_picture(tmp_path):
    rows = [[4, 2, 20, 14, 0.9, 0], [8, 10, 28, 22, 0.8, 0]]
    (tmp_path / "finder.onnx").write_bytes(onnx_finder(rows, size=(32, 24)))
    (tmp_path / "kind.onnx").write_bytes(small_models.onnx_picture_classifier().SerializeToString())
    said = le.Description(head=YoloEndToEnd(), labels=("ant",), preprocess=Preprocess(range=(0, 255)))
    image = le.YuvImage.from_array(packed(*noise("uyvy", 48, 64), "uyvy"), "uyvy")
    with (
        le.open_model(tmp_path / "finder.onnx", description=said) as finder,
        le.open_model(tmp_path / "kind.onnx") as kind,
    ):
        for model in (le.Tiled(finder, 2, 1), le.chain(finder, kind), le.chain(le.Tiled(finder, 2, 1), kind)):
            assert model(image).to_dict() == model(image.to_bgr()).to_dict()
