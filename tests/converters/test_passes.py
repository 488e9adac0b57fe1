"""Passes over a graph: what they may not change, and what they must."""

import numpy as np
import pytest
import random_graphs as graphs
import tensorflow as tf

from lepton_edge_converters.passes.bias import correct_bias
from lepton_edge_converters.passes.constants import fold_constants
from lepton_edge_converters.passes.equalize import equalize
from lepton_edge_converters.passes.fold import fold
from lepton_edge_converters.passes.layers import layer
from lepton_edge_converters.passes.observe import channel_peaks
from lepton_edge_converters.passes.simulate import round_kernel
from lepton_edge_converters.quantize.estimators import ESTIMATORS
from lepton_edge_converters.quantize.histograms import Counter

SHAPE = (1, graphs.SIZE, graphs.SIZE, graphs.CHANNELS)
SEEDS = [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 40))]


def operators(graph):
    return [node.op for node in graph if node.op not in ("Const", "Placeholder", "Identity")]


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def normalization(x, seed=0):
    """Return a batch normalization of some channels; some of its scales are negative."""
    gamma, beta, mean, spread = (random(x.shape[-1], seed=seed + i) for i in range(4))
    return tf.nn.batch_normalization(x, mean, spread**2, beta, gamma, 1e-3)


def conv(x, filters, *, seed=0, size=3, padding="SAME"):
    return tf.nn.conv2d(x, random(size, size, x.shape[-1], filters, seed=seed), 1, padding)


@pytest.fixture
def samples(tmp_path):
    return graphs.stored(graphs.pictures(8), tmp_path)


def folded(function):
    """Return a function of a picture as a graph, before and after folding, which must not change its answers."""
    before, after = (graphs.frozen(function, SHAPE) for _ in range(2))
    fold_constants(after)
    fold(after)
    batch = graphs.pictures(4, seed=1)
    expected = graphs.answers(before, batch)
    # Products and sums in another order: a few units of the last of seven digits.
    np.testing.assert_allclose(graphs.answers(after, batch), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    return after


@pytest.mark.parametrize("seed", SEEDS)
def test_any_network_gives_the_answers_that_it_gave(seed, samples):
    graph = graphs.network(seed)
    batch = graphs.pictures(6, seed=1)  # other pictures than those whose ranges are seen
    before = graphs.answers(graph, batch)
    fold_constants(graph)
    fold(graph)
    after, kernels = graphs.answers(graph, batch), weights(graph)
    # Softmax scores; folding sums and multiplies in another order.
    np.testing.assert_allclose(after, before, atol=2e-4)
    equalize(graph, samples)
    np.testing.assert_array_equal(graphs.answers(graph, batch), after)  # powers of two cost no bit
    assert any(not np.array_equal(one, other) for one, other in zip(kernels, weights(graph), strict=True))


def weights(graph):
    return [graph.constant(node.input[1]) for node in graph if node.op in ("Conv2D", "MatMul")]


class TestFolding:
    def test_behind_a_convolution(self):
        assert operators(folded(lambda x: normalization(conv(x, 4)))) == ["Conv2D", "AddV2"]

    def test_behind_an_activation_the_scale_goes_back_and_the_shift_forward(self):
        graph = folded(lambda x: conv(normalization(tf.nn.relu(conv(x, 4) + 1.0)), 5, size=1))
        assert operators(graph) == ["Conv2D", "AddV2", "Relu", "Conv2D", "AddV2"]

    def test_a_border_of_zeros_keeps_a_shift_before_it(self):
        graph = folded(lambda x: conv(normalization(tf.nn.relu(conv(x, 4))), 5))
        assert operators(graph) == ["Conv2D", "Relu", "DepthwiseConv2dNative", "AddV2", "Conv2D"]

    def test_in_front_of_a_convolution(self):
        graph = folded(lambda x: conv(normalization(tf.nn.relu6(x)), 4, padding="VALID"))
        assert operators(graph) == ["Relu6", "Conv2D", "AddV2"]

    def test_through_flattening_into_a_dense_layer(self):
        def call(x):
            flat = tf.reshape(normalization(tf.nn.sigmoid(x)), (1, -1))
            return tf.matmul(flat, random(flat.shape[-1], 3))

        assert operators(folded(call)) == ["Sigmoid", "Reshape", "MatMul", "AddV2"]

    def test_through_pooling_over_all_places(self):
        def call(x):
            return tf.matmul(tf.reduce_mean(normalization(tf.nn.relu6(x)), (1, 2)), random(3, 5))

        assert operators(folded(call)) == ["Relu6", "Mean", "MatMul", "AddV2"]

    def test_in_one_operator_as_keras_2_writes_it(self):
        def call(x):
            scale, shift, mean, variance = (np.abs(random(4, seed=i)) for i in range(4))
            made = conv(x, 4) + random(4)
            return tf.compat.v1.nn.fused_batch_norm(made, scale, shift, mean, variance, is_training=False)[0]

        assert operators(folded(call)) == ["Conv2D", "AddV2"]

    def test_what_two_layers_read_is_folded_into_both(self):
        def call(x):
            scaled = normalization(tf.abs(x))
            return conv(scaled, 2, size=1) + conv(scaled, 2, size=1, seed=1)

        assert sorted(operators(folded(call))) == ["Abs", "AddV2", "AddV2", "AddV2", "Conv2D", "Conv2D"]

    def test_what_a_layer_and_something_else_read_becomes_a_layer(self):
        def call(x):
            scaled = normalization(tf.abs(x))
            return conv(scaled, 3, size=1) + scaled

        assert operators(folded(call)) == ["Abs", "DepthwiseConv2dNative", "AddV2", "Conv2D", "AddV2"]

    def test_a_layer_used_twice_gets_weights_of_its_own(self):
        kernel = tf.constant(random(1, 1, 3, 3))

        def call(x):
            once = tf.nn.conv2d(x, kernel, 1, "SAME")
            return tf.nn.conv2d(tf.nn.relu(normalization(once)), kernel, 1, "SAME")

        first, second = weights(folded(call))
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(second, kernel)

    def test_numbers_that_an_activation_is_known_by_stay(self):
        def hard_swish(x):
            return x * tf.nn.relu6(x + 3.0) * (1 / 6)

        assert operators(folded(lambda x: conv(hard_swish(conv(x, 4)), 4))).count("Mul") == 2

    def test_a_scale_of_zero_stays_zero(self):
        def call(x):
            gamma = np.array([0, -1, 1, 0], np.float32)
            return conv(tf.nn.relu(conv(x, 4)) * gamma + random(4), 3, size=1)

        assert operators(folded(call)) == ["Conv2D", "Relu", "Conv2D", "AddV2"]


class TestEqualizing:
    def test_brings_channels_to_like_ranges(self, samples):
        sizes = np.array([1, 1, 500, 500, 1e-3, 1], np.float32)

        def call(x):
            return conv(tf.nn.relu(conv(x, 6) * sizes), 3) / sizes[:3]

        graph = graphs.frozen(call, SHAPE)
        fold_constants(graph)
        fold(graph)
        told = equalize(graph, samples)
        (relu,) = [node.name for node in graph if node.op == "Relu"]
        peaks = channel_peaks(graph, [relu], samples)[relu]
        # The kernel behind is not in proportion, so that half of the distance stays: a root, not a level.
        assert peaks.max() / peaks.min() < 2000
        assert told[0].startswith("channels balanced in 1 of 1 tensors, most in")

    def test_a_channel_that_no_sample_lights_stays_finite(self, samples):
        def call(x):
            return conv(tf.nn.relu(conv(x, 4) - np.array([0, 1e6, 0, 0], np.float32)), 3)

        graph = graphs.frozen(call, SHAPE)
        equalize(graph, samples)
        assert all(np.isfinite(kernel).all() for kernel in weights(graph))

    @pytest.mark.parametrize("activation", ["relu6", "sigmoid", "swish"])
    def test_an_activation_that_bears_no_factor_keeps_its_channels(self, activation, samples):
        graph = graphs.frozen(lambda x: conv(getattr(tf.nn, activation)(conv(x, 4)), 3), SHAPE)
        before = weights(graph)
        equalize(graph, samples)
        for kernel, same in zip(weights(graph), before, strict=True):
            np.testing.assert_array_equal(kernel, same)


class TestBiasCorrection:
    def test_takes_out_what_rounded_weights_shift(self, samples):
        """An outlier in each kernel makes its steps coarse; inputs that are all positive add the errors up."""
        kernel = np.abs(random(3, 3, 3, 4)) / 100
        kernel[1, 1, 0] = 1

        def with_kernel(values):
            return graphs.frozen(lambda x: tf.nn.conv2d(tf.abs(x), values, 1, "VALID"), SHAPE)

        steps = kernel.max((0, 1, 2)) / 127
        graph, rounded = with_kernel(kernel), with_kernel(np.rint(kernel / steps) * steps)
        told = correct_bias(graph, samples)
        batch = graphs.pictures(8)
        exact = graphs.answers(with_kernel(kernel), batch)
        shift = (graphs.answers(rounded, batch) - exact).mean((0, 1, 2))
        correction = (graphs.answers(graph, batch) - exact).mean((0, 1, 2))
        # What is left is what rounding the activations shifts, which is of the size of their steps, and in no bias.
        assert np.abs(shift + correction).max() < 0.2 * np.abs(shift).max()
        assert told[0].startswith("what rounding shifts was taken out of the biases of 1 layers")

    @pytest.mark.parametrize("estimator", ["minmax", "percentile", "mse"])
    def test_takes_out_what_the_ranges_that_will_be_used_shift(self, estimator, tmp_path):
        """A long tail makes the steps of the whole range so coarse that most numbers are rounded to zero."""
        batch = np.random.default_rng(2).standard_cauchy((6, *SHAPE[1:])).astype(np.float32)
        kernel = np.abs(random(1, 1, 3, 4))
        graph = graphs.frozen(lambda x: tf.nn.relu(tf.nn.conv2d(tf.square(x), kernel, 1, "VALID")), SHAPE)
        (target,) = [one for node in graph if (one := layer(graph, node)) is not None]
        correct_bias(graph, graphs.stored(batch, tmp_path), estimator)
        (bias,) = [graph.constant(node.input[1]) for node in graph if node.op == "AddV2"]

        def rounded(values, seen):
            counter = Counter()
            counter.add(seen)
            low, high = ESTIMATORS[estimator](counter.histogram())
            step = (high - low) / 255
            zero = np.rint(-low / step)
            return (np.clip(np.rint(values / step) + zero, 0, 255) - zero) * step

        stored = rounded(rounded(batch, batch) ** 2, batch**2)
        shift = (stored @ round_kernel(target)[0, 0] - batch**2 @ kernel[0, 0]).mean((0, 1, 2))
        np.testing.assert_allclose(bias, -shift, rtol=0.02)
