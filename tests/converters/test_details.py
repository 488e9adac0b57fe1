"""What a report shows beside the gates' numbers: layers, the samples answered otherwise, their pictures."""

from dataclasses import replace
from types import SimpleNamespace

import cv2
import keras_models
import made_reports
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.details.detail import detailed
from lepton_edge_converters.details.disagreements import find_disagreements
from lepton_edge_converters.details.layers import match_tensors
from lepton_edge_converters.details.sums import Sums
from lepton_edge_converters.details.thumbnails import SIDE_MAX, thumbnail
from lepton_edge_converters.errors import WorkerCrashedError
from lepton_edge_converters.gates.judge import judge
from lepton_edge_converters.recipe import Gates, Recipe
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_runtime.card import Card, InputCard, OutputCard
from lepton_edge_runtime.formats import Operator
from lepton_edge_runtime.tensors import Quant, TensorSpec

INT8 = np.dtype(np.int8)


class TestSums:
    def test_they_are_those_of_plain_numpy(self):
        rng = np.random.default_rng(0)
        quant = Quant(0.05, -20)
        runs = [rng.normal(0, 2, (1, 8, 8, 4)).astype(np.float32) for _ in range(3)]
        stored = [rng.integers(-128, 128, one.shape).astype(np.int8) for one in runs]
        sums = Sums(INT8, quant)
        for one, other in zip(runs, stored, strict=True):
            sums.add(one, other)
        real, answered = np.concatenate(runs), (np.concatenate(stored).astype(float) + 20) * 0.05
        noise = ((real - answered) ** 2).sum() / (real.astype(float) ** 2).sum()
        assert sums.noise_share == pytest.approx(noise)
        assert sums.sqnr_db == pytest.approx(-10 * np.log10(noise))
        assert (sums.low, sums.high) == (real.min(), real.max())
        assert sums.range == pytest.approx((-108 * 0.05, 147 * 0.05))

    def test_what_storing_alone_costs_is_a_step_s_rounding(self):
        # Evenly spread numbers are rounded by a twelfth of a squared step on average.
        real = np.random.default_rng(0).uniform(-1, 1, 100_000).astype(np.float32)
        sums = Sums(INT8, Quant(2 / 255, 0))
        sums.add(real, np.zeros(real.shape, np.int8))
        assert sums.storage_db == pytest.approx(10 * np.log10((1 / 3) / ((2 / 255) ** 2 / 12)), abs=0.05)
        assert sums.clipped_share == 0

    def test_a_step_too_far_is_rounding_and_two_are_clipped(self):
        sums = Sums(INT8, Quant(1.0, 0))
        sums.add(np.array([127.0, 128.4, 129.0, -131.0], np.float32), np.array([127, 127, 127, -128], np.int8))
        assert sums.clipped_share == 0.5

    def test_a_layer_of_real_numbers_has_no_range(self):
        sums = Sums(np.dtype(np.float32), None)
        sums.add(np.ones(4, np.float32), np.ones(4, np.float32))
        assert (sums.range, sums.storage_db, sums.sqnr_db) == (None, None, float("inf"))

    def test_no_signal_and_nan_are_told(self):
        sums = Sums(INT8, Quant(1.0, 0))
        sums.add(np.zeros(4, np.float32), np.ones(4, np.int8))
        assert (sums.sqnr_db, sums.noise_share) == (-float("inf"), float("inf"))
        sums.add(np.full(4, np.nan, np.float32), np.ones(4, np.int8))
        assert (sums.sqnr_db, sums.noise_share) == (-float("inf"), float("inf"))


class TestLayers:
    def test_every_operator_of_a_plain_net_is_compared(self, converted):
        layers = converted[1].layers
        assert (layers.artefact, layers.reference) == ("TFLite int8", "TFLite float32")
        assert (layers.samples, layers.unmatched, layers.note) == (8, 0, "")
        kinds = ["CONV_2D", "MAX_POOL_2D", "DEPTHWISE_CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]
        assert [one.kind for one in layers.layers] == kinds
        assert [one.layer for one in layers.layers][:3] == ["conv2d", "max_pooling2d", "depthwise_conv2d"]
        assert [one.position for one in layers.layers] == [1, 2, 3, 4, 5, 6]

    def test_their_names_are_those_that_float_layers_takes(self, converted, keras_file, tmp_path):
        named = [one.layer for one in converted[1].layers.layers]
        assert len(set(named)) == len(named)
        report = le.convert(
            keras_file("sequential"), tmp_path / "out.lepton", data=keras_models.patterns(60), formats=["tflite"],
            float_layers=named, io="float32",
        )  # fmt: skip
        assert {one.range_low for one in report.layers.layers} == {None}  # all of them store real numbers

    def test_a_tensor_is_known_by_its_name_but_for_the_number_of_a_constant(self):
        def tensor(index, shape=(1, 4)):
            return {"index": index, "shape": shape, "dtype": np.float32, "quantization": (0.0, 0)}

        fused = "net/relu/Relu;net/norm/add_1;net/norm/add_1/constant"
        operators = [Operator("CONV_2D", outputs=(f"{fused}_12",)), Operator("ADD", outputs=("y",))]
        before, after = {f"{fused}_12": tensor(1), "y": tensor(2)}, {f"{fused}_2": tensor(7), "y": tensor(8, (1, 5))}
        assert [(one.float_index, one.index) for one in match_tensors(operators, before, after)] == [(1, 7)]

    def test_the_last_layer_has_the_error_of_the_outputs(self, converted):
        report = converted[1]
        # Eight of sixty samples, and kernels that round otherwise: near, not equal.
        assert report.layers.layers[-1].sqnr_db == pytest.approx(report.row("TFLite int8").sqnr_db, abs=6)

    def test_a_reshape_adds_no_error_and_storing_costs_no_more_than_all(self, converted):
        layers = {one.kind: one for one in converted[1].layers.layers}
        assert layers["RESHAPE"].added_noise == 0
        assert layers["RESHAPE"].sqnr_db == pytest.approx(layers["DEPTHWISE_CONV_2D"].sqnr_db)
        assert layers["CONV_2D"].added_noise == pytest.approx(10 ** (-layers["CONV_2D"].sqnr_db / 10))
        assert layers["FULLY_CONNECTED"].storage_db > layers["FULLY_CONNECTED"].sqnr_db

    def test_histograms_count_every_number_of_the_layers_that_add_most(self, converted):
        layers = converted[1].layers
        drawn = [one for one in layers.layers if one.histogram]
        assert {one.position for one in drawn} <= {one.position for one in layers.worst(6)}
        (conv,) = [one for one in drawn if one.kind == "CONV_2D"]
        assert sum(conv.histogram.counts) == 8 * 22 * 22 * 8  # samples × height × width × channels
        assert (conv.histogram.low, conv.histogram.high) == (conv.low, conv.high)

    def test_real_numbered_files_are_compared_without_ranges(self, keras_file, tmp_path):
        report = le.convert(keras_file("sequential"), tmp_path / "out.lepton", recipe="float16")
        first = report.layers.layers[0]
        assert 40 < first.sqnr_db < 120  # weights of 11 bits
        assert (first.range_low, first.storage_db, first.clipped, first.histogram) == (None, None, 0, None)

    def test_a_float_file_has_nothing_to_be_compared_with(self, keras_file, tmp_path):
        assert le.convert(keras_file("sequential"), tmp_path / "out.lepton", recipe="float32").layers is None

    def test_a_crash_while_comparing_costs_the_layers_only(self):
        def crash(*_, **__):
            raise WorkerCrashedError("the step 'compare_layers' killed its process (SIGSEGV)")

        plan, judgements = made_judgements([0, 1], [0, 1])
        judgements[0] = replace(judgements[0], artefact=replace(judgements[0].artefact, backend="tflite"))
        float_file = replace(judgements[0].artefact, title="TFLite float32")
        job = SimpleNamespace(stage=crash)
        report = detailed(made_reports.report(), plan, judgements, [float_file], job, images=False)
        assert report.layers.layers == ()
        assert "killed its process (SIGSEGV)" in report.layers.note


CARD = Card(
    name="made up",
    task="classify",
    inputs=(InputCard(TensorSpec(name="x", dtype="float32", shape=(1, 4))),),
    outputs=(OutputCard(TensorSpec(name="y", dtype="float32", shape=(1, 3)), "softmax"),),
    labels=("cat", "dog", "owl"),
)


def scores(decided, sure):
    """Return probabilities of three classes: ``sure`` for the decided one."""
    sure = np.asarray(sure, np.float32)[:, np.newaxis]
    return np.where(np.eye(3)[decided] > 0, sure, (1 - sure) / 2).astype(np.float32)


def made_judgements(original, converted, *, sure=None, targets=None):
    """Return a plan and the judgement of one file, both answering as said."""
    reference = [scores(original, sure or [0.9] * len(original))]
    targets = None if targets is None else np.array(targets)
    names = tuple(f"{i}.jpg" for i in range(len(original)))
    plan = SimpleNamespace(
        reference=reference,
        judged=SimpleNamespace(targets=targets, names=names, paths=()),
        preprocess=(),
        facts=None,
        changed=None,
    )
    artefact = Artefact("ONNX int8", "onnx", path=None, card=CARD, route="made up")
    return plan, [judge(artefact, [scores(converted, [0.6] * len(original))], reference, targets)]


class TestDisagreements:
    def test_those_come_first_that_were_right_and_then_the_surest(self):
        plan, judgements = made_judgements(
            [0, 1, 2, 0, 1], [0, 2, 1, 2, 0], sure=[0.9, 0.5, 0.7, 0.99, 0.8], targets=[0, 1, 2, 1, 1]
        )
        found = find_disagreements(plan, judgements, images=True)
        assert (found.samples, found.total) == (5, 4)
        assert [one.name for one in found.shown] == ["4.jpg", "2.jpg", "1.jpg", "3.jpg"]
        last = found.shown[-1]
        assert (last.target, last.original.label, last.answers["ONNX int8"].label) == ("dog", "cat", "owl")
        assert last.original.score == pytest.approx(0.99)
        assert last.picture == b""

    def test_without_labels_the_surest_come_first(self):
        plan, judgements = made_judgements([0, 1], [1, 0], sure=[0.5, 0.9])
        found = find_disagreements(plan, judgements, images=True)
        assert [(one.name, one.target) for one in found.shown] == [("1.jpg", None), ("0.jpg", None)]

    def test_at_most_24_are_shown_and_all_are_counted(self):
        plan, judgements = made_judgements([0] * 40, [1] * 40)
        found = find_disagreements(plan, judgements, images=True)
        assert (found.total, len(found.shown)) == (40, 24)

    def test_where_nothing_is_decided_there_are_none(self, keras_file, tmp_path):
        pictures = keras_models.patterns(60)[0]
        report = le.convert(keras_file("many_outputs"), tmp_path / "out.lepton", data=pictures, formats=["tflite"])
        assert report.disagreements is None

    @pytest.mark.parametrize("images", [True, False])
    def test_a_refused_model_shows_its_pictures_unless_told_not_to(self, keras_file, tmp_path, images):
        # Halfway between two patterns nobody is sure, and a rounding decides.
        (one, targets), (other, _) = keras_models.patterns(400, seed=7), keras_models.patterns(400, seed=8)
        undecided = ((one.astype(int) + other) // 2).astype(np.uint8)
        refusing = Recipe(scheme="int8", gates=Gates(min_agreement=1.0, min_cosine=1.0), calibration=2, seed=3)
        with pytest.raises(le.GateRefusedError) as refused:
            le.convert(
                keras_file("sequential"), tmp_path / "out.lepton", data=(undecided, targets),
                recipe=refusing, holdout=0.9, images=images,
            )  # fmt: skip
        found = refused.value.report.disagreements
        assert found.total > 0
        assert {one.picture[:4] == b"\x89PNG" for one in found.shown} == {images}
        page = (tmp_path / "out.refused.report.html").read_text(encoding="utf-8")
        assert ("<img" in page) is images
        assert found.shown[0].name.startswith("sample ")
        assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".html"}


class TestThumbnails:
    def decoded(self, array, preprocess, tmp_path, stored_as=None):
        path = tmp_path / "judged_0.npy"
        np.save(path, array[np.newaxis])
        samples = StoredSamples((path,), (stored_as,))
        picture = thumbnail(samples, (preprocess,), 0)
        return cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED)

    @pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
    def test_small_ones_are_exact(self, color, tmp_path):
        channels = 1 if color == "gray" else 3
        pixels = np.random.default_rng(0).integers(0, 256, (20, 30, channels), np.uint8)
        preprocess = le.Preprocess(size=(30, 20), color=color)
        seen = self.decoded(pixels, preprocess, tmp_path, stored_as=preprocess)
        expected = pixels[..., ::-1] if color == "rgb" else pixels
        np.testing.assert_array_equal(seen.reshape(expected.shape), expected)

    @pytest.mark.parametrize("layout", ["nhwc", "nchw"])
    def test_numbers_that_were_made_of_a_picture_become_one_again(self, layout, tmp_path):
        pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
        scaled = {"range": (0.0, 1.0), "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.2, 0.3)}
        preprocess = le.Preprocess(size=(30, 20), color="rgb", layout=layout, **scaled)
        seen = self.decoded(preprocess.to_real(pixels), preprocess, tmp_path)
        np.testing.assert_array_equal(seen, pixels[..., ::-1])

    def test_large_ones_become_small(self, tmp_path):
        pixels = np.full((400, 800, 3), 90, np.uint8)
        seen = self.decoded(pixels, le.Preprocess(size=(800, 400), color="rgb"), tmp_path)
        assert seen.shape == (SIDE_MAX // 2, SIDE_MAX, 3)
        assert np.abs(seen.astype(int) - 90).max() <= 2  # JPEG

    def test_what_is_no_picture_has_none(self, tmp_path):
        path = tmp_path / "judged_0.npy"
        np.save(path, np.zeros((1, 16)))
        assert thumbnail(StoredSamples((path,), (None,)), (None,), 0) == b""
