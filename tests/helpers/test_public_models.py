"""`check_heads` finds nothing in public models that are wired rightly, and each of five ways to break them."""

import pytest
from public_models import BREAKAGES, FORMS, broken

PAIRS = [pytest.param(name, way, id=f"{name}-{way.head}-{way.name}") for name in FORMS for way in BREAKAGES[name]]


@pytest.mark.parametrize("name", FORMS)
def test_nothing_is_found_in_a_form_that_is_wired_rightly_and_trains(name):
    form = FORMS[name]()
    before = form.check()
    form.fit()
    after = form.check()
    assert (before.codes, before.notes, after.codes, after.notes) == ([], [], [], [])


@pytest.mark.parametrize(("name", "breakage"), PAIRS)
def test_a_breakage_is_found_at_its_head_and_not_blamed_on_what_is_right(name, breakage):
    report = broken(name, breakage).check()
    if not breakage.out_of_reach:
        assert (breakage.code, breakage.head) in [(finding.code, finding.head) for finding in report]
    if breakage.only_targets:
        assert not {"accuracy", "metric-kind"} & {*report.codes}
    if breakage.code == "not-a-number":
        assert report.codes in ([breakage.code], [])
    assert report.notes == []


def test_each_form_has_five_breakages():
    assert len(FORMS) >= 20
    assert {name: len(ways) for name, ways in BREAKAGES.items()} == dict.fromkeys(FORMS, 5)
