"""The 8-bit quantizer's parts: histograms, estimators, names of layers, and the engine beside TensorFlow's own call."""

import functools
from dataclasses import dataclass
from math import inf
from pathlib import Path

import breaking_models
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from lepton_edge_converters import scopes
from lepton_edge_converters.errors import ConversionError, RecipeError
from lepton_edge_converters.quantize.estimators import ESTIMATORS, minmax, mse, percentile
from lepton_edge_converters.quantize.flags import flagged
from lepton_edge_converters.quantize.histograms import Counter, load_histograms, save_histograms
from lepton_edge_converters.quantize.layers import Layer, named_layers
from lepton_edge_converters.quantize.ranges import read_ranges, with_ranges
from lepton_edge_converters.report import LayerSensitivity
from lepton_edge_converters.worker import Worker
from lepton_edge_runtime.formats.tflite import read_tflite


def histogram(numbers):
    counter = Counter()
    for part in np.array_split(np.asarray(numbers, np.float32), 3):
        counter.add(part)
    return counter.histogram()


def squared_error(numbers, low, high):
    """What 8 bits over this range cost, by doing it: the reference for ``mse``."""
    scale = (high - low) / 255
    zero = np.rint(-low / scale)
    stored = np.clip(np.rint(numbers / scale) + zero, 0, 255)
    return float((((stored - zero) * scale - numbers) ** 2).sum())


class TestHistograms:
    def test_every_number_is_counted_once_and_the_ends_are_exact(self):
        numbers = np.random.default_rng(0).normal(size=10_001).astype(np.float32)
        seen = histogram(numbers)
        assert seen.counts.sum() == len(numbers)
        assert (seen.low, seen.high) == (numbers.min(), numbers.max())

    def test_values_are_within_an_eightieth_of_what_was_seen_at_every_magnitude(self):
        numbers = np.array([1e-30, 3e-7, 0.33, 1.0, 77.7, 6e8, -2e-5, -123.0], np.float32)
        seen = histogram(numbers)
        np.testing.assert_allclose(seen.values, np.sort(numbers), rtol=1 / 80)  # half a bin of 1/64 octave is 1/185

    def test_zeros_of_either_sign_are_zero(self):
        seen = histogram([0.0, -0.0, 0.0, 2.0])
        assert seen.values[seen.counts.argmax()] == 0
        assert seen.counts[seen.values == 0].sum() == 3

    def test_what_is_no_number_is_left_out(self):
        seen = histogram([1.0, np.inf, np.nan, -1.0])
        assert (seen.low, seen.high, seen.counts.sum()) == (-1, 1, 2)

    def test_they_come_back_from_their_file(self, tmp_path):
        kept = {3: histogram([1, 2, 2]), 8: histogram([-5.0])}
        save_histograms(kept, tmp_path / "seen.npz")
        again = load_histograms(tmp_path / "seen.npz")
        assert again.keys() == kept.keys()
        for index, one in kept.items():
            np.testing.assert_array_equal(again[index].values, one.values)
            np.testing.assert_array_equal(again[index].counts, one.counts)
            assert (again[index].low, again[index].high) == (one.low, one.high)


class TestEstimators:
    @pytest.mark.parametrize("estimate", ESTIMATORS.values(), ids=ESTIMATORS)
    @pytest.mark.parametrize("numbers", [[3.0, 4.0], [-4.0, -3.0], [0.0, 0.0], [-1.0, 2.0]])
    def test_zero_is_always_within(self, estimate, numbers):
        low, high = estimate(histogram(numbers))
        assert low <= 0 <= high

    def test_minmax_is_all_that_was_seen(self):
        assert minmax(histogram([-2.5, 0.0, 7.25])) == (-2.5, 7.25)

    def test_percentile_forgets_one_in_ten_thousand(self):
        numbers = np.concatenate([np.random.default_rng(0).uniform(-1, 1, 100_000), [500.0, -300.0]])
        low, high = percentile(histogram(numbers))
        assert low == pytest.approx(-1, abs=0.02)  # a bin of 1/64 octave
        assert high == pytest.approx(1, abs=0.02)

    def test_mse_keeps_the_range_of_what_is_spread_evenly(self):
        low, high = mse(histogram(np.linspace(-1, 3, 20_001)))
        assert (low, high) == (-1, 3)

    @pytest.mark.parametrize("seed", range(3))
    def test_mse_costs_no_more_than_any_other_cut_of_long_tails(self, seed):
        rng = np.random.default_rng(seed)
        numbers = np.maximum(rng.standard_t(2.5, 200_000), 0)  # as behind a ReLU, with tails
        low, high = mse(histogram(numbers))
        mine = squared_error(numbers, low, high)
        others = [squared_error(numbers, 0.0, numbers.max() * share) for share in np.geomspace(0.01, 1, 60)]
        # A grid of four an octave, and rounding taken as uniform noise: three parts in a hundred from the best.
        assert mine <= min(others) * 1.03
        assert mine < 0.95 * squared_error(numbers, 0.0, numbers.max())

    def test_mse_cuts_each_end_by_itself(self):
        rng = np.random.default_rng(1)
        low, high = mse(histogram(np.concatenate([rng.uniform(-1, 1, 1_000_000), [4.0]])))
        assert low == pytest.approx(-1, abs=0.001)
        assert 1 <= high < 2  # the lonely number costs 9 if it is cut off, and 27 more in rounding if it is not


class TestScopes:
    def test_keras_3_numbers_every_scope_and_the_number_is_taken_off(self):
        layers = ["net", "add", "add_1", "conv_2"]
        assert list(scopes.paths("net_1/add_1/Add", layers)) == [("net", "add")]
        assert list(scopes.paths("net_1/add_1_2/Add;net_1/conv_2_1/convolution", layers)) == [
            ("net", "add_1"),
            ("net", "conv_2"),
        ]

    def test_names_that_nobody_knows_stay(self):
        assert list(scopes.paths("model/conv_1/Conv2D", [])) == [("model", "conv_1")]

    @pytest.mark.parametrize(
        ("operator", "path"),
        [
            ("net/norm/batchnorm/mul_1", ("net", "norm")),
            ("net/norm/batchnorm/add_12", ("net", "norm")),  # TFLite adds a digit to a name that another tensor has
            ("net/batchnorm/Conv2D", ("net", "batchnorm")),  # a layer may be called so
            ("StatefulPartitionedCall/StatefulPartitionedCall/net/log_1/Min", ("net", "log_1")),
            ("PartitionedCall:01", ()),
        ],
    )
    def test_scopes_that_are_no_layers_are_left_out_where_none_is_known(self, operator, path):
        assert list(scopes.paths(operator, [])) == [path]

    def test_a_title_leaves_the_model_out_and_is_never_empty(self):
        assert scopes.title("net_1/base_1/stem_1/Relu", ["net", "base", "stem"], "net") == "base/stem"
        assert scopes.title("net/classes/Softmax", model="net") == "classes"
        assert scopes.title("classes") == "classes"

    def test_what_stands_inside_a_known_layer_is_that_layer(self):
        assert list(scopes.paths("net_1/norm_1/batchnorm/mul_1", ["net", "norm"])) == [("net", "norm")]

    @pytest.mark.parametrize(
        ("layer", "lies"), [("conv", True), ("base", True), ("base/conv", True), ("net/conv", False), ("con", False)]
    )
    def test_a_layer_is_meant_by_its_name_or_with_what_it_lies_in(self, layer, lies):
        assert scopes.lies_in(("net", "base", "conv"), layer) is lies


def layer(index, kind, reads, makes, name=""):
    return Layer(name or f"{kind.lower()}_{index}", kind, index, makes, ((name,),), (reads,), (makes,))


class TestNamedLayers:
    CHAIN = (
        layer(0, "CONV_2D", "x", "a", "one"),
        layer(1, "MAX_POOL_2D", "a", "b", "pool"),
        layer(2, "RESHAPE", "b", "c", "flat"),
        layer(3, "CONV_2D", "c", "d", "two"),
        layer(4, "SOFTMAX", "d", "e", "end"),
    )

    def test_a_name_means_its_layer(self):
        assert [one.name for one in named_layers(self.CHAIN, ["two"])] == ["two"]

    def test_what_only_moves_numbers_between_two_in_float_is_in_float_too(self):
        assert [one.name for one in named_layers(self.CHAIN, ["one", "two"])] == ["one", "pool", "flat", "two"]

    def test_what_moves_them_to_somebody_else_as_well_is_not(self):
        reader = layer(5, "ADD", "b", "f", "other")
        assert [one.name for one in named_layers((*self.CHAIN, reader), ["one", "two"])] == ["one", "two"]

    def test_a_name_that_means_nothing_is_refused_with_the_nearest(self):
        with pytest.raises(RecipeError, match=r"no layer 'onne' in the converted model \(did you mean 'one'\?\)"):
            named_layers(self.CHAIN, ["two", "onne"])


class TestFlags:
    def found(self, *sqnr):
        return [LayerSensitivity(str(i), "CONV_2D", 0.0, one) for i, one in enumerate(sqnr)]

    @pytest.mark.parametrize(
        ("sqnr", "marked"),
        [
            ((44, 50, -3, 58, -2, 45), "24"),  # two that break the model
            ((44, 50, 29, 58, 46), "2"),  # ten decibels under the others, and over a thousandth
            ((61, 62, 40, 60, 63), ""),  # stands out, and harms nothing
            ((22, 24, 21, 25, 23), ""),  # all alike: no layer is to blame
            ((3, 2, 4, 40, 1), "0124"),  # most of them break it
            ((float("inf"), float("inf"), 12), "2"),
        ],
    )
    def test_layers_that_stand_out_or_break_the_model_alone_are_marked(self, sqnr, marked):
        assert "".join(one.layer for one in flagged(self.found(*sqnr)) if one.flagged) == marked


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a function: facts, trace, samples and file of a digit reader; and the worker that made them."""
    folder = tmp_path_factory.mktemp("breaking")
    with Worker() as worker:
        worker.call("breaking_models:save", folder)
        shown = breaking_models.digits()[0][:100].astype(np.float32)

        @functools.cache
        def prepared(kind):
            (folder / kind).mkdir()
            facts, traced, samples = worker.call(
                "breaking_models:trace", folder / f"{kind}.keras", folder / kind, shown
            )
            return Made(worker, facts, traced, samples, folder / kind)

        yield prepared


@dataclass(frozen=True)
class Made:
    worker: Worker
    facts: object
    traced: Path
    samples: object
    folder: Path

    def export(self, ranges="minmax", float_layers=(), io="float32"):
        out = self.folder / "out.tflite"
        asked = (self.traced, self.facts, self.samples, ranges, float_layers, io, out)
        return out, self.worker.call("lepton_edge_converters.quantize.export:export_int8", *asked)


def read(path):
    """Return which digit a TFLite file with float ends sees in each of those that it has not learnt."""
    pictures, targets = breaking_models.digits()
    interpreter = Interpreter(model_path=str(path))
    run = interpreter.get_signature_runner()
    answers = [run(picture=one[np.newaxis])["digit"][0] for one in pictures[1000:].astype(np.float32)]
    return float(np.mean(np.argmax(answers, axis=1) == targets[1000:]))


def kinds(path, dtype):
    operators = read_tflite(path.read_bytes()).operators
    return [one for one in operators if one.dtypes == {dtype} and one.kind not in ("QUANTIZE", "DEQUANTIZE")]


class TestEngine:
    @pytest.mark.parametrize("kind", ["healthy", "imbalanced"])
    def test_minmax_and_nothing_in_float_is_what_tensorflow_makes_byte_for_byte(self, made, kind):
        one = made(kind)
        theirs, ours = one.worker.call("breaking_models:quantize_both_ways", one.traced, one.samples)
        assert ours == theirs

    def test_it_calibrates_once_and_quantizes_again_and_again(self, made):
        one = made("healthy")
        first = one.export()[0].read_bytes()
        stamp = next(one.folder.glob("*.calibrated.tflite")).stat().st_mtime_ns
        assert one.export(float_layers=("join",))[0].read_bytes() != first
        assert one.export()[0].read_bytes() == first
        assert next(one.folder.glob("*.calibrated.tflite")).stat().st_mtime_ns == stamp

    def test_exactly_the_named_layers_compute_in_float(self, made):
        path, export = made("healthy").export(float_layers=("second_conv", "digit/softmax"), io="uint8")
        assert [one.kind for one in kinds(path, "float32")] == ["CONV_2D", "SOFTMAX"]
        assert set(export.in_float) == {one.output for one in kinds(path, "float32")}
        assert len(kinds(path, "int8")) == 7

    def test_a_layer_in_float_at_an_end_with_float_ends(self, made):
        path, export = made("healthy").export(float_layers=("digit",))
        assert [one.kind for one in kinds(path, "float32")] == ["FULLY_CONNECTED", "SOFTMAX"]
        assert set(export.in_float) == {one.output for one in kinds(path, "float32")}

    def test_unequal_channels_are_spared_by_who_makes_and_who_reads_them(self, made):
        one = made("imbalanced")
        assert read(one.export()[0]) < 0.5
        assert read(one.export(float_layers=("second_conv", "fourth_conv"))[0]) < 0.5  # the readers alone: in vain
        # 797 digits, .985 of them read in float: a point is eight digits, three times the noise of rounding.
        assert read(one.export(float_layers=breaking_models.GUILTY)[0]) > 0.97


class TestRanges:
    def test_long_tails_break_minmax_and_the_best_estimator_mends_them(self, made):
        one = made("long_tailed")
        assert read(one.export()[0]) < 0.9
        path, export = one.export("best")
        assert "ranges by percentile, the best on the calibration samples (SQNR in dB: minmax " in export.route
        assert read(path) > 0.97
        assert not kinds(path, "float32")

    def test_no_estimator_narrows_outputs(self, made):
        one = made("healthy")
        outputs = [read_tflite(one.export(ranges)[0].read_bytes()).outputs for ranges in ("minmax", "percentile")]
        assert outputs[0] == outputs[1]

    @pytest.mark.parametrize("ranges", ["percentile", "mse"])
    def test_no_estimator_adds_an_operator(self, made, ranges):
        one = made("healthy")
        before, after = (read_tflite(one.export(name)[0].read_bytes()).counts() for name in ("minmax", ranges))
        assert after == before

    def test_ranges_are_replaced_in_place(self, made):
        one = made("healthy")
        one.export()
        content = next(one.folder.glob("*.calibrated.tflite")).read_bytes()
        ranges = read_ranges(content)
        index = max(ranges)
        changed = with_ranges(content, {index: (-3.0, 5.0)})
        assert len(changed) == len(content)
        assert read_ranges(changed) == {**ranges, index: (-3.0, 5.0)}


class TestSweep:
    @pytest.mark.parametrize(("kind", "guilty"), [("healthy", ()), ("imbalanced", breaking_models.GUILTY)])
    def test_the_guilty_are_flagged_and_nobody_else(self, made, kind, guilty):
        one = made(kind)
        asked = (one.traced, one.facts, one.samples, "minmax", 32, inf)
        found = one.worker.call("lepton_edge_converters.quantize.sweep:sweep", *asked)
        assert {layer.layer for layer in found.layers if layer.flagged} == set(guilty)
        assert len(found.layers) == 9
        assert (found.whole.sqnr_db < 10) is bool(guilty)

    def test_it_ends_when_its_time_is_over(self, made):
        one = made("healthy")
        asked = (one.traced, one.facts, one.samples, "minmax", 32, 1e-9)
        with pytest.raises(ConversionError, match=r"of 9 layers, 0 could be measured in 1e-09 minutes"):
            one.worker.call("lepton_edge_converters.quantize.sweep:sweep", *asked)
