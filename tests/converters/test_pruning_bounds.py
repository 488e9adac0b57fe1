"""What pruning promises: bounds in any number of rounds, times, and errors told before the work is done."""

import keras
import keras_models
import msgspec
import numpy as np
import pytest
from keras import layers

import lepton_edge as le
from lepton_edge.cli import execute
from lepton_edge_converters.errors import PruneError, TrainingError
from lepton_edge_converters.prune.dependencies import find_dependencies
from lepton_edge_converters.prune.flat import flatten
from lepton_edge_converters.prune.layers import find_costs
from lepton_edge_converters.pruning.clock import Clock
from lepton_edge_converters.pruning.rounds import prune_channels
from lepton_edge_converters.recipe import Gates, load_recipe
from lepton_edge_converters.report.remarks import pruned_remark
from lepton_edge_converters.shrinking import Pruning
from lepton_edge_converters.train import Training

# What Keras does when it saves a model, and TensorFlow when it calibrates one.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def net(between=None, activation="relu"):
    """Return a net of three groups: 32, 32 and 48 channels."""
    keras.utils.set_random_seed(1)
    picture = keras.Input((keras_models.SIZE, keras_models.SIZE, 3), name="picture")
    x = layers.Conv2D(32, 3, strides=2, activation=activation, name="stem")(layers.Rescaling(1 / 255)(picture))
    x = layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same", name="inner")(between(x) if between else x))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(48, 3, activation="relu", name="last")(x))
    return keras.Model(picture, layers.Dense(keras_models.CLASSES, activation="softmax", name="classes")(x))


@pytest.fixture(scope="module")
def model():
    return net()


@pytest.fixture(scope="module")
def samples():
    return keras_models.patterns(64, seed=3)


def costs(model):
    dependencies = find_dependencies(flatten(model))
    return {name: cost(dependencies.widths()) for name, cost in find_costs(dependencies, None).items()}


@pytest.mark.parametrize("rounds", [1, 20])
def test_what_one_round_reaches_many_reach_too(model, rounds):
    """A group of 32 channels has no width that is only a twentieth of the way narrower."""
    assert costs(le.prune(model, macs=0.2, rounds=rounds))["macs"] <= 0.2 * costs(model)["macs"]


def test_in_all_rounds_together_a_group_keeps_its_share(model):
    smaller = le.prune(model, macs=0.4, rounds=20, least_share=0.5)
    assert (smaller.get_layer("stem").filters, smaller.get_layer("inner").filters) >= (16, 16)
    assert smaller.get_layer("last").filters >= 24
    with pytest.raises(PruneError, match=r"macs 0.1, and the least that can be left is 0\.\d+\. Ask"):
        le.prune(model, macs=0.1, rounds=20, least_share=0.5)


def test_a_time_that_is_missed_is_told_and_the_fastest_choice_is_kept(model, monkeypatch, caplog):
    left, taken = [0.53, 0.52, 0.505, 0.51], []

    def time(clock, _model):
        taken.append(clock.original * left.pop())
        return taken[-1]

    monkeypatch.setattr(Clock, "time", time)
    smaller, told = prune_channels(model, None, Pruning(speedup=2, criterion="l2"), None, progress=lambda *_: None)
    assert told.after["milliseconds"] == pytest.approx(min(taken))
    assert "not as fast as asked" in told.missed
    assert told.missed in caplog.text
    assert told.missed in pruned_remark(told)
    assert smaller.count_params() == told.after["parameters"]


def test_what_cannot_be_trained_is_told_before_anything_is_timed(samples):
    frozen = net()
    frozen.trainable = False
    said = []
    with pytest.raises(TrainingError, match="nothing to train: every layer of .* is frozen"):
        le.prune(frozen, samples, speedup=2, training=Training(), progress=lambda what, *_: said.append(what))
    assert not [what for what in said if what.startswith("timing")]


def test_an_output_of_whole_numbers_has_no_part_in_rating(model, samples):
    decided = keras.ops.argmax(model.output, -1)
    smaller = le.prune(keras.Model(model.input, [model.output, decided]), samples[0], macs=0.5)
    assert costs(smaller)["macs"] <= 0.5 * costs(model)["macs"]
    with pytest.raises(PruneError, match="all outputs are whole numbers"):
        le.prune(keras.Model(model.input, decided), samples[0], macs=0.5)


@pytest.mark.parametrize(("criterion", "value"), [("l2", np.nan), ("gamma", np.nan), ("taylor", 1e38)])
def test_what_is_worth_no_number_is_told(samples, criterion, value):
    broken = net()
    kernel, bias = broken.get_layer("last").get_weights()
    broken.get_layer("last").set_weights([np.full_like(kernel, value), bias])
    with pytest.raises(PruneError, match=f"channels of .* no number by the criterion '{criterion}'"):
        le.prune(broken, samples if criterion == "taylor" else None, macs=0.5, criterion=criterion)


def test_code_of_ones_own_is_found_by_the_names_given():
    def doubled(x):
        return 2 * x

    smaller = le.prune(net(activation=doubled), macs=0.5, custom_objects={"doubled": doubled})
    assert smaller.get_layer("stem").activation is doubled


def test_the_command_finds_it_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of_ones_own.py").write_text("def doubled(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    from of_ones_own import doubled

    net(activation=doubled).save("own.keras")
    asked = ["prune", "own.keras", "-o", "smaller.keras", "--macs", "0.5", "--custom", "of_ones_own:doubled"]
    assert execute(asked) == 0
    smaller = keras.models.load_model("smaller.keras", custom_objects={"doubled": doubled})
    assert smaller.get_layer("last").filters < 48


@pytest.fixture
def lenient():
    recipe = load_recipe("float32", macs=0.5, epochs=1)
    return msgspec.structs.replace(recipe, gates=Gates(min_agreement=0.0))


@pytest.mark.parametrize("where", ["file", "memory"])
def test_a_trusted_lambda_is_pruned_around_and_converted(samples, lenient, tmp_path, where):
    model, path = net(layers.Lambda(lambda x: x * 2.0)), tmp_path / "code.keras"
    model.save(path)
    given = path if where == "file" else model
    report = le.convert(given, tmp_path / "m.lepton", data=samples, recipe=lenient, trust=where == "file")
    assert list(report.pruned.unknown.values()) == ["Lambda"]
    assert report.pruned.after["macs"] <= 0.5 * report.pruned.before["macs"]


@pytest.mark.parametrize("where", ["file", "memory"])
def test_code_that_only_this_process_has_is_pruned_and_converted(samples, lenient, tmp_path, where):
    def doubled(x):
        return 2 * x

    model, path = net(activation=doubled), tmp_path / "code.keras"
    model.save(path)
    given = path if where == "file" else model
    settings = {"data": samples, "recipe": lenient, "custom_objects": {"doubled": doubled}}
    report = le.convert(given, tmp_path / "m.lepton", **settings)
    assert report.pruned.after["macs"] <= 0.5 * report.pruned.before["macs"]
