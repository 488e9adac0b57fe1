"""Metrics against the original's outputs, each checked by an implementation that is not ours."""

import numpy as np
import pytest
from sklearn.metrics import jaccard_score, r2_score

from lepton_edge_converters.errors import MetricError
from lepton_edge_converters.gates.likeness import likeness
from lepton_edge_converters.metrics import Metric
from lepton_edge_converters.metrics.bootstrap import scored
from lepton_edge_converters.metrics.choice import METRICS, choose_metric
from lepton_edge_runtime.card import Card, InputCard, OutputCard
from lepton_edge_runtime.heads import TflitePostprocess
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.tensors import Quant, TensorSpec


def card(*outputs, task="raw", activation="none", head=None, quant=None):
    """A card of outputs, each a name and a shape of one sample."""
    dtype = "float32" if quant is None else "uint8"
    ends = [TensorSpec(name=name, dtype=dtype, shape=(1, *shape), quant=quant) for name, shape in outputs]
    picture = TensorSpec(name="picture", dtype="float32", shape=(1, 8, 8, 3))
    return Card(
        name="made up",
        task=task,
        inputs=(InputCard(picture, Preprocess(color="rgb", range=(0, 1))),),
        outputs=tuple(OutputCard(end, activation) for end in ends),
        head=head,
    )


def once(count):
    return np.ones(count)


def value(name, reference, answers, card=None):
    return METRICS[name](reference, answers, card)(once(len(reference[0])))


def noisy(array, share=0.1, seed=7):
    return array + share * np.random.default_rng(seed).normal(size=array.shape) * array.std()


class TestNumbers:
    reference = np.random.default_rng(1).normal(5, 2, (40, 6))

    def test_r2_is_scikit_learns(self):
        answers = noisy(self.reference)
        expected = r2_score(self.reference, answers, multioutput="variance_weighted")
        assert value("r2", [self.reference], [answers]) == pytest.approx(expected, abs=1e-12)

    def test_r2_says_in_another_unit_what_the_gate_on_spread_says(self):
        answers = noisy(self.reference, 0.4)
        decibels = likeness([self.reference], [answers]).spread_db
        assert value("r2", [self.reference], [answers]) == pytest.approx(1 - 10 ** (-decibels / 10), abs=1e-12)

    def test_closeness_is_one_less_the_relative_error(self):
        assert value("closeness", [self.reference], [1.25 * self.reference]) == pytest.approx(0.75)

    @pytest.mark.parametrize("name", ["r2", "closeness"])
    def test_the_worst_output_counts(self, name):
        bad = noisy(self.reference, 0.5)
        both = value(name, [self.reference, self.reference], [self.reference, bad])
        assert both == value(name, [self.reference], [bad]) < 0.9

    @pytest.mark.parametrize("name", ["r2", "closeness"])
    @pytest.mark.parametrize("first", [True, False])
    def test_an_output_that_is_no_number_is_the_worst(self, name, first):
        broken = np.full_like(self.reference, np.nan)
        answers = [broken, self.reference] if first else [self.reference, broken]
        assert np.isnan(value(name, [self.reference, self.reference], answers))

    def test_an_output_that_is_the_same_for_all_samples_has_no_r2(self):
        constant = np.full((40, 3), 7.0)
        assert np.isnan(value("r2", [constant], [constant + 0.1]))
        assert value("r2", [constant, self.reference], [constant + 0.1, self.reference]) == 1


def boxes(seed=5, count=30, each=12):
    """Boxes, scores and classes, and the same moved about: a tenth of the classes wrong."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 80, (count, each, 2))
    true = np.concatenate([corner, corner + rng.uniform(8, 40, (count, each, 2))], -1).astype(np.float32)
    score, kind = rng.uniform(0.1, 1, (count, each)).astype(np.float32), rng.integers(0, 3, (count, each))
    moved = (true + rng.normal(0, 2.0, true.shape)).astype(np.float32)
    other = np.clip(score + rng.normal(0, 0.15, score.shape), 0, 1).astype(np.float32)
    wrong = np.where(rng.random((count, each)) < 0.1, (kind + 1) % 3, kind)
    return [true, score, kind], [moved, other, wrong]


class TestBoxes:
    described = card(("boxes", (12, 4)), ("scores", (12,)), ("classes", (12,)))

    def test_the_average_precision_is_that_of_cocos_own_code(self):
        # pycocotools 2.0.11 on these boxes: truths of .25 and surer, boxes of .05 and surer, 300 a picture, one area.
        assert value("map", *boxes(), self.described) == pytest.approx(0.3458073099745181, abs=1e-12)

    def test_the_same_boxes_are_kept_whole_in_any_order(self):
        original, _ = boxes()
        turned = [array[:, ::-1] for array in original]
        assert value("map", original, turned, self.described) == 1

    def test_one_of_two_boxes_found_a_little_beside(self):
        truth = np.array([[[0, 0, 10, 10], [50, 50, 60, 60]]], np.float32)
        found = np.array([[[0, 0, 10, 6], [0, 0, 1, 1]]], np.float32)  # overlaps: .6 and none
        sure, seen = np.array([[0.9, 0.8]]), np.array([[0.9, 0.01]])
        described = card(("boxes", (2, 4)), ("scores", (2,)))
        # Precision 1 up to a recall of a half, 51 of 101 recalls, at the overlaps .50, .55 and .60 of ten.
        assert value("map", [truth, sure], [found, seen], described) == pytest.approx(3 / 10 * 51 / 101)

    def test_a_box_too_many_costs_if_it_is_sure(self):
        truth = np.array([[[0, 0, 10, 10], [50, 50, 60, 60]]], np.float32)
        described = card(("boxes", (2, 4)), ("scores", (2,)))
        original = [truth, np.array([[0.9, 0.0]])]
        assert value("map", original, [truth, np.array([[0.8, 0.95]])], described) == pytest.approx(0.5)
        assert value("map", original, [truth, np.array([[0.8, 0.3]])], described) == 1

    def test_the_layouts_say_the_same(self):
        (true, score, kind), (moved, other, wrong) = boxes()
        expected = value("map", [true, score, kind], [moved, other, wrong], self.described)

        def by_class(score, kind):
            return np.where(np.arange(3) == kind[..., np.newaxis], score[..., np.newaxis], 0)

        described = card(("a", (12, 4)), ("b", (12, 3)))
        pairs = [true, by_class(score, kind)], [moved, by_class(other, wrong)]
        assert value("map", *pairs, described) == pytest.approx(expected)

        def single(corners, scores):
            centre, size = (corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]
            return [np.concatenate([centre, size, scores], axis=-1).transpose(0, 2, 1)]

        # Through centre and size in float32, a box may fall across a threshold.
        found = value("map", *(single(*pair) for pair in pairs), card(("out", (7, 12))))
        assert found == pytest.approx(expected, abs=2e-3)

    def test_a_detectors_card_is_read_by_its_head(self):
        (true, score, kind), (moved, other, wrong) = boxes()
        count = np.full((30, 1), 12)
        described = card(
            ("boxes", (12, 4)), ("classes", (12,)), ("scores", (12,)), ("count", ()),
            task="detect", head=TflitePostprocess(), quant=Quant(0.5, 3),
        )  # fmt: skip
        pairs = [true, kind, score, count], [moved, wrong, other, count]
        expected = value("map", *boxes(), self.described)
        assert value("map", *pairs, described) == pytest.approx(expected)

    def test_outputs_without_boxes_are_refused_with_their_shapes(self):
        with pytest.raises(MetricError, match=r"the metric 'map' is for boxes × 4 .*; this model's are numbers \(6,\)"):
            value("map", [np.zeros((3, 6))], [np.zeros((3, 6))], card(("numbers", (6,))))


class TestMasks:
    scores = np.random.default_rng(2).normal(size=(6, 16, 16, 4))

    def test_the_mean_iou_is_scikit_learns(self):
        answers = noisy(self.scores, 0.5)
        expected = jaccard_score(self.scores.argmax(-1).ravel(), answers.argmax(-1).ravel(), average="macro")
        assert value("miou", [self.scores], [answers], card(("map", (16, 16, 4)))) == pytest.approx(expected)

    def test_a_class_that_neither_shows_is_left_out(self):
        absent = self.scores.copy()
        absent[..., 3] = -100
        answers = noisy(absent[..., :3], 0.5)
        shown = np.concatenate([answers, absent[..., 3:]], axis=-1)
        expected = value("miou", [absent[..., :3]], [answers], card(("map", (16, 16, 3))))
        assert value("miou", [absent], [shown], card(("map", (16, 16, 4)))) == pytest.approx(expected)

    @pytest.mark.parametrize(("activation", "middle"), [("sigmoid", 0.5), ("none", 0.0)])
    def test_one_score_tells_thing_from_background(self, activation, middle):
        scores = 1 / (1 + np.exp(-self.scores[..., :1])) if activation == "sigmoid" else self.scores[..., :1]
        answers = noisy(scores, 0.5)
        described = card(("map", (16, 16, 1)), activation=activation)
        expected = jaccard_score((scores > middle).ravel(), (answers > middle).ravel(), average="macro")
        assert value("miou", [scores], [answers], described) == pytest.approx(expected)

    def test_classes_that_may_overlap_each_have_their_mask(self):
        scores = 1 / (1 + np.exp(-self.scores))
        answers = noisy(scores, 0.5)
        described = card(("map", (16, 16, 4)), activation="sigmoid")
        truth, found = (scores > 0.5).reshape(-1, 4), (answers > 0.5).reshape(-1, 4)
        expected = jaccard_score(truth, found, average="macro")
        assert value("miou", [scores], [answers], described) == pytest.approx(expected)

    def test_outputs_without_a_map_are_refused(self):
        with pytest.raises(MetricError, match=r"'miou' is for an output of height × width × classes; this model's are"):
            value("miou", [np.zeros((3, 6))], [np.zeros((3, 6))], card(("numbers", (6,))))


def people(seed=3):
    """Six people of 17 keypoints, with scores, and the same moved about."""
    rng = np.random.default_rng(seed)
    original = rng.uniform(0, 200, (6, 17, 3))
    original[..., 2] = rng.uniform(0, 1, (6, 17))
    moved = np.concatenate([rng.normal(0, 5, (6, 17, 2)), np.zeros((6, 17, 1))], -1)
    return original, original + moved


class TestKeypoints:
    def test_the_similarity_is_that_of_cocos_own_code(self):
        # pycocotools 2.0.11: computeOks with the area of the box around the keypoints of .3 and surer.
        original, moved = people()
        assert value("oks", [original], [moved]) == pytest.approx(0.9087203708225293, abs=1e-12)

    def test_keypoints_within_a_tenth_of_the_size_are_near(self):
        original = np.array([[[0, 0], [0, 100], [50, 50], [20, 20]]], np.float64)
        moved = original + np.array([[[0, 9.9], [10.1, 0], [0, 0], [7, 8]]])
        assert value("pck", [original], [moved]) == 2 / 4  # the last is 10.6 away

    def test_keypoints_that_the_original_is_not_sure_of_do_not_count(self):
        original, moved = people()
        far = np.where(original[..., 2:] < 0.3, 1e4, moved)
        for name in ("pck", "oks"):
            assert value(name, [original], [far]) == value(name, [original], [moved]) < 1

    def test_heatmaps_point_to_their_peaks(self):
        rng = np.random.default_rng(0)
        places = rng.integers(0, 24, (5, 7, 2))
        moved = np.clip(places + rng.integers(-3, 4, places.shape), 0, 23)

        def heat(peaks):
            maps = rng.random((5, 24, 24, 7)) * 0.5
            for i, person in enumerate(peaks):
                for k, (row, column) in enumerate(person):
                    maps[i, row, column, k] = 1
            return maps

        for name in ("pck", "oks"):
            by_places = value(name, [places.astype(float)], [moved.astype(float)])
            assert value(name, [heat(places)], [heat(moved)]) == pytest.approx(by_places)

    def test_an_axis_of_one_person_is_no_hindrance(self):
        original, moved = people()
        flat = value("oks", [original], [moved])
        assert value("oks", [original[:, np.newaxis, np.newaxis]], [moved[:, np.newaxis, np.newaxis]]) == flat

    def test_outputs_without_keypoints_are_refused(self):
        with pytest.raises(MetricError, match=r"of one person; this model's are \(6,\)"):
            value("pck", [np.zeros((3, 6))], [np.zeros((3, 6))])


SETS = {
    "closeness": ([TestNumbers.reference], [noisy(TestNumbers.reference)], None),
    "map": (*boxes(count=12), TestBoxes.described),
    "miou": ([TestMasks.scores], [noisy(TestMasks.scores)], card(("map", (16, 16, 4)))),
    "pck": ([people()[0]], [people()[1]], None),
    "oks": ([people()[0]], [people()[1]], None),
}


@pytest.mark.parametrize("name", SETS)
def test_a_weight_of_two_is_a_sample_that_is_there_twice(name):
    reference, answers, described = SETS[name]
    weights = np.random.default_rng(4).integers(0, 4, len(reference[0]))
    rows = np.repeat(np.arange(len(weights)), weights)
    weighed = METRICS[name](reference, answers, described)(weights.astype(float))
    repeated = value(name, [array[rows] for array in reference], [array[rows] for array in answers], described)
    assert weighed == pytest.approx(repeated, abs=1e-9)


def test_r2_under_weights_keeps_the_mean_of_all_samples():
    reference, answers = TestNumbers.reference, noisy(TestNumbers.reference)
    weights = np.random.default_rng(4).multinomial(40, np.full(40, 1 / 40)).astype(float)
    rows = np.repeat(np.arange(40), weights.astype(int))
    repeated = r2_score(reference[rows], answers[rows], multioutput="variance_weighted")
    # The mean of a draw is off by about one in √n of the spread: an n-th of the spread's square.
    assert METRICS["r2"]([reference], [answers], None)(weights) == pytest.approx(repeated, abs=(1 - repeated) / 10)


@pytest.mark.parametrize("name", METRICS)
def test_outputs_that_are_the_originals_are_kept_whole(name):
    reference, _, described = SETS.get(name, SETS["closeness"])
    assert value(name, reference, reference, described) == 1


@pytest.mark.parametrize(
    ("task", "name"), [("raw", "r2"), ("detect", "map"), ("segment", "miou"), ("pose", "oks"), ("classify", None)]
)
def test_a_metric_goes_with_the_task(task, name):
    chosen = choose_metric("", task, None)
    assert (chosen.name if chosen else None) == name
    assert choose_metric("closeness", task, None).name == "closeness"


class TestOnesOwn:
    reference, answers = [np.array([1.0, 2.0, 3.0, 4.0])], [np.array([1.5, 2.0, 3.0, 4.5])]
    truths = np.array([1.0, 2.0, 3.0, 5.0])

    def scored(self, name, truths=None):
        return scored(choose_metric(name, "raw", truths), self.reference, self.answers, None)

    def test_it_is_asked_about_the_original_and_the_converted_model(self):
        original, score, loss = self.scored("own_metrics:negative_error", self.truths)
        assert (original.value, score.value, loss.value) == (-0.25, -0.25, 0.0)
        assert loss.low < 0 < loss.high
        assert score.metric == "own_metrics:negative_error"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("own_metrics:nowhere", "the module 'own_metrics' has no 'nowhere' (--metric own_metrics:nowhere)"),
            ("no_such_module:f", "cannot import 'no_such_module' (--metric no_such_module:f)"),
            ("own_metrics:NOTHING", "is no function; it is called as metric(reference, outputs, targets)"),
            ("own_metrics:divides", "the metric 'own_metrics:divides' failed: ZeroDivisionError"),
            ("own_metrics:of_words", "the metric 'own_metrics:of_words' answered str, not a number"),
            ("own_metrics:writes", "the metric 'own_metrics:writes' failed: ValueError: assignment destination is"),
            ("own_metrics:empty", "answers nan to the original model's own outputs"),
            ("mio", "no metric 'mio' (did you mean 'miou'?); there are: r2, closeness, map, miou, pck, oks, or your"),
        ],
    )
    def test_what_is_wrong_with_it_is_said(self, name, message):
        import re

        with pytest.raises(MetricError, match=re.escape(message)):
            self.scored(name)

    def test_a_draw_that_lacks_a_class_does_not_count(self):
        answers = [np.array([0.0] + [1.0] * 19)]
        truths = answers[0].copy()
        metric = choose_metric("own_metrics:of_both_classes", "raw", truths)
        _, score, _ = scored(metric, answers, answers, None)  # a third of the draws lack the one
        # All other draws are right throughout: of 20 samples that do not differ, 16.8 % of all may (Clopper, Pearson).
        assert (score.value, score.high) == (1, 1)
        assert score.low == pytest.approx(1 - 0.1684, abs=1e-4)


class TestIntervals:
    def metric(self, name="r2", **options):
        return Metric(name, METRICS[name], rounds=options.pop("rounds", 300), **options)

    def test_the_interval_covers_the_truth_as_often_as_it_says(self):
        # Each sample's relative error is |noise|: closeness is 1 less the root of its mean square, a tenth.
        rng = np.random.default_rng(0)
        covered = 0
        for _ in range(300):
            reference = np.sign(rng.normal(size=(60, 1)))
            answers = reference * (1 + 0.1 * rng.normal(size=(60, 1)))
            _, score, _ = scored(self.metric("closeness"), [reference], [answers], None)
            covered += score.low <= 0.9 <= score.high
        # 300 rounds are good to three points; the percentiles of 60 samples are a little narrow.
        assert 0.88 <= covered / 300 <= 0.98

    def test_what_is_lost_is_judged_on_the_same_draws(self):
        """Both versions err alike on hard samples: the difference is known better than either number."""
        rng = np.random.default_rng(0)
        truths = rng.normal(size=200)
        reference = truths + rng.normal(size=200)
        answers = reference + 0.02 * rng.normal(size=200)
        metric = choose_metric("own_metrics:negative_error", "raw", truths)
        _, score, loss = scored(metric, [reference], [answers], None)
        assert loss.high - loss.low < (score.high - score.low) / 5

    def test_equal_outputs_prove_no_more_than_their_number(self):
        numbers = TestNumbers.reference
        original, score, loss = scored(self.metric(), [numbers], [numbers], None)
        assert (original.low, original.high) == (1, 1)
        assert (score.value, score.high, loss.value, loss.low) == (1, 1, 0, 0)
        # Of 40 samples none differs: at 95 %, two-sided, 8.8 % of all may (Clopper and Pearson).
        assert loss.high == pytest.approx(0.0881, abs=1e-4)
        assert score.low == pytest.approx(1 - 0.0881, abs=1e-4)

    def test_the_same_outputs_have_the_same_interval(self):
        pair = [TestNumbers.reference], [noisy(TestNumbers.reference)]
        assert scored(self.metric(), *pair, None) == scored(self.metric(), *pair, None)

    def test_equal_numbers_in_a_unit_that_is_not_known_have_no_interval(self):
        reference, truths = [np.arange(10.0)], np.arange(10.0) + 5
        _, score, loss = scored(choose_metric("own_metrics:negative_error", "raw", truths), reference, reference, None)
        assert (score.value, loss.value, loss.low) == (-5, 0, 0)
        assert np.isnan(loss.high)
