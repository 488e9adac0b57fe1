import numpy as np
import pytest

from lepton_edge_runtime.timing import latency_of, time_interleaved, timed_rounds, watched


def test_percentiles_are_those_of_numpy():
    times = np.random.default_rng(0).lognormal(14, 1, 333).astype(np.int64)
    latency = latency_of(times.tolist())
    expected = np.percentile(times, [0, 50, 90, 99]) / 1e6
    got = [latency.minimum_ms, latency.median_ms, latency.p90_ms, latency.p99_ms]
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert latency.runs == 333
    assert latency.spread == pytest.approx(expected[2] / expected[1])


def test_one_time_is_all_its_percentiles():
    latency = latency_of([2_000_000])
    assert (latency.minimum_ms, latency.median_ms, latency.p90_ms, latency.p99_ms) == (2, 2, 2, 2)


def test_calls_take_turns():
    order = []
    calls = {name: (lambda name=name: order.append(name)) for name in "ab"}
    assert len(list(timed_rounds(calls, seconds=0, runs_max=9))) == 3  # three rounds at least
    assert "".join(order) == "ab" + "ab" * 3


def test_a_warm_call_follows_one_of_its_own():
    order = []
    calls = {name: (lambda name=name: order.append(name)) for name in "ab"}
    list(timed_rounds(calls, seconds=0, runs_max=9, warm=True))
    assert "".join(order) == "ab" + "aabb" * 3


def test_rounds_end_at_the_most_asked_for():
    assert time_interleaved({"a": lambda: None}, seconds=60, runs_max=7)["a"].runs == 7


def test_watching_changes_no_round_and_speaks_seldom():
    told = []
    watch = watched(iter(range(1000)), seconds=1, progress=lambda *args: told.append(args))
    assert list(watch) == list(range(1000))
    assert len(told) <= 2  # twice a second, and a thousand rounds of nothing take no second
