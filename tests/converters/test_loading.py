"""Models that people bring: files of every Keras, SavedModels, exports, and what is none of them."""

import json
import zipfile

import h5py
import keras_models
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.load.files import find_model
from lepton_edge_converters.worker import Worker
from lepton_edge_runtime.bundle import Bundle


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    """A folder of what people bring."""
    folder = tmp_path_factory.mktemp("brought")
    (folder / "teachable").mkdir()
    with Worker() as worker:
        worker.call("keras_models:save_custom", folder)
        worker.call("keras_models:save", "sequential", folder / "model.h5")
        worker.call("keras_models:save_keras2", folder / "teachable" / "keras_model.h5")
        worker.call("keras_models:save_signatures", folder / "one", ["twice"])
        worker.call("keras_models:save_signatures", folder / "two", ["twice", "thrice"])
        worker.call("keras_models:save_signatures", folder / "served", ["serving_default", "other"])
        worker.call("keras_models:save_export", "sequential", folder / "exported")
    (folder / "teachable" / "labels.txt").write_text("0 sky\n1 sea\n2 sand\n3 stone\n")
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.lepton"


def convert(model, out, **options):
    return le.convert(model, out, **{"recipe": "float32", **options})


class TestKeras:
    def test_a_keras_3_h5_file(self, out, brought):
        assert find_model(brought / "model.h5").kind == "keras3"
        report = convert(brought / "model.h5", out, data=keras_models.patterns(60, seed=7))
        assert report.row("TFLite float32").agreement.value == 1.0
        assert report.preprocess == ("24×24 rgb, stretch, range 0..255",)

    def test_a_keras_2_file_without_an_ending(self, out, tmp_path, brought):
        path = tmp_path / "model"
        path.write_bytes((brought / "teachable" / "keras_model.h5").read_bytes())
        report = convert(path, out, data=keras_models.patterns(60, seed=7), preprocess=le.Preprocess(range=(-1, 1)))
        assert report.row("original").accuracy.value > 0.9
        assert report.row("ONNX float32").agreement.value == 1.0
        assert "model is a Keras 2 file; tf_keras" in report.warnings[0]

    @pytest.mark.parametrize("given", ["teachable", "teachable/keras_model.h5"])
    def test_a_teachable_machine_export_brings_its_labels_and_range(self, given, out, brought, pictures):
        report = convert(brought / given, out, recipe="int8", data=keras_models.patterns(160, seed=7))
        card = Bundle(out).card
        assert card.labels == ("sky", "sea", "sand", "stone")
        assert card.inputs[0].preprocess.range == (-1.0, 1.0)
        assert any("Teachable Machine export" in warning for warning in report.warnings)
        with le.open_model(out) as model:
            read = [model(np.ascontiguousarray(one[..., ::-1])).top.index for one in pictures[0]]
        assert np.mean(np.array(read) == pictures[1]) > 0.9

    def test_a_keras_2_model_in_memory(self, out, brought):
        import tf_keras

        model = tf_keras.models.load_model(brought / "teachable" / "keras_model.h5", compile=False)
        samples = keras_models.patterns(60, seed=7)
        report = convert(model, out, data=samples, preprocess=le.Preprocess(range=(-1, 1)))
        assert report.row("TFLite float32").cosine > 0.999999

    def test_a_user_s_own_layer_is_asked_for(self, out, brought):
        with pytest.raises(LoadError, match=r"is made of 'Double', .*: --custom MODULE:Double"):
            convert(brought / "custom.keras", out)
        with pytest.raises(LoadError, match="the module 'custom_layers' has no 'Triple'"):
            convert(brought / "custom.keras", out, custom=["custom_layers:Triple"])
        with pytest.raises(LoadError, match="cannot import 'no_such_module'"):
            convert(brought / "custom.keras", out, custom=["no_such_module:Double"])

    def test_a_user_s_own_layer_by_its_module(self, out, brought):
        convert(brought / "custom.keras", out, custom=["custom_layers:Double"])
        with le.open_model(out) as model:
            (answer,) = model(np.float32([1, 2, 3, 4])).values.values()
        np.testing.assert_array_equal(answer, [[2, 4, 6, 8]])

    def test_a_user_s_own_layer_as_an_object(self, out, brought):
        from custom_layers import Double

        report = convert(brought / "custom.keras", out, custom_objects={"Double": Double})
        assert report.row("TFLite float32").cosine == pytest.approx(1)
        assert Bundle(out).manifest.provenance.source_sha256

    def test_code_in_a_file_runs_only_if_it_is_trusted(self, out, brought):
        with pytest.raises(LoadError, match=r"holds Python code in Lambda layers \('half'\), .* \(--trust\)"):
            convert(brought / "lambda.keras", out)
        convert(brought / "lambda.keras", out, trust=True)
        with le.open_model(out) as model:
            (answer,) = model(np.float32([2, 4, 6, 8])).values.values()
        np.testing.assert_array_equal(answer, [[1, 2, 3, 4]])

    def test_code_in_a_keras_2_file_too(self, tmp_path):
        config = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {"name": "f"}}]}}
        with h5py.File(tmp_path / "lambda.h5", "w") as file:
            file.attrs["model_config"] = json.dumps(config)
            file.attrs["keras_version"] = "2.4.0"
        found = find_model(tmp_path / "lambda.h5")
        assert (found.kind, found.lambdas) == ("keras2", ("f",))

    def test_the_user_s_own_keras_settings_do_not_reach_the_worker(self, out, keras_file, tmp_path, monkeypatch):
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        (tmp_path / "keras.py").write_text("raise RuntimeError('not this one')")
        monkeypatch.chdir(tmp_path)
        assert convert(keras_file("sequential"), out).passed


class TestSavedModels:
    def test_the_only_signature_is_taken(self, out, brought):
        report = convert(brought / "one", out)
        assert report.parameters == 16
        assert self.answers(out) == {"scaled": [2, 4, 6, 8]}
        assert Bundle(out).card.outputs[0].activation == "softmax"

    def test_one_of_several_is_asked_for(self, out, brought):
        with pytest.raises(
            LoadError, match=r"several signatures: 'thrice', 'twice'|several signatures: 'twice', 'thrice'"
        ):
            convert(brought / "two", out)
        with pytest.raises(LoadError, match=r"has no signature 'thrise'; .* \(did you mean 'thrice'\?\)"):
            convert(brought / "two", out, signature="thrise")
        convert(brought / "two", out, signature="thrice")
        assert self.answers(out) == {"scaled": [3, 6, 9, 12]}

    def test_the_default_one_is_taken_and_said(self, out, brought):
        report = convert(brought / "served", out)
        assert self.answers(out) == {"scaled": [2, 4, 6, 8]}
        assert "'serving_default' was taken (--signature)" in report.warnings[0]

    def test_what_keras_exports_is_the_same_model(self, out, brought, keras_file):
        samples = keras_models.patterns(60, seed=7)
        report = convert(brought / "exported", out, data=samples, preprocess=le.Preprocess(range=(0, 255)))
        again = convert(keras_file("sequential"), out, data=samples, force=True)
        assert report.row("original").accuracy == again.row("original").accuracy
        assert report.task == "classify"

    def test_a_signature_of_a_keras_file_is_a_mistake(self, out, keras_file):
        with pytest.raises(LoadError, match="is no SavedModel, so it has no signature 'x'"):
            convert(keras_file("sequential"), out, signature="x")

    def answers(self, path):
        with le.open_model(path) as model:
            values = model(np.float32([1, 2, 3, 4])).values
        return {name: value[0].tolist() for name, value in values.items() if name == "scaled"}


def write_zip(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")


REFUSED = {
    "empty.keras": (b"", "is empty"),
    "text.keras": (b"I am text", r"is no Keras model; save the model with Keras 3: model.save\('NAME.keras'\)"),
    "model.tflite": (b"\x1c\0\0\0TFL3" + bytes(20), "make a bundle of it with 'lepton-edge adopt'"),
    "model.onnx": (b"\x08\x08", "is a model for devices already"),
    "frozen.pb": (b"\n\x05graph", "is a TensorFlow 1 graph, .*; export it as a SavedModel"),
    "saved_model.pb": (b"\x08\x01", "is a part of a SavedModel; give its folder"),
    "model.ckpt": (b"weights", "is a part of a TensorFlow checkpoint"),
    "model.pkl": (b"\x80\x04", "is a pickle, which is never loaded"),
    "model.pt": (b"\x80\x02", "is a PyTorch model"),
}


class TestRefusals:
    @pytest.mark.parametrize("name", REFUSED)
    def test_what_it_is_is_said(self, name, tmp_path):
        content, message = REFUSED[name]
        (tmp_path / name).write_bytes(content)
        with pytest.raises(LoadError, match=message):
            find_model(tmp_path / name)

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            (["manifest.json"], "is a bundle already"),
            (["keras_model.h5", "labels.txt"], "is a Teachable Machine export; unpack it"),
            (["archive/data.pkl"], "is a PyTorch model"),
            (["model/saved_model.pb"], "is a zipped SavedModel; unpack it"),
            (["readme.txt"], "is a zip archive without a Keras model"),
        ],
    )
    def test_what_a_zip_is(self, names, message, tmp_path):
        write_zip(tmp_path / "some.zip", *names)
        with pytest.raises(LoadError, match=message):
            find_model(tmp_path / "some.zip")

    def test_weights_alone(self, brought):
        with pytest.raises(LoadError, match="holds the weights of a model, and not the model; build the model"):
            find_model(brought / "some.weights.h5")

    @pytest.mark.parametrize("name", ["teachable/keras_model.h5", "custom.keras"])
    def test_a_file_that_is_cut_off(self, name, brought, tmp_path):
        content = (brought / name).read_bytes()
        (tmp_path / "cut").write_bytes(content[: len(content) // 2])
        with pytest.raises(LoadError, match="is a cut-off or broken (HDF5 file|zip archive): .*; copy it again"):
            find_model(tmp_path / "cut")

    def test_folders_without_a_model(self, tmp_path):
        with pytest.raises(LoadError, match="holds no model: no saved_model.pb, and no keras_model.h5"):
            find_model(tmp_path)
        (tmp_path / "model.json").write_text("{}")
        with pytest.raises(LoadError, match="is a TensorFlow.js model"):
            find_model(tmp_path)
        with pytest.raises(LoadError, match="there is no model file"):
            find_model(tmp_path / "none")

    def test_a_saved_model_whose_variables_are_missing(self, brought, tmp_path, out):
        import shutil

        shutil.copytree(brought / "one", tmp_path / "broken")
        shutil.rmtree(tmp_path / "broken" / "variables")
        with pytest.raises(LoadError, match="TensorFlow cannot load the SavedModel"):
            convert(tmp_path / "broken", out)
