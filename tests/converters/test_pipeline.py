"""convert(), on the kinds of models that people bring, and on what it must refuse."""

import errno
import json
import os

import keras_models
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_converters.errors import (
    ConversionError,
    GateRefusedError,
    LoadError,
    SamplesError,
)
from lepton_edge_converters.exporters import DERIVED, REQUANTIZED, TRACED
from lepton_edge_converters.recipe import Gates, Recipe
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.errors import BundleError, OutputError, PreprocessError


def patterns(count=160, seed=7, **options):
    return keras_models.patterns(count, seed=seed, **options)


def accuracy(path, pictures, backend="auto"):
    with le.open_model(path, backend=backend) as model:
        read = [model(np.ascontiguousarray(one[..., ::-1])).top.index for one in pictures[0]]
    return np.mean(np.array(read) == pictures[1])


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.lepton"


class TestKindsOfModels:
    def test_a_sequential_model_takes_raw_bytes(self, converted):
        path, report = converted
        card = Bundle(path).card
        assert (card.inputs[0].tensor.quant.scale, card.inputs[0].tensor.quant.zero_point) == (1.0, 0)
        assert card.outputs[0].activation == "softmax"
        assert report.row("TFLite int8").agreement.value >= 0.95
        assert report.row("ONNX int8").route == DERIVED
        assert all("slower" in warning or "no faster" in warning for warning in report.warnings)

    def test_names_that_tensorflow_refuses_as_scopes(self, keras_file, out, pictures):
        report = le.convert(keras_file("nested"), out, data=patterns())
        assert Bundle(out).card.outputs[0].tensor.name == "_fc"
        assert report.row("ONNX int8").route == DERIVED
        assert accuracy(out, pictures) > 0.9

    def test_a_subclassed_model_in_memory(self, out, pictures):
        model = keras_models.build("subclassed")
        weights = [np.array(one) for one in model.get_weights()]
        report = le.convert(model, out, data=patterns(), preprocess=le.Preprocess(range=(0, 255)))
        assert report.task == "classify"  # seen from its answers: they sum to 1
        assert accuracy(out, pictures) > 0.9
        for before, after in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)

    def test_a_model_in_memory_and_its_file_are_the_same_model(self, out, keras_file, tmp_path):
        import keras

        path = keras_file("sequential")
        le.convert(keras.models.load_model(path), out, data=patterns())
        le.convert(path, tmp_path / "file.lepton", data=patterns())
        for member in ("model.tflite", "model.onnx", "golden.npz"):
            assert Bundle(out).member(member) == Bundle(tmp_path / "file.lepton").member(member)

    def test_two_inputs_of_unlike_kind(self, keras_file, out):
        pictures, targets = patterns()
        data = {"photo": pictures, "sensor-b": keras_models.sensors(targets), "y": targets}
        report = le.convert(keras_file("two_inputs"), out, data=data, preprocess=le.Preprocess(range=(0, 1)))
        assert report.row("TFLite int8").accuracy.value > 0.9
        assert [one.tensor.name for one in Bundle(out).card.inputs] == ["photo", "sensor-b"]
        for backend in ("tflite", "onnx"):
            with le.open_model(out, backend=backend) as model:
                answers = [
                    model({"photo": p[..., ::-1].copy(), "sensor-b": s}).top.index
                    for p, s in zip(pictures[:20], keras_models.sensors(targets[:20]), strict=True)
                ]
            assert np.mean(answers == targets[:20]) > 0.9

    @pytest.mark.parametrize("recipe", ["float32", "int8"])
    def test_many_outputs_keep_their_names_and_order(self, keras_file, out, recipe):
        le.convert(keras_file("many_outputs"), out, data=patterns()[0], recipe=recipe)
        card = Bundle(out).card
        assert [one.tensor.name for one in card.outputs] == ["alpha", "map", "zeta"]
        picture = patterns(1)[0]
        import keras

        original = keras.models.load_model(keras_file("many_outputs"))(picture.astype(np.float32))
        for backend in ("tflite", "onnx"):
            with le.open_model(out, backend=backend) as model:
                values = model(picture[0][..., ::-1].copy()).values
            for name in ("alpha", "map", "zeta"):
                expected = np.asarray(original[name])
                np.testing.assert_allclose(
                    values[name], expected, atol=1e-4 if recipe == "float32" else 0.05 * np.ptp(expected)
                )

    @pytest.mark.parametrize(("recipe", "route"), [("int8", REQUANTIZED), ("float16", TRACED), ("float32", TRACED)])
    def test_a_vit_goes_the_other_way_and_says_so(self, keras_file, out, pictures, recipe, route):
        report = le.convert(keras_file("vit"), out, data=patterns(), recipe=recipe)
        row = report.row(f"ONNX {recipe}")
        assert row.route.startswith(route)
        assert "TFL_GELU" in row.route
        assert any("TFL_GELU" in warning for warning in report.warnings)
        for backend in ("tflite", "onnx"):
            assert accuracy(out, pictures, backend) > 0.85

    def test_logits_are_a_classifiers_if_there_are_classes(self, keras_file, out):
        numbers, targets = keras_models.clusters(120, seed=4)
        report = le.convert(keras_file("logits"), out, data=(numbers, targets))
        assert report.row("TFLite int8").accuracy.value > 0.9
        with le.open_model(out) as model:
            result = model(numbers[0])
            assert result.top.index == targets[0]
            assert 0.3 < result.top.score <= 1

    def test_plain_numbers_are_not_called_classes_in_silence(self, keras_file, out):
        numbers, _ = keras_models.clusters(120, seed=4)
        report = le.convert(keras_file("logits"), out, data=numbers)
        assert report.task == "raw"
        assert any("taken as 3 plain numbers" in warning for warning in report.warnings)
        assert le.convert(keras_file("logits"), out, data=numbers, task="classify", force=True).task == "classify"

    def test_one_sigmoid_tells_two_classes(self, keras_file, out):
        pictures, targets = patterns()
        report = le.convert(keras_file("binary"), out, data=(pictures, targets > 1), labels=["low", "high"])
        assert report.row("TFLite int8").accuracy.value > 0.9
        with le.open_model(out) as model:
            assert model(pictures[0][..., ::-1].copy()).top.label == ("high" if targets[0] > 1 else "low")

    def test_one_score_tells_two_classes_if_someone_says_so(self, keras_file, out):
        numbers, targets = keras_models.clusters(120)
        chosen = targets < 2
        data = numbers[chosen], targets[chosen]
        report = le.convert(keras_file("one_score"), out, data=data, labels=["left", "right"])
        assert report.task == "classify"
        with le.open_model(out) as model:
            read = [model(one).top.label for one in data[0]]
        assert np.mean(np.array(read) == np.array(["left", "right"])[data[1]]) > 0.9

    def test_numbers_that_a_square_root_bears(self, out):
        """Golden samples lie where the user's samples lie: others would be NaN, and the bundle could not be opened."""
        numbers = np.random.default_rng(0).uniform(1, 4, (40, 8)).astype(np.float32)
        le.convert(keras_models.build("square_root"), out, data=numbers, recipe="float32")
        with le.open_model(out) as model:
            assert np.isfinite(model(numbers[0])["sums"]).all()

    def test_pooling_before_a_dense_layer_keeps_its_bias(self, keras_file, out):
        """TFLite's dense operator flattens by itself, and tf2onnx then drops its bias."""
        report = le.convert(keras_file("pooled"), out, data=patterns())
        assert report.row("ONNX int8").route == DERIVED
        (gate,) = [one for one in report.gates if one.name == "ONNX like TFLite"]
        assert "largest difference 0" in gate.detail

    def test_layers_of_half_precision_are_converted_in_float32(self, out):
        model = keras_models.build("mixed")
        policies = [layer.compute_dtype for layer in model.layers]
        report = le.convert(model, out, data=patterns(60), recipe="float32")
        assert "3 layers were trained to compute in 16 bits" in report.warnings[0]
        assert [layer.compute_dtype for layer in model.layers] == policies
        assert "float16" in policies

    def test_grey_pictures(self, keras_file, out, tmp_path):
        import cv2

        pictures, targets = patterns(channels=1)
        for i, (picture, target) in enumerate(zip(pictures, targets, strict=True)):
            (tmp_path / "data" / str(target)).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "data" / str(target) / f"{i}.png"), picture)
        report = le.convert(keras_file("grey"), out, data=tmp_path / "data")
        assert report.row("TFLite int8").accuracy.value > 0.9
        assert any("0..1 is assumed" in warning for warning in report.warnings)
        assert Bundle(out).card.labels == ("0", "1", "2", "3")

    def test_float_samples_tell_the_range(self, keras_file, out):
        pictures, targets = patterns(channels=1)
        report = le.convert(keras_file("grey"), out, data=(pictures / np.float32(255), targets))
        assert any("0..1 is assumed, since the samples go from 0 to 1" in warning for warning in report.warnings)


class TestSettings:
    @pytest.mark.parametrize("io", ["uint8", "int8", "float32"])
    def test_inputs_and_outputs_have_the_type_asked_for(self, keras_file, out, pictures, io):
        report = le.convert(keras_file("sequential"), out, data=patterns(), io=io)
        card = Bundle(out).card
        assert {end.tensor.dtype for end in (*card.inputs, *card.outputs)} == {io}
        assert report.row("ONNX int8").route == DERIVED
        for backend in ("tflite", "onnx"):
            assert accuracy(out, pictures, backend) > 0.9

    @pytest.mark.parametrize("formats", [["tflite"], ["onnx"]])
    def test_one_format_alone(self, keras_file, out, frame, formats):
        le.convert(keras_file("sequential"), out, data=patterns(), formats=formats)
        assert {n for n in Bundle(out).manifest.members if n.startswith("model")} == {f"model.{formats[0]}"}
        with le.open_model(out) as model:
            assert model.choice.backend == formats[0]
            model(frame)

    def test_the_report_says_how_many_samples_did_what(self, converted):
        report = converted[1]
        assert (report.samples.total, report.samples.judged, report.samples.calibration) == (200, 60, 100)
        assert report.row("original").accuracy.samples == 60

    def test_the_report_lies_beside_the_bundle(self, converted):
        path, report = converted
        written = json.loads(path.with_suffix(".report.json").read_text())
        assert written["passed"] is True
        assert written["parameters"] == report.parameters == 4180
        assert {row["title"] for row in written["rows"]} >= {"original", "TFLite float32", "TFLite int8", "ONNX int8"}
        assert all(row["latency"]["runs"] >= 3 for row in written["rows"] if row["title"] != "original")

    def test_float32_needs_no_samples_and_says_what_it_did(self, keras_file, out):
        report = le.convert(keras_file("sequential"), out, recipe="float32")
        assert report.samples.origin == "seeded synthetic samples"
        assert any("no samples were given" in warning for warning in report.warnings)
        assert report.row("TFLite float32").cosine > 0.99999

    @pytest.mark.usefixtures("fresh_workers")
    def test_converting_twice_gives_the_same_files(self, keras_file, tmp_path):
        for name in ("one", "two"):
            le.convert(keras_file("vit"), tmp_path / f"{name}.lepton", data=patterns())
        assert (tmp_path / "one.lepton").read_bytes() == (tmp_path / "two.lepton").read_bytes()

    def test_weights_are_aligned_for_vector_instructions(self, bundle, tmp_path):
        from ai_edge_litert import schema_py_generated as schema

        content = Bundle(bundle).member("model.tflite")
        model = schema.Model.GetRootAs(content, 0)
        base = np.frombuffer(content, np.uint8).__array_interface__["data"][0]
        arrays = [model.Buffers(i).DataAsNumpy() for i in range(model.BuffersLength())]
        offsets = [a.__array_interface__["data"][0] - base for a in arrays if isinstance(a, np.ndarray)]
        assert len(offsets) > 4
        assert all(offset % 16 == 0 for offset in offsets)

    def test_no_chatter_reaches_the_terminal(self, keras_file, out, capfd):
        le.convert(keras_file("sequential"), out, data=patterns())
        assert capfd.readouterr() == ("", "")

    def test_progress_is_told(self, keras_file, out):
        told = []
        le.convert(keras_file("sequential"), out, data=patterns(), progress=lambda *step: told.append(step))
        assert ("calibration", 100, 100) in told
        assert {"loading the model", "TFLite int8", "ONNX", "latency"} <= {what for what, _, _ in told}


class TestRefusals:
    def refused(self, error, message, *arguments, **options):
        with pytest.raises(error, match=message):
            le.convert(*arguments, **options)

    def test_what_is_no_model(self, out):
        self.refused(
            LoadError, "a SavedModel folder, or a Keras model in memory; got builtins.int", 7,
            out, recipe="float32",
        )  # fmt: skip

    def test_a_wrong_file_is_told_before_anything_slow(self, tmp_path, out, monkeypatch):
        from lepton_edge_converters.worker import Worker

        monkeypatch.setattr(Worker, "call", lambda *_a, **_o: pytest.fail("the worker was asked"))
        (tmp_path / "model.keras").write_text("I am text")
        self.refused(LoadError, "model.keras is no Keras model", tmp_path / "model.keras", out)

    def test_weights_that_are_not_numbers(self, keras_file, out):
        self.refused(
            LoadError, "the weights 'dense/kernel' hold 12 NaN or infinite values of 12", keras_file("broken"), out,
            recipe="float32",
        )  # fmt: skip

    def test_int8_without_samples(self, keras_file, out):
        self.refused(SamplesError, "int8 needs samples to calibrate with", keras_file("sequential"), out)

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (["a", "b"], "there are 2 labels, and the model tells 4 classes apart"),
            (["background", *"abcd"], "the first, 'background', is one class more than it knows"),
        ],
    )
    def test_labels_of_the_wrong_length(self, keras_file, out, labels, message):
        self.refused(SamplesError, message, keras_file("sequential"), out, data=patterns(), labels=labels)

    def test_a_task_without_what_it_needs(self, keras_file, out):
        message = "the task 'detect' needs a head that says how boxes are laid out"
        self.refused(BundleError, message, keras_file("sequential"), out, data=patterns(), task="detect")

    def test_an_empty_folder(self, keras_file, out, tmp_path):
        (tmp_path / "empty").mkdir()
        self.refused(SamplesError, "holds no pictures", keras_file("sequential"), out, data=tmp_path / "empty")

    def test_a_preprocessing_that_contradicts_the_model(self, keras_file, out):
        self.refused(
            PreprocessError, "size 32×32 was asked for; the model's input 'picture' is 24×24",
            keras_file("sequential"), out, data=patterns(), preprocess=le.Preprocess(size=(32, 32)),
        )  # fmt: skip

    def test_an_output_that_cannot_be_written(self, keras_file, tmp_path):
        model = keras_file("sequential")
        self.refused(OutputError, "is called NAME.lepton, not out.zip", model, tmp_path / "out.zip", data=patterns())
        self.refused(OutputError, "there is no folder", model, tmp_path / "no" / "out.lepton", data=patterns())
        (tmp_path / "old.lepton").write_text("old")
        self.refused(
            OutputError, "exists already; replace it with --force", model, tmp_path / "old.lepton", data=patterns()
        )
        assert (tmp_path / "old.lepton").read_text() == "old"

    def test_an_output_that_cannot_be_written_is_refused_before_anything_else(self, tmp_path):
        (tmp_path / "folder.lepton").mkdir()
        nothing = tmp_path / "none.keras"  # looked at only afterwards
        for out, message in (
            (tmp_path / "folder.lepton", "folder.lepton is a folder"),
            ("/proc/out.lepton", "cannot write into /proc: "),
        ):
            self.refused(OutputError, message, nothing, out, recipe="float32", force=True)

    def test_a_disk_that_fails_at_the_end_is_a_plain_error(self, keras_file, out, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr("lepton_edge_converters.packing.write_bundle", full)
        self.refused(
            OutputError,
            "cannot write .*out.lepton and its report: No space left",
            keras_file("sequential"),
            out,
            recipe="float32",
        )

    def test_a_gate_refuses_and_leaves_the_old_bundle(self, keras_file, out):
        out.write_text("old")
        strict = Recipe(scheme="int8", gates=Gates(min_cosine=1.0))
        with pytest.raises(GateRefusedError, match="TFLite int8 outputs: cosine") as refused:
            le.convert(keras_file("sequential"), out, data=patterns(), recipe=strict, force=True)
        assert out.read_text() == "old"
        assert not refused.value.report.passed
        assert refused.value.report.row("TFLite int8").latency.median_ms > 0
        reports = ["out.refused.report.html", "out.refused.report.json"]
        assert sorted(path.name for path in out.parent.iterdir()) == ["out.lepton", *reports]

    def test_labels_that_are_wrong_for_the_original_too_lose_nothing(self, keras_file, out):
        pictures, targets = patterns()
        report = le.convert(keras_file("sequential"), out, data=(pictures, (targets + 1) % 4), max_drop=0)
        assert report.row("original").accuracy.value < 0.2
        assert [gate.passed for gate in report.gates if "accuracy" in gate.name] == [True, True]

    @pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 1)])
    def test_float_samples_that_pictures_on_the_device_would_not_be(self, keras_file, out, low, high):
        pictures = patterns()[0] * np.float32((high - low) / 255)
        other = (0, 1) if high == 255 else (0, 255)
        self.refused(
            PreprocessError,
            f"go from {low} to {high}, and pictures on the device would go from {other[0]} to {other[1]}",
            keras_file("grey"), out, data=pictures[..., :1], preprocess=le.Preprocess(range=other),
        )  # fmt: skip

    def test_numbers_without_their_spread_are_refused(self, out):
        """int8 calibrated on small numbers answers large ones alike; the cosine of one number is always 1."""
        with pytest.raises(GateRefusedError, match="SQNR") as refused:
            le.convert(keras_models.build("one_number"), out, data=keras_models.rising(60), holdout=0.2)
        (gate,) = [one for one in refused.value.report.gates if one.name == "TFLite int8 outputs"]
        assert "cosine 1.00000" in gate.detail
        assert not gate.passed

    def test_a_drop_that_cannot_be_judged_is_refused(self, keras_file, out):
        self.refused(
            SamplesError, r"\(at most 1 points\) can only be judged on labelled samples", keras_file("sequential"), out,
            data=patterns()[0], max_drop=1.0,
        )  # fmt: skip

    def test_float_hidden_in_an_int8_file_is_refused_by_name(self, keras_file, out):
        with pytest.raises(GateRefusedError, match="compute in float: FLOOR_MOD") as refused:
            le.convert(keras_file("floor_mod"), out, data=keras_models.clusters(100))
        names = [gate.name for gate in refused.value.report.gates if not gate.passed]
        assert "TFLite int8 operators" in names

    def test_a_crash_in_the_converter_is_an_error_message(self, keras_file, out, monkeypatch):
        from lepton_edge_converters import pipeline

        monkeypatch.setattr(pipeline.Job, "stage", lambda job, name, *a, **o: job.worker.call("os:abort"))
        self.refused(
            ConversionError, r"the step 'abort' killed its process \(SIGABRT\)", keras_file("sequential"), out,
            data=patterns(),
        )  # fmt: skip
        assert not out.exists()
