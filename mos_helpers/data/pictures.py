"""A folder of picture files with a list of labels, as somebody may have it on a disk."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from mos_helpers.arguments import check_number
from mos_helpers.data.loading import Digits
from mos_helpers.data.posed_digits import posed_digits
from mos_helpers.data.targets import hide_labels

SIDES = (40, 60, 80)  # pixels
KEEP = {"digit": 0.2, "angle": 0.4, "map": 0.25}  # the share of the training pictures that has the label
COLUMNS = ("part", "file", *KEEP)


def in_light(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return images of ink (1) on an empty ground (0) as pictures in uneven light, with noise.

    Both have the shape (n, height, width). The pictures are float32 in [0, 1], bright ink on a ground that is darker.
    """
    if np.ndim(images) != 3:
        raise ValueError(f"images must have shape (n, height, width), not {np.shape(images)}.")
    rng = np.random.default_rng(seed)
    n, height, width = images.shape
    slope = rng.uniform(-0.15, 0.15, (2, n, 1, 1))
    ground = slope[0] * np.linspace(-1, 1, height)[:, None] + slope[1] * np.linspace(-1, 1, width)
    ground = ground + rng.uniform(0.1, 0.4, (n, 1, 1)) + rng.normal(0, 0.1, images.shape)
    return (ground + rng.uniform(0.4, 0.6, (n, 1, 1)) * images).clip(0, 1).astype("float32")


def write_pictures(folder: str | Path, digits: Digits, n_train: int = 400, n_test: int = 200, seed: int = 0) -> None:
    """Write grey PNG files of digits in a pose, maps of their ink, and `labels.csv`, which has gaps.

    The pictures stand in `folder/pictures`, are squares of 40, 60 or 80 pixels, and are seen `in_light`. The maps stand
    in `folder/maps`, and have the size of their picture, 255 for ink and 0 for ground. The columns of `labels.csv`:
    "part", train or test; "file", the picture; and, empty where the label is missing, "digit", "angle" (degrees,
    counter-clockwise, at most 30 to each side) and "map", the file of the map. File names are relative to `folder`.

    Of the training pictures, a fifth has a digit, two fifths have an angle and a quarter has a map, each on its own.
    The test pictures have all labels. They are drawn from the test digits. The seed fixes poses, light and gaps.

    FileNotFoundError if there is no such folder, and FileExistsError if it holds `labels.csv` already.
    """
    folder = Path(folder)
    check_number("n_train", n_train, 1, whole=True)
    check_number("n_test", n_test, 1, whole=True)
    check_number("seed", seed, 0, 2**62, whole=True)
    if (folder / "labels.csv").exists():
        raise FileExistsError(f"folder must not hold labels.csv, as {folder} does.")
    for name in ("pictures", "maps"):
        (folder / name).mkdir(exist_ok=True)
    rows = _write(folder, "train", digits.x_train, digits.y_train, n_train, 2 * seed, KEEP)
    rows += _write(folder, "test", digits.x_test, digits.y_test, n_test, 2 * seed + 1, dict.fromkeys(KEEP, 1))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _write(folder: Path, part: str, x: np.ndarray, y: np.ndarray, n: int, seed: int, keep: dict) -> list[dict]:
    """Write the files of one part, and return the rows of its table."""
    images, pose = posed_digits(x, y, n, max_angle=30, max_shift=2, sizes=(0.8, 1), canvas=40, seed=seed)
    known = {name: hide_labels(n, share, seed=10 * seed + k) for k, (name, share) in enumerate(keep.items())}
    rows = []
    for k, picture in enumerate(in_light(images, seed)):
        name = f"{part}_{k:03}.png"
        labels = {"digit": pose["digit"][k], "angle": f"{pose['angle'][k]:.1f}", "map": f"maps/{name}"}
        row = {"part": part, "file": f"pictures/{name}"}
        row |= {label: value if known[label][k] else "" for label, value in labels.items()}
        for file, image in {row["file"]: picture, row["map"]: images[k] > 0.5}.items():
            if file:
                side = SIDES[k % len(SIDES)]
                Image.fromarray(np.uint8(image * 255)).resize((side, side)).save(folder / file)
        rows.append(row)
    return rows
