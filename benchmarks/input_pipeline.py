"""Measure how much time `fit` loses between an array, or files, and a trained network, and how little is possible.

Files "side by side" are read as in lesson 15: several at once, and whole batches are taken apart. "Image by image" is
the plain way: one file after the other, and each image is taken apart by itself.

Run it on a machine that does nothing else: `python benchmarks/input_pipeline.py --rounds 7`.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mos_helpers import data

import keras  # isort: skip
import tensorflow as tf  # isort: skip

N_IMAGES, BATCH_SIZE, N_FILES = 60_000, 128, 8
EPOCHS = 3  # in each measured call of fit, as in a lesson


def load_images() -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    """Return 60,000 images as rows of 784 pixels, their two targets, and where they come from."""
    digits = data.load_digits()
    rows = np.arange(N_IMAGES) % len(digits.x_train)
    x, y = digits.x_train[rows].reshape(-1, 784), digits.y_train[rows]
    repeated = ", repeated" if len(digits.x_train) < N_IMAGES else ""
    return x, {"digit": y, "odd": y % 2}, f"{N_IMAGES:,} images of {digits.source}{repeated}"


def build_model(steps_per_execution: int = 1) -> keras.Model:
    """Return a new compiled two-head model."""
    image = keras.Input((784,), name="image")
    trunk = keras.layers.Dense(64, activation="relu")(image)
    trunk = keras.layers.Dense(64, activation="relu")(trunk)
    digit = keras.layers.Dense(10, activation="softmax", name="digit")(trunk)
    odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk)
    model = keras.Model(image, {"digit": digit, "odd": odd})
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


def compiled_epoch(x: np.ndarray, y: dict[str, np.ndarray]) -> Callable[[], None]:
    """Return a function that trains for one shuffled epoch inside a single XLA program, without metrics."""
    model = build_model()
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    digit_loss, odd_loss = keras.losses.SparseCategoricalCrossentropy(), keras.losses.BinaryCrossentropy()
    images, digit, odd = tf.constant(x), tf.constant(y["digit"]), tf.constant(y["odd"][:, None])

    @tf.function(jit_compile=True)
    def epoch(images: tf.Tensor, digit: tf.Tensor, odd: tf.Tensor, order: tf.Tensor) -> None:
        for step in tf.range(N_IMAGES // BATCH_SIZE):
            rows = tf.gather(order, step * BATCH_SIZE + tf.range(BATCH_SIZE))
            with tf.GradientTape() as tape:
                outputs = model(tf.gather(images, rows), training=True)
                loss = digit_loss(tf.gather(digit, rows), outputs["digit"])
                loss += odd_loss(tf.gather(odd, rows), outputs["odd"])
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    def run() -> None:
        epoch(images, digit, odd, tf.random.shuffle(tf.range(N_IMAGES)))
        model.trainable_variables[0].numpy()  # waits for the epoch to end

    return run


def variants(x: np.ndarray, y: dict[str, np.ndarray], folder: Path) -> dict[str, Callable[[], object]]:
    """Return a function for each way of training for a few epochs; files are written into the folder."""
    steps = N_IMAGES // BATCH_SIZE
    memory = data.batches(x, y, BATCH_SIZE).repeat()
    write_files(folder, x, y)
    one_by_one, side_by_side = (from_files(folder, parallel) for parallel in (False, True))
    xla_epoch = compiled_epoch(x, y)

    def on_arrays(steps_per_execution: int) -> Callable[[], object]:
        model = build_model(steps_per_execution)
        return lambda: model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)

    def on_batches(dataset: tf.data.Dataset, steps_per_execution: int) -> Callable[[], object]:
        model = build_model(steps_per_execution)
        return lambda: model.fit(dataset, steps_per_epoch=steps, epochs=EPOCHS, verbose=0)

    def with_xla() -> None:
        for _ in range(EPOCHS):
            xla_epoch()

    return {
        "fit on arrays": on_arrays(1),
        "fit on arrays, 32 steps per execution": on_arrays(32),
        "fit on batches": on_batches(memory, 1),
        "fit on batches, 32 steps per execution": on_batches(memory, 32),
        "fit on batches, 156 steps per execution": on_batches(memory, 156),
        "fit on files, image by image, 32 steps": on_batches(one_by_one, 32),
        "fit on files, side by side, 32 steps": on_batches(side_by_side, 32),
        "an epoch in one XLA program": with_xla,
    }


def measure(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds per epoch of each run, taken in turn, after a warm-up."""
    seconds = {name: [] for name in runs}
    for measured in [False] + [True] * rounds:
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if measured:
                seconds[name].append((time.perf_counter() - start) / EPOCHS)
    return seconds


def main() -> None:
    """Print one table: seconds per epoch, and how they compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="measured runs of each variant (default: 7)")
    rounds = parser.parse_args().rounds
    if rounds < 7:
        parser.error(f"--rounds must be at least 7, not {rounds}")

    x, y, origin = load_images()
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(variants(x, y, Path(folder)), rounds)
    medians = [np.median(times) for times in seconds.values()]
    print(f"{origin}, batch size {BATCH_SIZE}, medians of {rounds} runs (shortest and longest in brackets)\n")
    print(f"{'':40}{'seconds per epoch':>24}{'x faster than fit':>20}{'x slower than XLA':>20}")
    for (name, times), median in zip(seconds.items(), medians, strict=True):
        took = f"{median:.2f} ({min(times):.2f} to {max(times):.2f})"
        print(f"{name:40}{took:>24}{medians[0] / median:>20.1f}{median / medians[-1]:>20.1f}")


if __name__ == "__main__":
    main()
