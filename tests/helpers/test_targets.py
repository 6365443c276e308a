"""Targets that follow from labels and pixels."""

import pytest

from mos_helpers import data

import numpy as np  # isort: skip


# --- attributes


def test_attributes_against_their_definitions():
    y = np.random.default_rng(0).integers(0, 10, 200)
    definitions = {
        "odd": lambda d: d % 2 == 1,
        "prime": lambda d: d > 1 and all(d % divisor for divisor in range(2, d)),
        "at_least_five": lambda d: d >= 5,
        "has_loop": lambda d: str(d) in "0689",
        "multiple_of_three": lambda d: d % 3 == 0,
        "perfect_square": lambda d: int(d**0.5) ** 2 == d,
    }
    facts = data.digit_attributes(y)
    assert list(facts) == list(definitions)
    for name, fact in facts.items():
        assert (fact.dtype, fact.shape) == (np.int64, (200,))
        assert fact.tolist() == [int(definitions[name](int(d))) for d in y], name


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.uint64])
def test_attributes_of_any_whole_numbers(dtype):
    want = data.digit_attributes(np.arange(10))
    got = data.digit_attributes(np.arange(10, dtype=dtype))
    assert {name: fact.tolist() for name, fact in got.items()} == {name: fact.tolist() for name, fact in want.items()}


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (np.array([1.0, 2.0]), TypeError, "float64"),
        (np.array([True]), TypeError, "bool"),
        (np.array(["1"]), TypeError, "whole numbers"),
        (np.array([3, 10]), ValueError, "0 to 9, not 10"),
        (np.array([3, -1]), ValueError, "0 to 9, not -1"),
        (np.array([[3], [1]]), ValueError, "shape (2, 1)"),
        (np.int64(3), ValueError, "shape ()"),
    ],
)
def test_attributes_of_something_else(y, error, words):
    with pytest.raises(error) as raised:
        data.digit_attributes(y)
    assert str(raised.value).startswith("y must")
    assert words in str(raised.value)


# --- targets from pixels


def drawn(*pixels, height=28, width=28):
    """An image with ink of strength 1 at some (row, column)."""
    image = np.zeros((1, height, width), np.float32)
    for row, column in pixels:
        image[0, row, column] = 1
    return image


def test_targets_from_pixels_have_shapes_and_types():
    x = np.random.default_rng(0).random((5, 28, 28), dtype=np.float32)
    before = x.copy()
    targets = data.pixel_targets(x)
    shapes = {"quarter": (5,), "ink": (5,), "halves": (5, 2), "slant": (5,), "mirror": (5, 196)}
    assert {name: target.shape for name, target in targets.items()} == shapes
    assert targets.pop("quarter").dtype == np.int64
    assert {target.dtype for target in targets.values()} == {np.dtype("float32")}
    assert (x == before).all()


@pytest.mark.parametrize(("pixel", "quarter", "halves"), [((3, 2), 0, [1, 1]), ((0, 27), 1, [1, 0])])
@pytest.mark.parametrize(("down", "below"), [(0, 0), (14, 2)])
def test_quarters_and_halves(pixel, quarter, halves, down, below):
    targets = data.pixel_targets(drawn((pixel[0] + down, pixel[1])))
    assert targets["quarter"].tolist() == [quarter + below]
    assert targets["halves"].tolist() == [[halves[0] if not below else 0, halves[1]]]


def test_halves_are_shares_of_the_ink():
    image = drawn((1, 1), (2, 20), (20, 20))
    image[0, 20, 3] = 0.5
    assert np.allclose(data.pixel_targets(image)["halves"], [[2 / 3.5, 1.5 / 3.5]])
    assert np.allclose(data.pixel_targets(image)["ink"], 3.5 / 784)


@pytest.mark.parametrize("lean", [-0.5, 0, 0.5, 1])
@pytest.mark.parametrize("columns", [28, 40])
def test_slant_is_columns_to_the_right_for_each_row_up(lean, columns):
    image = drawn(*[(row, 14 + round(lean * (14 - row))) for row in range(6, 23, 2)], width=columns)
    assert np.allclose(data.pixel_targets(image)["slant"], lean, atol=1e-6)


def test_slant_against_numpy():
    x = np.random.default_rng(1).random((4, 12, 16))
    rows, columns = np.mgrid[:12, :16]
    wanted = []
    for image in x:
        covariance = np.cov(rows.ravel(), columns.ravel(), aweights=image.ravel())
        wanted.append(-covariance[0, 1] / covariance[0, 0])
    assert np.allclose(data.pixel_targets(x)["slant"], wanted, atol=1e-6)


def test_mirror_is_half_as_wide_and_half_as_high():
    image = drawn((0, 0), (0, 1), (1, 0), (27, 27))
    mirror = data.pixel_targets(image)["mirror"].reshape(14, 14)
    assert mirror[0, 13] == 0.75
    assert mirror[13, 0] == 0.25
    assert mirror.sum() == 1


def test_images_without_ink_or_with_one_row_of_it():
    targets = data.pixel_targets(np.concatenate([drawn(), drawn((5, 3), (5, 9))]))
    assert targets["ink"][0] == 0
    assert targets["slant"].tolist() == [0, 0]
    assert targets["halves"][0].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((2, 28, 28), np.uint8), TypeError, "not uint8; divide 0 to 255 by 255"),
        (np.zeros((2, 784)), ValueError, "not shape (2, 784)"),
        (np.zeros((2, 27, 28)), ValueError, "height and width even, not shape (2, 27, 28)"),
        (np.zeros((0, 28, 28)), ValueError, "not shape (0, 28, 28)"),
        (np.full((1, 4, 4), 255.0), ValueError, "not from 255 to 255"),
        (np.full((1, 4, 4), np.nan), ValueError, "not from nan to nan"),
    ],
)
def test_targets_from_something_else(x, error, words):
    with pytest.raises(error) as raised:
        data.pixel_targets(x)
    assert str(raised.value).startswith("x must")
    assert words in str(raised.value)
