"""Gates with bounds, with judgements made up at, below and above them."""

import numpy as np
import pytest

from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.gates.bounds import samples_gates
from lepton_edge_converters.gates.judge import judge, run_gates
from lepton_edge_converters.metrics.choice import choose_metric
from lepton_edge_converters.recipe import Gates, Recipe
from lepton_edge_converters.samples.lint import Finding
from lepton_edge_runtime.card import Card, InputCard, OutputCard
from lepton_edge_runtime.tensors import TensorSpec

SAMPLES = 200
CARD = Card(
    name="made up",
    task="classify",
    inputs=(InputCard(TensorSpec(name="x", dtype="float32", shape=(1, 4))),),
    outputs=(OutputCard(TensorSpec(name="y", dtype="float32", shape=(1, 2)), "softmax"),),
)


def scores(decided):
    return [np.eye(2, dtype=np.float32)[decided]]


def judged(lost, *, gained=0):
    """The judgement of a file that gets ``lost`` samples wrong that the original has right, of 200."""
    targets = np.zeros(SAMPLES, np.int64)
    original, converted = targets.copy(), targets.copy()
    converted[:lost] = 1
    original[SAMPLES - gained :] = 1
    artefact = Artefact("ONNX int8", "onnx", path=None, card=CARD, route="made up")
    return judge(artefact, scores(converted), scores(original), targets)


def accuracy_gates(max_drop, judgement):
    # The other gates are wide open: they have tests of their own.
    recipe = Recipe(scheme="int8", gates=Gates(min_agreement=0, min_cosine=0, min_parity=0, max_drop=max_drop))
    return [gate for gate in run_gates(recipe, [judgement]) if gate.name == "ONNX int8 accuracy"]


@pytest.mark.parametrize(
    ("lost", "passed"),
    [(0, True), (3, True), (4, True), (5, False), (200, False)],  # 2 points of 200 samples are 4
)
def test_a_drop_is_refused_above_its_bound_and_nowhere_else(lost, passed):
    (gate,) = accuracy_gates(2.0, judged(lost))
    assert gate.passed is passed
    assert gate.detail.startswith(f"drop {lost / 2:+.2f} [")


def test_what_is_gained_makes_up_for_what_is_lost():
    (gate,) = accuracy_gates(0.0, judged(10, gained=10))
    assert gate.passed
    assert not accuracy_gates(0.0, judged(10, gained=9))[0].passed


def test_a_drop_that_passes_by_luck_says_so():
    assert "too few samples to prove it" in accuracy_gates(3.0, judged(4))[0].detail
    assert "too few" not in accuracy_gates(20.0, judged(4))[0].detail


def test_without_a_bound_nothing_is_asked():
    assert accuracy_gates(None, judged(200)) == []


def test_outputs_that_are_equal_are_called_equal():
    (outputs,) = [gate for gate in run_gates(Recipe(scheme="int8"), [judged(0)]) if gate.name == "ONNX int8 outputs"]
    assert outputs.detail.endswith("SQNR equal (at least 10)")


def strictly(max_drop, judgement):
    recipe = Recipe(scheme="int8", strict=True, gates=Gates(min_agreement=0, min_cosine=0, max_drop=max_drop))
    return next(gate for gate in run_gates(recipe, [judgement]) if gate.name == "ONNX int8 accuracy")


def test_what_is_not_proven_passes_and_is_refused_by_strict():
    assert accuracy_gates(2.0, judged(2))[0].passed
    found = strictly(2.0, judged(2))
    assert not found.passed
    assert "too few samples to prove it (strict): " in found.detail
    assert strictly(20.0, judged(2)).passed


def test_the_samples_that_would_prove_it_are_counted():
    # Two of 200 lost: variance 3/202 - (2/202)², drop 1 point of at most 2, z = 1.95996 + .84162:
    # 7.8489 × .014753 / .01² = 1158; two digits, rounded up.
    (gate,) = accuracy_gates(2.0, judged(2))
    assert gate.detail.endswith("too few samples to prove it: 1,200 would if they fare like these 200")
    assert accuracy_gates(1.0, judged(2))[0].detail.endswith(
        "points (at most 1); not proven, since this is the bound itself, and no number of samples would"
    )


def measured(metric, reference, outputs, task="raw", **settings):
    spec = TensorSpec(name="y", dtype="float32", shape=(1, *reference.shape[1:]))
    card = Card(name="made up", task=task, inputs=CARD.inputs, outputs=(OutputCard(spec),))
    artefact = Artefact("TFLite int8", "onnx", path=None, card=card, route="made up")
    judgement = judge(artefact, [outputs], [reference], None, metric=choose_metric(metric, task, None))
    gates = Gates(min_cosine=0, min_sqnr_db=0, **{k: v for k, v in settings.items() if k != "strict"})
    recipe = Recipe(scheme="int8", metric=metric, strict=settings.get("strict", False), gates=gates)
    return judgement, {gate.name: gate for gate in run_gates(recipe, [judgement])}


NUMBERS = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
NEAR = NUMBERS + np.float32(0.1) * np.random.default_rng(1).normal(size=(100, 3)).astype(np.float32)


def test_plain_numbers_get_their_r2_and_no_gate_that_nobody_asked_for():
    judgement, gates = measured("", NUMBERS, NEAR)
    assert judgement.score.metric == "r2"
    assert 0.98 < judgement.score.value < 0.995
    assert set(gates) == {"TFLite int8 outputs"}


def test_a_number_that_has_no_r2_is_left_out_unless_it_was_asked_for():
    constant = np.ones((100, 3), np.float32)
    assert measured("", constant, constant)[0].score is None
    judgement, gates = measured("r2", constant, constant, min_metric=0.5)
    assert np.isnan(judgement.score.value)
    assert not gates["TFLite int8 r2"].passed


@pytest.mark.parametrize(("least", "passed"), [(0.98, True), (0.999, False)])
def test_a_metric_is_refused_below_its_bound(least, passed):
    _, gates = measured("r2", NUMBERS, NEAR, min_metric=least)
    assert gates["TFLite int8 r2"].passed is passed
    assert f"(at least {least:g})" in gates["TFLite int8 r2"].detail


@pytest.mark.parametrize(("most", "passed"), [(0.05, True), (0.001, False)])
def test_a_drop_of_a_named_metric_is_in_its_own_unit(most, passed):
    _, gates = measured("r2", NUMBERS, NEAR, max_drop=most)
    assert gates["TFLite int8 r2 drop"].passed is passed


def test_a_metric_that_is_not_proven_says_how_many_samples_would_and_is_refused_by_strict():
    judgement, _ = measured("r2", NUMBERS, NEAR)
    bound = (judgement.score.value + judgement.score.low) / 2
    gate = measured("r2", NUMBERS, NEAR, min_metric=bound)[1]["TFLite int8 r2"]
    assert gate.passed
    # Half of the interval's lower half: (2 × 2.8016 / 1.95996)² times as many, were both halves as wide.
    needed = int(gate.detail.partition("prove it: ")[2].partition(" would")[0].replace(",", ""))
    assert 600 <= needed <= 1050
    assert not measured("r2", NUMBERS, NEAR, min_metric=bound, strict=True)[1]["TFLite int8 r2"].passed


def test_samples_that_all_fare_alike_prove_what_their_number_proves():
    _, gates = measured("r2", NUMBERS, NUMBERS, max_drop=0.02)
    # 1 - .025^(1/100) = .0362 may differ and not be seen; ln .025 / ln .98 = 182.6 samples leave .02; two digits.
    assert gates["TFLite int8 r2 drop"].detail.endswith(
        "(at most 0.02); too few samples to prove it: 190 would if they fare like these 100"
    )
    assert "too few" not in measured("r2", NUMBERS, NUMBERS, max_drop=0.04)[1]["TFLite int8 r2 drop"].detail


def test_findings_are_gates_only_where_strict():
    findings = (Finding("DUPLICATES", "3 of 60 judging samples are exact duplicates"),)
    assert list(samples_gates(Recipe(scheme="int8"), findings)) == []
    (gate,) = samples_gates(Recipe(scheme="int8", strict=True), findings)
    assert (gate.name, gate.passed) == ("samples DUPLICATES", False)
    (gate,) = samples_gates(Recipe(scheme="int8", strict=True), ())
    assert (gate.name, gate.passed) == ("samples", True)
