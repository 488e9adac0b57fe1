import click
import msgspec
import numpy as np
import pytest

from benchmarks.pruning.files import FILES, Timed, Times
from benchmarks.pruning.page import fill
from benchmarks.pruning.steps import Bench, Made, Step, in_order
from benchmarks.pruning.tables import Found, net_table, seeds_table, verdict
from benchmarks.pruning.versions import VERSIONS, Settings
from lepton_edge_converters.report.numbers import Ratio
from lepton_edge_runtime.timing import Latency

TRUTH = np.tile(np.arange(10, dtype=np.uint8), 100)
SETTINGS = Settings(images=1000, epochs=1, retraining=2)


def made(wrong=0, **given):
    """Return a version that answers the first images wrongly."""
    digits = TRUTH.copy()
    digits[:wrong] = (digits[:wrong] + 1) % 10
    answers = dict.fromkeys(FILES, "".join(map(str, digits)))
    sizes = dict.fromkeys(FILES, 2048)
    standard = {"answers": answers, "size_bytes": sizes, "gzip_bytes": sizes, "parameters": 100, "macs": 1000}
    return Made(seconds=1.0, **{**standard, **given})


def found(speedup, *, ours=15, seed=0, **others):
    """Return a net whose float version has 10 of 1,000 wrong, and ours as many as is said."""
    versions = {"float32": made(10), "int8": made(10), "ours_2": made(ours), **others}
    there = {name: one for name, one in versions.items() if not one.refused}
    faster = {"ours_2": speedup}
    timed = {name: dict.fromkeys(FILES, _timed(faster.get(name, 1.0))) for name in there}
    times = Times(hashes={}, machine="a machine", engines={"tflite": "an engine"}, timed=timed)
    return Found("resnet", seed, versions, times, TRUTH)


def _timed(value):
    ratio = Ratio(value=value, low=value - 0.1, high=value + 0.1, minimum=value, rounds=60)
    return Timed(latency=Latency(1.0, 1.0, 1.1, 1.2, 60), speedup=ratio)


def test_all_nets_are_whole_and_twice_as_fast_before_anything_else_is_tried_and_further_seeds_come_last():
    steps = list(in_order(["article", "resnet"], 2, ["resnet"]))
    first = [step for step in steps if VERSIONS[step.version].first and not step.seed]
    assert steps[: len(first)] == first
    assert [step.seed for step in steps] == sorted(step.seed for step in steps)
    assert {step.net for step in steps if step.seed} == {"resnet"}
    assert len(set(steps)) == len(steps) == 3 * len(VERSIONS)


def test_a_step_is_found_again_once_it_is_done(tmp_path):
    bench, step = Bench(tmp_path, tmp_path, SETTINGS), Step("resnet", 0, "int8")
    assert bench.found(step) is None
    place = bench.place(step)
    place.mkdir(parents=True)
    (place / "made.json").write_bytes(msgspec.json.encode(made(3, epochs=((2, 5),))))
    assert bench.found(step) == made(3, epochs=((2, 5),))


def test_every_version_refuses_nothing_and_is_begun_with_its_seed():
    for version in VERSIONS.values():
        recipe = version.recipe(SETTINGS, 7)
        assert (recipe.gates.min_agreement, recipe.seed) == (0, 7)


def test_what_is_lost_is_counted_against_float():
    drop = found(2.0, ours=25).drop("ours_2")
    assert (drop.points, drop.lost, drop.won) == (1.5, 15, 0)


@pytest.mark.parametrize(
    ("speedup", "ours", "holds", "said"),
    [
        (2.1, 15, True, "resnet: holds"),
        (1.9, 15, False, "too slow with 100% of the MACs"),
        (2.1, 25, False, "too much lost"),
    ],
)
def test_the_verdict_says_which_bound_was_missed(speedup, ours, holds, said):
    held, sentence = verdict([found(speedup, ours=ours)])
    assert held is holds
    assert said in sentence


def test_the_verdict_on_several_seeds_is_on_their_mean():
    several = [found(1.9, seed=0), found(2.3, seed=1)]
    held, sentence = verdict(several)
    assert held
    assert "2.10 (1.90, 2.30) times as fast" in sentence
    assert "2.10 (1.90, 2.30)" in str(seeds_table(several))


def test_a_version_that_was_refused_stands_in_the_table_with_its_reason():
    table = net_table(found(2.0, ours_4=Made(seconds=1.0, refused="too narrow")))
    assert ("ours, speedup 4", "not made") in [row[:2] for row in table.rows]
    assert any("too narrow" in note for note in table.notes)


def test_a_page_keeps_its_words_when_its_table_is_written_again(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Words.\n<!-- table -->\nold\n<!-- end -->\nMore.\n")
    for text in ("new", "newer"):
        fill(page, text)
    assert page.read_text() == "Words.\n<!-- table -->\n\nnewer\n\n<!-- end -->\nMore.\n"


def test_a_page_without_marks_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Words.\n")
    with pytest.raises(click.UsageError, match="<!-- table -->"):
        fill(page, "new")
    assert page.read_text() == "Words.\n"


def test_a_table_for_a_page_has_a_row_a_version():
    lines = net_table(found(2.0)).markdown().splitlines()
    assert lines[0] == "### resnet, seed 0"
    assert [line.count("|") for line in lines if line.startswith("|")] == [11] * 5


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(value))


def test_finished_nets_go_along_to_another_machine_with_their_times(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    write(here / "settings.json", SETTINGS)
    steps = list(in_order(["article"], 1, []))
    for step in steps:
        write(here / step.net / "0" / step.version / "made.json", made(1))
    write(here / "resnet" / "0" / "int8" / "made.json", made(1))
    times = Times(hashes={step.version: "0" for step in steps}, machine="a machine", engines={}, timed={})
    write(here / "article" / "0" / "times.json", times)
    Bench(tmp_path, here, SETTINGS).export(there)
    elsewhere = Bench(tmp_path, there, SETTINGS)
    assert elsewhere.times(steps, np.zeros((1, 28, 28, 1), np.uint8), 1.0) == times
    assert elsewhere.found(Step("resnet", 0, "int8")) is None, "others must be made where they are timed"
    (there / "article" / "0" / "times.json").unlink()
    with pytest.raises(FileNotFoundError, match="has not been timed beside the others"):
        elsewhere.times(steps, np.zeros((1, 28, 28, 1), np.uint8), 1.0)
