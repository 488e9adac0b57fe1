"""What training is made of: settings, batches, moved pictures, scores, and normalizations set anew."""

import keras
import msgspec
import numpy as np
import pytest
import tensorflow as tf
import training_models as small

from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.train import Training
from lepton_edge_converters.training.augment import flip_and_shift
from lepton_edge_converters.training.batches import Feed
from lepton_edge_converters.training.goal import output_kinds, scores
from lepton_edge_converters.training.lesson import answering
from lepton_edge_converters.training.normalization import reestimate_batch_norms


def silent(_what, _done, _total):
    pass


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("epochs", 0, "epochs is 1 or more, not 0"),
            ("batch_size", -3, "batch_size is 1 or more, not -3"),
            ("patience", 0, "patience is 1 or more, not 0"),
            ("learning_rate", 0.0, "learning_rate is more than 0 and at most 1, not 0"),
            ("learning_rate", float("nan"), "learning_rate is more than 0 and at most 1, not nan"),
            ("warmup", 1.0, "warmup is a share of the steps, 0 or more and less than 1, not 1"),
            ("distillation", 1.5, "distillation is a share of the loss from 0 to 1, not 1.5"),
            ("temperature", 0.5, "temperature is a number from 1 to 100, not 0.5"),
            ("holdout", 1.0, "holdout is a share between 0 and 1, not 1"),
            ("seed", -1, "seed is 0 or more, not -1"),
            ("max_minutes", 0.0, "max_minutes is a number of minutes, not 0"),
            ("augment", "mixup", "Invalid enum value 'mixup'"),
            ("momentum", 0.9, "unknown field `momentum`"),
        ],
    )
    def test_nonsense_in_a_table_is_refused_with_its_value(self, name, value, said):
        with pytest.raises(msgspec.ValidationError, match=said):
            msgspec.convert({name: value}, Training)

    def test_an_empty_table_is_the_defaults(self):
        assert msgspec.convert({}, Training) == Training()


class TestBatches:
    @pytest.fixture
    def feed(self, tmp_path):
        return Feed(small.numbers(tmp_path, np.arange(23.0)[:, None]), 5)

    def test_each_epoch_has_all_samples_in_an_order_of_its_own_and_no_small_batch(self, feed):
        rows = np.arange(2, 20)
        orders = []
        for epoch in (1, 2, 1):
            batches = list(feed.shuffled(rows, [7, epoch]))
            assert [len(batch.rows) for batch in batches] == [5, 5, 5, 5]
            order = np.concatenate([batch.rows for batch in batches])
            assert sorted(order[:18]) == list(rows)
            assert list(order[18:]) == list(order[:2])
            np.testing.assert_array_equal(np.concatenate([batch.tensors[0][:, 0] for batch in batches]), order)
            orders.append(order.tolist())
        assert orders[0] != orders[1]
        assert orders[0] == orders[2]

    def test_judging_takes_each_sample_once(self, feed):
        assert [batch.rows.tolist() for batch in feed.in_order(np.arange(7))] == [[0, 1, 2, 3, 4], [5, 6]]

    def test_only_what_is_at_hand_and_the_next_batch_is_read(self, feed):
        read = []
        batch = feed._batch
        feed._batch = lambda rows, change: read.append(rows) or batch(rows, change)
        batches = feed.in_order(np.arange(23))
        next(batches)
        batches.close()
        assert len(read) <= 2

    def test_pictures_become_real_as_the_preprocess_says(self, tmp_path):
        samples = small.stored(tmp_path, count=9)
        (batch,) = Feed(samples, 9).in_order(np.arange(9))
        np.testing.assert_allclose(batch.tensors[0], samples.array(0) / 255, atol=1e-7)


class TestMovedPictures:
    def test_all_inputs_of_a_sample_are_moved_alike_and_each_epoch_otherwise(self, tmp_path):
        one = small.stored(tmp_path, count=9)
        twice = StoredSamples(one.paths * 2, one.preprocess * 2)
        epochs = [list(Feed(twice, 4).shuffled(np.arange(9), [0, epoch], flip_and_shift)) for epoch in (1, 2)]
        for batches in epochs:
            for batch in batches:
                np.testing.assert_array_equal(*batch.tensors)
        plain = list(Feed(twice, 4).shuffled(np.arange(9), [0, 1]))
        assert [batch.rows.tolist() for batch in plain] == [batch.rows.tolist() for batch in epochs[0]]
        assert not np.array_equal(plain[0].tensors[0], epochs[0][0].tensors[0])

    def test_each_is_one_of_the_moves_and_mirrors_of_its_picture(self):
        rng = np.random.default_rng(3)
        pictures = rng.integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
        moved = flip_and_shift(pictures, rng)
        found = []
        for before, after in zip(pictures, moved, strict=True):
            padded = np.pad(before, ((2, 2), (2, 2), (0, 0)), "edge")
            candidates = {
                (y, x, mirrored): padded[2 + y : 18 + y, 2 + x : 18 + x][:, :: -1 if mirrored else 1]
                for y in range(-2, 3)
                for x in range(-2, 3)
                for mirrored in (False, True)
            }
            (match,) = [move for move, one in candidates.items() if np.array_equal(one, after)]
            found.append(match)
        assert len(set(found)) > 15
        assert 8 < sum(mirrored for _, _, mirrored in found) < 32

    def test_equal_seeds_move_alike(self):
        pictures = np.random.default_rng(0).integers(0, 256, (8, 9, 12, 1), dtype=np.uint8)
        one, other = (flip_and_shift(pictures, np.random.default_rng(1)) for _ in range(2))
        np.testing.assert_array_equal(one, other)


class TestScores:
    def model(self, *ends):
        first = keras.Input((3,))
        return keras.Model(first, [end(first) for end in ends])

    def test_what_an_output_tells_is_told_by_what_it_ends_in(self):
        layers = keras.layers
        nested = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Softmax()])
        model = self.model(
            layers.Dense(2, activation="softmax"), layers.Dense(1, activation="sigmoid"), layers.Dense(2),
            layers.Dense(2, activation="sigmoid"), nested,
        )  # fmt: skip
        assert output_kinds(model, labelled=True) == ("softmax", "sigmoid", "values", "values", "softmax")
        assert output_kinds(self.model(layers.Dense(2)), labelled=True) == ("logits",)
        assert output_kinds(self.model(layers.Dense(2)), labelled=False) == ("values",)
        assert output_kinds(self.model(layers.Dense(1)), labelled=True) == ("values",)
        assert output_kinds(self.model(layers.Dense(2, activation="sigmoid")), labelled=True) == ("values",)

    def test_a_softmax_that_is_sure_keeps_its_logits(self):
        model = self.model(keras.layers.Dense(3, activation="softmax"))
        model.layers[-1].set_weights([np.eye(3, dtype=np.float32), np.zeros(3, np.float32)])
        sure = np.array([[0.0, 300.0, -500.0]], np.float32)  # as a softmax: 0, 1, 0
        (logits,) = answering(model, None)([sure])
        np.testing.assert_array_equal(logits, sure)

    def test_probabilities_alone_are_their_logarithms(self):
        chances = tf.constant([[0.1, 0.7, 0.2]])
        np.testing.assert_allclose(scores(chances, "softmax"), np.log([[0.1, 0.7, 0.2]]), rtol=1e-5)
        np.testing.assert_allclose(scores(tf.constant([[0.8]]), "sigmoid"), [[0.0, np.log(4)]], rtol=1e-5)


class TestNormalizations:
    def net(self):
        """Return a net of two normalizations whose statistics are far off."""
        layers = keras.layers
        keras.utils.set_random_seed(0)
        picture = keras.Input((6, 6, 2))
        x = layers.BatchNormalization(name="first")(layers.Conv2D(4, 3, name="before")(picture))
        x = layers.BatchNormalization(name="second", epsilon=0.1)(layers.Conv2D(3, 2, name="between")(layers.ReLU()(x)))
        model = keras.Model(picture, layers.Dropout(0.5)(x))
        rng = np.random.default_rng(1)
        for weight in model.weights:
            weight.assign(rng.uniform(0.5, 2, weight.shape) * rng.choice([-1, 1], weight.shape))
        for name in ("first", "second"):
            variance = model.get_layer(name).moving_variance
            variance.assign(np.abs(variance.numpy()))
        return model

    @pytest.fixture
    def samples(self, tmp_path):
        return small.numbers(tmp_path, np.random.default_rng(2).normal(5, 2, (37, 6, 6, 2)).astype(np.float32))

    @pytest.mark.parametrize("batch_size", [7, 64])
    def test_each_has_the_statistics_of_what_it_is_given_in_use(self, samples, batch_size):
        model = self.net()
        before = {weight.path: weight.numpy() for weight in model.weights}
        assert reestimate_batch_norms(model, samples, batch_size=batch_size, progress=silent) == 2
        found = {weight.path: weight.numpy() for weight in model.weights}

        def conv(x, name):
            kernel = before[f"{name}/kernel"].astype(float)
            windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
            return np.einsum("nyxchw,hwco->nyxo", windows, kernel) + before[f"{name}/bias"]

        def normalized(x, name, epsilon):
            x = (x - x.mean(axis=(0, 1, 2))) / np.sqrt(x.var(axis=(0, 1, 2)) + epsilon)
            return x * before[f"{name}/gamma"] + before[f"{name}/beta"]

        first = conv(samples.array(0).astype(float), "before")
        second = conv(np.maximum(normalized(first, "first", 1e-3), 0), "between")
        for name, given in (("first", first), ("second", second)):
            np.testing.assert_allclose(found[f"{name}/moving_mean"], given.mean(axis=(0, 1, 2)), rtol=1e-4)
            np.testing.assert_allclose(found[f"{name}/moving_variance"], given.var(axis=(0, 1, 2)), rtol=1e-4)
        for path, values in before.items():
            assert np.array_equal(found[path], values) == ("moving" not in path), path

    def test_frozen_ones_stay(self, samples):
        model = self.net()
        model.get_layer("first").trainable = False
        before = model.get_layer("first").moving_mean.numpy()
        assert reestimate_batch_norms(model, samples, progress=silent) == 1
        np.testing.assert_array_equal(model.get_layer("first").moving_mean.numpy(), before)

    def test_a_model_without_any_is_left_alone(self, samples):
        said = []
        model = keras.Sequential([keras.Input((6, 6, 2)), keras.layers.Conv2D(2, 3)])
        assert reestimate_batch_norms(model, samples, progress=lambda *step: said.append(step)) == 0
        assert said == []

    def test_nested_and_shared_ones_count_all_that_they_are_given(self, tmp_path):
        x = np.random.default_rng(0).normal(3, 2, (20, 4)).astype(np.float32)
        keras.utils.set_random_seed(0)
        inner = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(name="norm")])
        first, second = keras.Input((4,)), keras.Input((4,))
        model = keras.Model([first, second], keras.layers.Add()([inner(first), inner(second)]))
        samples = small.numbers(tmp_path, x, 10 * x)
        assert reestimate_batch_norms(model, samples, progress=silent) == 1
        both = np.concatenate([x, 10 * x]).astype(float)
        norm = inner.get_layer("norm")
        np.testing.assert_allclose(norm.moving_mean.numpy(), both.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(norm.moving_variance.numpy(), both.var(axis=0), rtol=1e-5)

    def test_a_limit_takes_samples_from_the_whole(self, tmp_path):
        x = np.linspace(0, 1, 101, dtype=np.float32)[:, None]
        model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
        reestimate_batch_norms(model, small.numbers(tmp_path, x), limit=11, progress=silent)
        assert model.layers[0].moving_mean.numpy()[0] == pytest.approx(0.5)
        assert model.layers[0].moving_variance.numpy()[0] == pytest.approx(0.1)  # of 0, 0.1, … 1
