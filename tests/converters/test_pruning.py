"""A model brought within a budget: what is left, what it costs, what it still answers."""

import json

import keras
import keras_models
import msgspec
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge.cli import execute
from lepton_edge_converters.errors import LoadError, PruneError, RecipeError, SamplesError
from lepton_edge_converters.prune.dependencies import find_dependencies
from lepton_edge_converters.prune.flat import flatten
from lepton_edge_converters.prune.importance import CRITERIA, rate
from lepton_edge_converters.prune.layers import find_costs, find_layers
from lepton_edge_converters.prune.surgery import answers, rebuild
from lepton_edge_converters.pruning.alone import channel_groups, prune_file
from lepton_edge_converters.recipe import load_recipe
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.shrinking import Pruning
from lepton_edge_converters.train import Training

# What Keras does when it saves a model, and TensorFlow when it calibrates one.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
FEW_EPOCHS = Training(epochs=4, batch_size=32)


@pytest.fixture(scope="module")
def model():
    """A net that tells four patterns apart, wider than it need be."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    picture = keras.Input((keras_models.SIZE, keras_models.SIZE, 3), name="picture")
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem")(layers.Rescaling(1 / 255)(picture))
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(x))
    y = layers.Conv2D(32, 3, padding="same", use_bias=False, name="inner")(x)
    x = layers.ReLU()(layers.Add()([x, layers.BatchNormalization(momentum=0.8)(y)]))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(48, 3, activation="relu", name="last")(x))
    model = keras.Model(picture, layers.Dense(keras_models.CLASSES, activation="softmax", name="classes")(x))
    pictures, targets = keras_models.patterns(512)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(pictures.astype(np.float32), targets, epochs=12, verbose=0)
    return model


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "patterns.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    pictures, targets = keras_models.patterns(400, seed=3)
    path = tmp_path_factory.mktemp("data") / "patterns.npz"
    np.savez(path, x=pictures, y=targets)
    return path


def right(model, seed=9):
    pictures, targets = keras_models.patterns(300, seed=seed)
    return float((answers(model, [pictures.astype(np.float32)])[0].argmax(1) == targets).mean())


def costs(model):
    dependencies = find_dependencies(flatten(model))
    return {name: cost(dependencies.widths()) for name, cost in find_costs(dependencies, None).items()}


class TestCosts:
    def test_parameters_are_those_that_keras_counts(self, model):
        assert costs(model)["parameters"] == model.count_params()

    def test_multiplications_are_those_of_the_layers(self, model):
        half = keras_models.SIZE // 2
        stem, inner = half * half * 9 * 3 * 32, half * half * 9 * 32 * 32
        last = (half - 2) ** 2 * 9 * 32 * 48
        assert costs(model)["macs"] == stem + inner + last + 48 * keras_models.CLASSES

    def test_costs_at_other_widths_are_those_of_the_model_that_has_them(self, model):
        dependencies = find_dependencies(flatten(model))
        removed = np.concatenate([group.leaders[:8] for group in dependencies.prunable])
        widths = {group.name: group.width - 8 for group in dependencies.prunable}
        foretold = {name: cost(widths) for name, cost in find_costs(dependencies, None).items()}
        assert foretold == costs(rebuild(dependencies, removed))

    def test_a_gate_and_an_activation_take_time_too(self):
        layers = keras.layers
        picture = keras.Input((8, 8, 4))
        x = layers.Conv2D(8, 1, activation="hard_silu")(picture)
        gate = layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
        found = find_layers(find_dependencies(flatten(keras.Model(picture, layers.Multiply()([x, gate])))))
        kinds = [layer.operator.kind for layer in found]
        assert kinds == ["conv2d", "hard_swish", "global_average_pool", "dense", "sigmoid", "scale"]


@pytest.fixture(scope="module")
def rated(model, tmp_path_factory):
    pictures, targets = keras_models.patterns(128, seed=5)
    path = tmp_path_factory.mktemp("rated") / "x.npy"
    np.save(path, pictures.astype(np.float32))
    dependencies = find_dependencies(flatten(model))
    both = StoredSamples((path,), (None,)), StoredSamples((path,), (None,), targets)

    def of(criterion, *, labels=False):
        return rate(dependencies, criterion, both[labels], seed=0, progress=lambda *_: None)

    return dependencies, pictures.astype(np.float32), of


class TestImportance:
    @pytest.mark.parametrize("labels", [False, True], ids=["unlabelled", "labelled"])
    def test_taylor_foretells_which_channels_move_the_answers(self, rated, labels):
        dependencies, pictures, of = rated
        importance = of("taylor", labels=labels)
        before = np.log(answers(dependencies.flat.model, [pictures])[0])
        moved, foretold = [], []
        for group in dependencies.prunable:
            for leader in group.leaders[::4]:
                after = np.log(answers(rebuild(dependencies, [leader]), [pictures])[0])
                moved.append((np.exp(before) * (after - before) ** 2).sum(1).mean())
                foretold.append(importance[leader])
        ranks = [np.argsort(np.argsort(values)) for values in (moved, foretold)]
        assert np.corrcoef(*ranks)[0, 1] > 0.7

    def test_activation_finds_channels_that_are_always_zero(self, rated):
        dependencies, _, of = rated
        importance = of("activation")
        assert (importance >= 0).all()
        for group in dependencies.prunable:
            assert importance[group.leaders].sum() > 0

    def test_norms_are_those_of_the_weights(self, rated):
        dependencies, _, of = rated
        last = next(group for group in dependencies.prunable if group.name == "last")
        kernel, bias = dependencies.flat.model.get_layer("last").get_weights()
        assert bias.shape == (48,)
        for criterion, norm in (("l2", np.sqrt((kernel**2).sum((0, 1, 2)))), ("l1", np.abs(kernel).sum((0, 1, 2)))):
            np.testing.assert_allclose(of(criterion)[last.leaders], norm / norm.mean(), rtol=1e-5)

    def test_gamma_is_that_of_all_normalizations_that_follow(self, rated):
        dependencies, _, of = rated
        group = next(group for group in dependencies.prunable if group.name.startswith("stem"))
        gammas = [
            call.operation.gamma.numpy()
            for call in dependencies.flat.calls
            if type(call.operation).__name__ == "BatchNormalization"
        ]
        norm = np.sqrt(sum(gamma**2 for gamma in gammas))
        np.testing.assert_allclose(of("gamma")[group.leaders], norm / norm.mean(), rtol=1e-5)

    def test_what_runs_the_model_wants_samples(self, rated):
        dependencies, _, _ = rated
        with pytest.raises(PruneError, match="'taylor' runs the model on samples, and there are none; others: gamma"):
            rate(dependencies, "taylor", None, seed=0, progress=lambda *_: None)
        assert set(CRITERIA) == {"taylor", "activation", "gamma", "l2", "l1"}


class TestPrune:
    @pytest.mark.parametrize(
        ("bound", "cost", "most"),
        [({"params": 0.4}, "parameters", 0.4), ({"macs": 0.3}, "macs", 0.3), ({"size_kb": 12}, "bytes", 12 * 1024)],
        ids=["params", "macs", "size_kb"],
    )
    def test_the_bound_holds_and_is_nearly_used(self, model, bound, cost, most):
        before, after = costs(model)[cost], costs(le.prune(model, **bound))[cost]
        limit = most if cost == "bytes" else most * before
        assert 0.5 * limit < after <= limit  # widths go in steps, and here are two groups

    def test_training_brings_back_what_pruning_took(self, model, data):
        untrained = le.prune(model, macs=0.3)
        trained = le.prune(model, data, macs=0.3, training=FEW_EPOCHS)
        assert right(model) > 0.95
        assert right(trained) > max(0.95, right(untrained) - 0.01)

    def test_without_labels_it_learns_the_answers_of_the_original(self, model, data):
        with np.load(data) as content:
            unlabelled = content["x"]
        assert right(le.prune(model, unlabelled, macs=0.3, rounds=2, training=FEW_EPOCHS)) > 0.95

    @pytest.mark.slow
    def test_a_time_is_that_of_the_int8_file(self, model, tmp_path):
        smaller = le.prune(model, speedup=1.5, cache=tmp_path)
        assert costs(smaller)["macs"] < costs(model)["macs"]
        assert list(tmp_path.rglob("*.json"))

    def test_layers_to_keep_are_kept(self, model):
        kept = le.prune(model, macs=0.6, keep=["last"])
        assert kept.get_layer("last").filters == 48
        assert kept.get_layer("stem").filters < 32

    def test_widths_are_whole_steps(self, model):
        smaller = le.prune(model, macs=0.35)
        for name in ("stem", "inner", "last"):
            assert smaller.get_layer(name).filters % 4 == 0

    def test_what_cannot_be_had_is_told_with_what_can(self, model):
        with pytest.raises(PruneError, match=r"macs 0.0001, and the least that can be left is"):
            le.prune(model, macs=1e-4)

    def test_in_several_rounds_the_bound_told_is_the_one_that_was_asked_for(self, model):
        with pytest.raises(PruneError, match=r"macs 0.0001, and the least that can be left is"):
            le.prune(model, macs=1e-4, rounds=3)

    def test_a_layer_that_there_is_not_cannot_be_kept(self, model):
        with pytest.raises(PruneError, match="there is no layer 'lst' to keep"):
            le.prune(model, macs=0.5, keep=["lst"])

    def test_a_model_of_which_all_goes_out_is_refused(self):
        picture = keras.Input((8, 8, 3))
        with pytest.raises(PruneError, match="nothing of the model .* can be pruned: the model's output"):
            le.prune(keras.Model(picture, keras.layers.Conv2D(4, 1)(picture)), macs=0.5)

    def test_without_a_bound_there_is_nothing_to_do(self, model):
        with pytest.raises(ValueError, match="one of speedup, params, macs, size_kb, latency_ms"):
            le.prune(model)

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"speedup": 0.5}, "speedup is how many times as fast, over 1, not 0.5"),
            ({"macs": 2}, "macs is the share that may be left, between 0 and 1, not 2"),
            ({"macs": 0.5, "rounds": 0}, "rounds is 1 to 20, not 0"),
            ({"macs": 0.5, "least_share": 0}, "least_share is a share"),
        ],
    )
    def test_slips_are_told(self, wrong, message):
        with pytest.raises(ValueError, match=message):
            Pruning(**wrong)


class TestFile:
    def test_a_file_becomes_a_smaller_file_and_the_numbers_are_told(self, file, tmp_path):
        found = prune_file(file, tmp_path / "smaller.keras", pruning=Pruning(macs=0.4, criterion="l2"))
        smaller = keras.models.load_model(tmp_path / "smaller.keras")
        assert found.after["parameters"] == smaller.count_params()
        assert {one.layer: one.after for one in found.widths}["stem"] == smaller.get_layer("stem").filters
        assert found.after["macs"] <= 0.4 * found.before["macs"]

    def test_an_older_file_is_kept_when_pruning_fails(self, file, tmp_path):
        out = tmp_path / "smaller.keras"
        out.write_text("older")
        with pytest.raises(PruneError):
            prune_file(file, out, pruning=Pruning(macs=1e-4, criterion="l2"), force=True)
        assert out.read_text() == "older"

    def test_a_keras_2_file_is_refused(self, tmp_path):
        tf_keras = pytest.importorskip("tf_keras")
        path = tmp_path / "old.h5"
        inputs = tf_keras.Input((8, 8, 3))
        with pytest.warns(UserWarning, match="legacy"):
            tf_keras.Model(inputs, tf_keras.layers.DepthwiseConv2D(3)(inputs)).save(path)
        with pytest.raises(LoadError, match="a Keras 2 model has no layers that could be changed here"):
            channel_groups(path)

    def test_the_command_prunes_and_prints(self, file, tmp_path, capsys):
        out = tmp_path / "smaller.keras"
        assert execute(["prune", str(file), "-o", str(out), "--macs", "0.4"]) == 0
        printed = capsys.readouterr().out
        assert "stem" in printed
        assert "multiplications" in printed
        assert "the model is not trained yet" in printed
        assert out.exists()
        assert execute(["prune", str(file), "-o", str(out), "--macs", "0.4"]) == 1
        assert "exists already; replace it with --force" in capsys.readouterr().err

    def test_the_command_shows_groups(self, file, capsys):
        assert execute(["prune", str(file), "--show-groups", "--json"]) == 0
        groups = json.loads(capsys.readouterr().out)
        assert [(one["name"], one["width"], bool(one["kept"])) for one in groups] == [
            ("stem +1", 32, False),
            ("last", 48, False),
            ("classes", 4, True),
        ]

    def test_the_command_wants_an_output_and_a_bound(self, file, tmp_path, capsys):
        assert execute(["prune", str(file), "--macs", "0.5"]) == 2
        assert "say where the pruned model goes" in capsys.readouterr().err
        assert execute(["prune", str(file), "-o", str(tmp_path / "x.keras")]) == 2
        assert "one of speedup" in capsys.readouterr().err


class TestConvert:
    def test_a_recipe_prunes_before_all_else_and_is_judged_by_the_original(self, file, data, tmp_path):
        recipe = load_recipe("prune-int8", macs=0.4, epochs=3, rounds=1)
        recipe = msgspec.structs.replace(recipe, prune=msgspec.structs.replace(recipe.prune, speedup=None))
        plain = le.convert(file, tmp_path / "plain.lepton", data=data)
        report = le.convert(file, tmp_path / "pruned.lepton", data=data, recipe=recipe)
        assert report.pruned.after["macs"] <= 0.4 * report.pruned.before["macs"]
        assert report.row("TFLite int8").agreement.value > 0.9
        assert report.row("TFLite int8").size_bytes < 0.7 * plain.row("TFLite int8").size_bytes
        assert report.parameters < 0.6 * plain.parameters

    def test_a_second_run_prunes_nothing_anew(self, file, data, tmp_path):
        settings = {"data": data, "recipe": load_recipe("int8", macs=0.5, epochs=1), "cache": tmp_path / "cache"}
        first = le.convert(file, tmp_path / "m.lepton", **settings)
        second = le.convert(file, tmp_path / "m.lepton", **settings, force=True)
        assert "pruning.jobs:prune_file" in first.stages.carried_out
        assert "pruning.jobs:prune_file" in second.stages.reused
        assert set(second.stages.carried_out) <= {"artefacts:time_artefacts"}  # of which a disturbed one is not kept
        assert second.pruned == first.pruned

    def test_samples_to_train_with_may_be_others(self, file, data, tmp_path):
        pictures, targets = keras_models.patterns(128, seed=21)
        recipe = load_recipe("int8", macs=0.5, epochs=1)
        report = le.convert(file, tmp_path / "m.lepton", data=data, train_data=(pictures, targets), recipe=recipe)
        (recovery,) = report.pruned.recoveries
        assert recovery.learned + recovery.held_out == 128

    def test_without_samples_it_is_refused(self, file, tmp_path):
        with pytest.raises(SamplesError, match="pruning trains the model on samples"):
            le.convert(file, tmp_path / "m.lepton", recipe=load_recipe("float32", macs=0.5))

    def test_sparse_and_pruned_at_once_is_refused(self):
        with pytest.raises(RecipeError, match="ask for one of them"):
            load_recipe("int8", macs=0.5, zeros=0.5)

    @pytest.mark.slow
    @pytest.mark.usefixtures("fresh_workers")
    def test_the_lock_makes_the_same_bundle_again_though_times_are_measured(self, file, data, tmp_path):
        out = tmp_path / "m.lepton"
        le.convert(file, out, data=data, recipe=load_recipe("prune-int8", speedup=1.3, epochs=1, rounds=1))
        before = out.read_bytes()
        report = le.convert(file, out, data=data, locked=True, force=True)
        assert out.read_bytes() == before
        assert "milliseconds" not in report.pruned.before  # nothing was timed to choose by


class TestCheckpoints:
    def test_a_run_goes_on_with_the_widths_and_the_training_that_it_finds(self, model, data, tmp_path):
        settings = {"macs": 0.4, "rounds": 2, "training": Training(epochs=2, batch_size=32), "checkpoint": tmp_path}
        first = le.prune(model, data, **settings)
        said = []
        again = le.prune(model, data, **settings, progress=lambda what, *_: said.append(what))
        for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        assert not [what for what in said if what.startswith("training, epoch")]
        assert not [what for what in said if what == "choosing channels"]

    def test_one_of_something_else_is_refused(self, model, data, tmp_path):
        settings = {"training": Training(epochs=1), "checkpoint": tmp_path}
        le.prune(model, data, macs=0.5, **settings)
        with pytest.raises(PruneError, match="is of another model, other samples or other settings"):
            le.prune(model, data, macs=0.6, **settings)

    def test_a_damaged_one_is_refused(self, model, tmp_path):
        (tmp_path / "round_1").mkdir()
        (tmp_path / "round_1" / "widths.json").write_text("{")
        with pytest.raises(PruneError, match="cannot be read .*; remove it to begin anew"):
            le.prune(model, macs=0.5, checkpoint=tmp_path)

    def test_widths_may_be_told(self, model):
        told = Pruning(macs=0.5, criterion="l2", widths=({"last": 20},))
        assert told.widths == ({"last": 20},)
        with pytest.raises(ValueError, match="widths are given for each of 2 rounds, not for 1"):
            Pruning(macs=0.5, rounds=2, widths=({"last": 20},))
