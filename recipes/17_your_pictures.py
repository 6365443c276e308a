"""One cell, on its own. `picture_dataset` reads every file once, and names what is wrong. `rows` is a list of dictionaries, as
`csv.DictReader` gives it, and `kinds` says which columns are targets. For `fit` it gives images, targets and weights, for heads
with these names and losses of `reduction="mean_with_sample_weight"`. Cache, shuffle and batch it as above.

From lesson 17. Your pictures: files, a list of labels, and a trained trunk
It needs PIL, numpy, tensorflow, and nothing else.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

MODES = {1: ("L", "1"), 3: ("RGB",)}


def column(rows, name, kind):
    """Return targets without gaps, and weights; a gap is an empty text, None or NaN."""
    values = np.full(len(rows), np.nan)
    for k, row in enumerate(rows):
        if name not in row or kind not in ("class", "number"):
            raise ValueError(f"row {k}: {name!r} of kind {kind!r} wanted, only {[*row]} given.")
        try:
            values[k] = "nan" if row[name] in ("", None) else row[name]
            wrong = np.isinf(values[k]) or (
                kind == "class" and (values[k] < 0 or values[k] % 1 > 0)
            )
        except (TypeError, ValueError):
            wrong = True
        if wrong:
            raise ValueError(f"row {k}, {name}: {row[name]!r} given, a {kind} or a gap wanted.")
    known = ~np.isnan(values)
    filled = np.where(known, values, 0)
    targets = filled.astype(int) if kind == "class" else filled.astype("float32")[:, None]
    return targets, known.astype("float32")


def what_is_wrong(path, channels):
    """Return in words why a picture cannot be read as it is meant, or None."""
    if not path.is_file():
        return "no such file"
    try:
        with Image.open(path) as picture:
            mode, turn = picture.mode, picture.getexif().get(0x0112, 1)
            hidden = " with transparency" * ("transparency" in picture.info)
        tf.io.decode_image(path.read_bytes())
    except (OSError, SyntaxError, ValueError, tf.errors.OpError):
        return "broken, or no PNG, JPEG, BMP or GIF"
    if turn != 1:
        return "has to be turned (EXIF orientation), which TensorFlow does not do"
    wrong = mode not in MODES[channels] or hidden
    return f"mode {mode}{hidden} given, {MODES[channels][0]} wanted" if wrong else None


def picture_dataset(folder, rows, kinds, side, channels=1, file="file", skip=False):
    """Return a tf.data.Dataset of (image, targets, weights), and what is wrong, by file.

    Images have numbers from 0 to 1 and the shape (side, side, channels). A wrong picture is an
    error that names it, or with `skip` a row less. A missing or repeated name is always an error.
    """
    if channels not in MODES or not rows:
        raise ValueError(
            f"channels: {channels} given, 1 or 3 wanted; rows: {len(rows)}, 1 or more."
        )
    names = [str(row.get(file) or "").strip() for row in rows]
    if "" in names:
        raise ValueError(f"row {names.index('')}: no name in the column {file!r}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"{len(twice)} names stand more than once in the list: {', '.join(twice[:5])}"
        )
    wrong = {name: what_is_wrong(Path(folder) / name, channels) for name in names}
    wrong = {name: words for name, words in wrong.items() if words}
    if wrong and (not skip or len(wrong) == len(names)):
        lines = "".join(f"\n  {name}: {words}" for name, words in [*wrong.items()][:10])
        raise ValueError(f"{len(wrong)} of {len(names)} pictures are wrong:{lines}")
    rows = [row for row, name in zip(rows, names, strict=True) if name not in wrong]
    columns = {name: column(rows, name, kind) for name, kind in kinds.items()}
    targets, weights = ({name: pair[k] for name, pair in columns.items()} for k in (0, 1))
    files = [str(Path(folder) / name) for name in names if name not in wrong]

    def read(path, targets, weights):
        picture = tf.io.decode_image(tf.io.read_file(path), 3, expand_animations=False)
        picture = tf.image.resize(picture[..., :channels], (side, side), antialias=True) / 255
        return tf.ensure_shape(picture, (side, side, channels)), targets, weights

    return tf.data.Dataset.from_tensor_slices((files, targets, weights)).map(read), wrong
