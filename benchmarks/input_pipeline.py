"""Measure how fast `fit` trains on arrays, on ready batches and on files.

    python benchmarks/input_pipeline.py --machine quiet

Files "side by side" are read as lesson 15 says: several at once, and whole batches are taken apart. "Image by image" is
the plain way: one file after the other, and each image is taken apart by itself. The ways take turns, round after
round. The table has medians: the seconds of an epoch, and the speed in multiples of that of the first way.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from harness import Report, arguments, seconds
from training import sigmoid, softmax, trunk

from mos_helpers import data

import keras  # isort: skip
import tensorflow as tf  # isort: skip

N_IMAGES, BATCH_SIZE, N_FILES = 60_000, 128, 8
EPOCHS = 3  # in each measured call of fit, as in a lesson


def load_images() -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    """Return 60,000 images as rows of 784 pixels, their two targets, and whence; a small data set is repeated."""
    digits = data.load_digits()
    rows = np.arange(N_IMAGES) % len(digits.x_train)
    x, y = digits.x_train[rows].reshape(-1, 784), digits.y_train[rows]
    return x, {"digit": y, "odd": y % 2}, digits.source


def build_model(steps_per_execution: int = 1) -> keras.Model:
    """Return a new compiled two-head model."""
    image = keras.Input((784,), name="image")
    features = trunk(image, 64, 64)
    model = keras.Model(image, {"digit": softmax(10, "digit")(features), "odd": sigmoid(1, "odd")(features)})
    model.compile(
        optimizer="adam",
        loss={"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"},
        metrics={"digit": ["accuracy"], "odd": ["accuracy"]},
        steps_per_execution=steps_per_execution,
    )
    return model


def write_files(folder: Path, x: np.ndarray, y: dict[str, np.ndarray]) -> None:
    """Write the images into `N_FILES` files; a record is one image: a byte for each pixel, then one for each target."""
    rows = np.column_stack([np.round(x * 255), y["digit"], y["odd"]]).astype(np.uint8)
    for number, part in enumerate(np.array_split(rows, N_FILES)):
        with tf.io.TFRecordWriter(str(folder / f"part_{number}.tfrecord")) as file:
            for row in part:
                file.write(row.tobytes())


def from_files(folder: Path, parallel: bool) -> tf.data.Dataset:
    """Return endless shuffled batches from the files; parallel: several are read at once, and batches taken apart."""

    def take_apart(records: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        rows = tf.io.decode_raw(records, tf.uint8)
        return tf.cast(rows[..., :784], tf.float32) / 255, {"digit": rows[..., 784], "odd": rows[..., 785]}

    names = tf.data.Dataset.list_files(str(folder / "part_*.tfrecord"), seed=0).repeat()
    if not parallel:
        rows = names.flat_map(tf.data.TFRecordDataset).shuffle(10_000, seed=0).map(take_apart)
        return rows.batch(BATCH_SIZE, drop_remainder=True)
    rows = names.interleave(tf.data.TFRecordDataset, num_parallel_calls=tf.data.AUTOTUNE).shuffle(10_000, seed=0)
    batches = rows.batch(BATCH_SIZE, drop_remainder=True)
    return batches.map(take_apart, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


def variants(x: np.ndarray, y: dict[str, np.ndarray], folder: Path) -> dict[str, Callable[[], object]]:
    """Return a function for each way of training for a few epochs; files are written into the folder."""
    steps = N_IMAGES // BATCH_SIZE
    memory = data.batches(x, y, BATCH_SIZE).repeat()
    write_files(folder, x, y)
    one_by_one, side_by_side = (from_files(folder, parallel) for parallel in (False, True))

    def on_arrays(steps_per_execution: int) -> Callable[[], object]:
        model = build_model(steps_per_execution)
        return lambda: model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)

    def on_batches(dataset: tf.data.Dataset, steps_per_execution: int) -> Callable[[], object]:
        model = build_model(steps_per_execution)
        return lambda: model.fit(dataset, steps_per_epoch=steps, epochs=EPOCHS, verbose=0)

    return {
        "arrays": on_arrays(1),
        "arrays, 32 updates in one call": on_arrays(32),
        "batches": on_batches(memory, 1),
        "batches, 32 updates in one call": on_batches(memory, 32),
        "batches, 156 updates in one call": on_batches(memory, 156),
        "files, image by image, 32": on_batches(one_by_one, 32),
        "files, side by side, 32": on_batches(side_by_side, 32),
    }


def main() -> None:
    """Print the table."""
    options = arguments(__doc__, rounds=7).parse_args()
    x, y, source = load_images()
    with Report(options, f"{N_IMAGES:,} images of {source}, batch size {BATCH_SIZE}") as report:
        with tempfile.TemporaryDirectory() as folder:
            found = seconds(variants(x, y, Path(folder)), options.rounds, options.machine)
        table = report.table("fit on", {"seconds": "median", "speed": "median"})
        for name, values in found.items():
            table.row(name, {"seconds": np.divide(values, EPOCHS), "speed": np.divide(found["arrays"], values)})


if __name__ == "__main__":
    main()
