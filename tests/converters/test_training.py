"""recover(): a model trained again, by labels or by what another one answers."""

import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import training_models as small
from tensorflow.python.framework import config

from lepton_edge_converters.errors import SamplesError, TrainingError
from lepton_edge_converters.split import split
from lepton_edge_converters.training.recovery import recover
from lepton_edge_converters.training.student import Student


def silent(_what, _done, _total):
    pass


def weights(model):
    return [weight.numpy() for weight in model.weights]


def same(one, other):
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def copied(model):
    """Return a model of the same weights; the same object cannot be both teacher and pupil."""
    clone = keras.models.clone_model(model)
    clone.set_weights(weights(model))
    return clone


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def held_out(samples, how):
    """Return the samples that judge, as the model takes them, and which they are."""
    rows = split(len(samples), samples.targets, holdout=how.holdout, calibration=len(samples), seed=how.seed).judged
    return [array[rows] for array in samples.real(0, len(samples))], rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("samples")


@pytest.fixture(scope="module")
def trained(folder):
    """A net that labels have taught the patterns, and how that went."""
    model = small.net()
    return model, recover(model, small.stored(folder), small.settings(epochs=6), progress=silent)


@pytest.fixture(scope="module")
def kept(folder, tmp_path_factory):
    """The state of a training that ran to its end, its result and its weights."""
    state, model = tmp_path_factory.mktemp("state"), small.net(dropout=0.3)
    found = recover(model, small.stored(folder), small.settings(), checkpoint=state, progress=silent)
    return state, found, weights(model)


class TestLearning:
    def test_labels_teach_a_net_that_knew_nothing(self, trained):
        _, found = trained
        assert found.learned_from == "labels"
        assert found.after.accuracy > max(0.9, found.before.accuracy + 0.2)
        assert (found.learned, found.held_out) == (144, 16)
        assert found.before.loss is None
        assert found.after.agreement is None

    def test_a_changed_net_answers_as_before_without_any_label(self, trained, folder):
        model = small.perturbed(copied(trained[0]), 1.5)
        unlabelled = small.stored(folder, count=400, labels=False, seed=1)
        how = small.settings(epochs=8, holdout=0.3)
        found = recover(model, unlabelled, how, teacher=trained[0], progress=silent)
        assert found.learned_from == "teacher"
        assert found.before.agreement < 0.6
        assert found.after.agreement > 0.9
        # Counted once more, by Keras alone, on the same samples.
        (tensor,), _ = held_out(unlabelled, how)
        ours, theirs = (one.predict(tensor, verbose=0).argmax(axis=1) for one in (model, trained[0]))
        assert found.after.agreement == pytest.approx((ours == theirs).mean())

    def test_pictures_that_move_are_shown_to_the_teacher_too(self, trained, folder):
        model = small.perturbed(copied(trained[0]), 1.5)
        unlabelled = small.stored(folder, count=400, labels=False, seed=1)
        how = small.settings(epochs=4, holdout=0.3, augment="flip+shift")
        found = recover(model, unlabelled, how, teacher=trained[0], progress=silent)
        assert found.after.agreement > found.before.agreement + 0.2

    @pytest.mark.parametrize(("activation", "share"), [("softmax", 0.0), ("softmax", 1.0), (None, 0.25)])
    def test_the_loss_is_what_the_formula_says(self, activation, share, folder):
        model, teacher = small.net(activation=activation), small.net(activation=activation, seed=4)
        samples, how = small.stored(folder), small.settings(epochs=1, distillation=share, temperature=3.0)
        found = recover(copied(model), samples, how, teacher=teacher, progress=silent)
        (tensor,), rows = held_out(samples, how)
        answers = [one.predict(tensor, verbose=0).astype(float) for one in (model, teacher)]
        ours, theirs = (np.log(one) if activation else one for one in answers)
        label_loss = -np.log(softmax(ours)[np.arange(len(rows)), samples.targets[rows]]).mean()
        p, q = softmax(theirs / 3), softmax(ours / 3)
        distance = 9 * (p * np.log(p / q)).sum(axis=1).mean()
        assert found.before.held_out_loss == pytest.approx((1 - share) * label_loss + share * distance, rel=1e-4)
        assert found.before.accuracy == pytest.approx((ours.argmax(axis=1) == samples.targets[rows]).mean())

    def test_numbers_are_distilled_in_units_of_their_variance(self, folder):
        def model(seed):
            keras.utils.set_random_seed(seed)
            return keras.Sequential([keras.Input((3,)), keras.layers.Dense(5), keras.layers.Dense(2)])

        x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
        samples, how = small.numbers(folder, x), small.settings(epochs=30, learning_rate=0.02)
        student, teacher = model(1), model(2)
        for weight in teacher.weights[-2:]:
            weight.assign(weight.numpy() * 1000)  # in other units, such as millimetres
        (tensor,), _ = held_out(samples, how)
        ours, theirs = (one.predict(tensor, verbose=0).astype(float) for one in (student, teacher))
        scale = teacher.predict(x, verbose=0).astype(float).var(axis=0).mean()
        found = recover(student, samples, how, teacher=teacher, progress=silent)
        assert found.before.held_out_loss == pytest.approx(((ours - theirs) ** 2).mean() / scale, rel=1e-4)
        assert found.after.agreement is None
        assert found.after.accuracy is None

    def test_several_inputs_and_outputs_are_matched_by_their_places(self, folder):
        def model(seed):
            keras.utils.set_random_seed(seed)
            ends = {"wide": keras.Input((4,), name="wide"), "small": keras.Input((2,), name="small")}
            both = keras.layers.Concatenate()([keras.layers.Dense(6, activation="relu")(ends["wide"]), ends["small"]])
            outputs = [keras.layers.Dense(3, activation="softmax")(both), keras.layers.Dense(2)(both)]
            return keras.Model(ends, outputs)

        rng = np.random.default_rng(0)
        student, teacher = model(1), model(2)
        sizes = [tensor.shape[1] for tensor in student.inputs]  # in whatever order Keras has them
        samples = small.numbers(folder, *(rng.normal(size=(200, size)).astype(np.float32) for size in sizes))
        found = recover(
            student, samples, small.settings(epochs=15, learning_rate=0.03), teacher=teacher, progress=silent
        )
        assert found.learned_from == "teacher"
        assert found.after.held_out_loss < 0.3 * found.before.held_out_loss

    def test_one_chance_is_two_classes(self, folder):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(200, 4)).astype(np.float32)
        samples = small.numbers(folder, x, targets=(x[:, 0] > 0).astype(np.int64))
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
        how = small.settings(epochs=10, learning_rate=0.1, holdout=0.3)
        (tensor,), rows = held_out(samples, how)
        chance = model.predict(tensor, verbose=0)[:, 0].astype(float)
        expected = -np.log(np.where(samples.targets[rows] == 1, chance, 1 - chance)).mean()
        found = recover(model, samples, how, progress=silent)
        assert found.before.held_out_loss == pytest.approx(expected, rel=1e-4)
        assert found.after.accuracy > 0.9

    def test_whoever_knows_what_an_output_is_may_say_so(self, folder):
        model, teacher = small.net(activation=None), small.net(activation=None, seed=4)
        samples, how = small.stored(folder, labels=False), small.settings(epochs=1, temperature=1.0)
        (tensor,), _ = held_out(samples, how)
        p, q = (softmax(one.predict(tensor, verbose=0).astype(float)) for one in (teacher, model))
        found = recover(model, samples, how, teacher=teacher, kinds=["logits"], progress=silent)
        assert found.before.held_out_loss == pytest.approx((p * np.log(p / q)).sum(axis=1).mean(), rel=1e-4)
        assert found.before.agreement == pytest.approx((p.argmax(axis=1) == q.argmax(axis=1)).mean())

    def test_a_step_is_traced_once_whatever_the_last_batch_has(self, folder, monkeypatch):
        traces, learn = [], Student._learn
        monkeypatch.setattr(Student, "_learn", lambda self, *args: traces.append(args) or learn(self, *args))
        recover(small.net(), small.stored(folder), small.settings(epochs=3), teacher=small.net(seed=4), progress=silent)
        assert len(traces) == 1


class TestTheEnd:
    def test_the_best_weights_are_kept_when_epochs_make_it_worse(self, folder):
        rng = np.random.default_rng(0)
        x, lots = rng.normal(size=(100, 4)).astype(np.float32), rng.integers(0, 2, 100)  # nothing to be learned
        samples = small.numbers(folder, x, targets=lots)
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        how = small.settings(epochs=9, learning_rate=0.5, warmup=0.0, patience=2, holdout=0.3)
        found = recover(model, samples, how, progress=silent)
        assert found.stopped_because == "patience"
        assert found.epochs - found.best_epoch == 2
        assert found.history[-1].held_out_loss > 1.02 * found.after.held_out_loss
        (tensor,), rows = held_out(samples, how)
        chances = softmax(model.predict(tensor, verbose=0).astype(float))[np.arange(len(rows)), lots[rows]]
        assert found.after.held_out_loss == pytest.approx(-np.log(chances).mean(), rel=1e-4)

    def broken(self, folder):
        """Return samples one of which is no number, and is learned from."""
        x, targets = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32), np.arange(64) % 2
        how = small.settings()
        learned = split(64, targets, holdout=how.holdout, calibration=64, seed=how.seed).calibration
        x[learned[7]] = np.nan
        return small.numbers(folder, x, targets=targets), learned[7]

    def test_a_loss_that_is_no_number_says_what_to_try_and_leaves_the_best_weights(self, folder):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        before = weights(model)
        with pytest.raises(TrainingError, match=r"in epoch 1 is nan: .* learning_rate smaller than 0.003") as refused:
            recover(model, self.broken(folder)[0], small.settings(), progress=silent)
        assert refused.value.code == "TRAINING"
        assert same(weights(model), before)

    def test_a_teacher_without_an_answer_is_told_with_the_sample(self, folder):
        model, teacher = (keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]) for _ in range(2))
        samples, row = self.broken(folder)
        with pytest.raises(TrainingError, match=f"the teacher's answer to sample {row} is no number"):
            recover(model, samples, small.settings(), teacher=teacher, progress=silent)

    def test_time_that_is_up_ends_it_within_an_epoch(self, folder):
        model, done = small.net(), []
        found = recover(
            model, small.stored(folder), small.settings(max_minutes=1e-5),
            progress=lambda *step: done.append(step),
        )  # fmt: skip
        assert found.stopped_because == "minutes"
        assert found.epochs <= 1
        assert len([step for step in done if step[0].startswith("training")]) <= 1

    def test_progress_tells_epoch_loss_and_batch(self, folder):
        said = []
        recover(small.net(), small.stored(folder), small.settings(epochs=1), progress=lambda *step: said.append(step))
        training = [step for step in said if step[0].startswith("training, epoch 1 of 1: loss ")]
        assert [step[1:] for step in training] == [(i, 5) for i in range(1, 6)]
        assert float(training[-1][0].rpartition(" ")[2]) > 0


class TestTheModelIsTheUsers:
    def test_how_it_was_compiled_stays(self, folder):
        model = small.net()
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        optimizer = model.optimizer
        recover(model, small.stored(folder), small.settings(epochs=1), progress=silent)
        assert model.optimizer is optimizer
        assert int(optimizer.iterations.numpy()) == 0

    def test_frozen_layers_stay(self, folder):
        model = small.net()
        for name in ("conv_0", "norm_0"):
            model.get_layer(name).trainable = False
        before = weights(model)
        recover(model, small.stored(folder), small.settings(epochs=1), progress=silent)
        frozen = {id(weight) for name in ("conv_0", "norm_0") for weight in model.get_layer(name).weights}
        for weight, old in zip(model.weights, before, strict=True):
            assert np.array_equal(weight.numpy(), old) == (id(weight) in frozen), weight.path

    def test_its_own_losses_are_in_the_gradient_and_the_rate_rises_and_falls(self, folder):
        @keras.saving.register_keras_serializable()
        class Slope(keras.regularizers.Regularizer):
            def __call__(self, kernel):
                return 1e6 * keras.ops.sum(kernel)

        x = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
        model, teacher = (
            keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, kernel_regularizer=Slope())]) for _ in range(2)
        )
        before = model.weights[0].numpy()
        # The weights of the last epoch: those whose held-out loss is least are before training.
        last = {}

        def keep(what, done, total):
            last["kernel"] = model.weights[0].numpy()

        how = small.settings(epochs=4, batch_size=10, learning_rate=0.01, warmup=0.25, holdout=0.1, patience=9)
        recover(model, small.numbers(folder, x), how, teacher=teacher, progress=keep)
        # Adam moves by its rate where the gradient is always the same: 36 steps, 9 of them rising.
        rates = [0.01 * (i + 1) / 10 for i in range(9)]
        rates += [0.01 * (1 + np.cos(np.pi * i / 27)) / 2 for i in range(27)]
        np.testing.assert_allclose(before - last["kernel"], sum(rates), rtol=1e-3)

    def test_losses_of_its_activations_are_numbers_again_afterwards(self, folder):
        x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activity_regularizer="l2")])
        teacher = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        recover(model, small.numbers(folder, x), small.settings(epochs=1), teacher=teacher, progress=silent)
        assert model.losses == []
        answers = model(x).numpy()
        assert float(model.losses[0]) == pytest.approx(0.01 * (answers**2).sum() / 40, rel=1e-4)

    def test_constraints_hold_after_each_step(self, folder):
        x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
        mask = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.float32)

        class Masked(keras.constraints.Constraint):
            def __call__(self, kernel):
                return kernel * mask

        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, kernel_constraint=Masked())])
        model.weights[0].assign(model.weights[0].numpy() * mask)
        teacher = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        found = recover(model, small.numbers(folder, x), small.settings(), teacher=teacher, progress=silent)
        assert found.best_epoch > 0
        assert (model.weights[0].numpy() != 0).tolist() == (mask != 0).tolist()

    def test_half_precision_learns_with_scaled_losses(self, folder):
        keras.config.set_dtype_policy("mixed_float16")
        try:
            model = small.net()
        finally:
            keras.config.set_dtype_policy("float32")
        found = recover(model, small.stored(folder), small.settings(epochs=6), progress=silent)
        assert found.after.accuracy > 0.9
        assert {weight.dtype for weight in model.weights} == {"float32"}

    def test_tensorflow_is_left_as_it_was(self, folder):
        assert not config.is_op_determinism_enabled()
        recover(small.net(), small.stored(folder), small.settings(epochs=1), progress=silent)
        assert not config.is_op_determinism_enabled()


class TestSeeds:
    def run(self, folder, **changed):
        model = small.net(dropout=0.3)
        recover(model, small.stored(folder), small.settings(epochs=2, augment="flip+shift", **changed), progress=silent)
        return weights(model)

    def test_equal_seeds_give_equal_weights_to_the_bit(self, folder):
        assert same(self.run(folder), self.run(folder))

    def test_other_seeds_give_others(self, folder):
        assert not same(self.run(folder), self.run(folder, seed=6))


class TestCheckpoints:
    def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(self, tmp_path):
        whole, killed = tmp_path / "whole", tmp_path / "killed"
        whole.mkdir()
        killed.mkdir()
        run = subprocess.run([sys.executable, small.__file__, str(killed), "2.3"], capture_output=True, check=False)
        assert run.returncode == -signal.SIGKILL
        assert (killed / "state" / "training.npz").exists()
        said = []
        model, found = small.train_all(killed, lambda what, *_: said.append(what))
        expected, uninterrupted = small.train_all(whole, silent)
        assert not [what for what in said if what.startswith("training, epoch 1")]
        assert found.history == uninterrupted.history
        assert same(weights(model), weights(expected))
        assert sorted(path.name for path in (killed / "state").iterdir()) == ["taught_0.npy", "training.npz"]

    def test_a_finished_one_gives_its_result_again(self, kept, folder):
        state, found, expected = kept
        model, said = small.net(dropout=0.3), []
        how = small.settings(max_minutes=99.0)
        again = recover(model, small.stored(folder), how, checkpoint=state, progress=lambda what, *_: said.append(what))
        assert again.history == found.history
        assert same(weights(model), expected)
        assert not [what for what in said if what.startswith("training")]

    @pytest.mark.parametrize(
        ("other", "changed"),
        [
            ("settings", {"how": {"learning_rate": 1e-3}}),
            ("model", {"model": 7}),
            ("samples", {"count": 180}),
            ("settings and teacher", {"how": {"temperature": 4.0}, "teacher": 8}),
        ],
    )
    def test_one_of_another_training_is_refused(self, kept, folder, other, changed):
        state, _, _ = kept
        model = small.net(dropout=0.3, seed=changed.get("model", 3))
        teacher = small.net(seed=changed["teacher"]) if "teacher" in changed else None
        samples = small.stored(folder, count=changed.get("count", 160))
        before = weights(model)
        with pytest.raises(TrainingError, match=rf"another .*{other}.*; name another folder, or remove it"):
            recover(
                model, samples, small.settings(**changed.get("how", {})), teacher=teacher, checkpoint=state,
                progress=silent,
            )  # fmt: skip
        assert same(weights(model), before)

    def test_a_damaged_one_is_refused(self, kept, folder, tmp_path):
        whole = (kept[0] / "training.npz").read_bytes()
        (tmp_path / "training.npz").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(TrainingError, match=r"training.npz cannot be read .*; remove it to begin anew"):
            recover(
                small.net(dropout=0.3), small.stored(folder), small.settings(), checkpoint=tmp_path, progress=silent
            )

    def test_a_folder_that_cannot_be_made_is_named(self, folder, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(TrainingError, match="cannot make the folder .*file/state"):
            recover(
                small.net(), small.stored(folder), small.settings(), checkpoint=tmp_path / "file" / "state",
                progress=silent,
            )  # fmt: skip


class TestRefusals:
    def test_nothing_to_learn_from(self, folder):
        with pytest.raises(TrainingError, match="the samples have no labels, and no teacher is given"):
            recover(small.net(), small.stored(folder, labels=False), small.settings(), progress=silent)

    def test_labels_for_an_output_that_decides_nothing(self, folder):
        x, targets = np.zeros((20, 4), np.float32), np.zeros(20, np.int64)
        end = keras.Input((4,))
        model = keras.Model(end, [keras.layers.Dense(2)(end), keras.layers.Dense(2)(end)])
        with pytest.raises(TrainingError, match="labels need an only output with a score for each class"):
            recover(model, small.numbers(folder, x, targets=targets), small.settings(), progress=silent)

    def test_labels_beyond_the_classes(self, folder):
        samples = small.stored(folder)
        samples.targets[3] = 9
        with pytest.raises(SamplesError, match="the labels are classes 0 to 9; the model knows 0 to 3"):
            recover(small.net(), samples, small.settings(), progress=silent)

    def test_a_model_that_is_frozen_throughout(self, folder):
        model = small.net()
        model.trainable = False
        with pytest.raises(TrainingError, match="every layer of .* is frozen"):
            recover(model, small.stored(folder), small.settings(), progress=silent)

    def test_teachers_that_teach_nothing(self, folder):
        model, samples = small.net(), small.stored(folder)
        other = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
        with pytest.raises(TrainingError, match="its own teacher"):
            recover(model, samples, small.settings(), teacher=model, progress=silent)
        with pytest.raises(TrainingError, match=r"outputs are of shape \[\(3,\)\], the model's of \[\(4,\)\]"):
            recover(model, samples, small.settings(), teacher=other, progress=silent)

    def test_models_without_known_ends_and_fixed_batches(self, folder):
        samples = small.stored(folder)
        fixed = keras.Input(batch_shape=(1, 12, 12, 3))
        model = keras.Model(fixed, keras.layers.Dense(4)(keras.layers.Flatten()(fixed)))
        with pytest.raises(TrainingError, match="fixed to batches of 1; build it with a batch size of None"):
            recover(model, samples, small.settings(), progress=silent)
        with pytest.raises(TrainingError, match="neither a functional model nor a Sequential one that is built"):
            recover(keras.Sequential([keras.layers.Dense(4)]), samples, small.settings(), progress=silent)

    @pytest.mark.parametrize(
        ("kinds", "said"),
        [
            (["softmax", "values"], "2 kinds were given for the model's 1 outputs"),
            (["sigmoid"], r"an output of shape \(4,\) is no sigmoid"),
            (["classes"], "no kind of output 'classes'; there are: softmax, sigmoid, logits, values"),
        ],
    )
    def test_kinds_that_an_output_cannot_be_of(self, folder, kinds, said):
        with pytest.raises(TrainingError, match=said):
            recover(small.net(), small.stored(folder), small.settings(), kinds=kinds, progress=silent)

    def test_moves_of_what_are_no_pictures(self, folder):
        samples = small.numbers(folder, np.zeros((20, 12, 12, 3), np.float32), targets=np.zeros(20, np.int64))
        with pytest.raises(TrainingError, match=r"augment 'flip\+shift' moves pictures"):
            recover(small.net(), samples, small.settings(augment="flip+shift"), progress=silent)
