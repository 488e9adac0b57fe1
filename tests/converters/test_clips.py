"""Models that take clips: converted with clips and videos, and proven like others."""

import clip_models
import cv2
import numpy as np
import pytest
from model_files import saver

import lepton_edge as le
from lepton_edge_converters.clips import with_clips
from lepton_edge_converters.details.thumbnails import thumbnail
from lepton_edge_converters.errors import ConversionError, SamplesError
from lepton_edge_converters.facts import EndFacts, ModelFacts
from lepton_edge_converters.samples import store
from lepton_edge_converters.samples.pictures import read_folder
from lepton_edge_converters.samples.videos import read_clip
from lepton_edge_converters.training.augment import flip_and_shift
from lepton_edge_converters.worker import Worker
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.errors import PreprocessError
from lepton_edge_runtime.golden import decode_golden


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory):
    """Return a function: the file of a kind of model, trained once."""
    with Worker() as worker:
        yield saver(worker, "clip_models:save", tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def moving(clip_file, tmp_path_factory):
    """Which way a bar moves: TimeDistributed and GRU, converted to int8 with labelled clips."""
    path = tmp_path_factory.mktemp("bundle") / "moving.lepton"
    clip = le.Clip(interval=1, stride=2)
    report = le.convert(
        clip_file("gru"), path, data=clip_models.clips(120, seed=5), labels=["left", "right"], clip=clip, explain=1
    )
    return path, report


def write_video(path, pictures):
    """Write frames, RGB, as a video without loss."""
    size = pictures.shape[2], pictures.shape[1]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, size)
    for picture in pictures:
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    writer.release()


class TestConverted:
    def test_it_is_proven_like_any_other_in_integers(self, moving):
        _, report = moving
        assert report.row("TFLite int8").accuracy.value > 0.9
        assert report.row("ONNX int8").agreement.value > 0.9
        (operators,) = [gate for gate in report.gates if gate.name == "TFLite int8 operators"]
        assert operators.detail.endswith("all in integers")
        assert report.preprocess[0].startswith("clips of 6 pictures in a row, answered every 2 frames, each 16×16 rgb")

    def test_the_card_says_which_frames(self, moving):
        (end,) = Bundle(moving[0]).card.inputs
        assert end.clip == le.Clip(frames=6, interval=1, stride=2)
        assert end.tensor.shape == (1, 6, 16, 16, 3)
        assert end.preprocess.size == (16, 16)

    def test_where_the_files_look_is_told_of_pictures_only(self, moving):
        assert moving[1].attention.note == (
            "the samples are clips, and it is places of single pictures that are compared"
        )

    def test_golden_samples_are_clips(self, moving):
        bundle = Bundle(moving[0])
        assert decode_golden(bundle.member("golden.npz"), bundle.card).inputs[0].shape == (4, 1, 6, 16, 16, 3)

    def test_clips_are_answered_as_by_the_samples(self, moving):
        pictures, classes = clip_models.clips(20, seed=8)
        with le.open_model(moving[0]) as model:
            answers = [model(list(one[..., ::-1])).top.index for one in pictures]
        assert answers == classes.tolist()

    def test_a_video_is_answered_as_its_clips_are(self, moving, tmp_path):
        pictures = np.concatenate(list(clip_models.clips(4, seed=8)[0]))
        write_video(tmp_path / "v.avi", pictures)
        with le.open_model(moving[0]) as model, le.Camera(tmp_path / "v.avi") as camera:
            frames = [frame.image for frame in le.Camera(tmp_path / "v.avi")]
            results = list(model.stream(camera))
            assert [one.origin.frame.index for one in results] == list(range(5, 24, 2))
            for one in results:
                end = one.origin.frame.index
                np.testing.assert_array_equal(one.score, model(frames[end - 5 : end + 1]).score)
        assert camera.counts.dropped == {"gathered": 14}

    def test_bench_and_verify_know_clips(self, moving):
        assert all(check.outcome == "passed" for check in le.verify(moving[0]))
        assert "6 frames of 1280×720" in le.bench(moving[0], seconds=0.05, backends=["tflite"]).sample


@pytest.mark.parametrize("kind", ["conv3d", "convlstm"])
def test_float_files_are_exact(kind, clip_file, tmp_path):
    pictures, _ = clip_models.clips(40, seed=2)
    report = le.convert(clip_file(kind), tmp_path / "m.lepton", data=pictures, recipe="float32")
    for title in ("TFLite float32", "ONNX float32"):
        assert report.row(title).sqnr_db > 80
    assert any("is taken for clips of 6 pictures" in one for one in report.warnings)


def test_what_a_model_leaves_open_is_fixed_by_what_is_said(clip_file, tmp_path):
    le.convert(
        clip_file("open"),
        tmp_path / "m.lepton",
        recipe="float32",
        formats=["tflite"],
        clip=le.Clip(frames=5),
        preprocess=le.Preprocess(size=(12, 10)),
    )
    assert Bundle(tmp_path / "m.lepton").card.inputs[0].tensor.shape == (1, 5, 10, 12, 3)


class TestVideos:
    PREPARED = le.Preprocess(size=(8, 8), color="rgb", range=(0, 255)).over(le.Preprocess(resize="stretch"))

    @pytest.fixture
    def folder(self, tmp_path):
        for name, count in {"left/a": 9, "right/b": 12}.items():
            path = tmp_path / f"{name}.avi"
            path.parent.mkdir()
            write_video(path, np.stack([np.full((16, 16, 3), 10 * i, np.uint8) for i in range(count)]))
        return tmp_path

    def test_the_middle_of_each_is_one_clip(self, folder):
        clip = read_clip(folder / "left" / "a.avi", self.PREPARED, le.Clip(frames=3, interval=2))
        assert np.abs(clip[:, 0, 0, 0].astype(int) - [20, 40, 60]).max() <= 2

    def test_subfolders_are_classes(self, folder):
        found = read_folder(folder, self.PREPARED, (), 2, le.Clip(frames=4))
        assert (found.labels, found.targets.tolist()) == (("left", "right"), [0, 1])
        assert found.load([0, 1])[0].shape == (2, 4, 8, 8, 3)

    def test_a_video_that_is_too_short_is_named(self, folder):
        with pytest.raises(SamplesError, match=r"a.avi has 9 frames, and clips of 5 pictures 3 frames apart span 13"):
            read_clip(folder / "left" / "a.avi", self.PREPARED, le.Clip(frames=5, interval=3))

    def test_a_folder_of_pictures_holds_no_videos(self, tmp_path):
        with pytest.raises(SamplesError, match="holds no videos, and no subfolder with videos"):
            read_folder(tmp_path, self.PREPARED, (), None, le.Clip(frames=4))


class TestWhatIsAClip:
    FACTS = ModelFacts("m", "", (EndFacts("x", "float32", (8, 9, 9, 1)),), (EndFacts("y", "float32", (2,)),), 1, 1)

    def test_numbers_that_no_picture_has_are_a_volume(self):
        facts, notes = with_clips(self.FACTS, None, [(-1000.0, 900.0)])
        assert facts.inputs[0].clip is None
        assert "taken for a tensor" in notes[0]

    def test_else_it_is_said(self):
        facts, notes = with_clips(self.FACTS, None, [])
        assert facts.inputs[0].clip == le.Clip(frames=8)
        assert "is taken for clips of 8 pictures in a row" in notes[0]

    def test_what_the_user_says_goes_before(self):
        facts, notes = with_clips(self.FACTS, le.Clip(interval=3), [(-1000.0, 900.0)])
        assert facts.inputs[0].clip == le.Clip(frames=8, interval=3)
        assert notes == []
        with pytest.raises(PreprocessError, match="takes no clips of 4 pictures"):
            with_clips(self.FACTS, le.Clip(frames=4), [])


def test_a_clip_is_shown_by_its_middle(tmp_path):
    from lepton_edge_converters.samples.arrays import ArraySamples

    pictures, _ = clip_models.clips(2)
    prepared = le.Preprocess(size=(16, 16), color="rgb", range=(0, 255))
    stored = store(ArraySamples([pictures], None, origin=""), np.arange(2), (prepared,), tmp_path, "s")
    shown = cv2.imdecode(np.frombuffer(thumbnail(stored, (prepared,), 1), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(shown[..., ::-1], pictures[1, 3])


def test_all_pictures_of_a_clip_are_moved_alike():
    still = np.repeat(np.random.default_rng(0).integers(0, 255, (3, 1, 16, 16, 3)), 4, axis=1)
    moved = flip_and_shift(still, np.random.default_rng(1))
    assert (moved == moved[:, :1]).all()
    assert (moved != still).any()


def test_pooling_that_tflite_does_not_have_is_named(tmp_path):
    import keras

    layers = keras.layers
    model = keras.Sequential([keras.Input((4, 8, 8, 3)), layers.MaxPooling3D(2), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ConversionError, match="MaxPool3D"):
        le.convert(model, tmp_path / "m.lepton", recipe="float32", data=np.zeros((4, 4, 8, 8, 3), np.uint8))
