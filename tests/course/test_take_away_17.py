"""What lesson 17 gives to copy works alone, on another folder, and says what is wrong with a bad one."""

import shutil

import keras
import numpy as np
import pytest
from PIL import Image
from take_away import take_away

KINDS = {"shape": "class", "width": "number"}


@pytest.fixture(scope="module")
def names():
    return take_away("17_your_pictures")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of another problem, and its rows: bars, upright or lying, of some width, in two formats."""
    folder = tmp_path_factory.mktemp("bars")
    rng = np.random.default_rng(0)
    rows = []
    for k in range(120):
        width, lying = int(rng.integers(4, 20)), k % 2
        bar = np.full((40, 40), 30, "uint8")
        bar[:, 20 - width // 2 : 20 + width // 2] = 220
        picture = Image.fromarray(bar.T if lying else bar).resize((40 + 10 * (k % 3),) * 2)
        name = f"bar {k:03}.{['png', 'PNG', 'bmp'][k % 3]}"
        picture.save(folder / name)
        rows.append(
            {"file": name, "shape": "" if k % 5 == 0 else str(lying), "width": None if k % 4 == 0 else str(width)}
        )
    return folder, rows


def test_another_problem_is_learned(names, pictures):
    dataset, skipped = names["picture_dataset"](*pictures, KINDS, side=16)
    assert not skipped
    assert len(dataset) == 120
    images, targets, weights = next(iter(dataset.batch(120)))
    assert images.shape == (120, 16, 16, 1)
    assert 0.05 < float(np.min(images)) < float(np.max(images)) < 0.95
    assert weights["shape"].numpy().tolist() == [float(row["shape"] != "") for row in pictures[1]]
    assert weights["width"].numpy().sum() == 90
    keras.utils.set_random_seed(0)
    flat = keras.layers.Flatten()(image := keras.Input((16, 16, 1)))
    hidden = keras.layers.Dense(16, activation="relu")(flat)
    heads = {
        "shape": keras.layers.Dense(2, activation="softmax", name="shape")(hidden),
        "width": keras.layers.Dense(1, name="width")(hidden),
    }
    model = keras.Model(image, heads)
    mean = {"reduction": "mean_with_sample_weight"}
    losses = {
        "shape": keras.losses.SparseCategoricalCrossentropy(**mean),
        "width": keras.losses.MeanAbsoluteError(**mean),
    }
    model.compile(keras.optimizers.Adam(0.01), losses)
    model.fit(dataset.cache().batch(30).repeat(40), verbose=0)
    shape = model.predict_on_batch(images)["shape"].argmax(axis=1)
    assert np.mean(shape == np.arange(120) % 2) > 0.95  # also where the label was missing
    assert targets["width"].shape == (120, 1)


def test_each_row_keeps_its_own_picture(names, pictures):
    folder, rows = pictures
    forwards, _ = names["picture_dataset"](folder, rows[:10], KINDS, side=16)
    backwards, _ = names["picture_dataset"](folder, rows[:10][::-1], KINDS, side=16)
    for one, other in zip(forwards, list(backwards)[::-1], strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        assert one[2]["width"] == other[2]["width"]


def test_colours(names, tmp_path):
    Image.new("RGB", (9, 7), (255, 0, 51)).save(tmp_path / "red.png")
    rows = [{"file": "red.png", "shape": 1, "width": 2.5}]
    dataset, _ = names["picture_dataset"](tmp_path, rows, KINDS, side=4, channels=3)
    image, targets, _ = next(iter(dataset))
    np.testing.assert_allclose(image, np.broadcast_to(np.float32([1, 0, 0.2]), (4, 4, 3)), atol=1e-6)
    assert (int(targets["shape"]), float(targets["width"][0])) == (1, 2.5)


def transparent(folder):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(folder / "bad.png")


def half_transparent_grey(folder):
    Image.new("LA", (8, 8), (9, 9)).save(folder / "bad.png")


def with_a_transparent_grey(folder):
    Image.new("L", (8, 8), 3).save(folder / "bad.png", transparency=3)


def palette(folder):
    Image.new("P", (8, 8), 1).save(folder / "bad.png")


def sixteen_bits(folder):
    Image.fromarray(np.full((8, 8), 4000, "uint16")).save(folder / "bad.png")


def colour(folder):
    Image.new("RGB", (8, 8)).save(folder / "bad.png")


def cut_short(folder):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50)).astype("uint8")).save(folder / "bad.png")
    (folder / "bad.png").write_bytes((folder / "bad.png").read_bytes()[:900])


def empty(folder):
    (folder / "bad.png").touch()


def web_page(folder):
    (folder / "bad.png").write_text("<html>404</html>")


def nothing(folder):
    pass


FAULTS = {
    transparent: "mode RGBA given, L wanted",
    half_transparent_grey: "mode LA given, L wanted",
    with_a_transparent_grey: "mode L with transparency given, L wanted",
    palette: "mode P given, L wanted",
    sixteen_bits: "mode I;16 given, L wanted",
    colour: "mode RGB given, L wanted",
    cut_short: "broken, or no PNG, JPEG, BMP or GIF",
    empty: "broken, or no PNG, JPEG, BMP or GIF",
    web_page: "broken, or no PNG, JPEG, BMP or GIF",
    nothing: "no such file",
}


@pytest.mark.parametrize(("make", "words"), FAULTS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_bad_file_is_named_or_skipped_on_purpose(names, pictures, tmp_path, make, words):
    make(tmp_path)
    shutil.copy(pictures[0] / "bar 000.png", tmp_path)
    rows = [{"file": "bad.png", "shape": 7, "width": 7}, pictures[1][0]]
    with pytest.raises(ValueError, match=f"1 of 2 pictures are wrong:\n  bad.png: {words}"):
        names["picture_dataset"](tmp_path, rows, KINDS, side=8)
    dataset, skipped = names["picture_dataset"](tmp_path, rows, KINDS, side=8, skip=True)
    assert skipped == {"bad.png": words}
    assert [weights["shape"].numpy() for _, _, weights in dataset] == [0]
    with pytest.raises(ValueError, match="1 of 1 pictures are wrong"):
        names["picture_dataset"](tmp_path, rows[:1], KINDS, side=8, skip=True)


def test_a_photo_that_lies_on_its_side(names, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (8, 6)).save(tmp_path / "phone.jpg", exif=exif)
    with pytest.raises(ValueError, match=r"phone\.jpg: has to be turned"):
        names["picture_dataset"](tmp_path, [{"file": "phone.jpg"}], {}, side=8)


def test_another_format(names, tmp_path):
    Image.new("L", (8, 6)).save(tmp_path / "scan.tif")
    with pytest.raises(ValueError, match=r"scan\.tif: broken, or no PNG"):
        names["picture_dataset"](tmp_path, [{"file": "scan.tif"}], {}, side=8)


def test_a_name_that_is_twice_or_empty(names, pictures):
    folder, rows = pictures
    with pytest.raises(ValueError, match=r"1 names stand more than once in the list: bar 001\.PNG"):
        names["picture_dataset"](folder, [*rows, rows[1]], KINDS, side=8)
    with pytest.raises(ValueError, match="row 1: no name in the column 'file'"):
        names["picture_dataset"](folder, [rows[0], {"file": " "}, {"file": None}], KINDS, side=8)
    with pytest.raises(ValueError, match="row 0: no name in the column 'path'"):
        names["picture_dataset"](folder, rows, KINDS, side=8, file="path")


@pytest.mark.parametrize(
    ("change", "kinds", "words"),
    [
        ({"shape": "round"}, KINDS, "row 1, shape: 'round' given, a class or a gap wanted"),
        ({"shape": "1.5"}, KINDS, "row 1, shape: '1.5' given, a class or a gap wanted"),
        ({"shape": "-1"}, KINDS, "row 1, shape: '-1' given, a class or a gap wanted"),
        ({"width": "inf"}, KINDS, "row 1, width: 'inf' given, a number or a gap wanted"),
        ({}, {"shape": "classes"}, "row 0: 'shape' of kind 'classes' wanted, only"),
        ({}, {"form": "class"}, "row 0: 'form' of kind 'class' wanted, only"),
    ],
)
def test_labels_that_cannot_be(names, pictures, change, kinds, words):
    folder, rows = pictures
    with pytest.raises(ValueError, match=words):
        names["picture_dataset"](folder, [rows[0], rows[1] | change, rows[2]], kinds, side=8)


def test_other_bad_arguments(names, pictures):
    with pytest.raises(ValueError, match="channels: 4 given, 1 or 3 wanted"):
        names["picture_dataset"](*pictures, KINDS, side=8, channels=4)
    with pytest.raises(ValueError, match="rows: 0, 1 or more"):
        names["picture_dataset"](pictures[0], [], KINDS, side=8)
