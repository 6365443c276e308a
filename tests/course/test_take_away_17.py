"""What lesson 17 gives to copy works alone, on another folder, and says what is wrong with a bad one."""

import csv
import shutil
import struct
import zlib
from pathlib import Path

import jupytext
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
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
    Image.new("RGB", (9, 9), (255, 0, 51)).save(tmp_path / "red.png")
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


def sixteen_bits_of_colour(folder):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0))
    lines = zlib.compress((b"\0" + struct.pack(">24H", *[4000] * 24)) * 8)
    png = b"\x89PNG\r\n\x1a\n" + size + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    (folder / "bad.png").write_bytes(png)


def for_the_press(folder):
    Image.new("CMYK", (8, 8)).save(folder / "bad.png", "JPEG")


def moving(folder):
    frames = [Image.new("RGB", (8, 8), (50 * k, 0, 0)) for k in range(3)]
    frames[0].save(folder / "bad.png", "WEBP", save_all=True, append_images=frames[1:])


def cut_short(folder):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50)).astype("uint8")).save(folder / "bad.png")
    (folder / "bad.png").write_bytes((folder / "bad.png").read_bytes()[:900])


def empty(folder):
    (folder / "bad.png").touch()


def web_page(folder):
    (folder / "bad.png").write_text("<html>404</html>")


def nothing(folder):
    pass


WANTED = "given, L or RGB with 8 bits wanted"
BROKEN = "broken, or no PNG, JPEG, BMP or WEBP that TensorFlow can read"
FAULTS = {
    transparent: f"mode RGBA {WANTED}",
    half_transparent_grey: f"mode LA {WANTED}",
    with_a_transparent_grey: f"mode L with transparency {WANTED}",
    palette: f"mode P {WANTED}",
    sixteen_bits: f"mode I;16 with 16 bits {WANTED}",
    sixteen_bits_of_colour: f"mode RGB with 16 bits {WANTED}",
    for_the_press: f"mode CMYK {WANTED}",
    moving: BROKEN,
    cut_short: BROKEN,
    empty: BROKEN,
    web_page: BROKEN,
    nothing: "no such file (look at spelling, capitals, accents and backslashes)",
}


@pytest.mark.parametrize(("make", "words"), FAULTS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_bad_file_is_named_or_skipped_on_purpose(names, pictures, tmp_path, make, words):
    make(tmp_path)
    shutil.copy(pictures[0] / "bar 000.png", tmp_path)
    rows = [{"file": "bad.png", "shape": 7, "width": 7}, pictures[1][0]]
    with pytest.raises(ValueError, match="1 of 2 pictures are wrong") as caught:
        names["picture_dataset"](tmp_path, rows, KINDS, side=8)
    assert str(caught.value).endswith(f":\n  1 x {words}: bad.png")
    dataset, skipped = names["picture_dataset"](tmp_path, rows, KINDS, side=8, skip=True)
    assert skipped == {"bad.png": words}
    assert [weights["shape"].numpy() for _, _, weights in dataset] == [0]
    with pytest.raises(ValueError, match="1 of 1 pictures are wrong"):
        names["picture_dataset"](tmp_path, rows[:1], KINDS, side=8, skip=True)


def test_a_photo_that_lies_on_its_side(names, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (8, 6)).save(tmp_path / "phone.jpg", exif=exif)
    with pytest.raises(ValueError, match=r"1 x has to be turned .*: phone\.jpg"):
        names["picture_dataset"](tmp_path, [{"file": "phone.jpg"}], {}, side=8)
    exif[0x0112] = 0  # some cameras write it; it says nothing
    Image.new("L", (8, 6)).save(tmp_path / "phone.jpg", exif=exif)
    assert len(names["picture_dataset"](tmp_path, [{"file": "phone.jpg"}], {}, side=8)[0]) == 1


def test_another_format(names, tmp_path):
    Image.new("L", (8, 6)).save(tmp_path / "scan.tif")
    with pytest.raises(ValueError, match=rf"1 x {BROKEN}: scan\.tif"):
        names["picture_dataset"](tmp_path, [{"file": "scan.tif"}], {}, side=8)


def test_each_fault_is_counted_and_shown_by_two_names(names, tmp_path):
    for k in range(12):
        Image.new("RGBA", (8, 8)).save(tmp_path / f"{k:02}.png")
    rows = [{"file": name} for name in [*(f"{k:02}.png" for k in range(12)), "lost.png"]]
    with pytest.raises(ValueError, match="13 of 13 pictures are wrong") as caught:
        names["picture_dataset"](tmp_path, rows, {}, side=8)
    assert [line.split(":")[0].split(" (")[0] for line in str(caught.value).splitlines()[1:]] == [
        f"  12 x mode RGBA {WANTED}",
        "  1 x no such file",
    ]
    assert f"{WANTED}: 00.png, 01.png\n" in str(caught.value)


def test_the_cures_that_are_named(names, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (8, 6)).save(tmp_path / "phone.jpg", exif=exif)
    Image.new("P", (8, 6), 1).save(tmp_path / "palette.png")
    Image.new("CMYK", (8, 6)).save(tmp_path / "press.jpg")
    Image.new("L", (8, 6)).save(tmp_path / "scan.tif")
    for name in ["phone.jpg", "palette.png", "press.jpg", "scan.tif"]:
        with Image.open(tmp_path / name) as picture:
            ImageOps.exif_transpose(picture).convert("RGB").save(tmp_path / f"{name}.png")
    clear = Image.new("RGBA", (8, 6))
    background = Image.new("RGBA", clear.size, "white")
    Image.alpha_composite(background, clear).convert("RGB").save(tmp_path / "clear.png")
    rows = [{"file": f"{name}.png"} for name in ["phone.jpg", "palette.png", "press.jpg", "scan.tif", "clear"]]
    dataset, wrong = names["picture_dataset"](tmp_path, rows, {}, side=8, channels=3)
    assert len(dataset) == 5
    assert not wrong
    assert float(tf.reduce_max([*dataset][-1][0])) == 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "WEBP"])
def test_grey_and_colour_files_give_what_is_asked(names, tmp_path, form, channels):
    Image.new("L", (9, 9), 102).save(tmp_path / "grey", form)
    Image.new("RGB", (9, 9), (204, 204, 0)).save(tmp_path / "colour", form)
    rows = [{"file": "grey"}, {"file": "colour"}]
    dataset, _ = names["picture_dataset"](tmp_path, rows, {}, side=4, channels=channels)
    wanted = [[0.4] * channels, [0.8, 0.8, 0] if channels == 3 else [0.8 * (0.299 + 0.587)]]
    for (image, _, _), colours in zip(dataset, wanted, strict=True):
        np.testing.assert_allclose(image, np.broadcast_to(np.float32(colours), (4, 4, channels)), atol=0.015)


def test_a_stripe_in_a_picture_that_is_no_square_keeps_its_angle(names, tmp_path):
    down, right = np.mgrid[:60, :120]
    Image.fromarray(np.uint8(255 * (abs(right - 30 - down) < 6))).save(tmp_path / "stripe.png")
    dataset, _ = names["picture_dataset"](tmp_path, [{"file": "stripe.png"}], {}, side=48)
    down, right = np.nonzero(next(iter(dataset))[0].numpy()[..., 0] > 0.5)
    main = np.linalg.eigh(np.cov([right, down]))[1][:, 1]
    assert abs(np.rad2deg(np.arctan(main[1] / main[0])) - 45) < 2


def test_a_name_that_is_twice_or_empty(names, pictures):
    folder, rows = pictures
    for name in ["bar 001.PNG", "./bar 001.PNG"]:
        with pytest.raises(ValueError, match=r"1 names stand more than once: bar 001\.PNG"):
            names["picture_dataset"](folder, [*rows, rows[1] | {"file": name}], KINDS, side=8)
    with pytest.raises(ValueError, match="row 1: no name in the column 'file' of"):
        names["picture_dataset"](folder, [rows[0], {"file": " "}, {"file": None}], KINDS, side=8)
    with pytest.raises(ValueError, match=r"row 0: no name in the column 'path' of \['file', 'shape', 'width'\]"):
        names["picture_dataset"](folder, rows, KINDS, side=8, file="path")


def test_a_list_from_a_spreadsheet(names, pictures, tmp_path):
    path = tmp_path / "list.csv"
    lines = ["file;shape;width", *(f"{row['file']};{row['shape']};{row['width'] or ''}" for row in pictures[1])]
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    with (
        path.open(newline="") as file,
        pytest.raises(ValueError, match=r"no name in the column 'file' of .*file;shape;width"),
    ):
        names["picture_dataset"](pictures[0], list(csv.DictReader(file)), KINDS, side=8)
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert len(names["picture_dataset"](pictures[0], rows, KINDS, side=8)[0]) == 120


@pytest.mark.parametrize(
    ("change", "kinds", "words"),
    [
        ({"shape": "round"}, KINDS, r"row 1, shape: 'round' given, a whole number from 0 \(number names first"),
        ({"shape": "yes"}, KINDS, r"row 1, shape: 'yes' given, a whole number from 0 \(.*no and yes: 0 and 1"),
        ({"shape": "1.5"}, KINDS, "row 1, shape: '1.5' given, a whole number from 0"),
        ({"shape": "-1"}, KINDS, "row 1, shape: '-1' given, a whole number from 0"),
        ({"width": "1,5"}, KINDS, r"row 1, width: '1,5' given, a number \(with a decimal point, not a comma\)"),
        ({"width": "inf"}, KINDS, "row 1, width: 'inf' given, a number"),
        ({"width": [1, 2]}, KINDS, "row 1, width: .* given, a number"),
        ({}, {"shape": "classes"}, "wanted are kinds: 'class' or 'number' for each"),
        ({}, {"form": "class"}, "row 0: no column 'form', only"),
    ],
)
@pytest.mark.parametrize("skip", [False, True])
def test_labels_that_cannot_be(names, pictures, change, kinds, words, skip):
    folder, rows = pictures
    with pytest.raises(ValueError, match=words):
        names["picture_dataset"](folder, [rows[0], rows[1] | change, rows[2]], kinds, side=8, skip=skip)


def test_a_row_keeps_its_number_where_others_are_skipped(names, pictures):
    rows = [{"file": "lost.png", "shape": 0, "width": 1}, pictures[1][0], pictures[1][1] | {"shape": "round"}]
    with pytest.raises(ValueError, match="row 2, shape: 'round'"):
        names["picture_dataset"](pictures[0], rows, KINDS, side=8, skip=True)


def test_other_bad_arguments(names, pictures):
    with pytest.raises(ValueError, match=r"wanted are channels: 1 or 3\."):
        names["picture_dataset"](*pictures, KINDS, side=8, channels=4)
    with pytest.raises(ValueError, match=r"wanted are side: one whole number\."):
        names["picture_dataset"](*pictures, KINDS, side=(32, 48))
    for rows in ([], {"file": ["bar 000.png"]}, np.array([["bar 000.png"]])):  # no rows, and two kinds of tables
        with pytest.raises(ValueError, match=r"wanted are rows: list of dictionaries, as df\.to_dict\('records'\)"):
            names["picture_dataset"](pictures[0], rows, KINDS, side=8)


# Turns, which the lesson writes above its last cell


@pytest.fixture(scope="module")
def turns():
    lesson = Path(__file__).resolve().parents[2] / "source" / "lessons" / "17_your_pictures.py"
    cell = next(cell for cell in jupytext.read(lesson, fmt="py:percent").cells if "def turn_all" in cell.source)
    names = {"keras": keras, "np": np, "tf": tf, "std": 2.0}
    exec(cell.source, names)
    return names


@pytest.mark.parametrize("side", [7, 24, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_quarter_turn_is_exact_whatever_the_size(turns, side, channels):
    images = np.random.default_rng(0).random((2, side, side, channels), dtype="float32")
    turned = turns["turned"](images, np.float32([90, 180]))
    np.testing.assert_allclose(turned[0], np.rot90(images[0]), atol=1e-3)
    np.testing.assert_allclose(turned[1], np.rot90(images[1], 2), atol=1e-3)


def test_turns_take_what_the_recipe_gives(names, turns, pictures):
    folder, rows = pictures
    rows = [{"file": row["file"], "angle": row["width"]} for row in rows]
    batches = names["picture_dataset"](folder, rows, {"angle": "number"}, side=32)[0].batch(60)
    for (_, old, _), (images, new, _) in zip(batches, batches.map(turns["turn_all"]), strict=True):
        assert images.shape == (60, 32, 32, 1)
        assert [*new] == ["angle"]
        assert 1 < np.abs(new["angle"] - old["angle"]).max() <= 20 / turns["std"]
