"""Hidden labels: as many stay known as the probabilities say, and the same ones for the same seed."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis.extra import numpy as arrays

from mos_helpers import data

SEEDS = st.integers(0, 2**63 - 1)
PROBABILITIES = st.floats(0, 1)


@hypothesis.given(keep=PROBABILITIES, seed=SEEDS)
def test_the_share_that_is_kept_is_the_probability(keep, seed):
    known = data.hide_labels(20_000, keep, seed=seed)
    assert known.shape == (20_000,)
    assert known.dtype == bool
    assert abs(known.mean() - keep) <= 6 * np.sqrt(keep * (1 - keep) / 20_000) + 1e-3


@hypothesis.given(low=PROBABILITIES, high=PROBABILITIES, seed=SEEDS)
def test_each_class_keeps_its_own_share(low, high, seed):
    classes = np.arange(20_000) % 2
    known = data.hide_labels(20_000, np.where(classes == 1, high, low), seed=seed)
    for one_class, keep in ((0, low), (1, high)):
        share = known[classes == one_class].mean()
        assert abs(share - keep) <= 6 * np.sqrt(keep * (1 - keep) / 10_000) + 1e-3


@hypothesis.given(n=st.integers(1, 50), keep=PROBABILITIES, seed=SEEDS)
def test_one_number_is_the_same_as_that_number_for_each_row(n, keep, seed):
    known = data.hide_labels(n, keep, seed=seed)
    np.testing.assert_array_equal(known, data.hide_labels(n, np.full(n, keep), seed=seed))
    np.testing.assert_array_equal(known, data.hide_labels(n, keep, seed=seed))


@hypothesis.given(
    keep=arrays.arrays(float, 30, elements=PROBABILITIES),
    more=arrays.arrays(float, 30, elements=PROBABILITIES),
    seed=SEEDS,
)
def test_higher_probabilities_keep_all_that_lower_ones_keep(keep, more, seed):
    few = data.hide_labels(30, keep, seed=seed)
    many = data.hide_labels(30, np.maximum(keep, more), seed=seed)
    assert many[few].all()


@hypothesis.given(n=st.integers(1, 200), seed=SEEDS)
def test_all_or_none(n, seed):
    assert data.hide_labels(n, 1, seed=seed).all()
    assert not data.hide_labels(n, 0.0, seed=seed).any()
    rows = np.arange(n) % 2
    np.testing.assert_array_equal(data.hide_labels(n, rows, seed=seed), rows == 1)


def test_another_seed_keeps_other_labels():
    kept = [data.hide_labels(1000, 0.5, seed=seed) for seed in range(2)]
    assert 0.4 < (kept[0] == kept[1]).mean() < 0.6


def test_rows_are_kept_independently_of_each_other():
    known = data.hide_labels(100_000, 0.5)
    assert abs((known[1:] == known[:-1]).mean() - 0.5) < 0.01


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "int8", "uint8"])
def test_the_probabilities_are_not_changed(kind):
    keep = np.array([0, 1, 1, 0], kind)
    keep.setflags(write=False)
    assert data.hide_labels(4, keep).tolist() == [False, True, True, False]
    assert data.hide_labels(4, list(keep)).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"n": 0}, ValueError, "n must be a whole number of at least 1, not 0"),
        ({"n": 3.0}, TypeError, "n must be a whole number of at least 1, not 3.0"),
        ({"n": True}, TypeError, "n must be a whole number of at least 1, not True"),
        ({"n": np.zeros(3)}, TypeError, "n must be a whole number of at least 1"),
        ({"seed": -1}, ValueError, "seed must be a whole number from 0"),
        ({"seed": 2**63}, ValueError, "seed must be a whole number from 0"),
        ({"seed": 0.5}, TypeError, "seed must be a whole number from 0"),
        ({"seed": None}, TypeError, "seed must be a whole number from 0"),
        ({"keep": 1.01}, ValueError, r"keep must hold probabilities in \[0, 1\], not 1.01"),
        ({"keep": -0.1}, ValueError, r"keep must hold probabilities in \[0, 1\], not -0.1"),
        ({"keep": 50}, ValueError, r"keep must hold probabilities in \[0, 1\], not 50"),
        ({"keep": np.nan}, ValueError, r"keep must hold probabilities in \[0, 1\], not nan"),
        ({"keep": [0.5, np.nan, 0.5]}, ValueError, r"keep must hold probabilities in \[0, 1\], not nan"),
        ({"keep": [0.5, np.inf, 0.5]}, ValueError, r"keep must hold probabilities in \[0, 1\], not inf"),
        ({"keep": [0.5, 0.5]}, ValueError, r"keep must be one number or have shape \(3,\), not shape \(2,\)"),
        ({"keep": np.full((3, 1), 0.5)}, ValueError, r"not shape \(3, 1\)"),
        ({"keep": [[0.5], [0.5, 0.1]]}, TypeError, "not lists of different lengths"),
        ({"keep": True}, TypeError, r"keep must hold probabilities in \[0, 1\], not bool"),
        ({"keep": np.ones(3, bool)}, TypeError, r"keep must hold probabilities in \[0, 1\], not bool"),
        ({"keep": "0.5"}, TypeError, r"keep must hold probabilities in \[0, 1\], not <U3"),
        ({"keep": None}, TypeError, r"keep must hold probabilities in \[0, 1\], not object"),
        ({"keep": 0.5j}, TypeError, r"keep must hold probabilities in \[0, 1\], not complex128"),
    ],
)
def test_a_wrong_argument_is_named(arguments, error, words):
    with pytest.raises(error, match=words):
        data.hide_labels(**{"n": 3, "keep": 0.5} | arguments)
