"""Clips: which frames go in together, each prepared once, and where every frame went."""

from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import small_models
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bundle import CARD

import lepton_edge as le
from lepton_edge.cli import execute
from lepton_edge_runtime.card import InputCard, OutputCard, decode_card, encode_card
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.errors import BundleError, InputError, LeptonError
from lepton_edge_runtime.frame import Frame
from lepton_edge_runtime.plan import Plan
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.ring import Ring
from lepton_edge_runtime.tensors import TensorSpec

PICTURES = Preprocess(size=(4, 4), color="gray", range=(0.0, 255.0))


def spec(frames):
    return TensorSpec(name="clip", dtype="float32", shape=(1, frames, 4, 4, 1))


def gray(level):
    return np.full((4, 4, 3), level, np.uint8)


class Counted(Plan):
    """A plan that counts what it prepares."""

    prepared = 0

    def resized(self, image):
        self.prepared += 1
        return super().resized(image)


def streamed(frames, interval, stride, count):
    """Return the levels of each clip that is answered, by the frame that ends it, and how many were prepared."""
    clip = Clip(frames=frames, interval=interval, stride=stride)
    plan = Counted(PICTURES, clip.picture(spec(frames)))
    ring = Ring(clip, plan, spec(frames))
    found, out = {}, np.empty(spec(frames).shape, np.float32)
    for index in range(count):
        if ring.wants() and ring.add(gray(index)) is not None:
            ring.write(out)
            found[index] = out[0, :, 0, 0, 0].astype(int).tolist()
    return found, plan.prepared


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 9), st.integers(0, 60))
def test_a_clip_is_the_frames_that_it_says_and_each_is_prepared_once(frames, interval, stride, count):
    found, prepared = streamed(frames, interval, stride, count)
    span = (frames - 1) * interval + 1
    assert found == {end: list(range(end - span + 1, end + 1, interval)) for end in range(span - 1, count, stride)}
    needed = {one for levels in found.values() for one in levels}
    assert len(needed) <= prepared <= len({*needed, *range(len(needed) and max(needed), count)}) + span


def test_what_no_clip_needs_is_not_prepared():
    found, prepared = streamed(4, 5, 5, 100)
    assert len(found) == 17
    assert prepared == 20


def clip_card(clip, frames=3, preprocess=PICTURES):
    ends = {
        "inputs": (InputCard(spec(frames), preprocess, clip=clip),),
        "outputs": (OutputCard(TensorSpec(name="y", dtype="float32", shape=(1, 2)), "softmax"),),
    }
    return msgspec.structs.replace(CARD, **ends)


def test_a_card_with_clips_is_read_back():
    card = clip_card(Clip(frames=3, interval=2, stride=5))
    assert decode_card(encode_card(card)) == card


@pytest.mark.parametrize(
    "card",
    [
        clip_card(Clip(frames=4)),
        clip_card(Clip()),
        clip_card(Clip(frames=3), preprocess=None),
        msgspec.structs.replace(CARD, inputs=(InputCard(CARD.inputs[0].tensor, PICTURES, clip=Clip(frames=1)),)),
        clip_card(None),
    ],
)
def test_a_card_whose_clips_do_not_fit_is_refused(card):
    with pytest.raises(LeptonError, match="takes no clips|takes no picture"):
        decode_card(encode_card(card))


@pytest.mark.parametrize("wrong", [{"interval": 10**9}, {"stride": 0}, {"frames": 0}, {"frames": 10**6}])
def test_clips_that_no_device_could_keep_are_refused(wrong):
    text = encode_card(clip_card(Clip(frames=3)))
    said = msgspec.json.decode(text)
    said["inputs"][0]["clip"] |= wrong
    with pytest.raises(BundleError, match="a clip has 1 to|interval and stride of a clip"):
        decode_card(msgspec.json.encode(said))


def test_a_ring_too_large_for_memory_is_refused():
    large = TensorSpec(name="clip", dtype="float32", shape=(1, 4, 1080, 1920, 3))
    with pytest.raises(LeptonError, match="would keep 3001 pictures"):
        Clip(frames=4, interval=1000).completed(large)


class Scene:
    """Frames of rising levels, with the counts of a camera."""

    def __init__(self, levels, *, lost_at=None):
        self.levels = levels
        self.lost_at = lost_at
        self.counts = SimpleNamespace(reopened=0)
        self.delivered = 0
        self.dropped = {}

    def __iter__(self):
        for index, level in enumerate(self.levels):
            if index == self.lost_at:
                self.counts.reopened += 1
            self.delivered += 1
            yield Frame(level if isinstance(level, np.ndarray) else gray(level), index, 0.0)

    def take_back(self, reason):
        self.delivered -= 1
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


@pytest.fixture
def model(tmp_path):
    """Return a function: a model that answers the levels of the three pictures of a clip."""

    def opened(clip):
        shape = np.array([1, 48], np.int32)
        picks = np.zeros((3, 48), np.float32)
        picks[range(3), range(0, 48, 16)] = 1
        file = small_models.TfliteFile(
            [
                small_models.Tensor("clip", (1, 3, 4, 4, 1)),
                small_models.Tensor("shape", (2,), "int32", constant=shape),
                small_models.Tensor("flat", (1, 48)),
                small_models.Tensor("weights", (3, 48), constant=picks),
                small_models.Tensor("levels", (1, 3)),
            ],
            [("RESHAPE", ["clip", "shape"], ["flat"]), ("FULLY_CONNECTED", ["flat", "weights"], ["levels"])],
            ("clip",),
            ("levels",),
        )
        path = tmp_path / "levels.tflite"
        path.write_bytes(file.build())
        return le.open_model(path, description=le.Description(clip=clip, preprocess=PICTURES, task="raw"))

    return opened


def levels(result):
    return result.values["levels"][0].astype(int).tolist()


def test_a_clip_may_be_of_pictures_as_a_camera_gives_them(model):
    pictures = [le.YuvImage.from_bytes(bytes(64 * [luma] + 32 * [128]), "nv12", 8, 8) for luma in (16, 235, 126)]
    with model(Clip(frames=3)) as opened:
        assert levels(opened(pictures)) == [0, 255, 128]
        with pytest.raises(InputError, match=r"takes clips of 3 pictures.*got YuvImage\(nv12, 8×8\)"):
            opened(pictures[0])


class TestStreams:
    def test_each_frame_is_answered_once_there_are_enough(self, model):
        scene = Scene(range(6))
        with model(Clip(frames=3)) as opened:
            results = list(opened.stream(scene))
        assert [levels(one) for one in results] == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
        assert [one.origin.frame.index for one in results] == [2, 3, 4, 5]
        assert (scene.delivered, scene.dropped) == (4, {"gathered": 2})

    def test_a_stride_goes_before_the_cards(self, model):
        scene = Scene(range(20))
        with model(Clip(frames=3, interval=2)) as opened:
            assert [levels(one) for one in opened.stream(scene, stride=8)] == [[0, 2, 4], [8, 10, 12]]
        assert scene.delivered + sum(scene.dropped.values()) == 20
        assert scene.dropped == {"gathered": 6, "skipped": 12}

    def test_a_stream_that_was_lost_begins_anew(self, model):
        scene = Scene(range(8), lost_at=4)
        with model(Clip(frames=3)) as opened:
            assert [levels(one) for one in opened.stream(scene)] == [[0, 1, 2], [1, 2, 3], [4, 5, 6], [5, 6, 7]]

    def test_a_frame_that_fails_is_counted_as_such(self, model):
        scene = Scene([1, 2, np.zeros((4, 4, 2), np.uint8)])
        with model(Clip(frames=3)) as opened, pytest.raises(InputError, match="an image is"):
            list(opened.stream(scene))
        assert (scene.delivered, scene.dropped) == (0, {"gathered": 2, "failed": 1})

    def test_two_streams_do_not_hear_of_each_other(self, model):
        with model(Clip(frames=3)) as opened:
            one, other = opened.stream(Scene(range(5))), opened.stream(Scene(range(100, 105)))
            assert [levels(next(two)) for two in (one, other, one)] == [[0, 1, 2], [100, 101, 102], [1, 2, 3]]

    def test_of_a_video_every_frame_is_accounted_for(self, model, video):
        with model(Clip(frames=3, interval=3, stride=2)) as opened, le.Camera(video) as camera:
            answered = len(list(opened.stream(camera)))
            counts = camera.counts
        assert answered == counts.delivered == 17
        assert counts.captured == counts.delivered + sum(counts.dropped.values()) == 40

    def test_a_stride_is_for_clips(self, bundle, video):
        with (
            le.open_model(bundle) as opened,
            le.Camera(video) as camera,
            pytest.raises(ValueError, match="a stride is"),
        ):
            opened.stream(camera, stride=2)

    def test_a_stride_for_pictures_is_an_error_in_one_line(self, bundle, video, capsys):
        assert execute(["run", str(bundle), "--camera", str(video), "--stride", "2", "--no-cache"]) == 1
        assert capsys.readouterr().err.splitlines() == [
            "lepton-edge: --stride is for models that take clips of one camera, and this one does not"
        ]

    def test_a_gate_is_refused_since_clips_need_every_frame(self, model):
        with model(Clip(frames=3)) as opened, pytest.raises(ValueError, match="a model that takes clips needs every"):
            opened.stream(Scene(range(6)), gate=le.MotionGate())


class TestOneClip:
    def test_a_list_of_pictures(self, model):
        with model(Clip(frames=3, interval=9)) as opened:
            assert levels(opened([gray(5), gray(6), gray(7)])) == [5, 6, 7]
            assert levels(opened(np.stack([gray(5), gray(6), gray(7)]))) == [5, 6, 7]
            assert levels(opened({"clip": (gray(1), gray(2), gray(3))})) == [1, 2, 3]

    def test_a_tensor(self, model):
        with model(Clip(frames=3)) as opened:
            assert levels(opened(np.full((3, 4, 4, 1), 9, np.float32))) == [9, 9, 9]

    def test_of_another_length_it_is_refused(self, model):
        with model(Clip(frames=3)) as opened, pytest.raises(InputError, match="takes clips of 3 pictures; got 2"):
            opened([gray(5), gray(6)])

    def test_one_picture_is_no_clip(self, model):
        with (
            model(Clip(frames=3)) as opened,
            pytest.raises(InputError, match=r"clips of 3 pictures in a row \(a list or"),
        ):
            opened(gray(5))
