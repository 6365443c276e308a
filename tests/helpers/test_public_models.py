"""`check_heads` finds nothing in public models that are wired rightly, and each of five ways to break them."""

from functools import cache

import pytest
from forms import BREAKAGES, FORMS
from public_models import broken

PAIRS = [(name, way) for name in FORMS for way in BREAKAGES[name]]
IN_REACH = [pytest.param(name, way, id=f"{name}-{way.head}-{way.name}") for name, way in PAIRS if not way.out_of_reach]


@cache
def report_of(name, breakage):
    return broken(name, breakage).check()


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
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


def test_every_rule_can_judge_every_breakage():
    notes = {(name, way.name, way.head): report_of(name, way).notes for name, way in PAIRS}
    assert {place: lines for place, lines in notes.items() if lines} == {}


def test_a_breakage_of_the_targets_is_not_blamed_on_the_metrics():
    blamed = {
        (name, way.name, way.head): {"accuracy", "metric-kind"} & {*report_of(name, way).codes}
        for name, way in PAIRS
        if way.only_targets
    }
    assert {place: codes for place, codes in blamed.items() if codes} == {}


def test_nan_is_the_only_finding():
    codes = {(name, way.head): report_of(name, way).codes for name, way in PAIRS if way.name == "NaN"}
    assert {place: found for place, found in codes.items() if found not in ([], ["not-a-number"])} == {}


def test_each_form_has_five_breakages():
    assert len(FORMS) >= 20
    assert {name: len(ways) for name, ways in BREAKAGES.items()} == dict.fromkeys(FORMS, 5)
