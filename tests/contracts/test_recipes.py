"""What every shipped recipe must do."""

import keras_models
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_converters.recipe import SCHEMES, SHIPPED, load_recipe

PRUNING = [name for name in SHIPPED if load_recipe(name).prune]


@pytest.fixture(scope="module")
def times(tmp_path_factory):
    """A cache folder in which the times of operators are measured once."""
    return tmp_path_factory.mktemp("times")


@pytest.mark.parametrize("name", [*SCHEMES, *(pytest.param(name, marks=pytest.mark.slow) for name in PRUNING)])
def test_it_converts_and_the_device_agrees_with_keras(name, keras_file, tmp_path, pictures, times):
    report = le.convert(
        keras_file("roomy" if name in PRUNING else "sequential"),
        tmp_path / "m.lepton",
        data=keras_models.patterns(120, seed=5),
        train_data=keras_models.patterns(400, seed=6) if load_recipe(name).trains else None,
        recipe=name,
        cache=times,
    )
    assert report.passed
    assert report.scheme == load_recipe(name).scheme
    for backend in ("tflite", "onnx"):
        with le.open_model(tmp_path / "m.lepton", backend=backend) as model:
            read = [model(np.ascontiguousarray(one[..., ::-1])).top.index for one in pictures[0]]
        assert np.mean(np.array(read) == pictures[1]) > 0.9


@pytest.mark.parametrize(
    ("name", "share"), [("float16", 0.6), ("dynamic", 0.35), ("weights", 0.35), ("int8", 0.35), ("int16x8", 0.35)]
)
def test_it_is_as_small_as_its_name_promises_in_both_formats(name, share, real_sizes):
    for title in ("TFLite", "ONNX"):
        assert real_sizes[f"{title} {name}"] < share * real_sizes[f"{title} float32"]


@pytest.fixture(scope="module")
def real_sizes(keras_file, tmp_path_factory):
    """Bytes of each file of a model large enough for its weights to count."""
    folder = tmp_path_factory.mktemp("sizes")
    numbers = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    sizes = {}
    for name in SCHEMES:
        loose = load_recipe(name, gates={"min_agreement": 0.0, "min_cosine": 0.0, "min_parity": 0.0})
        report = le.convert(keras_file("wide"), folder / f"{name}.lepton", data=numbers, recipe=loose)
        sizes |= {row.title: row.size_bytes for row in report.rows}
    return sizes


@pytest.mark.parametrize("name", SHIPPED)
def test_it_says_what_it_is_for(name):
    from importlib.resources import files

    text = files("lepton_edge_converters").joinpath("recipes", f"{name}.toml").read_text()
    assert text.startswith("# ")


def test_no_recipe_lies_about_unlisted():
    from importlib.resources import files

    shipped = {path.name for path in files("lepton_edge_converters").joinpath("recipes").iterdir()}
    assert {name for name in shipped if name.endswith(".toml")} == {f"{name}.toml" for name in SHIPPED}
