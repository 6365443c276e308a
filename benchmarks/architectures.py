"""Measure what a shared trunk, one wide head and separate networks score and cost, over several seeds.

    python benchmarks/architectures.py --data digits
    python benchmarks/architectures.py --data mnist --seeds 20 --updates 2000

Two overlapping digits, as in lesson 3: accuracies, seconds of `fit`, and milliseconds to answer for one image and for
all test images. The designs take turns.
"""

import time

import numpy as np
from harness import Report, arguments, in_turns, seconds
from training import Arrays, Trainer, accuracies, canvases, commonest, nearest_units, softmax, trunk

from mos_helpers import data

import keras  # isort: skip

N_TRAIN, N_TEST, UNITS = 8_000, 2_000, 96
HEADS = ("left", "right")
COLUMNS = {"left": "share", "right": "share", "both": "share", "parameters": "count"}
COLUMNS |= {"train s": "median", "1 image ms": "median", "all ms": "median"}


def shared(inputs: int, units: int) -> keras.Model:
    """Return two heads on one trunk."""
    image = keras.Input((inputs,))
    features = trunk(image, units, units // 2)
    return keras.Model(image, {name: softmax(10, name)(features) for name in HEADS})


def wide(inputs: int, units: int) -> keras.Model:
    """Return one vector of twenty numbers on one trunk, split afterwards."""
    image = keras.Input((inputs,))
    vector = keras.layers.Dense(20)(trunk(image, units, units // 2))
    left, right = vector[:, :10], vector[:, 10:]
    return keras.Model(
        image, {"left": keras.layers.Softmax(name="left")(left), "right": keras.layers.Softmax(name="right")(right)}
    )


def separate(inputs: int, units: int) -> keras.Model:
    """Return two networks that share nothing, in one model."""
    image = keras.Input((inputs,))
    return keras.Model(image, {name: softmax(10, name)(trunk(image, units, units // 2)) for name in HEADS})


def pairs(inputs: int, units: int) -> keras.Model:
    """Return one softmax over all hundred pairs."""
    image = keras.Input((inputs,))
    return keras.Model(image, {"pair": softmax(100, "pair")(trunk(image, units, units // 2))})


def designs(inputs: int) -> dict[str, keras.Model]:
    """Return the compiled models to compare."""
    one, two = shared(inputs, UNITS).count_params(), separate(inputs, UNITS).count_params()
    tried = range(8, 260, 4)
    models = {
        "shared trunk": shared(inputs, UNITS),
        "one wide head, split": wide(inputs, UNITS),
        "one head for all pairs": pairs(inputs, UNITS),
        "separate, equal parameters": separate(
            inputs, nearest_units(lambda units: separate(inputs, units), one, tried)
        ),
        "separate, equal trunks": separate(inputs, UNITS),
        "shared, as many as these": shared(inputs, nearest_units(lambda units: shared(inputs, units), two, tried)),
    }
    for model in models.values():
        losses = dict.fromkeys(model.output, "sparse_categorical_crossentropy")
        model.compile(optimizer="adam", loss=losses, steps_per_execution=100)
    return models


def answers(trainer: Trainer, images: np.ndarray) -> Arrays:
    """Return the likeliest left and right digit."""
    found = trainer.classes(images)
    return dict(zip(HEADS, np.divmod(found["pair"], 10), strict=True)) if "pair" in found else found


def main() -> None:
    """Print the table."""
    options = arguments(__doc__, seeds=10, updates=800).parse_args()
    with Report(options, f"{N_TRAIN:,} training and {N_TEST:,} test images") as report:
        digits = data.load_digits(options.data)
        images, targets = canvases(digits.x_train, digits.y_train, N_TRAIN, seed=1)
        images_test, truth = canvases(digits.x_test, digits.y_test, N_TEST, seed=2)
        targets["pair"] = 10 * targets["left"] + targets["right"]
        trainers = {name: Trainer(model, range(options.seeds)) for name, model in designs(images.shape[1]).items()}

        def train(name: str, seed: int, updates: int = options.updates) -> list[float]:
            trainer = trainers[name]
            of_heads = {head: targets[head] for head in trainer.model.output}
            start = time.perf_counter()
            trainer.train(seed, images, of_heads, updates)
            taken = time.perf_counter() - start
            found = accuracies(answers(trainer, images_test), truth, HEADS)
            return [*found, trainer.model.count_params(), taken]

        table = report.table("two digits", COLUMNS)
        in_turns(lambda name, seed: train(name, seed, 100), trainers, [0])  # the first `fit` compiles
        runs = in_turns(train, trainers, range(options.seeds))
        for name, found in runs.items():
            model = trainers[name].model
            calls = {
                count: lambda model=model, count=count: model.predict_on_batch(images_test[:count])
                for count in (1, N_TEST)
            }
            times = np.transpose([1000 * np.array(values) for values in seconds(calls, 50).values()])
            columns = dict(zip(COLUMNS, [*np.transpose(found), *times.T], strict=True))
            table.row(name, columns)
        most = {head: np.full(N_TEST, commonest(targets[head])) for head in HEADS}
        table.row("always the most frequent digit", [accuracies(most, truth, HEADS)])


if __name__ == "__main__":
    main()
