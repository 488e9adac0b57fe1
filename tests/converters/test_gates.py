"""The gate on accuracy, with judgements made up at, below and above its bound."""

import numpy as np
import pytest

from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.gates.judge import judge, run_gates
from lepton_edge_converters.recipe import Gates, Recipe
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
    assert "too few samples to prove it" in accuracy_gates(2.0, judged(4))[0].detail
    assert "too few" not in accuracy_gates(20.0, judged(4))[0].detail


def test_without_a_bound_nothing_is_asked():
    assert accuracy_gates(None, judged(200)) == []


def test_outputs_that_are_equal_are_called_exact():
    (outputs,) = [gate for gate in run_gates(Recipe(scheme="int8"), [judged(0)]) if gate.name == "ONNX int8 outputs"]
    assert outputs.detail.endswith("SQNR exact (at least 10)")
