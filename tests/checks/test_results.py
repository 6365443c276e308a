"""What a function gave on several cases."""

import numpy as np
import pytest
import tensorflow as tf

from mos_checks import NotYet, judge_all, rounding_of


@pytest.mark.parametrize(
    ("value", "rounding"),
    [
        ([0.5, 0.25], 1e-4),
        (np.zeros(3, "float64"), 1e-4),
        (np.zeros(3, "int64"), 1e-4),
        ([[np.float16(0.5)]], 2e-3),
        (tf.zeros(3, "float16"), 2e-3),
        ((tf.zeros(3, "bfloat16"), np.zeros(3)), 0.02),
        ([], 1e-4),
    ],
)
def test_rounding_of_16_bits(value, rounding):
    assert rounding_of(value) == rounding


def test_all_cases_are_judged_at_once_and_those_before_a_refused_one_first():
    seen = []

    def ask(case):
        if case > 2:
            raise NotYet("too large")
        return -case

    def judge(cases, results):
        seen.append((cases, results))

    assert judge_all([1, 2], ask, judge) == [-1, -2]
    with pytest.raises(NotYet, match="too large"):
        judge_all([1, 2, 3], ask, judge)
    with pytest.raises(NotYet, match="too large"):
        judge_all([3, 1], ask, judge)
    assert seen == [([1, 2], [-1, -2])] * 2
