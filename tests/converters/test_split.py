import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepton_edge_converters.errors import SamplesError
from lepton_edge_converters.split import split


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=200),
    st.floats(0.01, 0.99),
    st.integers(1, 50),
    st.integers(0, 3),
)
def test_no_sample_both_calibrates_and_judges(classes, holdout, calibration, seed):
    targets = np.array(classes)
    parts = split(len(targets), targets, holdout=holdout, calibration=calibration, seed=seed)
    assert not set(parts.calibration) & set(parts.judged)
    assert len(parts.judged) == min(len(targets) - 1, max(1, round(holdout * len(targets))))
    assert len(parts.calibration) == min(calibration, len(targets) - len(parts.judged))
    assert (np.diff(parts.judged) > 0).all()


@given(st.lists(st.integers(3, 40), min_size=2, max_size=8), st.integers(0, 3))
def test_the_judging_share_is_the_same_of_each_class(sizes, seed):
    targets = np.repeat(np.arange(len(sizes)), sizes)
    judged = split(len(targets), targets, holdout=0.3, calibration=10, seed=seed).judged
    for one, size in enumerate(sizes):
        assert abs((targets[judged] == one).sum() - 0.3 * size) <= 2


def test_calibration_is_spread_over_the_classes():
    targets = np.repeat([0, 1, 2, 3], [500, 10, 10, 10])
    parts = split(len(targets), targets, holdout=0.3, calibration=12, seed=0)
    assert np.bincount(targets[parts.calibration]).tolist() == [3, 3, 3, 3]


def test_one_sample_a_class_is_no_obstacle():
    parts = split(500, np.arange(500), holdout=0.3, calibration=100, seed=0)
    assert (len(parts.judged), len(parts.calibration)) == (150, 100)


def test_the_seed_decides():
    one, same, other = (split(100, None, holdout=0.5, calibration=10, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.judged, same.judged)
    assert one.judged.tolist() != other.judged.tolist()


def test_one_sample_is_too_few():
    with pytest.raises(SamplesError, match="1 sample is not enough"):
        split(1, None, holdout=0.3, calibration=1, seed=0)
