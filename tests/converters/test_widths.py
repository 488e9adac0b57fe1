"""Widths within a budget: how much importance they keep, against the best there is, and what budgets may say."""

import re
from itertools import pairwise, product
from math import ceil

import msgspec
import numpy as np
import pytest

from lepton_edge_converters.errors import PruneError
from lepton_edge_converters.latency import LatencyTable, Operator, Range, Steps, Target
from lepton_edge_converters.latency.grid import Grid
from lepton_edge_converters.prune.candidate import Candidate, Span, aligned_step
from lepton_edge_converters.prune.cost import Cost, Layer, Term, costs_of
from lepton_edge_converters.prune.widths import solve
from lepton_edge_converters.shrinking import Budget

BUDGETS = (
    Budget(speedup=1.5),
    Budget(speedup=2.5),
    Budget(params=0.5),
    Budget(params=0.25),
    Budget(speedup=2, params=0.4),
)


def net(seed, count, widest=64, step=8):
    """A net of random layers, some of which read two groups, on an engine of 8 and 16 channels a step."""
    rng = np.random.default_rng(seed)
    groups, layers, before = [], [], Span(3)
    for i in range(count):
        width = int(rng.integers(widest // 4, widest + 1)) // 4 * 4
        importance = rng.gamma(0.7, 1, width) * rng.lognormal(0, 0.8)
        groups.append(Candidate(f"group {i}", width, importance, step=step))
        made = Span(0, ((f"group {i}", 1),))
        if i > 1 and rng.random() < 0.3:
            before = Span(0, tuple((f"group {j}", 1) for j in sorted(rng.choice(i, 2, replace=False))))
        layers.append((before, made, float(rng.lognormal(0, 1))))
        before = made
    layers.append((before, Span(10), 0.1))

    def milliseconds(unit):
        return lambda into, out: unit * (0.5 + ceil(into / 8) * ceil(out / 16))

    costs = {
        "milliseconds": Cost(tuple(Term(into, out, milliseconds(unit)) for into, out, unit in layers), 1.0),
        "parameters": Cost(tuple(Term(into, out, lambda i, o: 9 * i * o + o) for into, out, _ in layers)),
    }
    return groups, costs


def full(groups):
    return {group.name: group.width for group in groups}


def best(groups, costs, budget):
    """The most importance that any of all widths keeps, as a share; None if none is within the budget."""
    limits = budget.limits({name: cost(full(groups)) for name, cost in costs.items()})
    found = None
    for widths in product(*(group.widths() for group in groups)):
        named = {group.name: width for group, width in zip(groups, widths, strict=True)}
        if all(costs[name](named) <= limit for name, limit in limits.items()):
            kept = sum(np.sort(group.importance)[-w:].sum() for group, w in zip(groups, widths, strict=True))
            found = max(kept, found or 0)
    return None if found is None else found / sum(group.importance.sum() for group in groups)


class TestSolving:
    def test_keeps_at_least_97_percent_of_what_the_best_of_all_widths_keep_and_mostly_all(self):
        shares = []
        for seed in range(16):
            groups, costs = net(seed, 3 + seed % 2, widest=56)
            for budget in BUDGETS:
                most = best(groups, costs, budget)
                if most is None:
                    with pytest.raises(PruneError):
                        solve(groups, costs, budget)
                else:
                    shares.append(solve(groups, costs, budget).importance / most)
        assert len(shares) > 60
        assert max(shares) <= 1 + 1e-9
        assert min(shares) >= 0.97
        assert np.mean(shares) >= 0.995

    @pytest.mark.parametrize("budget", BUDGETS)
    def test_stays_within_every_bound_and_says_so(self, budget):
        groups, costs = net(5, 12)
        found = solve(groups, costs, budget)
        for name, limit in budget.limits({name: cost(full(groups)) for name, cost in costs.items()}).items():
            assert costs[name](found.widths) == pytest.approx(found.after[name])
            assert found.after[name] <= limit * (1 + 1e-9)
            assert found.before[name] == costs[name](full(groups))
        kept = sum(np.sort(group.importance)[-found.widths[group.name] :].sum() for group in groups)
        assert found.importance == pytest.approx(kept / sum(group.importance.sum() for group in groups))

    def test_leaves_no_width_past_a_step_and_none_under_its_minimum(self):
        groups, costs = net(2, 12)
        groups = [with_minimum(group, minimum=20 if i == 3 else 1) for i, group in enumerate(groups)]
        for budget in BUDGETS:
            widths = solve(groups, costs, budget).widths
            assert all(widths[one.name] % one.step == 0 or widths[one.name] == one.width for one in groups)
            assert all(widths[one.name] >= max(one.minimum, one.width / 10, one.step) for one in groups)

    @pytest.mark.parametrize("seed", range(4))
    def test_never_keeps_more_for_a_harder_budget(self, seed):
        groups, costs = net(seed, 6)
        kept = []
        for speedup in np.linspace(1.05, 3.2, 60):
            try:
                kept.append(solve(groups, costs, Budget(speedup=float(speedup))).importance)
            except PruneError:
                break
        assert len(kept) > 20
        assert kept == sorted(kept, reverse=True)
        assert kept[-1] < kept[0]

    def test_never_keeps_more_when_one_of_two_bounds_is_harder(self):
        groups, costs = net(7, 6)
        kept = [solve(groups, costs, Budget(speedup=1.8, params=share)).importance for share in (0.7, 0.5, 0.4, 0.3)]
        assert kept == sorted(kept, reverse=True)

    def test_gives_the_same_widths_each_time(self):
        groups, costs = net(3, 20)
        assert solve(groups, costs, BUDGETS[4]) == solve(groups, costs, BUDGETS[4])

    def test_prunes_nothing_where_the_net_is_within_the_budget_already(self):
        groups, costs = net(3, 4)
        found = solve(groups, costs, Budget(latency_ms=1e6))
        assert found.widths == full(groups)
        assert found.importance == pytest.approx(1)

    def test_takes_channels_where_they_are_slow_and_unimportant(self):
        names = ("dear", "idle")
        groups = [
            Candidate(names[0], 64, np.full(64, 1.0), step=16),
            Candidate(names[1], 64, np.full(64, 0.5), step=16),
        ]
        spans = [Span(0, ((name, 1),)) for name in names]
        terms = tuple(Term(Span(3), span, lambda into, out: out) for span in spans)
        found = solve(groups, {"milliseconds": Cost(terms)}, Budget(speedup=1.6))
        assert found.widths == {"dear": 64, "idle": 16}

    def test_crosses_a_step_that_is_twice_its_own(self):
        # Of 24 channels none is slower than of 32: eight fewer save nothing, sixteen fewer do.
        groups = [Candidate("only", 64, np.arange(64.0), step=8)]
        term = Term(Span(3), Span(0, (("only", 1),)), lambda into, out: ceil(out / 16))
        assert solve(groups, {"milliseconds": Cost((term,))}, Budget(speedup=2)).widths == {"only": 32}

    @pytest.mark.parametrize("seed", range(3))
    def test_ends_and_stays_within_the_budget_where_a_wider_layer_is_faster(self, seed):
        # Measured times are like that at some widths: here, at every second step.
        groups, costs = net(seed, 4)
        terms = tuple(
            Term(term.inputs, term.outputs, lambda i, o: (1 + ceil(i / 8)) * (ceil(o / 8) + 3 * (o // 8 % 2)))
            for term in costs["milliseconds"].terms
        )
        costs["milliseconds"] = Cost(terms)
        for speedup in (1.2, 1.7):
            budget = Budget(speedup=speedup)
            found = solve(groups, costs, budget)
            assert found.after["milliseconds"] <= found.before["milliseconds"] / speedup * (1 + 1e-9)
            assert found.importance >= 0.9 * best(groups, costs, budget)

    def test_ends_where_nothing_that_is_pruned_saves_anything(self):
        groups = [Candidate(f"group {i}", 64, np.arange(64.0) + i, step=8) for i in range(4)]
        spans = [Span(0, ((group.name, 1),)) for group in groups]
        terms = tuple(Term(one, two, lambda into, out: 1.0) for one, two in pairwise(spans))
        with pytest.raises(PruneError, match="the most that can be had is 1×"):
            solve(groups, {"milliseconds": Cost(terms)}, Budget(speedup=1.5))

    def test_says_the_most_that_can_be_had_and_that_can_be_had(self):
        groups, costs = net(4, 5)
        with pytest.raises(PruneError, match="even with every group at its least width") as refused:
            solve(groups, costs, Budget(speedup=50, params=0.001))
        assert refused.value.code == "PRUNE"
        most = re.search(r"speedup 50, and the most that can be had is ([\d.]+)×", str(refused.value))
        least = re.search(r"params 0.001, and the least that can be left is (\d\.\d+)", str(refused.value))
        assert solve(groups, costs, Budget(speedup=float(most[1])))
        assert solve(groups, costs, Budget(params=float(least[1])))
        with pytest.raises(PruneError):
            solve(groups, costs, Budget(speedup=float(most[1]) * 1.02))

    def test_refuses_a_budget_of_a_net_that_has_nothing_to_prune(self):
        cost = Cost((Term(Span(3), Span(4), lambda into, out: into * out),))
        with pytest.raises(PruneError, match="no group of channels"):
            solve([], {"macs": cost}, Budget(macs=0.5))

    def test_of_a_large_net_is_within_its_budget(self):
        groups, costs = net(1, 150, widest=600, step=16)
        found = solve(groups, costs, Budget(speedup=2))
        assert sum(group.width for group in groups) > 50_000
        assert found.after["milliseconds"] == pytest.approx(found.before["milliseconds"] / 2, rel=0.002)


def with_minimum(group, *, minimum):
    """The group with another minimum, no larger than its width."""
    return Candidate(group.name, group.width, group.importance, minimum=min(minimum, group.width), step=group.step)


class TestAGroup:
    def test_has_the_widths_of_whole_steps_and_its_own(self):
        assert Candidate("one", 60, np.ones(60), step=16).widths() == (16, 32, 48, 60)
        assert Candidate("one", 64, np.ones(64), step=16, minimum=33).widths() == (48, 64)
        assert Candidate("one", 200, np.ones(200), step=8).widths(least_share=0.25)[0] == 56
        assert Candidate("one", 12, np.ones(12), step=16).widths() == (12,)

    def test_keeps_its_most_important_channels(self):
        group = Candidate("one", 4, np.array([1.0, 4.0, 2.0, 3.0]), step=2)
        assert group.kept(group.widths()).tolist() == [7.0, 10.0]

    @pytest.mark.parametrize("importance", [np.ones(3), -np.ones(4), np.full(4, np.nan)])
    def test_refuses_importance_that_is_not_one_number_a_channel(self, importance):
        with pytest.raises(ValueError, match="importance of 'one' is 4 numbers, 0 or more each"):
            Candidate("one", 4, importance)

    def test_that_is_narrow_has_a_finer_step(self):
        assert [aligned_step(width, 16) for width in (128, 48, 32, 24, 16, 8)] == [16, 16, 8, 8, 4, 4]

    def test_adds_up_with_others_where_they_are_concatenated_or_flattened(self):
        span = Span(5, (("one", 1), ("two", 49)))
        assert span.width({"one": 8, "two": 4}) == 5 + 8 + 4 * 49


class TestCosts:
    STEPS = Steps(outputs=16, inputs=8, depthwise=16)

    def layers(self):
        one, two = Span(0, (("one", 1),)), Span(0, (("two", 1),))
        first = Operator(
            kind="conv2d", height=8, width=8, channels_in=3, channels_out=32, kernel=(3, 3), strides=(2, 2)
        )
        depthwise = Operator(kind="depthwise_conv2d", height=4, width=4, channels_in=32, channels_out=32, kernel=(3, 3))
        second = Operator(kind="conv2d", height=4, width=4, channels_in=32, channels_out=64)
        last = Operator(kind="dense", channels_in=64 * 16, channels_out=10)
        return [
            Layer(first, Span(3), one),
            Layer(depthwise, one, one),
            Layer(second, one, two),
            Layer(last, Span(0, (("two", 16),)), Span(10)),
        ]

    def test_are_those_of_the_net_at_any_widths(self):
        costs = costs_of(self.layers())
        widths = {"one": 16, "two": 24}
        weights = [9 * 3 * 16, 9 * 16, 16 * 24, 24 * 16 * 10]
        assert costs["parameters"](widths) == sum(weights) + 16 + 16 + 24 + 10
        assert costs["macs"](widths) == 16 * sum(weights[:3]) + weights[3]
        assert costs["bytes"](widths) == sum(weights) + 28 * (16 + 16 + 24 + 10)
        assert "milliseconds" not in costs

    def test_of_time_are_those_of_the_table(self):
        layers = self.layers()
        grids = [Grid(Range(one.operator, one.operator.channels_in, 10), self.STEPS) for one in layers]
        for grid in grids:
            grid.fill({one: one.macs / 1e6 for one in grid.operators})
        table = LatencyTable(Target(), self.STEPS, grids)
        cost = costs_of(layers, table)["milliseconds"]
        assert cost({"one": 32, "two": 64}) == pytest.approx(table.predict([one.operator for one in layers]))

    def test_can_be_brought_to_what_was_measured_of_the_whole(self):
        cost = costs_of(self.layers())["bytes"]
        widths, fewer = {"one": 32, "two": 64}, {"one": 16, "two": 16}
        filed = cost.with_total(20_000, widths)
        assert filed(widths) == 20_000
        assert filed(widths) - filed(fewer) == cost(widths) - cost(fewer)
        scaled = cost.scaled_to(20_000, widths)
        assert scaled(widths) == pytest.approx(20_000)
        assert scaled(fewer) / scaled(widths) == pytest.approx(cost(fewer) / cost(widths))


class TestABudget:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({}, "a budget has one of speedup, params, macs, size_kb, latency_ms at least"),
            ({"speedup": 1}, "speedup is how many times as fast, over 1, not 1"),
            ({"speedup": 0.5}, "speedup is how many times as fast, over 1, not 0.5"),
            ({"params": 50}, "params is the share that may be left, between 0 and 1, not 50"),
            ({"macs": 1.0}, "macs is the share that may be left, between 0 and 1, not 1"),
            ({"size_kb": 0}, "size_kb is a number over 0, not 0"),
            ({"latency_ms": float("nan")}, "latency_ms is a number over 0, not nan"),
            ({"latency": 4}, "unknown field `latency`"),
        ],
    )
    def test_that_cannot_be_meant_is_refused_with_what_would_be(self, settings, message):
        with pytest.raises(msgspec.ValidationError, match=re.escape(message)):
            msgspec.convert(settings, Budget)

    def test_reads_as_a_table_of_a_recipe(self):
        assert msgspec.toml.decode(b"speedup = 2\nsize_kb = 300", type=Budget) == Budget(speedup=2, size_kb=300)

    def test_bounds_each_cost_in_its_own_unit(self):
        before = {"milliseconds": 10.0, "parameters": 1000.0, "macs": 500.0, "bytes": 1e6}
        budget = Budget(speedup=2, params=0.5, macs=0.1, size_kb=300, latency_ms=4)
        limits = {"milliseconds": 4, "parameters": 500, "macs": 50, "bytes": 307_200}
        assert budget.limits(before) == limits
        assert Budget(speedup=4, latency_ms=4).limits(before) == {"milliseconds": 2.5}
        assert Budget(size_kb=300).limits({}) == {"bytes": 307_200}
