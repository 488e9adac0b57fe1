"""Which scheme wins, and why; the files are stand-ins, the rules are not."""

from dataclasses import dataclass

import msgspec
import pytest

from lepton_edge_converters import fastest
from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.fastest import find_fastest
from lepton_edge_converters.gates.judge import Judgement
from lepton_edge_converters.gates.likeness import Likeness
from lepton_edge_converters.making import Made
from lepton_edge_converters.recipe import SCHEMES, load_recipe
from lepton_edge_converters.report import GateResult
from lepton_edge_converters.speed import Timings


@dataclass(frozen=True)
class StandInJob:
    recipe: object


@pytest.fixture
def search(tmp_path, monkeypatch):
    """Return a function: look for the fastest of files with these times, sizes and refusals."""

    def run(times, *, sizes=None, refused=(), impossible=(), asked="int8"):
        judged = []

        def make(job):
            scheme = job.recipe.scheme
            if scheme in impossible:
                raise ConversionError(f"{scheme} is not to be had")
            path = tmp_path / f"{scheme}.tflite"
            path.write_bytes(bytes((sizes or {}).get(scheme, 100)))
            return Made(None, job, [Artefact(f"TFLite {scheme}", "tflite", path, None, "made")], [], [])

        def judge(attempt):
            judged.append(attempt.scheme)
            return [Judgement(attempt.artefacts[0], [], None, Likeness(1.0, 50.0, 50.0))]

        def gates(recipe, judgements):
            scheme = judgements[0].artefact.title.split()[1]
            return [GateResult("TFLite accuracy", scheme not in refused, "drop +9.00")]

        def clock(artefacts):
            noise = (0.99, 1.01) * 10  # rounds differ, ratios a little
            return Timings(
                tuple(
                    {one.title: times.get(one.title.split()[1], 900) * (noise[i] if j else 1)
                     for j, one in enumerate(artefacts)}
                    for i in range(20)
                )
            )  # fmt: skip

        monkeypatch.setattr(fastest, "run_gates", gates)
        found = find_fastest(StandInJob(load_recipe(asked)), make, judge, clock)
        return found, {one.scheme: one for one in found.tried}, judged

    return run


def test_the_fastest_ships_and_the_report_says_by_how_much(search):
    found, tried, _ = search({"int8": 100, "float32": 220, "weights": 230})
    assert found.made.scheme == "int8"
    assert tried["int8"].outcome == "ships"
    assert tried["int8"].reason.startswith("the fastest on ai-edge-litert; float32, the next, takes 2.2")
    assert tried["weights"].outcome == "passed"
    assert tried["weights"].reason.endswith("times as long as int8")


def test_of_those_that_noise_cannot_tell_apart_the_smallest_ships(search):
    times = {"float32": 100, "float16": 101, "weights": 102, "int8": 300}
    found, tried, _ = search(times, sizes={"float32": 400, "float16": 200, "weights": 100, "int8": 90})
    assert found.made.scheme == "weights"
    assert tried["weights"].reason == (
        "as fast as float32, float16 on ai-edge-litert but for noise, and the smallest of them"
    )
    assert tried["float32"].reason == "as fast as weights but for noise, and larger"


def test_the_fastest_does_not_ship_if_a_gate_refuses_it(search):
    found, tried, _ = search({"int8": 100, "float32": 220, "weights": 300}, refused={"int8"})
    assert found.made.scheme == "float32"
    assert tried["int8"].outcome == "refused"
    assert tried["int8"].reason == "TFLite accuracy: drop +9.00"


def test_what_can_no_longer_win_is_not_judged(search):
    _, tried, judged = search({"int8": 100, "float32": 220, "int16x8": 9000})
    assert "int16x8" not in judged
    assert tried["int16x8"].outcome == "not judged"
    assert tried["int16x8"].reason.startswith("takes 9")


def test_those_that_were_not_judged_are_slower_and_not_refused(search):
    times = dict.fromkeys(SCHEMES, 1000) | {"int8": 100}
    _, tried, _ = search(times)
    assert {one.outcome for one in tried.values()} == {"ships", "not judged"}
    assert tried["int8"].reason.startswith("the fastest on ai-edge-litert; ")
    _, tried, _ = search(times, refused=set(SCHEMES) - {"int8", "int16x8"}, impossible={"int16x8"})
    assert {one.outcome for one in tried.values()} == {"ships", "not judged", "not made"}
    _, tried, _ = search(dict.fromkeys(SCHEMES, 100), refused=set(SCHEMES) - {"float16"})
    assert tried["float16"].reason == "the only one that passes the gates"


def test_a_slow_one_is_judged_where_nothing_faster_passes(search):
    found, _, _ = search({"int8": 100, "int16x8": 9000}, refused=set(SCHEMES) - {"int16x8"})
    assert found.made.scheme == "int16x8"


def test_where_nothing_passes_the_refusal_is_told_of_the_scheme_asked_for(search):
    found, tried, _ = search({}, refused=SCHEMES, asked="float16")
    assert found.made.scheme == "float16"
    assert {one.outcome for one in tried.values()} == {"refused"}


def test_a_scheme_that_cannot_be_made_is_said(search):
    found, tried, _ = search({"float32": 100}, impossible={"int8"})
    assert found.made.scheme != "int8"
    assert (tried["int8"].outcome, tried["int8"].reason) == ("not made", "int8 is not to be had")
    with pytest.raises(ConversionError, match="float32 is not to be had"):
        search({}, impossible={"float32"})


def test_float_files_are_beside_the_winner_for_comparison(search):
    found, _, _ = search({"int8": 100, "float32": 220})
    assert [(one.title, one.shipped) for one in found.made.compared] == [("TFLite float32", False)]
    found, _, _ = search({"float32": 10})
    assert found.made.compared == []


def test_the_recipe_of_the_winner_makes_it_again(search):
    found, _, _ = search({"weights": 10})
    assert found.made.job.recipe == msgspec.structs.replace(load_recipe("int8"), scheme="weights", fastest=False)
