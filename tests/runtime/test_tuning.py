"""What tune finds, stores, and what becomes of an entry that does not hold."""

import json
import os

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lepton_edge as le
from lepton_edge_runtime import choice as choice_module
from lepton_edge_runtime import tuned
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.choice import Preferred, Rejected
from lepton_edge_runtime.errors import BackendError, MissingExtraError, TuningError
from lepton_edge_runtime.machine import usable_cores
from lepton_edge_runtime.tuned.record import Timed, Tuning
from lepton_edge_runtime.tuned.store import entry_path, key_of, look_up, read_tuning, store
from lepton_edge_runtime.tuning import Setting, pick, tune


def timed(backend, threads, median_ms):
    return Timed(
        backend=backend, threads=threads, minimum_ms=median_ms, median_ms=median_ms, p90_ms=median_ms,
        p99_ms=median_ms, runs=9,
    )  # fmt: skip


def entry(model, backend="onnx", threads=1, **changes):
    """A valid entry for a model here, whatever was really the fastest."""
    measured = (timed("tflite", 1, 2.0), timed(backend, threads, 1.0))
    tuning = Tuning(key=key_of(model), backend=backend, threads=threads, reason="because", timed=measured)
    return msgspec.structs.replace(tuning, **changes)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def stored(bundle, cache):
    """Return a function that stores an entry for the bundle and returns its file."""
    return lambda **changes: store(cache, entry(bundle, **changes))


def opened(bundle, cache):
    with le.open_model(bundle, cache=cache) as model:
        return model.choice


# What is chosen


def test_the_fastest_is_taken():
    rng = np.random.default_rng(0)
    times = {Setting(1, "a"): rng.normal(200, 5, 99), Setting(2, "a"): rng.normal(100, 5, 99)}
    chosen, reason = pick(times)
    assert chosen == Setting(2, "a")
    assert reason == "the lowest median of 2 settings"


def test_fewer_threads_are_taken_where_more_gain_little():
    rng = np.random.default_rng(0)
    times = {Setting(4, "a"): rng.normal(100, 1, 99), Setting(1, "b"): rng.normal(103, 1, 99)}
    chosen, reason = pick(times)
    assert chosen == Setting(1, "b")
    assert "fewer threads than a with 4" in reason
    assert "1.03 × its median" in reason


def test_fewer_threads_are_taken_where_noise_hides_the_gain():
    rng = np.random.default_rng(0)
    noisy = {Setting(2, "a"): rng.normal(100, 40, 25).clip(20), Setting(1, "a"): rng.normal(108, 40, 25).clip(20)}
    assert pick(noisy)[0] == Setting(1, "a")


def test_what_slows_a_whole_round_hides_no_gain():
    slowed = np.random.default_rng(0).lognormal(0, 1, 25)
    times = {Setting(2, "a"): 100 * slowed, Setting(1, "a"): 108 * slowed}
    assert pick(times)[0] == Setting(2, "a")


def test_of_equally_few_threads_the_lower_median_is_taken():
    times = {Setting(1, "a"): np.full(9, 102), Setting(1, "b"): np.full(9, 100), Setting(2, "b"): np.full(9, 99)}
    assert pick(times)[0] == Setting(1, "b")


def test_a_machine_that_disturbs_the_choice_is_noisy_and_one_that_disturbs_another_is_not(bundle):
    disturbed = msgspec.structs.replace(timed("tflite", 1, 2.0), p90_ms=9.0)
    assert not entry(bundle, timed=(disturbed, timed("onnx", 1, 1.0))).noisy
    assert entry(bundle, backend="tflite", timed=(disturbed, timed("onnx", 1, 1.0))).noisy


# What tune does


def test_tune_stores_a_choice_that_open_model_takes(bundle, cache, frame):
    found = tune(bundle, cache=cache, threads=(1, 2), seconds=0)
    assert {(one.backend, one.threads) for one in found.timed} == {
        (name, count) for name in ("tflite", "onnx") for count in (1, 2) if count <= usable_cores()
    }
    assert read_tuning(entry_path(cache, found.key.model_sha256)) == found
    with le.open_model(bundle, cache=cache) as model, le.open_model(bundle) as untuned:
        assert (model.choice.backend, model.choice.threads) == (found.backend, found.threads)
        assert f"of {len(found.timed)} timed by tune on this machine" in model.choice.reason
        assert model.choice.rejected == ()
        assert model(frame).top.label == untuned(frame).top.label


def test_a_bare_file_is_tuned_on_the_engine_that_reads_it(bundle, cache, tmp_path):
    path = tmp_path / "bare.onnx"
    path.write_bytes(Bundle(bundle).member("model.onnx"))
    found = tune(path, cache=cache, threads=[1], seconds=0)
    assert found.backend == "onnx"
    assert "there is none" in found.refused[0].reason
    assert opened(path, cache).reason.startswith("fastest of 1 timed by tune")


def test_a_backend_that_answers_wrongly_is_not_timed(bundle, cache, monkeypatch):
    real = choice_module.worst_differences
    monkeypatch.setattr(
        choice_module, "worst_differences", lambda g, run: (99.0,) if run.__self__.name == "tflite" else real(g, run)
    )
    found = tune(bundle, cache=cache, threads=[1], seconds=0)
    assert [one.backend for one in found.timed] == ["onnx"]
    assert "is off by 99 steps" in found.refused[0].reason


def test_more_threads_than_cores_are_left_out(bundle, cache):
    found = tune(bundle, cache=cache, threads=(1, 999), backends=["tflite"], seconds=0)
    assert [one.threads for one in found.timed] == [1]
    assert found.refused[0].reason.startswith(f"999 threads are more than the {usable_cores()} cores")
    with pytest.raises(BackendError, match="no backend can run this model: tflite: 999 threads are more than"):
        tune(bundle, cache=cache, threads=[999], backends=["tflite"])


def test_wrong_names_and_numbers_are_refused(bundle, cache, monkeypatch):
    with pytest.raises(BackendError, match=r"no backend 'onx'.*did you mean 'onnx'"):
        tune(bundle, cache=cache, backends=["onx"])
    with pytest.raises(ValueError, match="threads are 1 or more"):
        tune(bundle, cache=cache, threads=[0])
    monkeypatch.setattr("lepton_edge_runtime.backends.find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=r"lepton-edge\[onnx\]"):
        tune(bundle, cache=cache, backends=["onnx"])


def test_a_folder_that_cannot_be_made_is_named_before_anything_is_timed(bundle, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setattr("lepton_edge_runtime.tuning.timed_rounds", None)
    with pytest.raises(TuningError, match="cannot store the choice in .*cache"):
        tune(bundle, cache=tmp_path / "cache", threads=[1], seconds=0)


def test_an_entry_that_cannot_be_written_is_named(bundle, cache):
    entry_path(cache, key_of(bundle).model_sha256).mkdir(parents=True)
    with pytest.raises(TuningError, match="cannot store the choice in .*cache: Is a directory"):
        store(cache, entry(bundle))
    assert len(list(cache.iterdir())) == 1  # nothing half written lies about


# What open_model does with an entry


def test_a_stored_choice_is_used(bundle, cache, stored):
    stored(threads=min(2, usable_cores()))
    choice = opened(bundle, cache)
    assert (choice.backend, choice.threads) == ("onnx", min(2, usable_cores()))
    assert choice.reason == "fastest of 2 timed by tune on this machine, 1 ms"


def test_with_fewer_threads_it_says_so(bundle, cache, stored):
    stored(timed=(timed("tflite", 1, 0.9), timed("onnx", 1, 1.0)))
    assert opened(bundle, cache).reason.startswith("as fast as the fastest of 2, with fewer threads, timed by tune")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model_sha256", "0" * 64, "made for another model file"),
        ("processor", "Another CPU", "the processor, 'Another CPU' then, "),
        ("features", (), "the processor's features, '' then, "),
        ("cores", 1000, "the number of cores, '1000' then, "),
        ("engines", {"tflite": "0.0.1"}, "the engines, 'tflite 0.0.1' then, 'onnx "),
        ("lepton_edge", "0.0.1", "Lepton Edge, '0.0.1' then, "),
    ],
)
def test_an_entry_holds_only_for_what_it_was_made_on(bundle, cache, key, value, message, caplog):
    good = entry(bundle)
    stale = msgspec.structs.replace(good, key=msgspec.structs.replace(good.key, **{key: value}))
    path = entry_path(cache, good.key.model_sha256)
    path.parent.mkdir()
    path.write_bytes(msgspec.json.encode(stale))
    choice = opened(bundle, cache)
    assert (choice.backend, choice.threads) == ("tflite", 1)
    assert choice.rejected[0].backend == "tuned"
    assert f"the entry is stale ({message}" in choice.rejected[0].reason
    assert "tune again" in str(choice)
    assert "the stored choice is not used" in caplog.text


def test_every_part_of_the_key_is_compared(bundle):
    key = key_of(bundle)
    for field in key.__struct_fields__:
        value = getattr(key, field)
        other = {str: "x", tuple: ("x",), int: 999, dict: {"x": "1"}}[type(value)]
        assert tuned.record.difference(msgspec.structs.replace(key, **{field: other}), key), field
    assert not tuned.record.difference(key, key)


def test_an_engine_that_is_gone_makes_it_stale(bundle, cache, stored, monkeypatch):
    stored()
    from lepton_edge_runtime import backends

    real = backends.find_spec
    monkeypatch.setattr(backends, "find_spec", lambda package: None if package == "onnxruntime" else real(package))
    choice = opened(bundle, cache)
    assert choice.backend == "tflite"
    assert "the engines, 'onnx " in choice.rejected[0].reason


def test_a_stored_engine_that_answers_wrongly_does_not_serve(bundle, cache, stored, monkeypatch):
    stored()
    real = choice_module.worst_differences
    monkeypatch.setattr(
        choice_module, "worst_differences", lambda g, run: (99.0,) if run.__self__.name == "onnx" else real(g, run)
    )
    choice = opened(bundle, cache)
    assert choice.backend == "tflite"
    assert "the entry names onnx, which cannot serve: " in choice.rejected[0].reason


def test_what_was_asked_for_is_not_looked_up(bundle, cache, stored):
    stored().write_text("broken")
    for asked in ({"backend": "tflite"}, {"threads": 1}):
        with le.open_model(bundle, cache=cache, **asked) as model:
            assert model.choice.rejected == ()
    with le.open_model(bundle) as model:
        assert model.choice.rejected == ()
    assert opened(bundle, cache).rejected[0].backend == "tuned"


def test_a_cache_without_an_entry_changes_nothing(bundle, cache):
    with le.open_model(bundle) as model:
        assert opened(bundle, cache) == model.choice
    assert not cache.exists()


def test_no_threads_are_still_a_callers_mistake(bundle, cache):
    with pytest.raises(ValueError, match="threads is 1 or more, not 0"):
        le.open_model(bundle, threads=0, cache=cache)


# Entries that are broken or hostile


def as_json(bundle, **changes):
    return json.dumps(entry(bundle).to_dict() | changes).encode()


BROKEN = {
    "empty": (lambda bundle: b"", "is not valid JSON"),
    "no JSON": (lambda bundle: b"hello", "is not valid JSON"),
    "deep": (lambda bundle: b"[" * 200_000, "is not valid JSON"),
    "a key twice": (lambda bundle: b'{"format": 1, "format": 1}', "the key 'format' stands twice"),
    "an unknown key": (lambda bundle: as_json(bundle, command="rm"), "unknown field `command`"),
    "a newer format": (lambda bundle: as_json(bundle, format=2), "is of format 2"),
    "many threads": (lambda bundle: as_json(bundle, threads=10**9), "Expected `int` <= 1024"),
    "no threads": (lambda bundle: as_json(bundle, threads=0), "Expected `int` >= 1"),
    "a choice never timed": (lambda bundle: as_json(bundle, threads=7), "has not timed"),
    "nothing timed": (lambda bundle: as_json(bundle, timed=[]), "length >= 1"),
    "infinite": (lambda bundle: as_json(bundle).replace(b"2.0", b"1e999"), "tuning-"),
    "large": (lambda bundle: b" " * (2 << 20), "a stored choice has at most 1 MB"),
    "a terminal's commands": (lambda bundle: as_json(bundle, **{"\x1b[2J": 1}), "unknown field"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_entry_is_passed_over_with_the_reason(bundle, cache, stored, name):
    make, message = BROKEN[name]
    stored().write_bytes(make(bundle))
    choice = opened(bundle, cache)
    assert choice.backend == "tflite"
    assert choice.rejected[0].backend == "tuned"
    assert message in choice.rejected[0].reason
    assert choice.rejected[0].reason.isprintable()


def test_an_engine_that_does_not_exist_is_passed_over(bundle, cache, stored):
    stored(backend="npu", timed=(timed("npu", 1, 1.0),))
    assert "the entry names npu, which cannot serve: no backend 'npu'" in opened(bundle, cache).rejected[0].reason


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "dangling"])
def test_what_is_no_file_is_passed_over_without_waiting(bundle, cache, stored, kind):
    path = stored()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path if kind == "loop" else path.parent / "nowhere")
    choice = opened(bundle, cache)
    assert choice.backend == "tflite"
    assert choice.rejected[0].reason.startswith(("cannot read ", str(path)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=12)), min_size=1, max_size=4),
)
def test_whatever_stands_there_gives_a_choice_or_a_reason(bundle, tmp_path, cuts):
    path = store(tmp_path, entry(bundle))
    content = bytearray(path.read_bytes())
    for place, length, put in cuts:
        start = int(place * len(content))
        content[start : start + length] = put
    path.write_bytes(content)
    found = look_up(tmp_path, bundle)
    assert isinstance(found, Preferred | Rejected)
    if isinstance(found, Preferred):
        assert 1 <= found.threads <= usable_cores()
        assert found.reason.isprintable()
