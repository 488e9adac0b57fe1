"""Interleaved times, and when a difference is more than noise."""

import random

import pytest

from lepton_edge_converters.report.numbers import Ratio
from lepton_edge_converters.speed import Timings, time_fairly


def timings(**columns):
    return Timings(tuple(dict(zip(columns, taken, strict=True)) for taken in zip(*columns.values(), strict=True)))


def test_a_ratio_is_the_median_of_the_rounds():
    ratio = timings(a=[10, 20, 30, 40, 50, 60], b=[10, 10, 10, 10, 10, 10]).ratio("a", "b")
    assert (ratio.value, ratio.minimum, ratio.rounds) == (3.5, 1.0, 6)
    # Of six values the median's 95 % interval is all they span: it misses with (1/2)^6 on each side, 3.1 % in all.
    assert (ratio.low, ratio.high) == (1.0, 6.0)


def test_the_interval_holds_the_median_95_times_in_100():
    dice = random.Random(0)
    held = 0
    for _ in range(2000):
        drawn = [dice.lognormvariate(0, 0.5) for _ in range(25)]
        ratio = timings(a=[one * 1e6 for one in drawn], b=[1e6] * 25).ratio("a", "b")
        held += ratio.low <= 1.0 <= ratio.high
    assert 0.94 <= held / 2000 <= 0.99  # a step of the binomial distribution above 95 %


def test_rounds_that_slow_everything_do_not_change_a_ratio():
    calm = timings(a=[10] * 20, b=[5] * 20).ratio("a", "b")
    busy = timings(a=[10] * 10 + [40] * 10, b=[5] * 10 + [20] * 10).ratio("a", "b")
    assert busy == calm


def test_only_rounds_that_timed_both_are_compared():
    rounds = ({"a": 10, "slow": 100}, {"a": 10, "slow": 100}, {"a": 1000})
    ratio = Timings(rounds).ratio("slow", "a")
    assert (ratio.value, ratio.rounds) == (10, 2)
    assert Timings(rounds).latency("a").runs == 3


@pytest.mark.parametrize(
    ("low", "high", "minimum", "verdict"),
    [
        (1.2, 1.6, 1.3, "slower"),
        (1.04, 1.6, 1.3, ""),  # the interval reaches into what is not worth a word
        (1.2, 1.6, 1.0, ""),  # at its best it is as fast: something else was running
        (0.4, 0.6, 0.5, "faster"),
        (0.4, 0.97, 0.5, ""),
        (0.4, 0.6, 1.0, ""),
    ],
)
def test_a_difference_counts_if_interval_and_minimum_say_so(low, high, minimum, verdict):
    ratio = Ratio((low + high) / 2, low, high, minimum, 20)
    assert (ratio.slower, ratio.faster) == (verdict == "slower", verdict == "faster")


def test_a_slow_call_leaves_the_others_their_rounds():
    called = {"quick": 0, "slow": 0}

    def work(name, steps):
        def call():
            called[name] += 1
            sum(range(steps))

        return call

    found = time_fairly({"quick": work("quick", 200), "slow": work("slow", 200_000)}, seconds=0.05)
    assert found.latency("slow").runs == 6
    assert found.latency("quick").runs > 6
    assert called["slow"] == 13  # once before the clock starts, then twice a round
    assert found.ratio("slow", "quick").slower
