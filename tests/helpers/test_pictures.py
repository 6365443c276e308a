"""The folder of pictures: its list says what the files show, and its parts have no digit in common."""

import csv

import numpy as np
import pytest
from PIL import Image

from mos_helpers import data


@pytest.fixture(scope="module")
def digits():
    return data.load_digits("digits")


@pytest.fixture(scope="module")
def written(tmp_path_factory, digits):
    folder = tmp_path_factory.mktemp("written")
    data.write_pictures(folder, digits, n_train=300, n_test=30, seed=3)
    with (folder / "labels.csv").open(newline="") as file:
        return folder, list(csv.DictReader(file))


def test_each_row_has_its_files_and_each_file_a_row(written):
    folder, rows = written
    named = {row[name] for row in rows for name in ("file", "map") if row[name]}
    assert named == {path.relative_to(folder).as_posix() for path in folder.glob("*/*.png")}
    assert [row["part"] for row in rows] == ["train"] * 300 + ["test"] * 30


def test_pictures_are_grey_squares_of_three_sizes_and_maps_have_their_size(written):
    folder, rows = written
    sizes = set()
    for row in rows:
        picture = Image.open(folder / row["file"])
        assert picture.mode == "L"
        sizes.add(picture.size)
        if row["map"]:
            ink = Image.open(folder / row["map"])
            assert ink.size == picture.size
            ink, picture = np.array(ink) > 127, np.array(picture)
            assert 0.02 < ink.mean() < 0.5
            assert picture[ink].mean() > picture[~ink].mean() + 40
    assert sizes == {(40, 40), (60, 60), (80, 80)}


def test_gaps_are_in_the_training_part_only_and_each_label_has_its_own(written):
    rows = written[1]
    for name, share in {"digit": 0.2, "angle": 0.4, "map": 0.25}.items():
        known = np.array([row[name] != "" for row in rows])
        assert known[300:].all()
        assert abs(known[:300].mean() - share) < 0.1
    assert len({tuple(row[name] != "" for name in ("digit", "angle", "map")) for row in rows}) == 8


def test_labels_are_in_their_ranges(written):
    rows = written[1]
    assert {int(row["digit"]) for row in rows if row["digit"]} <= set(range(10))
    angles = [float(row["angle"]) for row in rows if row["angle"]]
    assert -30 <= min(angles) < -15
    assert 15 < max(angles) <= 30


def test_a_seed_gives_the_same_files_and_another_one_others(tmp_path, digits, written):
    folder = written[0]
    for seed in (3, 4):
        (tmp_path / str(seed)).mkdir()
        data.write_pictures(tmp_path / str(seed), digits, n_train=300, n_test=30, seed=seed)
    same, other = ((tmp_path / seed / "pictures/test_007.png").read_bytes() for seed in "34")
    assert same == (folder / "pictures/test_007.png").read_bytes() != other


def test_bad_arguments_are_named(tmp_path, digits, written):
    with pytest.raises(FileExistsError, match=r"folder must not hold labels\.csv"):
        data.write_pictures(written[0], digits)
    with pytest.raises(FileNotFoundError):
        data.write_pictures(tmp_path / "nowhere", digits)
    with pytest.raises(ValueError, match="n_train"):
        data.write_pictures(tmp_path, digits, n_train=0)
    with pytest.raises(ValueError, match=r"images must have shape \(n, height, width\), not \(3, 4\)"):
        data.in_light(np.zeros((3, 4)))


def test_light_keeps_ink_brighter_than_its_ground_and_its_argument_as_it_is():
    images = np.zeros((50, 30, 30), "float32")
    images[:, 10:20, 10:20] = 1
    before = images.copy()
    lit = data.in_light(images, seed=1)
    assert (lit.dtype, lit.shape) == (np.float32, images.shape)
    assert (lit[:, 10:20, 10:20].mean(axis=(1, 2)) > lit[:, :10].mean(axis=(1, 2)) + 0.1).all()
    assert 0 <= lit.min() < lit.max() <= 1
    np.testing.assert_array_equal(images, before)
