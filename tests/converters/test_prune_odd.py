"""Graphs that people build and rules stumble over: each is pruned exactly, or refused in one line."""

import keras
import keras_graphs
import numpy as np
import pytest
from keras import layers, ops

from lepton_edge_converters.errors import PruneError
from lepton_edge_converters.prune.dependencies import find_dependencies
from lepton_edge_converters.prune.flat import flatten, random_inputs
from lepton_edge_converters.prune.layers import find_costs
from lepton_edge_converters.prune.surgery import answers, check_faithful, rebuild
from lepton_edge_converters.prune.walk import walk

# What Keras does when it quantizes.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def numbers(*shape):
    return keras.Input(shape, name="numbers")


def picture():
    return keras.Input((8, 8, 3), name="picture")


def head(x):
    """Return two numbers of whatever comes in, so that its channels are none of the model's output."""
    return layers.Dense(2, name="head")(layers.Flatten()(x))


def a_slice_of_one_channel():
    x = numbers(6)
    return keras.Model(x, head(layers.Dense(8)(x) * layers.Dense(8)(x)[..., 0:1]))


def a_sum_of_slices_of_one_channel():
    x = numbers(6)
    one, other = layers.Dense(8)(x), layers.Dense(8)(x)
    return keras.Model(x, head(layers.Concatenate()([one[:, 0:1] + other[:, 0:1], one])))


def a_split_into_single_channels():
    x = numbers(6)
    first, *others = ops.split(layers.Dense(4)(x), 4, axis=-1)
    return keras.Model(x, head(layers.Dense(5)(layers.Concatenate()([first * others[0], *others]))))


def halves_that_change_places():
    x = numbers(6)
    made = layers.Dense(8)(x)
    return keras.Model(x, head(layers.Concatenate()([made[:, 4:], ops.relu(made[:, :4])])))


def a_split_in_a_model_that_is_called_twice():
    inner = keras.Input((8,))
    first, last = ops.split(inner, 2, axis=-1)
    swapped = keras.Model(inner, layers.Concatenate()([last, first]))
    x = numbers(6)
    return keras.Model(x, [layers.Dense(2)(swapped(layers.Dense(8)(x))) for _ in range(2)])


def an_array_is_added():
    x = numbers(6)
    return keras.Model(x, head(layers.Dense(5)(layers.Dense(4)(x - np.arange(6.0, dtype="float32")) * np.ones(4, "f"))))


def a_tensor_is_multiplied_with():
    x = numbers(6)
    return keras.Model(x, head(layers.Dense(5)(layers.Dense(4)(x) * ops.ones(4))))


def a_transpose_by_negative_axes():
    x = picture()
    return keras.Model(x, head(ops.transpose(layers.Conv2D(4, 3)(x), (0, -1, 1, 2))))


def a_reshape_of_the_batch_too():
    x = numbers(4, 6)
    rows = layers.Dense(5)(ops.reshape(layers.Dense(8)(x), (-1, 8)))
    return keras.Model(x, layers.Dense(2)(layers.Dense(7)(ops.reshape(rows, (-1, 20)))))


def a_reshape_to_one_axis():
    x = numbers(6)
    made = layers.Dense(8)(x)
    return keras.Model(x, [head(layers.Dense(5)(made)), ops.sum(ops.reshape(made, -1))])


def states_of_a_bidirectional_layer():
    steps, x = keras.Input((5, 4)), numbers(3)
    states = [layers.Dense(6)(x) for _ in range(4)]
    made = layers.Bidirectional(layers.LSTM(6))(steps, initial_state=states)
    return keras.Model([steps, x], head(layers.Dense(5)(made)))


def a_convolution_with_a_memory():
    x = keras.Input((4, 8, 8, 3))
    return keras.Model(x, head(layers.Conv2D(5, 3)(layers.ConvLSTM2D(4, 3)(x))))


def a_nested_layer_named_as_the_input():
    inner = keras.Input((6,))
    nested = keras.Model(inner, layers.Dense(8, name="numbers")(inner))
    x = numbers(6)
    return keras.Model(x, head(nested(x)))


def bytes_for_a_nested_model_of_floats():
    inner = keras.Input((8, 8, 3))
    nested = keras.Model(inner, layers.Conv2D(6, 3)(inner))
    x = keras.Input((8, 8, 3), dtype="uint8", name="picture")
    return keras.Model(x, head(nested(x)))


def pictures_of_any_size():
    x = made = keras.Input((None, None, 3))
    for _ in range(4):
        made = layers.MaxPooling2D()(layers.Conv2D(6, 3)(made))
    return keras.Model(x, head(layers.GlobalAveragePooling2D()(made)))


def channels_first_at_each_step():
    x = numbers(4, 3, 8, 6)
    pooled = layers.TimeDistributed(layers.GlobalAveragePooling2D(data_format="channels_first"))(layers.Dense(6)(x))
    return keras.Model(x, head(layers.Dense(5)(pooled)))


def an_output_without_axes():
    x = picture()
    return keras.Model(x, [head(layers.Conv2D(6, 1)(x)), ops.sum(layers.Conv2D(6, 1)(x))])


def code_of_its_own():
    x = picture()
    made = layers.Lambda(lambda one: one * 2.0)(layers.Conv2D(6, 3)(x))
    return keras.Model(x, head(layers.Conv2D(5, 3)(made)))


def numbers_that_were_measured():
    measured = layers.Normalization()
    measured.adapt(np.random.default_rng(0).normal(3, 2, (20, 6)).astype("float32"))
    x = numbers(6)
    return keras.Model(x, head(layers.Dense(8)(measured(x))))


def layers_of_low_rank():
    x = numbers(6)
    low = layers.Dense(8)
    model = keras.Model(x, head(layers.Dense(5)(low(x))))
    low.enable_lora(2)
    return model


def layers_of_eight_bits():
    x = numbers(6)
    narrow = layers.Dense(8)
    model = keras.Model(x, head(layers.Dense(5)(narrow(x))))
    narrow.quantize("int8")
    return model


ODD = [
    a_slice_of_one_channel, a_sum_of_slices_of_one_channel, a_split_into_single_channels, halves_that_change_places,
    a_split_in_a_model_that_is_called_twice, an_array_is_added, a_tensor_is_multiplied_with,
    a_transpose_by_negative_axes, a_reshape_of_the_batch_too, a_reshape_to_one_axis, states_of_a_bidirectional_layer,
    a_convolution_with_a_memory, a_nested_layer_named_as_the_input, bytes_for_a_nested_model_of_floats,
    pictures_of_any_size, channels_first_at_each_step, an_output_without_axes, code_of_its_own,
    numbers_that_were_measured, layers_of_low_rank, layers_of_eight_bits,
]  # fmt: skip


@pytest.mark.parametrize("build", ODD, ids=lambda build: build.__name__)
def test_it_is_pruned_and_exact(build):
    keras.utils.set_random_seed(0)
    model = build()
    dependencies = find_dependencies(flatten(model))
    check_faithful(dependencies)
    assert find_costs(dependencies, None)["parameters"](dependencies.widths()) == model.count_params()
    inputs = random_inputs(dependencies.flat, count=2, seed=1)
    assert dependencies.prunable
    for seed, share in enumerate((0.3, 0.9)):
        removed = keras_graphs.random_removal(dependencies, seed, share)
        pruned = rebuild(dependencies, removed)
        assert pruned.count_params() < model.count_params()
        expected = keras_graphs.held_at_zero(dependencies, removed, inputs)
        for one, other in zip(answers(pruned, inputs), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-5 * max(1.0, float(np.abs(other).max())))


@keras.saving.register_keras_serializable("odd")
class Dense(layers.Dense):
    """A layer of someone's own, named as one of Keras's."""

    def call(self, x):
        return super().call(x) * ops.arange(1.0, self.units + 1)


@pytest.mark.parametrize("wrapped", [False, True], ids=["by itself", "at each step"])
def test_a_layer_of_ones_own_named_as_a_known_one_is_not_taken_for_it(wrapped):
    x = numbers(4, 3)
    own = layers.TimeDistributed(Dense(6, name="mine")) if wrapped else Dense(6, name="mine")
    dependencies = find_dependencies(flatten(keras.Model(x, head(layers.Dense(5, name="known")(own(x))))))
    assert list(dependencies.unknown.values()) == ["Dense"] or wrapped
    assert [group.name for group in dependencies.prunable] == ["known"]
    check_faithful(dependencies)


def test_an_activation_with_weights_is_refused():
    x = picture()
    model = keras.Model(x, head(layers.Activation(layers.PReLU())(layers.Conv2D(6, 3)(x))))
    model(np.ones((1, 8, 8, 3), "float32"))  # only then has it its weights
    with pytest.raises(PruneError, match=r"activation\S* \(Activation\) cannot be given its weights again: You called"):
        check_faithful(find_dependencies(flatten(model)))


def test_functions_that_nobody_registered_are_told():
    def doubled(x):
        return 2 * x

    x = picture()
    model = keras.Model(x, head(layers.Conv2D(6, 3, activation=doubled, name="mine")(x)))
    dependencies = find_dependencies(flatten(model))
    with pytest.raises(PruneError, match=r"mine \(Conv2D\) cannot be made again .*: Could not locate function"):
        check_faithful(dependencies)
    with keras.saving.custom_object_scope({"doubled": doubled}):
        check_faithful(dependencies)


def test_text_is_refused():
    words = keras.Input((3,), dtype="string")
    model = keras.Model(words, head(layers.Embedding(5, 4)(layers.Hashing(5)(words))))
    with pytest.raises(PruneError, match="a model that takes text is not pruned"):
        check_faithful(find_dependencies(flatten(model)))


def test_layers_that_change_pictures_are_still_while_channels_are_rated():
    x = picture()
    made = layers.Conv2D(6, 3)(layers.RandomContrast(0.5)(layers.RandomFlip()(x)))
    model = keras.Model(x, head(made))
    flat = flatten(model)
    inputs = random_inputs(flat, count=2, seed=0)
    watched = walk(flat, inputs, lambda _call, _place, value: value)
    np.testing.assert_allclose(watched[0], answers(model, inputs)[0], atol=1e-6)
