"""Channels that are removed are as if they had been zero: on random networks of every layer that is followed."""

import keras
import keras_graphs
import numpy as np
import pytest
from keras import layers

from lepton_edge_converters.errors import PruneError
from lepton_edge_converters.prune.dependencies import find_dependencies
from lepton_edge_converters.prune.flat import flatten, random_inputs
from lepton_edge_converters.prune.surgery import answers, check_faithful, rebuild


def found(model):
    return find_dependencies(flatten(model))


def same(found_answers, expected):
    for one, other in zip(found_answers, expected, strict=True):
        scale = max(1.0, float(np.abs(other).max()))
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-5 * scale)


FEW = [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 20))]


@pytest.mark.parametrize("seed", FEW)
@pytest.mark.parametrize("kind", ["picture", "sequence"])
def test_a_pruned_network_answers_as_the_original_with_those_channels_at_zero(kind, seed):
    model = getattr(keras_graphs, f"{kind}_network")(seed)
    dependencies = found(model)
    assert not dependencies.unknown
    check_faithful(dependencies)
    removed = keras_graphs.random_removal(dependencies, seed)
    assert removed.size
    inputs = random_inputs(dependencies.flat, count=3, seed=seed)
    pruned = rebuild(dependencies, removed)
    assert pruned.count_params() < model.count_params()
    same(answers(pruned, inputs), keras_graphs.held_at_zero(dependencies, removed, inputs))


@pytest.mark.parametrize("seed", FEW)
@pytest.mark.parametrize("kind", ["picture", "sequence"])
def test_channels_that_are_zero_anyway_change_nothing_when_they_go(kind, seed):
    """Against Keras alone: no mask, the weights that make the channels are zero."""
    model = getattr(keras_graphs, f"{kind}_network")(seed, zero_stays_zero=True)
    dependencies = found(model)
    removed = keras_graphs.random_removal(dependencies, seed)
    assert removed.size
    keras_graphs.zeroed(dependencies, removed)
    inputs = random_inputs(dependencies.flat, count=3, seed=seed)
    expected = answers(model, inputs)
    same(answers(rebuild(dependencies, removed), inputs), expected)


def groups(model):
    return {group.name: group for group in found(model).groups}


class TestWholeNetworks:
    @pytest.mark.parametrize(
        "kind", ["u_net", "three_heads", "two_inputs", "text", "masked_text", "transformer", "dense_net"]
    )
    def test_each_is_pruned_and_exact(self, kind):
        model = keras_graphs.randomized(getattr(keras_graphs, kind)(), 0)
        dependencies = found(model)
        check_faithful(dependencies)
        removed = keras_graphs.random_removal(dependencies, 0, share=0.3)
        inputs = random_inputs(dependencies.flat, count=2, seed=1)
        pruned = rebuild(dependencies, removed)
        assert pruned.count_params() < 0.8 * model.count_params()
        assert [one.name for one in pruned.inputs] == [one.name for one in model.inputs]
        same(answers(pruned, inputs), keras_graphs.held_at_zero(dependencies, removed, inputs))

    def test_outputs_keep_their_names_and_their_order(self):
        model = keras_graphs.three_heads()
        assert list(rebuild(found(model)).output) == ["boxes", "classes", "objects"]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "name",
        [
            *("MobileNetV2", "MobileNetV3Small", "EfficientNetV2B0", "ResNet50"),
            *("DenseNet121", "Xception", "InceptionV3", "NASNetMobile"),
        ],
    )
    def test_those_of_keras_applications(self, name):
        size = 224 if name == "NASNetMobile" else 96
        model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)
        dependencies = found(model)
        assert not dependencies.unknown
        removed = keras_graphs.random_removal(dependencies, 0, share=0.3)
        inputs = random_inputs(dependencies.flat, count=1, seed=1)
        pruned = rebuild(dependencies, removed)
        assert pruned.count_params() < 0.6 * model.count_params()
        same(answers(pruned, inputs), keras_graphs.held_at_zero(dependencies, removed, inputs))


class TestGroups:
    def test_a_sum_ties_what_it_adds(self):
        picture = keras.Input((8, 8, 3))
        x = layers.Conv2D(6, 3, padding="same", name="stem")(picture)
        y = layers.Conv2D(6, 3, padding="same", name="branch")(x)
        z = layers.Conv2D(4, 1, name="reader")(layers.Add()([x, y]))
        stem = groups(keras.Model(picture, layers.GlobalAveragePooling2D()(z)))["stem +1"]
        assert (stem.width, stem.makers, stem.takers) == (6, ("stem", "branch"), ("branch", "reader"))

    def test_a_concatenation_keeps_its_parts_apart(self):
        picture = keras.Input((8, 8, 3))
        x, y = layers.Conv2D(6, 3, name="left")(picture), layers.Conv2D(5, 3, name="right")(picture)
        z = layers.Dense(2)(layers.Flatten()(layers.Concatenate()([x, y])))
        found_groups = groups(keras.Model(picture, z))
        assert (found_groups["left"].width, found_groups["right"].width) == (6, 5)

    def test_what_goes_out_stays(self):
        picture = keras.Input((8, 8, 3))
        model = keras.Model(picture, layers.Conv2D(6, 3, name="last")(picture))
        assert groups(model)["last"].frozen == "the model's output"
        assert not found(model).prunable

    def test_a_layer_that_nobody_knows_keeps_what_it_touches_and_is_named(self):
        class Scale(layers.Layer):
            def call(self, x):
                return x * 2.0

        picture = keras.Input((8, 8, 3))
        x = layers.Conv2D(6, 3, name="first")(picture)
        x = layers.Conv2D(5, 3, name="second")(Scale(name="scale")(x))
        x = layers.Conv2D(4, 3, name="third")(layers.ReLU()(x))
        model = keras.Model(picture, layers.GlobalAveragePooling2D()(x))
        dependencies = found(model)
        assert dependencies.unknown == {"scale": "Scale"}
        assert groups(model)["first"].frozen == "scale (Scale) is not known"
        assert [group.name for group in dependencies.prunable] == ["second"]
        check_faithful(dependencies)

    def test_a_subclass_of_a_known_layer_is_not_taken_for_it(self):
        class Doubled(layers.Conv2D):
            def call(self, x):
                return 2 * super().call(x)

        picture = keras.Input((8, 8, 3))
        model = keras.Model(picture, layers.Conv2D(2, 1)(Doubled(4, 3, name="mine")(picture)))
        assert found(model).unknown == {"mine": "Doubled"}

    def test_channels_that_stand_first_are_left_alone(self):
        picture = keras.Input((3, 8, 8))
        x = layers.Conv2D(6, 3, data_format="channels_first", name="turned")(picture)
        assert found(keras.Model(picture, x)).unknown == {"turned": "Conv2D, channels first"}

    def test_a_softmax_along_the_channels_keeps_them(self):
        picture = keras.Input((8, 8, 3))
        x = layers.Conv2D(6, 3, activation="softmax", name="soft")(picture)
        model = keras.Model(picture, layers.Conv2D(2, 1)(x))
        assert "looks at all channels at once" in groups(model)["soft"].frozen


class TestKindsOfModels:
    def test_a_sequential_model(self):
        model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(6, 3), layers.Flatten(), layers.Dense(2)])
        dependencies = found(model)
        inputs = random_inputs(dependencies.flat, count=2, seed=0)
        removed = dependencies.prunable[0].leaders[:2]
        same(answers(rebuild(dependencies, removed), inputs), keras_graphs.held_at_zero(dependencies, removed, inputs))

    def test_a_class_of_its_own_whose_call_is_made_of_layers(self):
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.first, self.last = layers.Conv2D(6, 3), layers.Dense(2)

            def call(self, x, training=False):
                return self.last(layers.Flatten()(keras.ops.relu(self.first(x))))

        model = Net()
        picture = np.ones((1, 8, 8, 3), np.float32)
        expected = model(picture)
        dependencies = found(model)
        assert [group.width for group in dependencies.prunable] == [6]
        np.testing.assert_allclose(answers(rebuild(dependencies), [picture])[0], expected, rtol=1e-5)

    def test_one_that_does_arithmetic_of_its_own_is_refused(self):
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.scale = self.add_weight(shape=(), initializer="ones")
                self.last = layers.Dense(2)

            def call(self, x):
                return self.last(x) * self.scale

        model = Net()
        model(np.ones((1, 4), np.float32))
        with pytest.raises(PruneError, match="build it with keras.Model"):
            flatten(model)

    def test_what_is_no_model_is_refused(self):
        with pytest.raises(PruneError, match="a Keras 3 model is pruned; this is a builtins.int"):
            flatten(3)

    def test_the_original_is_left_as_it_was(self):
        model = keras_graphs.picture_network(1)
        before = [weight.copy() for weight in model.get_weights()]
        dependencies = found(model)
        pruned = rebuild(dependencies, keras_graphs.random_removal(dependencies, 1))
        for weight in pruned.weights:
            weight.assign(weight.numpy() + 1)
        for one, other in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_frozen_layers_stay_frozen_and_a_half_precision_stays(self):
        picture = keras.Input((8, 8, 3))
        x = layers.Conv2D(4, 3, name="kept", trainable=False, dtype="mixed_float16")(picture)
        pruned = rebuild(found(keras.Model(picture, layers.Conv2D(2, 1)(x))))
        assert not pruned.get_layer("kept").trainable
        assert pruned.get_layer("kept").compute_dtype == "float16"
