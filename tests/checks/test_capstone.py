"""The slips of the capstone: what is drawn is what the targets say, and the gaps are as promised."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mos_checks.capstone import (
    AISLES,
    MM_PER_PIXEL,
    SERVICES,
    TRAINING_KEEP,
    VALIDATION_KEEP,
    client_slips,
    hidden_slips,
    labelled,
    slips,
    with_gaps,
)
from mos_helpers import data


@pytest.fixture(scope="module")
def digits():
    return data.load_digits("digits")


@pytest.fixture(scope="module")
def made(digits):
    return slips(digits.x_train, digits.y_train, 3000, seed=4)


def test_shapes_types_and_ranges(made):
    assert made.images.shape == (3000, 42, 56)
    assert made.images.dtype == np.float32
    assert made.images.min() == 0
    assert made.images.max() <= 1
    shapes = {name: (values.shape[1:], values.dtype.name) for name, values in made.targets.items()}
    assert shapes == {
        "locker": ((), "int64"),
        "aisle": ((), "int64"),
        "services": ((4,), "float32"),
        "position": ((2,), "float32"),
        "void": ((), "float32"),
    }
    assert "3,000 slips" in repr(made)


def test_each_locker_stands_in_its_aisle(made):
    assert sorted(locker for lockers in AISLES.values() for locker in lockers) == list(range(10))
    for number, lockers in enumerate(AISLES.values()):
        assert set(made.targets["locker"][made.targets["aisle"] == number]) == set(lockers)


def test_the_position_is_where_the_ink_is(made):
    valid = made.targets["void"] == 0
    large = made.images[valid][:, :, :42].astype("float64")
    ink = large.sum(axis=(1, 2))
    right = (large.sum(axis=1) * (np.arange(42) + 0.5)).sum(axis=1) / ink * MM_PER_PIXEL
    down = (large.sum(axis=2) * (np.arange(42) + 0.5)).sum(axis=1) / ink * MM_PER_PIXEL
    for column, middle in enumerate([right, down]):
        position = made.targets["position"][valid, column]
        assert 9 <= position.min() < 9.05 < 11.95 < position.max() <= 12
        assert np.corrcoef(middle, position)[0, 1] > 0.85
        assert abs(np.mean(middle - position)) < 0.2


def test_the_margin_holds_the_services_and_only_they(digits, made):
    empty = made.targets["services"].sum(axis=1) == 0
    assert 0.05 < empty.mean() < 0.3
    assert not made.images[empty][:, :, 42:].any()
    assert made.images[~empty][:, :, 42:].any(axis=(1, 2)).all()
    assert (made.targets["services"].mean(axis=0) > 0.1).all()
    for service, digit in enumerate(SERVICES.values()):
        alone = (made.targets["services"].sum(axis=1) == 1) & (made.targets["services"][:, service] == 1)
        cells = made.images[alone][:, :, 42:].reshape(-1, 3, 14, 14)
        small = digits.x_train[digits.y_train == digit].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
        known = {cell.tobytes() for cell in small.astype("float32")}
        assert all(cell.tobytes() in known for image in cells for cell in image if cell.any())


def test_void_slips_have_a_line_that_valid_ones_have_not(digits, made):
    assert 0.12 < made.targets["void"].mean() < 0.18
    blank = slips(np.zeros_like(digits.x_train), digits.y_train, 500, seed=1)
    void = blank.targets["void"] == 1
    assert not blank.images[~void].any()
    assert (blank.images[void].max(axis=(1, 2)) > 0.3).all()
    assert not blank.images[:, :, 42:].any()


def test_the_same_seed_gives_the_same_slips_and_another_one_others(digits):
    first, again, other = (slips(digits.x_test, digits.y_test, 20, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.images, again.images)
    assert all(np.array_equal(first.targets[name], again.targets[name]) for name in first.targets)
    assert not np.array_equal(first.images, other.images)


def test_the_digits_are_not_changed(digits):
    before = digits.x_test.copy()
    slips(digits.x_test, digits.y_test, 50)
    assert np.array_equal(before, digits.x_test)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"n": 0}, ValueError, "n must be"),
        ({"n": 2.5}, TypeError, "n must be"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"x": np.zeros((20, 20, 20))}, ValueError, "x must hold images of 28x28 pixels, not of shape"),
        ({"x": np.zeros((20, 28, 28), int)}, TypeError, "x must hold floating-point"),
        ({"y": np.zeros(20, int)}, ValueError, "y must hold every service digit, and 1 is not there"),
    ],
)
def test_bad_input_is_named(change, error, words):
    good = {"x": np.zeros((20, 28, 28)), "y": np.arange(20) % 10, "n": 5}
    with pytest.raises(error, match=words):
        slips(**good | change)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_gaps_hide_and_change_nothing_else(seed, shares):
    rng = np.random.default_rng(0)
    targets = {
        "locker": rng.integers(10, size=200),
        "aisle": rng.integers(5, size=200),
        "services": rng.integers(2, size=(200, 4)).astype("float32"),
        "position": rng.uniform(9, 12, (200, 2)).astype("float32"),
        "void": rng.integers(2, size=200).astype("float32"),
    }
    found = with_gaps(targets, dict(zip(targets, shares, strict=True)), seed=seed)
    for name, values in targets.items():
        assert (found[name].dtype, found[name].shape) == (values.dtype, values.shape)
        gap = (found[name] == -1 if values.dtype.kind == "i" else np.isnan(found[name])).reshape(200, -1)
        assert (gap.all(axis=1) == gap.any(axis=1)).all(), "rows are hidden as a whole"
        assert np.array_equal(found[name][~gap[:, 0]], values[~gap[:, 0]])
    assert all(values.min() >= 0 for values in targets.values())


def test_gaps_need_a_share_for_each_target(made):
    with pytest.raises(ValueError, match="keep must have the keys of targets"):
        with_gaps(made.targets, {"locker": 0.5})
    with pytest.raises(ValueError, match="keep must hold probabilities"):
        with_gaps(made.targets, TRAINING_KEEP | {"void": 1.5})


def test_what_the_client_hands_over(digits):
    training, validation = client_slips(digits)
    for found, n, keep in ((training, 6000, TRAINING_KEEP), (validation, 2000, VALIDATION_KEEP)):
        assert len(found.images) == n
        known = known_rows(found.targets)
        for name, rows in known.items():
            assert abs(rows.mean() - keep[name]) < 0.04
        shares = np.corrcoef([rows.astype(float) for rows in known.values()])
        assert np.abs(shares - np.eye(5)).max() < 0.08, "each head has gaps of its own"


def known_rows(targets):
    """Return for each target which slips have its label."""
    return {name: labelled(name, values) for name, values in targets.items()}


def largest_z(known, truth):
    """Return the largest difference of a share of known labels, between slips of two kinds, in standard deviations.

    The kinds: void or valid; each locker or another; each service asked for or not; left or right, up or down; and
    each other label known or not.
    """
    kinds = {"void": truth["void"] == 1}
    kinds |= {f"locker {locker}": truth["locker"] == locker for locker in range(10)}
    kinds |= {f"service {column}": truth["services"][:, column] == 1 for column in range(4)}
    kinds |= {f"position {column}": truth["position"][:, column] > 10.5 for column in range(2)}
    found = []
    for name, rows in known.items():
        others = {f"{other} known": known[other] for other in known if other != name}
        for kind in (kinds | others).values():
            difference = rows[kind].mean() - rows[~kind].mean()
            variance = rows.mean() * (1 - rows.mean()) * (1 / kind.sum() + 1 / (~kind).sum())
            found.append(abs(difference) / np.sqrt(variance))
    return max(found)


def complete_and_known(digits):
    """Return for both sets the targets without gaps, the share of labels that is kept, and the client's targets."""
    cut = len(digits.x_train) * 4 // 5
    training = slips(digits.x_train[:cut], digits.y_train[:cut], 6000, seed=0)
    validation = slips(digits.x_train[cut:], digits.y_train[cut:], 2000, seed=1)
    handed = [made.targets for made in client_slips(digits)]
    return zip([training.targets, validation.targets], [TRAINING_KEEP, VALIDATION_KEEP], handed, strict=True)


def test_gaps_have_nothing_to_do_with_what_is_on_the_slip(digits):
    # 210 comparisons: by chance, one of them is 4.5 standard deviations or more in 1 of 700 such data sets.
    for truth, _, handed in complete_and_known(digits):
        assert largest_z(known_rows(handed), truth) < 4.5


def test_gaps_drawn_with_the_seeds_of_the_slips_are_noticed(digits):
    truth, keep, _ = next(complete_and_known(digits))
    drawn = {name: data.hide_labels(6000, share, seed=place) for place, (name, share) in enumerate(keep.items())}
    assert largest_z(drawn, truth) > 4.5, "the aisles were hidden with the numbers that struck slips through"


@pytest.mark.parametrize("seed", range(4))
def test_gaps_of_one_seed_are_not_those_of_another(made, seed):
    keep = dict.fromkeys(made.targets, 0.5)
    found = [known_rows(with_gaps(made.targets, keep, seed=other)) for other in (seed, seed + 1)]
    rows = [values for known in found for values in known.values()]
    drawn = [np.random.default_rng(other).random(3000) < 0.5 for other in range(10)]
    shares = np.corrcoef([values.astype(float) for values in rows + drawn])
    assert np.abs(shares - np.eye(20)).max() < 0.1


def test_no_digit_is_in_two_of_the_three_sets(digits):
    cut = len(digits.x_train) * 4 // 5
    # Slips of a set do not change when the digits of the others do.
    blank = data.Digits(digits.x_train.copy(), digits.y_train, np.zeros_like(digits.x_test), digits.y_test, "blank")
    blank.x_train[cut:] = 0
    training, validation = client_slips(blank, 200, 200)
    assert np.array_equal(training.images, client_slips(digits, 200, 200)[0].images)
    valid = validation.targets["void"] == 0
    assert not validation.images[valid].any()
    hidden = data.Digits(blank.x_test, digits.y_train, digits.x_test, digits.y_test, "test digits alone")
    assert np.array_equal(hidden_slips(hidden).images, hidden_slips(digits).images)


def test_composing_is_fast(digits):
    slips(digits.x_train, digits.y_train, 100)
    spent = []
    for seed in range(3):
        before = time.process_time()
        slips(digits.x_train, digits.y_train, 5000, seed)
        spent.append(time.process_time() - before)
    assert min(spent) < 0.5  # 10,000 take about 0.4 s; loaded machines are slower
