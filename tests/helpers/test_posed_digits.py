"""Digits in a pose: the targets say what is drawn, no ink is lost, and nothing else is changed."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from mos_helpers import data

SIDE = 20
REST = {"max_angle": 0, "max_shift": 0, "sizes": (1, 1)}
POSE = ["angle", "shift_right", "shift_down", "size"]
seeds = st.integers(0, 2**63 - 1)
settings = hypothesis.settings(max_examples=40)


def bars(count=3):
    """Return images of a smooth bar that is longer than wide, lies in the middle, and has one brighter end."""
    down, right = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    bar = np.exp(-((right / 3.5) ** 2) - (down / 1.5) ** 2) * (1 + 0.3 * np.tanh(right)) / 1.3
    bar[np.hypot(down, right) > 8] = 0
    return np.tile(bar.astype("float32"), (count, 1, 1)), np.arange(count) % 10


def moments(image):
    """Return the ink, the centroid as right and down from the middle, and the covariance of the ink, y upwards."""
    height, width = image.shape
    down, right = np.mgrid[:height, :width].astype(float)
    ink = image.sum(dtype=float)
    x, y = (image * right).sum() / ink, (image * down).sum() / ink
    right, up = right - x, y - down
    covariance = [[(image * a * b).sum() / ink for a in (right, up)] for b in (right, up)]
    return ink, x - (width - 1) / 2, y - (height - 1) / 2, np.array(covariance)


def axis(covariance):
    """Return the angle of the longest axis, in degrees from -90 to 90."""
    x, y = np.linalg.eigh(covariance)[1][:, -1]
    return (np.rad2deg(np.arctan2(y, x)) + 90) % 180 - 90


@hypothesis.given(seed=seeds, angle=st.floats(0, 85), shift=st.floats(0, 6), size=st.floats(0.8, 2))
@settings
def test_the_targets_are_what_is_drawn(seed, angle, shift, size):
    x, y = bars()
    ink, right, down, covariance = moments(x[0])
    images, targets = data.posed_digits(
        x, y, 5, max_angle=angle, max_shift=shift, sizes=(0.8, size), canvas=54, seed=seed
    )
    for image, turned, to_right, to_bottom, factor in zip(images, *(targets[name] for name in POSE), strict=True):
        found_ink, found_right, found_down, found = moments(image)
        radians = np.deg2rad(turned)
        # The bar's centroid is a little to the right of the centre, and turns and grows with it.
        x_wanted = factor * (right * np.cos(radians) + down * np.sin(radians)) + to_right
        y_wanted = factor * (down * np.cos(radians) - right * np.sin(radians)) + to_bottom
        assert abs(found_right - x_wanted) < 0.1
        assert abs(found_down - y_wanted) < 0.1
        assert abs((axis(found) - axis(covariance) - turned + 90) % 180 - 90) < 2
        assert abs(found_ink / ink / factor**2 - 1) < 0.06


def test_the_signs_as_seen():
    x = np.zeros((1, SIDE, SIDE), "float32")
    x[0, 9:11, 14:17] = 1  # to the right of the centre
    images, targets = data.posed_digits(x, np.array([7]), 300, max_angle=60, canvas=46)
    assert set(targets["digit"]) == {7}
    for image, angle, down in zip(images, targets["angle"], targets["shift_down"], strict=True):
        if abs(angle) > 10:
            assert (moments(image)[2] - down < 0) == (angle > 0)  # counter-clockwise takes it up


@hypothesis.given(seed=seeds, larger=st.integers(0, 9))
@settings
def test_at_rest_the_digit_is_as_it_was(seed, larger):
    x = np.random.default_rng(seed).random((4, 9, 9), dtype="float32")
    canvas = 15 + larger
    images, targets = data.posed_digits(x, np.arange(4), 6, **REST, canvas=canvas, seed=seed)
    start = (canvas - 9) // 2
    inside = (slice(None), slice(start, start + 9), slice(start, start + 9))
    np.testing.assert_allclose(images[inside], x[targets["digit"]], atol=1e-5)
    images[inside] = 0
    assert images.max() < 1e-5
    for name, rest in zip(POSE, (0, 0, 0, 1), strict=True):
        assert (targets[name] == rest).all()


def test_shapes_and_ranges():
    digits = data.load_digits("digits")
    images, targets = data.posed_digits(digits.x_test, digits.y_test, 5000)
    assert images.shape == (5000, 42, 42)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert list(targets) == ["digit", *POSE]
    assert targets["digit"].dtype == np.int64
    for name, (low, high) in zip(POSE, [(-45, 45), (-3, 3), (-3, 3), (0.7, 1)], strict=True):
        values = targets[name]
        assert values.shape == (5000,)
        assert values.dtype == np.float32
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= np.float32(high)
    together = np.corrcoef(np.stack([targets[name] for name in POSE]))
    assert np.abs(together - np.eye(4)).max() < 0.06


@hypothesis.given(
    seed=seeds,
    angle=st.floats(0, 180),
    shift=st.floats(0, 6),
    size=st.floats(0.3, 2),
    shape=st.tuples(st.integers(3, 14), st.integers(3, 14)),
    larger=st.integers(0, 1),
)
@settings
def test_no_ink_is_cut(seed, angle, shift, size, shape, larger):
    x, y = np.ones((2, *shape), "float32"), np.array([1, 2])
    arguments = {"max_angle": angle, "max_shift": shift, "sizes": (size, size), "seed": seed}
    with pytest.raises(ValueError, match=r"^canvas must be at least") as error:
        data.posed_digits(x, y, 1, canvas=1, **arguments)
    needed = int(str(error.value).split("at least ")[1].split(",")[0]) + larger
    images, _ = data.posed_digits(x, y, 20, canvas=needed, **arguments)
    wide, _ = data.posed_digits(x, y, 20, canvas=needed + 20, **arguments)
    np.testing.assert_allclose(images, wide[:, 10:-10, 10:-10], atol=1e-3)
    assert abs(wide.sum(dtype=float) - images.sum(dtype=float)) < 1e-3 * wide.sum(dtype=float)


def test_sources_never_mix():
    x = np.zeros((40, SIDE, SIDE), "float32")
    x[:, 9:11, 9:11] = (np.arange(1, 41) / 40)[:, None, None]
    first, _ = data.posed_digits(x[:30], np.zeros(30, int), 500, **REST)
    second, _ = data.posed_digits(x[30:], np.ones(10, int), 500, **REST)
    assert first.max(axis=(1, 2)).max() < 30.5 / 40
    assert second.max(axis=(1, 2)).min() > 30.5 / 40


def test_the_label_is_that_of_the_digit_drawn():
    x = np.zeros((10, SIDE, SIDE), "float32")
    x[:, 7:13, 7:13] = (np.arange(1, 11) / 10)[:, None, None]
    images, targets = data.posed_digits(x, np.arange(10)[::-1], 9000)  # in more than one portion
    drawn = np.rint(images.max(axis=(1, 2)) * 10).astype(int) - 1
    np.testing.assert_array_equal(targets["digit"], 9 - drawn)
    assert np.bincount(drawn).min() > 750


def test_the_seed_fixes_all():
    def made(seed, n=50):
        images, targets = data.posed_digits(*bars(), n, canvas=46, seed=seed)
        return [images.tobytes(), *(values.tobytes() for values in targets.values())]

    np.random.seed(1)  # noqa: NPY002
    first = made(7)
    np.random.seed(2)  # noqa: NPY002
    assert made(7) == first
    assert made(8) != first


def test_what_is_given_stays_as_it_is():
    x, y = bars()
    before = x.copy(), y.copy()
    images, targets = data.posed_digits(x, y, 5, canvas=46)
    images[:] = 9
    targets["digit"][:] = 9
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_other_types_of_numbers():
    x, y = bars()
    expected, labels = data.posed_digits(x, y, 5, canvas=46)
    images, targets = data.posed_digits(
        x.tolist(), y.tolist(), np.int64(5), np.float32(45), 3, [0.7, np.float64(1)], np.int32(46)
    )
    np.testing.assert_allclose(images, expected, atol=1e-5)
    np.testing.assert_array_equal(targets["size"], labels["size"])


X, Y = bars(8)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"x": X.astype(int)}, TypeError, "^x must hold floating-point numbers"),
        ({"x": X * 255}, ValueError, r"^x must lie in \[0, 1\]"),
        ({"x": X[0]}, ValueError, "^x must have at least one image"),
        ({"y": Y[:7]}, ValueError, "^y must have one label per image"),
        ({"y": Y / 1}, TypeError, "^y must hold whole numbers"),
        ({"n": 0}, ValueError, "^n must be a whole number of at least 1, not 0"),
        ({"n": 5.0}, TypeError, "^n must be a whole number"),
        ({"max_angle": -1}, ValueError, "^max_angle must be a number from 0 to 180, not -1"),
        ({"max_angle": 181}, ValueError, "^max_angle must be a number from 0 to 180, not 181"),
        ({"max_angle": np.nan}, ValueError, "^max_angle must be a number from 0 to 180, not nan"),
        ({"max_angle": (-45, 45)}, TypeError, r"^max_angle must be a number from 0 to 180, not \(-45, 45\)"),
        ({"max_shift": -0.5}, ValueError, "^max_shift must be a number from 0 to 1,000, not -0.5"),
        ({"max_shift": "3"}, TypeError, "^max_shift must be a number from 0 to 1,000, not '3'"),
        ({"max_shift": True}, TypeError, "^max_shift must be a number from 0 to 1,000, not True"),
        ({"sizes": 1}, TypeError, "^sizes must be two numbers above 0 and at most 4, the smaller one first, not 1"),
        ({"sizes": (1, 2, 3)}, TypeError, "^sizes must be two numbers"),
        ({"sizes": ("a", "b")}, TypeError, "^sizes must be two numbers"),
        ({"sizes": (1, 0.7)}, ValueError, r"^sizes must be .* the smaller one first, not \(1, 0.7\)"),
        ({"sizes": (0, 1)}, ValueError, "^sizes must be two numbers above 0"),
        ({"sizes": (1, 5)}, ValueError, "^sizes must be two numbers above 0 and at most 4"),
        ({"sizes": (0.7, np.nan)}, ValueError, "^sizes must be two numbers"),
        ({"canvas": 42.0}, TypeError, "^canvas must be a whole number"),
        ({"canvas": 20}, ValueError, "^canvas must be at least 24, so that no digit is cut .* not 20"),
        ({"seed": -1}, ValueError, "^seed must be a whole number"),
        ({"seed": None}, TypeError, "^seed must be a whole number"),
    ],
)
def test_wrong_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        data.posed_digits(**{"x": X, "y": Y, "n": 4, "canvas": 46} | arguments)
