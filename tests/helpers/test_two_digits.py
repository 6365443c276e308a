"""Two digits on one canvas: the labels say what is drawn, and nothing else is drawn."""

import hypothesis
import hypothesis.strategies as st
import pytest
from hypothesis.extra import numpy as arrays

from mos_helpers import data

import numpy as np  # isort: skip

HEIGHT, WIDTH = 7, 6


def coded(count, start=0, labels=10):
    """Return images whose every pixel tells the row, and labels that follow from the row."""
    rows = np.arange(start, start + count)
    images = np.broadcast_to((rows[:, None, None] + 1) / 1000, (count, HEIGHT, WIDTH)).astype("float32")
    return images, (7 * rows + 3) % labels


def drawn_rows(images, start=0):
    """Return the rows of `coded` images that the left upper and the right lower corner show."""
    return [np.rint(images[:, corner, corner] * 1000).astype(int) - 1 - start for corner in (0, -1)]


@hypothesis.given(
    count=st.integers(1, 40),
    n=st.integers(1, 60),
    seed=st.integers(0, 2**63 - 1),
)
@hypothesis.settings(max_examples=60)
def test_the_labels_are_those_of_the_digits_drawn(count, n, seed):
    x, y = coded(count)
    images, targets = data.two_digits(x, y, n, seed=seed)
    assert images.shape == (n, HEIGHT + 6, WIDTH + 6)
    assert images.dtype == np.float32
    assert list(targets) == ["left", "right"]
    left, right = drawn_rows(images)
    for name, rows in (("left", left), ("right", right)):
        assert targets[name].dtype == np.int64
        np.testing.assert_array_equal(targets[name], y[rows])
    for image, first, second in zip(images, left, right, strict=True):
        np.testing.assert_array_equal(image, pixel_by_pixel(x[first], x[second]))


def pixel_by_pixel(left, right):
    """Compose one image in the slow and obvious way."""
    canvas = np.zeros((HEIGHT + 6, WIDTH + 6), "float32")
    for row in range(HEIGHT):
        for column in range(WIDTH):
            canvas[row, column] = left[row, column]
    for row in range(HEIGHT):
        for column in range(WIDTH):
            before = canvas[row + 6, column + 6]
            canvas[row + 6, column + 6] = max(before, right[row, column])
    return canvas


@hypothesis.given(
    x=arrays.arrays(np.float32, (6, HEIGHT, WIDTH), elements=st.floats(0, 1, width=32)),
    seed=st.integers(0, 1000),
)
@hypothesis.settings(max_examples=60)
def test_any_pixels_are_composed_by_their_maximum(x, seed):
    images, targets = data.two_digits(x, np.arange(6), 9, seed=seed)
    for image, left, right in zip(images, targets["left"], targets["right"], strict=True):
        np.testing.assert_array_equal(image, pixel_by_pixel(x[left], x[right]))


def test_real_digits_are_where_the_labels_say():
    digits = data.load_digits("digits")
    one_of_each = [int(np.flatnonzero(digits.y_test == label)[0]) for label in range(10)]
    x, y = digits.x_test[one_of_each], digits.y_test[one_of_each]
    images, targets = data.two_digits(x, y, 200)
    assert images.shape == (200, 34, 34)
    assert (images[:, :28, :28] >= x[targets["left"]]).all()
    assert (images[:, 6:, 6:] >= x[targets["right"]]).all()


def test_sources_never_mix():
    train, test = coded(500), coded(100, start=500)
    images_train, _ = data.two_digits(*train, 3000, seed=1)
    images_test, _ = data.two_digits(*test, 3000, seed=1)
    assert set(np.unique(images_train)) <= {0, *np.unique(train[0])}
    assert set(np.unique(images_test)) <= {0, *np.unique(test[0])}
    assert max(rows.max() for rows in drawn_rows(images_train)) < 500
    assert min(rows.min() for rows in drawn_rows(images_test)) >= 500


def test_every_digit_is_drawn_on_both_sides_about_as_often_as_the_others():
    images, _ = data.two_digits(*coded(20), 20_000)
    for rows in drawn_rows(images):
        counts = np.bincount(rows, minlength=20)
        assert counts.min() > 850
        assert counts.max() < 1150
    left, right = drawn_rows(images)
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.03


def test_the_seed_fixes_all():
    def compose(seed):
        images, targets = data.two_digits(*coded(50), 100, seed=seed)
        return images.tobytes(), targets["left"].tobytes(), targets["right"].tobytes()

    np.random.seed(1)  # noqa: NPY002
    first = compose(7)
    np.random.seed(2)  # noqa: NPY002
    assert compose(7) == first
    assert compose(8) != first


def test_what_is_given_stays_as_it_is():
    x, y = coded(10)
    before = x.copy(), y.copy()
    images, targets = data.two_digits(x, y, 5)
    images[:] = 9
    targets["left"][:] = 9
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_other_types_of_numbers():
    x, y = coded(10)
    expected, labels = data.two_digits(x, y, 5)
    for images, targets in (
        data.two_digits(x.astype("float64"), y.astype("uint8"), np.int64(5)),
        data.two_digits(x.tolist(), y.tolist(), 5),
    ):
        assert images.dtype == np.float32
        np.testing.assert_allclose(images, expected, atol=1e-7)
        np.testing.assert_array_equal(targets["left"], labels["left"])


X, Y = coded(8)
NAN = np.where(np.arange(8)[:, None, None] == 3, np.nan, X)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"x": np.zeros((8, 7, 6), np.uint8)}, TypeError, r"^x must hold floating.*not uint8; divide 0 to 255 by 255"),
        ({"x": X * 255}, ValueError, r"^x must lie in \[0, 1\], not from 0.255 to 2.04"),
        ({"x": X - 0.5}, ValueError, r"^x must lie in \[0, 1\], not from -0.499 to"),
        ({"x": NAN}, ValueError, r"^x must lie in \[0, 1\], not from nan to nan"),
        ({"x": X.reshape(8, 42)}, ValueError, r"^x must have .* shape \(n, height, width\), not shape \(8, 42\)"),
        ({"x": X[:0], "y": Y[:0]}, ValueError, r"^x must have at least one image.*not shape \(0, 7, 6\)"),
        ({"y": Y[:7]}, ValueError, r"^y must have one label per image, shape \(8,\), not shape \(7,\)"),
        ({"y": Y[:, None]}, ValueError, r"^y must have one label per image, shape \(n,\), not shape \(8, 1\)"),
        ({"y": Y / 1}, TypeError, "^y must hold whole numbers, .* not float64"),
        ({"y": Y + 5}, ValueError, "^y must hold numbers from 0 to 9, not 1[0-4]"),
        ({"y": Y - 20}, ValueError, "^y must hold numbers from 0 to 9, not -"),
        ({"n": 0}, ValueError, "^n must be a whole number of at least 1, not 0"),
        ({"n": 10.0}, TypeError, "^n must be a whole number of at least 1, not 10.0"),
        ({"n": True}, TypeError, "^n must be a whole number of at least 1, not True"),
        ({"seed": -1}, ValueError, "^seed must be a whole number from 0 to .*, not -1"),
        ({"seed": None}, TypeError, "^seed must be a whole number from 0 to .*, not None"),
    ],
)
def test_wrong_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        data.two_digits(**{"x": X, "y": Y, "n": 4} | arguments)
