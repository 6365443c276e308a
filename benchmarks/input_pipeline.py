"""Measure how much time `fit` loses between an array and a trained network, and how little is possible.

Run it on a machine that does nothing else: `python benchmarks/input_pipeline.py --rounds 7`.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from mos_helpers import data

import keras  # isort: skip
import tensorflow as tf  # isort: skip

N_IMAGES, BATCH_SIZE = 60_000, 128
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


def variants(x: np.ndarray, y: dict[str, np.ndarray]) -> dict[str, Callable[[], object]]:
    """Return a function for each way of training for a few epochs."""
    steps = N_IMAGES // BATCH_SIZE
    dataset = data.batches(x, y, BATCH_SIZE).repeat()
    xla_epoch = compiled_epoch(x, y)

    def on_arrays(steps_per_execution: int) -> Callable[[], object]:
        model = build_model(steps_per_execution)
        return lambda: model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)

    def on_batches(steps_per_execution: int) -> Callable[[], object]:
        model = build_model(steps_per_execution)
        return lambda: model.fit(dataset, steps_per_epoch=steps, epochs=EPOCHS, verbose=0)

    def with_xla() -> None:
        for _ in range(EPOCHS):
            xla_epoch()

    return {
        "fit on arrays": on_arrays(1),
        "fit on arrays, 32 steps per execution": on_arrays(32),
        "fit on batches, 32 steps per execution": on_batches(32),
        "fit on batches, 156 steps per execution": on_batches(156),
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
    seconds = measure(variants(x, y), rounds)
    medians = [np.median(times) for times in seconds.values()]
    print(f"{origin}, batch size {BATCH_SIZE}, medians of {rounds} runs (shortest and longest in brackets)\n")
    print(f"{'':40}{'seconds per epoch':>24}{'x faster than fit':>20}{'x slower than XLA':>20}")
    for (name, times), median in zip(seconds.items(), medians, strict=True):
        took = f"{median:.2f} ({min(times):.2f} to {max(times):.2f})"
        print(f"{name:40}{took:>24}{medians[0] / median:>20.1f}{median / medians[-1]:>20.1f}")


if __name__ == "__main__":
    main()
