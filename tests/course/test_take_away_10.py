"""What lesson 10 gives to copy compares paired runs of any metric, alone, and names bad input."""

import numpy as np
import pytest
from take_away import source, take_away


def compare_runs(*args, **options):
    return take_away("10_when_to_share")["compare_runs"](*args, **options)


def test_it_runs_alone_and_shows_that_it_works(capsys):
    take_away("10_when_to_share")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("gain +0.0467")
    assert first.endswith("better in 3 of 3 runs")
    assert second.startswith("gain +6.33")
    assert second.endswith("better in 2 of 3 runs")


def test_it_is_short_and_needs_no_helper():
    assert len(source("10_when_to_share").splitlines()) <= 45
    assert "mos_helpers" not in source("10_when_to_share")


def test_an_error_where_lower_is_better_has_its_own_unit(capsys):
    gain = compare_runs([231.0, 231.0], np.float16([215, 216]), lower=True)
    np.testing.assert_allclose(gain, [16, 15])
    assert "gain +15.5, standard error 0.5, better in 2 of 2 runs" in capsys.readouterr().out


def test_its_arguments_stay_as_they_are():
    alone, shared = np.array([0.5, 0.6, 0.7]), np.array([0.6, 0.6, 0.6])
    np.testing.assert_allclose(compare_runs(alone, shared), [0.1, 0, -0.1], atol=1e-12)
    assert alone.tolist() == [0.5, 0.6, 0.7]
    assert shared.tolist() == [0.6, 0.6, 0.6]


@pytest.mark.parametrize(
    ("alone", "shared", "options", "words"),
    [
        ([0.9, 0.8], [0.9, 0.8, 0.7], {}, "alone and shared must have the same seeds, not 2 and 3 scores"),
        ({"left": 0.9}, {"left": 0.8}, {}, "alone must be a list of numbers, one for each seed, not .*left"),
        ([0.9, 0.8], ["0.9", "0.8"], {}, "shared must be a list of numbers, one for each seed, not .*0.9"),
        ([[0.9, 0.8]], [[0.9, 0.8]], {}, "alone must be a list of numbers"),
        (0.9, 0.8, {}, "alone must be a list of numbers"),
        ([0.9], [0.8], {}, "alone must be two or more finite numbers"),
        ([0.9, 0.8], [0.9, np.nan], {}, "shared must be two or more finite numbers, not .*nan"),
        ([0.9, 0.8], [0.9, 0.8], {"lower": ["left"]}, "lower must be True or False, for one metric, not .*left"),
    ],
)
def test_bad_input_is_named(alone, shared, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        compare_runs(alone, shared, **options)
