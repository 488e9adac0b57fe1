import numpy as np
import pytest

from lepton_edge_converters.gates.likeness import likeness
from lepton_edge_converters.gates.statistics import mcnemar, paired_drop, sample_size, samples_to_prove, share


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3 (Wilson).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_published_one(hits, n, low, high):
    found = share(np.arange(n) < hits)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert (found.value, found.samples) == (hits / n, n)


def test_a_drop_counts_lost_minus_won():
    before = np.array([1, 1, 1, 1, 0, 0, 0, 0, 1, 1], bool)
    after = np.array([0, 0, 0, 1, 1, 0, 0, 0, 1, 1], bool)
    assert paired_drop(before, after).points == pytest.approx(20.0)


def test_the_paired_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    lost, won, n, rounds = 0.06, 0.02, 150, 2000
    covered = 0
    for _ in range(rounds):
        outcome = rng.choice(3, n, p=[lost, won, 1 - lost - won])
        before, after = outcome != 1, outcome != 0  # lost: right before; won: right after; else both right
        found = paired_drop(before, after)
        covered += found.low <= 100 * (lost - won) <= found.high
    assert 0.93 <= covered / rounds <= 0.98


def test_an_unchanged_model_has_no_drop_and_an_honest_interval():
    right = np.ones(100, bool)
    found = paired_drop(right, right)
    assert found.points == 0
    assert found.low == -found.high < 0


def test_equal_answers_have_cosine_one_and_endless_sqnr():
    one = np.random.default_rng(0).normal(size=(5, 3))
    found = likeness([one], [one])
    assert found.cosine == pytest.approx(1)
    assert found.sqnr_db == float("inf")


def test_sqnr_is_in_decibels():
    signal = np.ones((1, 100))
    assert likeness([signal], [signal * 1.1]).sqnr_db == pytest.approx(20, abs=1e-6)


def test_the_worst_output_counts():
    good, bad = np.ones((2, 2)), np.array([[1.0, 0.0], [1.0, 0.0]])
    found = likeness([good, bad], [good, bad[:, ::-1]])
    assert found.cosine == 0


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_broken_answers_are_unlike_anything(broken):
    found = likeness([np.ones((2, 2))], [np.full((2, 2), broken)])
    assert found.cosine == 0
    assert found.sqnr_db == -float("inf")


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (1, 0), (5, 0), (9, 2), (3, 3), (40, 61), (700, 800)])
def test_mcnemars_test_is_the_binomial_one(lost, won):
    from scipy.stats import binomtest

    expected = binomtest(lost, lost + won, 0.5).pvalue if lost + won else 1.0
    assert mcnemar(lost, won) == pytest.approx(expected, rel=1e-9)


def test_a_drop_says_how_many_were_lost_and_won():
    before, after = np.arange(50) < 40, (np.arange(50) >= 4) & (np.arange(50) < 41)
    found = paired_drop(before, after)
    assert (found.lost, found.won, found.samples) == (4, 1, 50)
    assert found.p == mcnemar(4, 1) == 0.375


def drops(lost, won, n, rounds):
    """Drops of models that lose and win samples by chance: half of what is not lost or won is right for both."""
    rng = np.random.default_rng(1)
    for _ in range(rounds):
        outcome = rng.choice(4, n, p=[lost, won, (1 - lost - won) / 2, (1 - lost - won) / 2])
        yield paired_drop((outcome == 0) | (outcome == 2), (outcome == 1) | (outcome == 2))


@pytest.mark.parametrize(("lost", "won", "bound"), [(0.02, 0.02, 1.0), (0.015, 0.005, 2.0), (0.05, 0.04, 3.0)])
def test_as_many_samples_as_it_says_prove_the_bound_four_times_in_five(lost, won, bound):
    n = sample_size(100 * (lost - won), bound, 100 * np.sqrt(lost + won - (lost - won) ** 2))
    proven = np.mean([found.high <= bound for found in drops(lost, won, n, 2000)])
    # The formula is the normal approximation's; 2,000 rounds are good to two points, and it errs by a few more.
    assert 0.74 <= proven <= 0.86
    half = np.mean([found.high <= bound for found in drops(lost, won, n // 2, 2000)])
    assert half < 0.65


def test_what_was_won_by_luck_is_not_counted_on():
    better = paired_drop(np.arange(100) < 90, np.arange(100) < 95)
    assert better.points == -5
    assert samples_to_prove(better, 1.0) == sample_size(0.0, 1.0, 100 * np.sqrt(6 / 102 - (5 / 102) ** 2))


def test_no_number_of_samples_proves_a_bound_that_is_reached():
    assert sample_size(1.0, 1.0, 10.0) is None
    assert sample_size(2.0, 1.0, 10.0) is None
    assert sample_size(0.0, 1.0, float("nan")) is None
