"""Several digits on one canvas: the labels say what is drawn, and everything that is drawn can be seen."""

import hypothesis
import hypothesis.strategies as st
import pytest
from hypothesis.extra import numpy as arrays

from mos_helpers import data

import numpy as np  # isort: skip

HEIGHT, WIDTH = 4, 3


def coded(count, start=0, labels=10):
    """Return images whose every pixel tells the row, and labels that follow from the row."""
    rows = np.arange(start, start + count)
    images = np.broadcast_to((rows[:, None, None] + 1) / 1000, (count, HEIGHT, WIDTH)).astype("float32")
    return images, (7 * rows + 3) % labels


def drawn_rows(image, start=0):
    """Return the rows of `coded` images that stand in an image, one for each digit; all their pixels must be there."""
    codes = np.rint(image * 1000).astype(int)
    rows = []
    while codes.any():
        top = np.flatnonzero(codes.any(axis=1))[0]
        left = np.flatnonzero(codes[top])[0]
        code = codes[top, left]
        digit = codes[top : top + HEIGHT, left : left + WIDTH]
        assert digit.shape == (HEIGHT, WIDTH)
        assert (digit == code).all()
        digit[:] = 0
        rows.append(code - 1 - start)
    return rows


@hypothesis.given(
    count=st.integers(1, 40),
    n=st.integers(1, 30),
    canvas=st.integers(HEIGHT, 3 * HEIGHT + 2),
    seed=st.integers(0, 2**63 - 1),
)
@hypothesis.settings(max_examples=40)
def test_the_labels_are_those_of_the_digits_drawn(count, n, canvas, seed):
    x, y = coded(count)
    images, targets = data.several_digits(x, y, n, canvas, seed=seed)
    assert images.shape == (n, canvas, canvas)
    assert images.dtype == np.float32
    assert list(targets) == ["digits"]
    assert targets["digits"].shape == (n, 10)
    assert targets["digits"].dtype == np.float32
    for image, present in zip(images, targets["digits"], strict=True):
        rows = drawn_rows(image)
        assert 1 <= len(rows) <= min(3, (canvas // HEIGHT) ** 2)
        np.testing.assert_array_equal(present, np.isin(np.arange(10), y[rows]))


@hypothesis.given(
    x=arrays.arrays(np.float32, (6, HEIGHT, WIDTH), elements=st.floats(0, 1, width=32)), seed=st.integers(0, 1000)
)
@hypothesis.settings(max_examples=40)
def test_any_pixels_are_drawn_as_they_are(x, seed):
    images, targets = data.several_digits(x, np.arange(6), 9, canvas=HEIGHT, seed=seed)
    for image, present in zip(images, targets["digits"], strict=True):
        drawn = x[present.argmax()]
        assert present.sum() == 1
        assert any((image[:, left : left + WIDTH] == drawn).all() for left in range(HEIGHT - WIDTH + 1))
        assert image.sum(dtype="float64") == pytest.approx(drawn.sum(dtype="float64"))


def test_real_digits_are_all_there():
    digits = data.load_digits("digits")
    images, targets = data.several_digits(digits.x_test, digits.y_test, 300, canvas=56)
    cells = images.reshape(300, 2, 28, 2, 28).swapaxes(2, 3).reshape(-1, 784)
    known = {digit.tobytes(): label for digit, label in zip(digits.x_test, digits.y_test, strict=True)}
    labels = np.array([known.get(cell.tobytes(), -1) for cell in cells]).reshape(300, 4)
    np.testing.assert_array_equal(labels >= 0, cells.any(axis=1).reshape(300, 4))
    np.testing.assert_array_equal(targets["digits"], (labels[:, :, None] == np.arange(10)).any(axis=1))


def test_sources_never_mix():
    train, test = coded(500), coded(100, start=500)
    images_train, _ = data.several_digits(*train, 1000, canvas=10, seed=1)
    images_test, _ = data.several_digits(*test, 1000, canvas=10, seed=1)
    assert set(np.unique(images_train)) <= {0, *np.unique(train[0])}
    assert set(np.unique(images_test)) <= {0, *np.unique(test[0])}


def test_every_digit_number_and_place_comes_about_equally_often():
    images, _ = data.several_digits(*coded(20), 6000, canvas=10)
    rows = [drawn_rows(image) for image in images]
    numbers = np.bincount([len(some) for some in rows], minlength=4)
    assert numbers[0] == 0
    np.testing.assert_allclose(numbers[1:], 2000, atol=150)
    np.testing.assert_allclose(np.bincount(np.concatenate(rows)), 600, atol=120)
    covered = (images > 0).mean(axis=0)  # cells of 5x5: one row and two columns more than a digit
    assert covered[1:4, 2].min() == pytest.approx(2 / 4, abs=0.03)
    np.testing.assert_allclose(covered, np.tile(covered[:5, :5], (2, 2)), atol=0.04)


def test_labels_are_as_frequent_as_in_y():
    x, y = coded(1000)
    y = np.where(y < 9, 0, 1)
    _, targets = data.several_digits(x, y, 20_000, canvas=4)
    np.testing.assert_allclose(targets["digits"].mean(axis=0)[:2], [0.9, 0.1], atol=0.01)


def test_weights_make_labels_rare():
    weights = np.array([3, 1, 0, 0, 0, 0, 0, 0, 0, 0.1])
    _, targets = data.several_digits(*coded(50), 20_000, canvas=4, weights=weights)
    np.testing.assert_allclose(targets["digits"].mean(axis=0), weights / weights.sum(), atol=0.01)


def test_followers_make_labels_come_together():
    followers = np.eye(10)[[1, 0, 3, 2, 5, 4, 7, 6, 9, 8]]
    _, targets = data.several_digits(*coded(50), 5000, canvas=8, followers=followers)
    pairs = targets["digits"].reshape(-1, 5, 2)
    assert (pairs.any(axis=2).sum(axis=1) == 1).all()
    assert pairs.all(axis=2).any(axis=1).mean() == pytest.approx(2 / 3, abs=0.03)  # the others have one digit
    apart = data.several_digits(*coded(50), 5000, canvas=8)[1]["digits"]
    assert abs(apart[:, 0] @ apart[:, 1] / 5000 - 0.025) < 0.01


def test_the_first_label_has_the_weights_and_the_next_one_those_of_its_row():
    weights, followers = np.eye(10)[4], np.ones((10, 10))
    followers[[4, 7]] = np.eye(10)[7]
    _, targets = data.several_digits(*coded(50), 500, canvas=8, weights=weights, followers=followers)
    present = targets["digits"]
    assert (present[:, 4] == 1).all()
    assert 0 < present[:, 7].mean() < 1
    assert present[:, [0, 1, 2, 3, 5, 6, 8, 9]].sum() == 0


def test_same_seed_same_data():
    x, y = coded(30)

    def compose(seed):
        images, targets = data.several_digits(x, y, 200, canvas=9, seed=seed)
        return images.tobytes(), targets["digits"].tobytes()

    np.random.seed(1)  # noqa: NPY002
    first = compose(7)
    np.random.seed(2)  # noqa: NPY002
    assert compose(7) == first
    assert compose(8) != first


def test_what_is_given_stays_as_it_is():
    given = {"x": coded(20)[0], "y": coded(20)[1], "weights": np.ones(10), "followers": np.ones((10, 10))}
    before = {name: value.copy() for name, value in given.items()}
    images, targets = data.several_digits(**given, n=50, canvas=8)
    images[:] = 9
    targets["digits"][:] = 9
    for name, value in given.items():
        np.testing.assert_array_equal(value, before[name])


def test_other_types_of_numbers():
    x, y = coded(10)
    expected, labels = data.several_digits(x, y, 5, canvas=8, weights=[1] * 10)
    for images, targets in (
        data.several_digits(x.astype("float64"), y.astype("uint8"), np.int64(5), np.int32(8), weights=np.ones(10)),
        data.several_digits(x.tolist(), y.tolist(), 5, canvas=8, weights=[7e300] * 10),
    ):
        assert images.dtype == np.float32
        np.testing.assert_allclose(images, expected, atol=1e-7)
        np.testing.assert_array_equal(targets["digits"], labels["digits"])


X, Y = coded(10)
ONES = np.ones(10)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"x": np.zeros((10, 4, 3), np.uint8)}, TypeError, r"^x must hold floating.*not uint8; divide 0 to 255 by 255"),
        ({"x": X * 255}, ValueError, r"^x must lie in \[0, 1\], not from 0.255 to 2.55"),
        ({"x": X.reshape(10, 12)}, ValueError, r"^x must have .* shape \(n, height, width\), not shape \(10, 12\)"),
        ({"y": Y[:7]}, ValueError, r"^y must have one label per image, shape \(10,\), not shape \(7,\)"),
        ({"y": Y / 1}, TypeError, "^y must hold whole numbers, .* not float64"),
        ({"y": Y + 5}, ValueError, "^y must hold numbers from 0 to 9, not 1[0-4]"),
        ({"n": 0}, ValueError, "^n must be a whole number of at least 1, not 0"),
        ({"n": 10.0}, TypeError, "^n must be a whole number of at least 1, not 10.0"),
        ({"canvas": 3}, ValueError, "^canvas must be a whole number of at least 4, not 3"),
        ({"canvas": (8, 8)}, TypeError, r"^canvas must be a whole number of at least 4, not \(8, 8\)"),
        ({"seed": -1}, ValueError, "^seed must be a whole number from 0 to .*, not -1"),
        ({"seed": None}, TypeError, "^seed must be a whole number from 0 to .*, not None"),
        ({"weights": ONES[:9]}, ValueError, r"^weights must have shape \(10,\), not shape \(9,\)"),
        ({"weights": -ONES}, ValueError, "^weights must be finite and at least 0, not from -1 to -1"),
        ({"weights": ONES * np.nan}, ValueError, "^weights must be finite and at least 0, not from nan to nan"),
        ({"weights": 0 * ONES}, ValueError, "^weights must have a weight above 0"),
        ({"weights": ["a"] * 10}, TypeError, "^weights must hold numbers, not <U1"),
        ({"weights": {3: 1}}, TypeError, "^weights must hold numbers, not object"),
        ({"y": Y % 9, "weights": ONES}, ValueError, "^weights must be 0 for the label 9, of which y has no digit"),
        ({"followers": ONES}, ValueError, r"^followers must have shape \(10, 10\), not shape \(10,\)"),
        ({"followers": np.eye(10) - 1}, ValueError, "^followers must be finite and at least 0, not from -1 to 0"),
        ({"followers": np.diag(ONES - np.eye(10)[3])}, ValueError, "^followers must have a weight above 0 in each row"),
        ({"y": Y % 9, "followers": np.eye(10)}, ValueError, "^followers must be 0 for the label 9, of which y has no"),
    ],
)
def test_wrong_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        data.several_digits(**{"x": X, "y": Y, "n": 4, "canvas": 8} | arguments)
