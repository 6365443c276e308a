"""One cell, on its own. `picture_dataset` reads every file once, and names what is wrong. `rows` is a list of dictionaries, as
`csv.DictReader` gives it, and `kinds` says which columns are targets. For `fit` it gives images, targets and weights, for heads
with these names and losses of `reduction="mean_with_sample_weight"`. Cache, shuffle and batch it as above. An error shows two
names for each fault; with `skip=True` you get them all.

- Classes are numbers from 0. Make them of names by `{name: k for k, name in enumerate(sorted(set(names)))}`.
- Numbers are not standardised. Standardise the column first (lesson 5), as `turn_all` expects.
  Maps are not read: add them by a `.map`, as in `read_row`.
- Shapes. A picture that is no square gets black margins, so that angles stay. Grey becomes three equal colours for
  `channels=3`, and colours become grey for `channels=1`.
- A list from a spreadsheet may have semicolons, `csv.DictReader(file, delimiter=";")`, or a hidden mark at its beginning,
  `path.open(newline="", encoding="utf-8-sig")`.
- Mend most files by Pillow's `ImageOps.exif_transpose(picture).convert("RGB").save(new_path)`: photos on their side,
  palettes (GIF), CMYK, TIFF. Label angles and draw maps on the turned picture.
- Transparency needs a background first: `Image.alpha_composite(Image.new("RGBA", picture.size, "white"),
  picture.convert("RGBA"))`. 16 bits need a scale: read them by `tf.io.decode_png(data, dtype=tf.uint16)`, and divide by
  the largest number that your camera gives.
- Files without a row are not reported. Question 17.1 of the exercise counts them.

From lesson 17. Your pictures: files, a list of labels, and a trained trunk
It needs PIL, numpy, tensorflow, and nothing else.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

WANTED = {
    "class": "a whole number from 0 (number names first; no and yes: 0 and 1) or a gap",
    "number": "a number (with a decimal point, not a comma) or a gap",
}


def column(rows, name, kind):
    """Return targets without gaps, and weights; a gap is an empty text, None or NaN."""
    values = np.full(len(rows), np.nan)
    for k, row in enumerate(rows):
        if name not in row:
            raise ValueError(f"row {k}: no column {name!r}, only {[*row]}.")
        try:
            value = values[k] = float("nan" if row[name] in ("", None) else row[name])
        except (TypeError, ValueError):
            value = np.inf
        if np.isinf(value) or (kind == "class" and (value < 0 or value % 1 > 0)):
            raise ValueError(f"row {k}, {name}: {row[name]!r} given, {WANTED[kind]} wanted.")
    known = ~np.isnan(values)
    filled = np.where(known, values, 0)
    targets = filled.astype(int) if kind == "class" else filled.astype("float32")[:, None]
    return targets, known.astype("float32")


def what_is_wrong(path):
    """Return in words why a picture cannot be read as it is meant, or None."""
    if not path.is_file():
        return "no such file (look at spelling, capitals, accents and backslashes)"
    try:
        with Image.open(path) as picture:
            mode, turn = picture.mode, picture.getexif().get(0x0112, 1)
            hidden = " with transparency" * ("transparency" in picture.info)
        tf.io.decode_image(data := path.read_bytes(), 3, expand_animations=False)
    except (OSError, SyntaxError, ValueError, tf.errors.OpError):
        return "broken, or no PNG, JPEG, BMP or WEBP that TensorFlow can read"
    if turn not in (0, 1):
        return "has to be turned (EXIF orientation), which TensorFlow does not do"
    bits = " with 16 bits" * (data[:4] == b"\x89PNG" and data[24] == 16)
    wrong = mode not in ("1", "L", "RGB") or hidden or bits
    return f"mode {mode}{hidden}{bits} given, L or RGB with 8 bits wanted" if wrong else None


def picture_dataset(folder, rows, kinds, side, channels=1, file="file", skip=False):
    """Return a tf.data.Dataset of (image, targets, weights), and what is wrong, by file.

    Images have numbers from 0 to 1 and the shape (side, side, channels). A wrong picture is an
    error that names it, or with `skip` a row less. An empty or repeated name is always an error.
    """
    wanted = {
        "rows: list of dictionaries, as df.to_dict('records')": isinstance(rows, list) and rows,
        "kinds: 'class' or 'number' for each": {*kinds.values()} <= {*WANTED},
        "side: one whole number": isinstance(side, int),
        "channels: 1 or 3": channels in (1, 3),
    }
    if missing := [words for words, met in wanted.items() if not met]:
        raise ValueError(f"wanted are {'; '.join(missing)}.")
    names = [Path(str(row.get(file) or "").strip()).as_posix() for row in rows]
    if "." in names:  # what as_posix makes of an empty text
        raise ValueError(
            f"row {names.index('.')}: no name in the column {file!r} of {[*rows[0]]}."
        )
    unique, counts = np.unique(names, return_counts=True)
    if twice := unique[counts > 1].tolist():
        raise ValueError(f"{len(twice)} names stand more than once: {', '.join(twice[:5])}.")
    columns = {name: column(rows, name, kind) for name, kind in kinds.items()}
    wrong = {name: what_is_wrong(Path(folder) / name) for name in names}
    wrong = {name: words for name, words in wrong.items() if words}
    if wrong and (not skip or len(wrong) == len(names)):
        reasons = {w: [n for n in wrong if wrong[n] == w] for w in sorted({*wrong.values()})}
        lines = [f"\n  {len(some)} x {w}: {', '.join(some[:2])}" for w, some in reasons.items()]
        raise ValueError(f"{len(wrong)} of {len(names)} pictures are wrong:{''.join(lines)}")
    good = np.array([name not in wrong for name in names])
    targets, weights = ({name: pair[k][good] for name, pair in columns.items()} for k in (0, 1))
    files = [str(Path(folder) / name) for name in names if name not in wrong]

    def read(path, targets, weights):
        picture = tf.io.decode_image(tf.io.read_file(path), 3, expand_animations=False)
        picture = picture if channels == 3 else tf.image.rgb_to_grayscale(picture)
        picture = tf.image.resize_with_pad(picture, side, side, antialias=True) / 255
        return tf.ensure_shape(picture, (side, side, channels)), targets, weights

    return tf.data.Dataset.from_tensor_slices((files, targets, weights)).map(read), wrong
