"""`check_heads` finds nothing in public models that are wired rightly, and each of five ways to break them."""

from functools import cache

import pytest
from public_models import BREAKAGES, FORMS, broken

PAIRS = [pytest.param(name, way, id=f"{name}-{way.head}-{way.name}") for name in FORMS for way in BREAKAGES[name]]
IN_REACH = [pair for pair in PAIRS if not pair.values[1].out_of_reach]
OF_TARGETS = [pair for pair in IN_REACH if pair.values[1].only_targets]


@cache
def report_of(name, breakage):
    return broken(name, breakage).check()


@pytest.mark.parametrize("name", FORMS)
def test_nothing_is_found_in_a_form_that_is_wired_rightly_and_trains(name):
    form = FORMS[name]()
    before = form.check()
    form.fit()
    after = form.check()
    assert (before.codes, before.notes, after.codes, after.notes) == ([], [], [], [])


@pytest.mark.parametrize(("name", "breakage"), IN_REACH)
def test_a_breakage_is_found_at_its_head(name, breakage):
    found = [(finding.code, finding.head) for finding in report_of(name, breakage)]
    assert (breakage.code, breakage.head) in found


@pytest.mark.parametrize(("name", "breakage"), OF_TARGETS)
def test_a_breakage_of_the_targets_is_not_blamed_on_the_metrics(name, breakage):
    codes = report_of(name, breakage).codes
    assert not {"accuracy", "metric-kind"} & {*codes}
    if breakage.code == "not-a-number":
        assert codes == ["not-a-number"]


@pytest.mark.parametrize(("name", "breakage"), PAIRS)
def test_every_rule_can_judge_a_breakage(name, breakage):
    assert report_of(name, breakage).notes == []


def test_each_form_has_five_breakages():
    assert len(FORMS) >= 20
    assert {name: len(ways) for name, ways in BREAKAGES.items()} == dict.fromkeys(FORMS, 5)
