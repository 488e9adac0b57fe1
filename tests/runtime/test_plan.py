"""The plan against a plain float reference: same resize, then the formula in float64, then rounding.

Where the picture lies is worked out anew from proportions, without rounding; only the resize is shared.
"""

from dataclasses import dataclass
from typing import get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.plan import Placement, Plan, to_pixels
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.tasks.placing import boxes_in_picture
from lepton_edge_runtime.tensors import Dtype, Quant, TensorSpec

RANGES = [
    {"range": (0.0, 1.0)},
    {"range": (-1.0, 1.0)},
    {"range": (0.0, 255.0)},
    {"range": (0.0, 1.0), "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    {"range": (0.0, 255.0), "mean": (103.9, 116.8, 123.7)},
]
# Raw bytes, the usual scale of 0..1 and -1..1, and one that clips and rounds at odd places.
QUANTS = [Quant(1.0, 0), Quant(0.003921568859368563, -128), Quant(0.007843137718737125, -1), Quant(0.0371, 5)]


INTERPOLATIONS = {
    "linear": cv2.INTER_LINEAR,
    "linear-exact": cv2.INTER_LINEAR_EXACT,
    "nearest": cv2.INTER_NEAREST,
    "area": cv2.INTER_AREA,
    "cubic": cv2.INTER_CUBIC,
}


@dataclass(frozen=True)
class Rectangle:
    """In pixels, with fractions."""

    left: float
    top: float
    width: float
    height: float


def ideal(preprocess, width, height):
    """What of the picture is seen, and where in the input it lies, before anything is rounded to pixels."""
    across, down = preprocess.size
    seen, lies = Rectangle(0, 0, width, height), Rectangle(0, 0, across, down)
    if preprocess.resize == "crop":
        # The largest part of the input's proportions that is in the picture, shrunk about its centre.
        unit = min(width / across, height / down) * preprocess.crop_fraction
        seen = centred(across * unit, down * unit, width, height)
    elif preprocess.resize == "letterbox":
        # The largest of the picture's proportions that is in the input.
        unit = min(across / width, down / height)
        lies = centred(width * unit, height * unit, across, down)
        if preprocess.align == "top-left":
            lies = Rectangle(0, 0, lies.width, lies.height)
    return seen, lies


def centred(width, height, outer_width, outer_height):
    return Rectangle((outer_width - width) / 2, (outer_height - height) / 2, width, height)


def claimed(placement, preprocess, width, height):
    """The same two rectangles as a placement says: whole pixels."""
    across, down = preprocess.size
    if preprocess.resize == "letterbox":
        lies = placement.offset_x, placement.offset_y, placement.scale_x * width, placement.scale_y * height
        return Rectangle(0, 0, width, height), Rectangle(*(round(one) for one in lies))
    left, top = -placement.offset_x / placement.scale_x, -placement.offset_y / placement.scale_y
    seen = left, top, across / placement.scale_x, down / placement.scale_y
    return Rectangle(*(round(one) for one in seen)), Rectangle(0, 0, across, down)


def assert_near(found, wanted):
    """Rounded to whole pixels, at least one: sides by half a pixel, and the centre by half a pixel; an edge not."""
    half = 0.5 + 1e-6
    for begin, side in (("left", "width"), ("top", "height")):
        length, expected = getattr(found, side), getattr(wanted, side)
        assert abs(length - max(1, expected)) <= half
        if getattr(wanted, begin) == 0:
            assert getattr(found, begin) == 0
            continue
        assert abs(getattr(found, begin) + length / 2 - (getattr(wanted, begin) + expected / 2)) <= half


def resized(image, preprocess, placement):
    """The resize that both share, at the place where the plan says it lies: BGR or grey, height × width."""
    seen, lies = claimed(placement, preprocess, image.shape[1], image.shape[0])
    part = image[seen.top : seen.top + seen.height, seen.left : seen.left + seen.width].copy()
    interpolation = INTERPOLATIONS[preprocess.interpolation]
    across, down = preprocess.size
    canvas = np.full((down, across, *image.shape[2:]), preprocess.pad, np.uint8)
    canvas[lies.top : lies.top + lies.height, lies.left : lies.left + lies.width] = cv2.resize(
        part, (lies.width, lies.height), interpolation=interpolation
    )
    return canvas


def colored(image, color):
    if color == "gray":
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return grey[..., None]
    bgr = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image
    return bgr[..., ::-1] if color == "rgb" else bgr


def reference(image, spec, preprocess, placement):
    """Float64 all the way, rounded once at the end: 1 × …, the tensor's type."""
    pixels = colored(resized(image, preprocess, placement), preprocess.color).astype(np.float64)
    low, high = preprocess.range
    channels = pixels.shape[-1]
    mean = np.array(preprocess.mean or [0.0] * channels)
    std = np.array(preprocess.std or [1.0] * channels)
    real = (low + pixels * (high - low) / 255 - mean) / std
    if spec.quant is not None:
        info = np.iinfo(spec.dtype)
        real = np.clip(np.rint(real / spec.quant.scale) + spec.quant.zero_point, info.min, info.max)
    if preprocess.layout == "nchw":
        real = real.transpose(2, 0, 1)
    return real[None].astype(spec.dtype)


@st.composite
def cases(draw):
    size = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    color = draw(st.sampled_from(["rgb", "bgr", "gray"]))
    layout = draw(st.sampled_from(["nhwc", "nchw"]))
    scaling = dict(draw(st.sampled_from(RANGES)))
    if color == "gray":
        scaling = {"range": scaling["range"]}
    dtype = draw(st.sampled_from(["int8", "uint8", "float32", "float16"]))
    quant = draw(st.sampled_from(QUANTS)) if dtype.endswith("int8") else None
    if dtype == "uint8":
        quant = Quant(quant.scale, abs(quant.zero_point))
    channels = 1 if color == "gray" else 3
    shape = (1, size[1], size[0], channels) if layout == "nhwc" else (1, channels, size[1], size[0])
    preprocess = Preprocess(
        size=size,
        color=color,
        layout=layout,
        resize=draw(st.sampled_from(["stretch", "letterbox", "crop"])),
        crop_fraction=draw(st.sampled_from([0.875, 1.0, 0.3])),
        interpolation=draw(st.sampled_from(list(INTERPOLATIONS))),
        pad=draw(st.integers(0, 255)),
        align=draw(st.sampled_from(["center", "top-left"])),
        **scaling,
    )
    picture = draw(st.tuples(st.integers(1, 60), st.integers(1, 60), st.booleans(), st.integers(0, 2**32 - 1)))
    return preprocess, TensorSpec(name="x", dtype=dtype, shape=shape, quant=quant), picture


def picture_of(height, width, grey, seed):
    shape = (height, width) if grey else (height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@settings(max_examples=400, deadline=None)
@given(cases())
def test_a_plan_equals_the_float_reference(case):
    preprocess, spec, picture = case
    image = picture_of(*picture)
    before = image.copy()
    out = np.full(spec.shape, 77, spec.dtype)
    placement = Plan(preprocess, spec)(image, out)
    expected = reference(image, spec, preprocess, placement)
    if spec.quant is not None:
        np.testing.assert_array_equal(out, expected)
    else:
        np.testing.assert_array_max_ulp(out, expected, maxulp=1)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("dtype", get_args(Dtype))
@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("scaled", [False, True])
def test_a_plan_stores_the_entries_of_the_table_to_the_bit(dtype, color, layout, scaled):
    """Against the look-up in numpy, for each type that a tensor may have."""
    channels = 1 if color == "gray" else 3
    shape = (1, 13, 17, channels) if layout == "nhwc" else (1, channels, 13, 17)
    # Not below 0, which unsigned types do not hold.
    mean, std = ((-1.5, -0.25, -40.0)[:channels], (1.7, 3.0, 2.5)[:channels]) if scaled else ((), ())
    preprocess = Preprocess(size=(17, 13), color=color, layout=layout, range=(0, 255), mean=mean, std=std)
    spec = TensorSpec(name="x", dtype=dtype, shape=shape)
    for image in (picture_of(13, 17, False, 1), picture_of(13, 17, True, 2), picture_of(40, 30, False, 3)):
        out = np.empty(spec.shape, dtype)
        Plan(preprocess, spec)(image, out)
        expected = preprocess.stored(to_pixels(preprocess, image), spec)
        assert out[0].tobytes() == expected.tobytes()


@settings(max_examples=400, deadline=None)
@given(cases())
def test_a_plan_puts_the_picture_where_geometry_says(case):
    preprocess, spec, picture = case
    image = picture_of(*picture)
    placement = Plan(preprocess, spec)(image, np.empty(spec.shape, spec.dtype))
    height, width = image.shape[:2]
    for found, wanted in zip(
        claimed(placement, preprocess, width, height), ideal(preprocess, width, height), strict=True
    ):
        assert_near(found, wanted)


@settings(max_examples=50, deadline=None)
@given(cases(), st.integers(1, 60), st.integers(1, 60))
def test_a_plan_forgets_the_picture_before(case, height, width):
    preprocess, spec, picture = case
    plan = Plan(preprocess, spec)
    plan(picture_of(height, width, False, 1), np.empty(spec.shape, spec.dtype))
    image = picture_of(*picture)
    used, fresh = np.empty(spec.shape, spec.dtype), np.empty(spec.shape, spec.dtype)
    plan(image, used)
    Plan(preprocess, spec)(image, fresh)
    np.testing.assert_array_equal(used, fresh)


def test_a_letterbox_says_where_the_picture_lies():
    spec = TensorSpec(name="x", dtype="uint8", shape=(1, 100, 100, 3), quant=Quant(1.0, 0))
    plan = Plan(Preprocess(resize="letterbox", range=(0, 255)), spec)
    out = np.empty(spec.shape, np.uint8)
    placement = plan(np.full((50, 200, 3), 255, np.uint8), out)
    assert placement == Placement(0.5, 0.5, 0, 37, 200, 50)
    assert (out[0, :37] == 114).all()
    assert (out[0, 37:62] == 255).all()
    assert (out[0, 62:] == 114).all()


def test_a_letterbox_may_lie_at_the_top_left():
    spec = TensorSpec(name="x", dtype="uint8", shape=(1, 100, 100, 3), quant=Quant(1.0, 0))
    plan = Plan(Preprocess(resize="letterbox", align="top-left", range=(0, 255)), spec)
    for width, height in ((200, 50), (50, 200), (200, 100)):
        out = np.empty(spec.shape, np.uint8)
        placement = plan(np.full((height, width, 3), 255, np.uint8), out)
        scale = 100 / max(width, height)
        assert placement == Placement(scale, scale, 0, 0, width, height)
        down, across = int(height * scale), int(width * scale)
        assert (out[0, :down, :across] == 255).all()
        assert (out[0, down:] == 114).all()
        assert (out[0, :, across:] == 114).all()


@pytest.mark.parametrize("align", ["center", "top-left"])
@pytest.mark.parametrize("shape", [(50, 200), (200, 50)])
def test_what_is_found_in_a_letterbox_is_told_where_it_lies_in_the_picture(align, shape):
    image = np.zeros((*shape, 3), np.uint8)
    image[20:36, 10:44] = 255
    spec = TensorSpec(name="x", dtype="uint8", shape=(1, 100, 100, 3), quant=Quant(1.0, 0))
    out = np.empty(spec.shape, np.uint8)
    preprocess = Preprocess(resize="letterbox", align=align, interpolation="area", pad=0, range=(0, 255))
    placement = Plan(preprocess, spec)(image, out)
    rows, columns = np.nonzero(out[0, ..., 0] == 255)
    found = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    np.testing.assert_array_equal(boxes_in_picture(found, placement), [[10, 20, 44, 36]])


def test_a_crop_says_where_the_picture_lies():
    spec = TensorSpec(name="x", dtype="float32", shape=(1, 224, 224, 3))
    placement = Plan(Preprocess(resize="crop"), spec)(np.zeros((256, 400, 3), np.uint8), np.empty(spec.shape, "f4"))
    assert placement == Placement(1.0, 1.0, -88.0, -16.0, 400, 256)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        [[1, 2], [3, 4]],
    ],
)
def test_what_is_no_picture_is_refused(wrong):
    spec = TensorSpec(name="x", dtype="float32", shape=(1, 4, 4, 3))
    with pytest.raises(InputError, match="an image is"):
        Plan(Preprocess(), spec)(wrong, np.empty(spec.shape, "f4"))


def test_pixels_are_the_bytes_a_raw_model_takes():
    image = picture_of(30, 40, False, 3)
    pixels = to_pixels(Preprocess(size=(16, 12), color="rgb", range=(-1, 1)), image)
    np.testing.assert_array_equal(pixels, cv2.resize(image, (16, 12))[..., ::-1])


def test_linear_exact_is_another_interpolation():
    image = picture_of(97, 131, False, 3)
    exact = to_pixels(Preprocess(size=(40, 30), color="bgr", interpolation="linear-exact"), image)
    np.testing.assert_array_equal(exact, cv2.resize(image, (40, 30), interpolation=cv2.INTER_LINEAR_EXACT))
