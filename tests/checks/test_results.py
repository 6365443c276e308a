"""What a function gave on several cases."""

import pytest

from mos_checks import NotYet, judge_all


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
