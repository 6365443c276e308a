"""Measure whether weights that choose themselves are better than the plain sum or than weights from a sweep.

    python benchmarks/adaptive_weights.py --data digits                          10 seeds, 400 updates of 128 images
    python benchmarks/adaptive_weights.py --data mnist --heads digit_and_pose --seeds 20 --updates 800

Two pairs of heads on one trunk. "two_digits": the left and the right digit of two that overlap, two cross-entropies.
"digit_and_pose": a digit, and how it is turned, shifted and scaled (a mean squared error of four standardised numbers).
Two settings: the losses as they are, and the loss of the second head multiplied by 100.

Each score is a remaining error on the test images: the share of wrong digits divided by that of always answering the
commonest one, and the mean squared error divided by that of always answering the mean. Mean and standard deviation.

The sweep tries five weights of the second head, and takes for each seed the one with the smallest mean of both
remaining errors on validation images. "Begun" means that the weights begin at what fits the losses before training, and
not at 1. With Adam a factor of a loss and its inverse as the weight cancel, so one sweep
serves both settings.
"""

import argparse
import time

import numpy as np

from mos_helpers import balancing, data
from mos_helpers.training import restart

import keras  # isort: skip

N_TRAIN, N_OTHER, BATCH_SIZE = 4_000, 2_000, 128
NAMES = ["angle", "shift_right", "shift_down", "size"]
SWEEP = [0.1, 0.3, 1, 3, 10]
EPOCHS = 10
Arrays = dict[str, np.ndarray]


def prepare(images: np.ndarray) -> np.ndarray:
    """Halve the resolution and put the pixels of each image in one row."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def questions(pair: str, x: np.ndarray, y: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, Arrays]:
    """Return prepared images, and the targets of both heads."""
    if pair == "two_digits":
        images, targets = data.two_digits(x, y, n, seed=seed)
        return prepare(images), targets
    images, targets = data.posed_digits(x, y, n, seed=seed)
    return prepare(images), {"digit": targets["digit"], "pose": np.stack([targets[name] for name in NAMES], axis=1)}


def parts(pair: str) -> tuple:
    """Return an input and the outputs of two heads on one trunk."""
    image = keras.Input((289 if pair == "two_digits" else 441,))
    trunk = keras.layers.Dense(64, activation="relu", name="trunk_1")(image)
    trunk = keras.layers.Dense(32, activation="relu", name="trunk_2")(trunk)
    names = ["left", "right"] if pair == "two_digits" else ["digit"]
    heads = {name: keras.layers.Dense(10, activation="softmax", name=name)(trunk) for name in names}
    return image, heads if pair == "two_digits" else heads | {"pose": keras.layers.Dense(4, name="pose")(trunk)}


@keras.saving.register_keras_serializable("benchmarks")
class SumOfLogarithms(keras.Model):
    """A model that minimises the sum of the logarithms of the heads' losses."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):  # noqa: ANN001, ANN201
        """Return the sum of the logarithms."""
        super().compute_loss(x, y, y_pred, sample_weight, training)
        losses = balancing.head_losses(self, y, y_pred, sample_weight)
        return sum(self.losses) + sum(keras.ops.log(loss) for loss in losses.values())


class Experiment:
    """The data, and models that are trained again from each seed."""

    def __init__(self, source: str, pair: str, seeds: int, updates: int) -> None:
        digits = data.load_digits(source)
        kept = len(digits.x_train) * 9 // 10
        self.source, self.pair, self.updates = digits.source, pair, updates
        self.images, self.targets = questions(pair, digits.x_train[:kept], digits.y_train[:kept], N_TRAIN, seed=1)
        self.parts = {
            "validation": questions(pair, digits.x_train[kept:], digits.y_train[kept:], N_OTHER, seed=2),
            "test": questions(pair, digits.x_test, digits.y_test, N_OTHER, seed=3),
        }
        if pair == "digit_and_pose":
            mean, scale = self.targets["pose"].mean(axis=0), self.targets["pose"].std(axis=0)
            for targets in [self.targets, *(targets for _, targets in self.parts.values())]:
                targets["pose"] = (targets["pose"] - mean) / scale

        self.factor = keras.Variable(1.0, trainable=False)
        self.weights = {name: keras.Variable(1.0, trainable=False) for name in self.targets}
        self.first_weights = []
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            self.first_weights.append(keras.Model(*parts(pair)).get_weights())
        self.models = {"fixed": self.compiled(keras.Model(*parts(pair)), self.weights)}
        self.models["sum of logarithms"] = self.compiled(SumOfLogarithms(*parts(pair)))
        regression = ["pose"] if pair == "digit_and_pose" else []
        for speed in (1.0, 25.0):
            model = balancing.UncertaintyWeights(*parts(pair), regression=regression, speed=speed)
            self.models[f"uncertainty, speed {speed:g}"] = self.compiled(model)
        self.models["GradNorm"] = self.compiled(balancing.GradNorm(*parts(pair), shared="trunk_2"))

    def compiled(self, model: keras.Model, weights: dict | None = None) -> keras.Model:
        """Return the model, compiled with a loss of the second head that can be multiplied."""
        entropy, squared = keras.losses.SparseCategoricalCrossentropy(), keras.losses.MeanSquaredError()
        first, second = self.targets
        plain = squared if second == "pose" else entropy

        def multiplied(target, answer):  # noqa: ANN001, ANN202
            return self.factor * plain(target, answer)

        steps = self.updates // EPOCHS
        losses = {first: entropy, second: multiplied}
        model.compile(keras.optimizers.Adam(0.002), losses, loss_weights=weights, steps_per_execution=steps)
        return model

    def train(self, name: str, seed: int, factor: float = 1.0, weights: tuple = (1.0, 1.0), **how: bool) -> dict:
        """Train from one seed; return the last epoch's logs, and the remaining errors by part.

        With `begin=True` the weights begin at what fits the losses before training, with `dwa=True` they follow DWA.
        """
        model = self.models[name]
        restart(model, [np.zeros(variable.shape) for variable in model.weights])  # learned loss weights, for example
        network = [variable for layer in model.layers for variable in layer.weights]
        for variable, first in zip(network, self.first_weights[seed], strict=True):
            variable.assign(first)
        self.factor.assign(factor)
        for variable, weight in zip(self.weights.values(), weights, strict=True):
            variable.assign(weight)
        if how.get("begin"):
            images, targets = self.images[:1000], {head: labels[:1000] for head, labels in self.targets.items()}
            losses = balancing.head_losses(model, targets, model.predict_on_batch(images))
            model.begin_at({head: float(loss) for head, loss in losses.items()})
        training = data.batches(self.images, self.targets, BATCH_SIZE, seed=seed).repeat()
        callbacks = [balancing.DynamicWeights(self.weights)] if how.get("dwa") else []
        steps = self.updates // EPOCHS
        history = model.fit(training, epochs=EPOCHS, steps_per_epoch=steps, callbacks=callbacks, verbose=0)
        logs = {key: values[-1] for key, values in history.history.items()}
        scores = {part: self.remaining(model, part) for part in self.parts}
        return {"logs": logs, **scores}

    def remaining(self, model: keras.Model, part: str) -> np.ndarray:
        """Return the remaining error of each head."""
        images, targets = self.parts[part]
        answers = model.predict_on_batch(images)
        scores = []
        for name, truth in targets.items():
            if name == "pose":
                scores.append(np.mean((answers[name] - truth) ** 2) / np.mean(truth**2))
            else:
                commonest = np.bincount(self.targets[name]).argmax()
                scores.append(np.mean(answers[name].argmax(axis=1) != truth) / np.mean(truth != commonest))
        return np.array(scores)


def print_row(name: str, runs: np.ndarray, extra: str = "") -> None:
    """Print mean and standard deviation of each head's remaining error, and of their mean."""
    runs = np.column_stack([runs, runs.mean(axis=1)])
    stds = runs.std(axis=0, ddof=1) if len(runs) > 1 else np.zeros(3)
    said = "".join(f"{f'{m:.3f} ± {s:.3f}':>17}" for m, s in zip(runs.mean(axis=0), stds, strict=True))
    print(f"{name:24}{said}   {extra}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
    pairs = ["two_digits", "digit_and_pose"]
    parser.add_argument("--heads", choices=pairs, default=pairs[0], help="what the two heads answer")
    parser.add_argument("--seeds", type=int, default=10, help="runs of each design (default: 10)")
    parser.add_argument("--updates", type=int, default=400, help="updates in a run, a multiple of 10 (default: 400)")
    options = parser.parse_args()
    if options.seeds < 1 or options.updates < 10 or options.updates % 10:
        parser.error("--seeds must be at least 1, and --updates a multiple of 10")

    experiment = Experiment(options.data, options.heads, options.seeds, options.updates)
    seeds = range(options.seeds)
    print(f"{experiment.source}, {experiment.pair}: {N_TRAIN:,} training and {N_OTHER:,} test images, ", end="")
    print(f"{options.seeds} seeds, ", end="")
    print(f"{options.updates:,} updates of {BATCH_SIZE}; remaining error, mean ± standard deviation\n")
    print(f"{'':24}" + "".join(f"{column:>17}" for column in (*experiment.targets, "mean of both")))

    start = time.process_time()
    tried = [[experiment.train("fixed", seed, weights=(1.0, w)) for w in SWEEP] for seed in seeds]
    for place, weight in enumerate(SWEEP):
        print_row(f"weight {weight:g}", np.array([runs[place]["test"] for runs in tried]))
    chosen = [int(np.argmin([run["validation"].mean() for run in runs])) for runs in tried]
    best = np.array([runs[place]["test"] for runs, place in zip(tried, chosen, strict=True)])
    print_row("chosen by validation", best, "weights " + " ".join(f"{SWEEP[place]:g}" for place in chosen))
    first, second = experiment.targets
    for factor in (1.0, 100.0):
        print(f"\nthe loss of {second} times {factor:g}")
        for name, options_of_run in [
            ("sum", {"name": "fixed"}),
            ("DWA", {"name": "fixed", "dwa": True}),
            *[(name, {"name": name}) for name in experiment.models if name != "fixed"],
            ("uncertainty 25, begun", {"name": "uncertainty, speed 25", "begin": True}),
            ("GradNorm, begun", {"name": "GradNorm", "begin": True}),
        ]:
            runs = [experiment.train(seed=seed, factor=factor, **options_of_run) for seed in seeds]
            logs = [run["logs"] for run in runs]
            extra = f"loss {np.mean([log['loss'] for log in logs]):.2f}"
            if f"{second}_weight" in logs[0]:
                ratio = np.mean([log[f"{second}_weight"] * factor / log[f"{first}_weight"] for log in logs])
                extra += f"   factor times weight of {second} / weight of {first} {ratio:.2f}"
            print_row(name, np.array([run["test"] for run in runs]), extra)
    print(f"\n{time.process_time() - start:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
