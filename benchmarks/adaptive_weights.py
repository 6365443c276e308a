"""Measure whether weights that choose themselves are better than the plain sum or than weights from a sweep.

    python benchmarks/adaptive_weights.py --data digits
    python benchmarks/adaptive_weights.py --data mnist --heads "digit and pose" --seeds 20 --updates 800

Two pairs of heads on one trunk. "two digits": the left and the right digit of two that overlap, two cross-entropies.
"digit and pose": a digit, and how it is turned, shifted and scaled (a mean squared error of four standardised numbers).
Two settings: the losses as they are, and the loss of the second head multiplied by 100.

Each score is a remaining error on the test images: the share of wrong digits divided by that of always answering the
commonest one, and the mean squared error divided by that of always answering the mean.

The sweep tries five weights of the second head, and takes for each seed the one with the smallest mean of both
remaining errors on validation images. The column "weight" has the weight of the second head times the factor, divided
by the weight of the first, in the last epoch. "Begun" means that the weights begin at what fits the losses before
training, and not at 1. With Adam a factor of a loss and its inverse as the weight cancel, so one sweep serves both
settings.
"""

import numpy as np
from harness import Report, arguments, in_turns
from training import SumOfLogarithms, Trainer, canvases, commonest, digit_and_pose, first_weights, softmax, split

from mos_helpers import balancing, data

import keras  # isort: skip

N_TRAIN, N_OTHER, EPOCHS = 4_000, 2_000, 10
SWEEP = [0.1, 0.3, 1, 3, 10]
PAIRS = {"two digits": ["left", "right"], "digit and pose": ["digit", "pose"]}
METHODS = {  # and the model that it trains
    "plain sum": "fixed",
    "DWA": "fixed",
    "sum of logarithms": "sum of logarithms",
    "uncertainty, speed 1": "uncertainty, speed 1",
    "uncertainty, speed 25": "uncertainty, speed 25",
    "GradNorm": "GradNorm",
    "uncertainty, begun": "uncertainty, speed 25",
    "GradNorm, begun": "GradNorm",
}


def parts(pair: str, inputs: int) -> tuple:
    """Return an input and the outputs of two heads on one trunk."""
    image = keras.Input((inputs,))
    features = keras.layers.Dense(64, activation="relu", name="trunk_1")(image)
    features = keras.layers.Dense(32, activation="relu", name="trunk_2")(features)
    heads = {n: keras.layers.Dense(4, name=n) if n == "pose" else softmax(10, n) for n in PAIRS[pair]}
    return image, {name: head(features) for name, head in heads.items()}


class Experiment:
    """The data, and models that are trained again from each seed."""

    def __init__(self, source: str, pair: str, seeds: int, updates: int) -> None:
        make = canvases if pair == "two digits" else digit_and_pose
        self.parts = split(data.load_digits(source), make, N_TRAIN, N_OTHER)
        self.images, self.targets = self.parts["train"]
        if pair == "digit and pose":
            mean, scale = self.targets["pose"].mean(axis=0), self.targets["pose"].std(axis=0)
            for _, targets in self.parts.values():
                targets["pose"] = (targets["pose"] - mean) / scale
        self.names, self.steps = PAIRS[pair], updates // EPOCHS
        self.factor = keras.Variable(1.0, trainable=False)
        self.weights = {name: keras.Variable(1.0, trainable=False) for name in self.names}

        given, regression = parts(pair, self.images.shape[1]), [name for name in self.names if name == "pose"]
        first = first_weights(keras.Model(*given), range(seeds))
        models = {
            "fixed": keras.Model(*given),
            "sum of logarithms": SumOfLogarithms(*given),
            "uncertainty, speed 1": balancing.UncertaintyWeights(*given, regression=regression, speed=1.0),
            "uncertainty, speed 25": balancing.UncertaintyWeights(*given, regression=regression, speed=25.0),
            "GradNorm": balancing.GradNorm(*given, shared="trunk_2"),
        }
        self.trainers = {name: self.trainer(model, first, fixed=name == "fixed") for name, model in models.items()}

    def trainer(self, model: keras.Model, first: dict[int, list], fixed: bool) -> Trainer:
        """Compile a model with a loss of the second head that can be multiplied; its network begins as all others."""
        entropy = keras.losses.SparseCategoricalCrossentropy()
        plain = keras.losses.MeanSquaredError() if self.names[1] == "pose" else entropy

        def multiplied(target, answer):  # noqa: ANN001, ANN202
            return self.factor * plain(target, answer)

        model.compile(
            keras.optimizers.Adam(0.002),
            dict(zip(self.names, [entropy, multiplied], strict=True)),
            loss_weights=self.weights if fixed else None,
            steps_per_execution=self.steps,
        )
        network, beginnings = [variable for layer in model.layers for variable in layer.weights], {}
        for seed, values in first.items():
            for variable, value in zip(network, values, strict=True):
                variable.assign(value)
            beginnings[seed] = model.get_weights()  # with those of the losses, as the model was built
        return Trainer(model, first, beginnings)

    def train(self, method: str, seed: int, factor: float = 1.0, weight: float = 1.0) -> dict[str, float]:
        """Train from one seed; return the last epoch's logs."""
        trainer = self.trainers[METHODS[method]]
        self.factor.assign(factor)
        for variable, value in zip(self.weights.values(), (1.0, weight), strict=True):
            variable.assign(value)
        callbacks = []
        if method == "DWA":
            callbacks = [balancing.DynamicWeights(self.weights)]
        elif method.endswith("begun"):
            callbacks = [keras.callbacks.LambdaCallback(on_train_begin=lambda logs: self.begin(trainer.model))]
        history = trainer.train(seed, self.images, self.targets, self.steps, epochs=EPOCHS, callbacks=callbacks)
        return {key: values[-1] for key, values in history.history.items()}

    def begin(self, model: keras.Model) -> None:
        """Set the weights of a model to what fits the losses before training."""
        targets = {head: labels[:1000] for head, labels in self.targets.items()}
        losses = balancing.head_losses(model, targets, model.predict_on_batch(self.images[:1000]))
        model.begin_at({head: float(loss) for head, loss in losses.items()})

    def remaining(self, method: str, part: str) -> list[float]:
        """Return the remaining error of each head, and their mean."""
        images, targets = self.parts[part]
        answers, scores = self.trainers[METHODS[method]].model.predict_on_batch(images), []
        for name, truth in targets.items():
            if name == "pose":
                scores.append(np.mean((answers[name] - truth) ** 2) / np.mean(truth**2))
            else:
                wrong = np.mean(truth != commonest(self.targets[name]))
                scores.append(np.mean(answers[name].argmax(axis=1) != truth) / wrong)
        return [*scores, float(np.mean(scores))]


def sweep(report: Report, experiment: Experiment, title: str, seeds: range) -> None:
    """Show each weight, and the one that is chosen on the validation images of each seed."""

    def run(weight: float, seed: int) -> tuple[list[float], float]:
        experiment.train("plain sum", seed, weight=weight)
        return experiment.remaining("plain sum", "test"), experiment.remaining("plain sum", "validation")[-1]

    tried = in_turns(run, SWEEP, seeds)
    table = report.table(f"{title}: sweep", [*experiment.names, "mean of both"], "number")
    for weight, runs in tried.items():
        table.row(f"weight {weight:g}", [test for test, _ in runs])
    chosen = [min(SWEEP, key=lambda weight: tried[weight][seed][1]) for seed in seeds]
    runs = [tried[weight][seed][0] for seed, weight in enumerate(chosen)]
    table.row("tuned weight", runs, "weights " + " ".join(f"{weight:g}" for weight in chosen))


def methods(report: Report, experiment: Experiment, title: str, seeds: range, factor: float) -> None:
    """Show every method, with the loss of the second head multiplied by a factor."""
    first, second = experiment.names

    def run(method: str, seed: int) -> list[float]:
        logs = experiment.train(method, seed, factor)
        weights = [logs.get(f"{name}_weight", np.nan) for name in (first, second)]
        return [*experiment.remaining(method, "test"), factor * weights[1] / weights[0]]

    table = report.table(f"{title}: times {factor:g}", [first, second, "mean of both", "weight"], "number")
    table.add(in_turns(run, METHODS, seeds))


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__, seeds=10, updates=400, multiple=EPOCHS)
    parser.add_argument("--heads", nargs="+", choices=list(PAIRS), default=list(PAIRS), help="what the heads answer")
    options = parser.parse_args()
    about = f"{N_TRAIN:,} training and {N_OTHER:,} test images, remaining error"
    with Report(options, about) as report:
        for pair in options.heads:
            experiment = Experiment(options.data, pair, options.seeds, options.updates)
            sweep(report, experiment, pair, range(options.seeds))
            for factor in (1.0, 100.0):
                methods(report, experiment, pair, range(options.seeds), factor)


if __name__ == "__main__":
    main()
