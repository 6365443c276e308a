"""Measure what a shared trunk, one wide head and separate networks score and cost, over several seeds.

    python benchmarks/architectures.py --data digits              10 seeds, 800 updates of 128 images
    python benchmarks/architectures.py --data mnist --seeds 20 --updates 2000

Two overlapping digits, as in lesson 3: mean and standard deviation of the accuracies, parameters, seconds to train,
and milliseconds to answer. scikit-learn, in at most five runs, and the baseline stand beside them. For times, run
it on a machine that does nothing else.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from mos_helpers import data
from mos_helpers.training import restart

import keras  # isort: skip

N_TRAIN, N_TEST, BATCH_SIZE = 8_000, 2_000, 128
UNITS = 96
Targets = dict[str, np.ndarray]


def prepare(images: np.ndarray) -> np.ndarray:
    """Halve the resolution and put the pixels of each image in one row."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def trunk(image: keras.KerasTensor, units: int) -> keras.KerasTensor:
    """Return the second of two hidden layers, which has half the units of the first."""
    hidden = keras.layers.Dense(units, activation="relu")(image)
    return keras.layers.Dense(units // 2, activation="relu")(hidden)


def shared(inputs: int, units: int) -> keras.Model:
    """Return two heads on one trunk."""
    image = keras.Input((inputs,))
    features = trunk(image, units)
    heads = {name: keras.layers.Dense(10, activation="softmax", name=name)(features) for name in ("left", "right")}
    return keras.Model(image, heads)


def wide(inputs: int, units: int) -> keras.Model:
    """Return one vector of twenty numbers on one trunk, split afterwards."""
    image = keras.Input((inputs,))
    vector = keras.layers.Dense(20)(trunk(image, units))
    left, right = vector[:, :10], vector[:, 10:]
    heads = {"left": keras.layers.Softmax(name="left")(left), "right": keras.layers.Softmax(name="right")(right)}
    return keras.Model(image, heads)


def separate(inputs: int, units: int) -> keras.Model:
    """Return two networks that share nothing, in one model."""
    image = keras.Input((inputs,))
    names = ("left", "right")
    return keras.Model(
        image, {name: keras.layers.Dense(10, activation="softmax", name=name)(trunk(image, units)) for name in names}
    )


def pairs(inputs: int, units: int) -> keras.Model:
    """Return one softmax over all hundred pairs."""
    image = keras.Input((inputs,))
    pair = keras.layers.Dense(100, activation="softmax", name="pair")(trunk(image, units))
    return keras.Model(image, {"pair": pair})


def nearest_units(build: Callable[[int, int], keras.Model], inputs: int, parameters: int) -> int:
    """Return how many units give a design about so many parameters."""
    return min(range(8, 260, 4), key=lambda units: abs(build(inputs, units).count_params() - parameters))


def designs(inputs: int) -> dict[str, keras.Model]:
    """Return the models to compare."""
    one, two = shared(inputs, UNITS).count_params(), separate(inputs, UNITS).count_params()
    return {
        "shared trunk": shared(inputs, UNITS),
        "one wide head, split": wide(inputs, UNITS),
        "one head for all pairs": pairs(inputs, UNITS),
        "separate, equal parameters": separate(inputs, nearest_units(separate, inputs, one)),
        "separate, equal trunks": separate(inputs, UNITS),
        "shared, as many as these": shared(inputs, nearest_units(shared, inputs, two)),
    }


def answers(predictions: Targets) -> np.ndarray:
    """Return the likeliest left and right digit, shape (n, 2)."""
    if "pair" in predictions:
        return np.stack(np.divmod(predictions["pair"].argmax(axis=1), 10), axis=1)
    return np.stack([predictions[name].argmax(axis=1) for name in ("left", "right")], axis=1)


def scores(found: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return how often left, right, and both are right."""
    right = found == truth
    return [*right.mean(axis=0), right.all(axis=1).mean()]


def train(model: keras.Model, images: np.ndarray, targets: Targets, updates: int, seed: int) -> float:
    """Train a compiled model from new random weights; return the seconds that `fit` took."""
    keras.utils.set_random_seed(seed)
    restart(model, keras.models.clone_model(model).get_weights())
    training = data.batches(images, {name: targets[name] for name in model.output}, BATCH_SIZE, seed=seed).repeat()
    start = time.perf_counter()
    model.fit(training, steps_per_epoch=updates, verbose=0)
    return time.perf_counter() - start


def milliseconds(model: keras.Model, images: np.ndarray, calls: int = 50) -> float:
    """Return the median time of one call that answers for these images."""
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        model.predict_on_batch(images)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def of_scikit_learn(updates: int) -> dict[str, Callable[[int], object]]:
    """Return functions that make a scikit-learn estimator from a seed; they train for as many passes as Keras does."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.neural_network import MLPClassifier

    def network(seed: int) -> MLPClassifier:
        passes = max(1, round(updates * BATCH_SIZE / N_TRAIN))
        return MLPClassifier((UNITS, UNITS // 2), batch_size=BATCH_SIZE, max_iter=passes, random_state=seed)

    return {
        "MultiOutputClassifier(logistic)": lambda seed: MultiOutputClassifier(LogisticRegression(max_iter=100)),
        "MultiOutputClassifier(MLP)": lambda seed: MultiOutputClassifier(network(seed)),
        "MLPClassifier, 20 sigmoids": network,
    }


def fit_and_answer(estimator: object, images: np.ndarray, digits: np.ndarray, images_test: np.ndarray) -> np.ndarray:
    """Return the answers of a scikit-learn estimator; a network without a wrapper gets yes/no targets."""
    # More than one thread makes scikit-learn slower here, and much slower where something else is running.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that the training was stopped before its end, which is meant
        if hasattr(estimator, "estimator"):
            return estimator.fit(images, digits).predict(images_test)
        estimator.fit(images, np.eye(10)[digits].reshape(-1, 20))
    return estimator.predict_proba(images_test).reshape(-1, 2, 10).argmax(axis=2)


def print_row(name: str, rows: list[list[float]], cost: str) -> None:
    """Print mean and standard deviation of each score."""
    means, stds = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) if len(rows) > 1 else np.zeros(3)
    said = "".join(f"{f'{mean:.1%} ± {std:.1%}':>16}" for mean, std in zip(means, stds, strict=True))
    print(f"{name:33}{said}{cost}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
    parser.add_argument("--seeds", type=int, default=10, help="runs of each design (default: 10)")
    parser.add_argument("--updates", type=int, default=800, help="updates in a run, a multiple of 100 (default: 800)")
    options = parser.parse_args()
    if options.seeds < 1 or options.updates < 100 or options.updates % 100:
        parser.error("--seeds must be at least 1, and --updates a multiple of 100")

    digits = data.load_digits(options.data)
    images, targets = data.two_digits(digits.x_train, digits.y_train, N_TRAIN, seed=1)
    images_test, targets_test = data.two_digits(digits.x_test, digits.y_test, N_TEST, seed=2)
    images, images_test = prepare(images), prepare(images_test)
    truth = np.stack([targets_test["left"], targets_test["right"]], axis=1)
    both = np.stack([targets["left"], targets["right"]], axis=1)
    targets["pair"] = 10 * targets["left"] + targets["right"]

    print(f"{digits.source}: {N_TRAIN:,} training and {N_TEST:,} test images, {options.seeds} seeds, ", end="")
    print(f"{options.updates:,} updates of {BATCH_SIZE}; mean ± standard deviation\n")
    heads = "".join(f"{head:>16}" for head in ("left", "right", "both"))
    print(f"{'':33}{heads}{'parameters':>12}{'train s':>9}{'1 image ms':>12}{f'{N_TEST:,} ms':>10}")
    for name, model in designs(images.shape[1]).items():
        losses = dict.fromkeys(model.output, "sparse_categorical_crossentropy")
        model.compile(optimizer="adam", loss=losses, steps_per_execution=100)
        train(model, images, targets, 100, 0)  # the first call of `fit` compiles the update, and is not measured
        rows, seconds = [], []
        for seed in range(options.seeds):
            seconds.append(train(model, images, targets, options.updates, seed))
            rows.append(scores(answers(model.predict(images_test, batch_size=1000, verbose=0)), truth))
        one, many = milliseconds(model, images_test[:1]), milliseconds(model, images_test)
        print_row(name, rows, f"{model.count_params():12,}{np.median(seconds):9.2f}{one:12.2f}{many:10.2f}")

    for name, make in of_scikit_learn(options.updates).items():
        rows, seconds = [], []
        for seed in range(1 if "logistic" in name else min(options.seeds, 5)):
            start = time.perf_counter()
            rows.append(scores(fit_and_answer(make(seed), images, both, images_test), truth))
            seconds.append(time.perf_counter() - start)
        print_row(name, rows, f"{'':12}{np.median(seconds):9.2f}")
    most = [np.bincount(both[:, column]).argmax() for column in (0, 1)]
    print_row("always the most frequent digit", [scores(np.array([most]), truth)], "")


if __name__ == "__main__":
    main()
