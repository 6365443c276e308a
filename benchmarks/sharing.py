"""Measure when a second task helps, does nothing or hurts, and what layers that learn to share are worth.

    python benchmarks/sharing.py --data digits
    python benchmarks/sharing.py --data mnist --seeds 20 --parts designs

The questions of lesson 10 about two overlapping digits: the left digit, which is labelled on all images; whether it is
2, 3, 5 or 7; whether the two digits have a sum above 9; and the right digit, the last three with few labels. The tables
have accuracies on test images, and differences between runs with the same seed, in points.
"""

from collections.abc import Callable

import numpy as np
from harness import Report, arguments, in_turns
from training import Part, Trainer, canvases, commonest, nearest_units, softmax, trunk

from mos_helpers import data
from mos_helpers.sharing import CrossStitch, ExpertsWithGates

import keras  # isort: skip

N_TRAIN, N_TEST, UNITS = 4_000, 2_000, 64
CLASSES = {"left": 10, "prime": 2, "large": 2, "right": 10}
TASKS = ("left", "prime", "right")
PARTS = {  # the target tasks, the units of the first layer, and the numbers of labels
    "pairs": (("prime", "large", "right"), (UNITS,), (100, 400, 2000)),
    "capacity": (("right",), (16, UNITS, 256), (400,)),
}


def questions(x: np.ndarray, y: np.ndarray, n: int, seed: int) -> Part:
    """Return images at half the resolution, one row each, and the answers to the four questions."""
    images, digits = canvases(x, y, n, seed)
    left, right = digits["left"], digits["right"]
    prime, large = np.isin(left, [2, 3, 5, 7]).astype("int64"), (left + right > 9).astype("int64")
    return images, {"left": left, "prime": prime, "large": large, "right": right}


def question_of(name: str) -> str:
    """Return which question an output answers: what stands before the underscore in its name."""
    return name.partition("_")[0]


def head(name: str, features: keras.KerasTensor) -> keras.KerasTensor:
    """Return a softmax over the classes of a question."""
    return softmax(CLASSES[question_of(name)], name)(features)


def side_by_side(units: int, targets: tuple[str, ...]) -> keras.Model:
    """Return networks that share nothing: each question alone, and each target with the left digit."""
    image = keras.Input((289,))
    heads = {name: head(name, trunk(image, units, units // 2)) for name in (f"{n}_alone" for n in ("left", *targets))}
    for target in targets:
        shared = trunk(image, units, units // 2)
        heads |= {name: head(name, shared) for name in (f"{target}_shared", f"left_{target}")}
    return keras.Model(image, heads)


def hard_sharing(units: int) -> keras.Model:
    """Return three heads on one trunk."""
    image = keras.Input((289,))
    features = trunk(image, units, units // 2)
    return keras.Model(image, {name: head(name, features) for name in TASKS})


def separate(units: int) -> keras.Model:
    """Return three networks that share nothing."""
    image = keras.Input((289,))
    return keras.Model(image, {name: head(name, trunk(image, units, units // 2)) for name in TASKS})


def cross_stitch(units: int) -> keras.Model:
    """Return three networks that exchange features after each hidden layer."""
    image = keras.Input((289,))
    features = CrossStitch()({name: trunk(image, units) for name in TASKS})
    features = CrossStitch()({name: trunk(features[name], units // 2) for name in TASKS})
    return keras.Model(image, {name: head(name, mixed) for name, mixed in features.items()})


def gated_experts(units: int) -> keras.Model:
    """Return three heads with a gate and a hidden layer each, on three experts."""
    image = keras.Input((289,))
    features = ExpertsWithGates(TASKS, 3, units, name="experts")(image)
    return keras.Model(image, {name: head(name, trunk(features[name], units // 2)) for name in TASKS})


def held_gates(units: int) -> keras.Model:
    """Return the same design with gates that give each expert a third, so that nothing can be chosen."""
    image = keras.Input((289,))
    features = keras.layers.Average()([trunk(image, units) for _ in range(3)])
    return keras.Model(image, {name: head(name, trunk(features, units // 2)) for name in TASKS})


DESIGNS: dict[str, Callable[[int], keras.Model]] = {
    "hard sharing": hard_sharing,
    "separate": separate,
    "cross-stitch": cross_stitch,
    "experts with gates": gated_experts,
    "gates held at a third": held_gates,
}


class Experiment:
    """The images, and how a model is trained with few labels."""

    def __init__(self, source: str, seeds: int, updates: int) -> None:
        digits = data.load_digits(source)
        self.images, self.targets = questions(digits.x_train, digits.y_train, N_TRAIN, seed=1)
        self.images_test, self.truth = questions(digits.x_test, digits.y_test, N_TEST, seed=2)
        self.seeds, self.updates = range(seeds), updates

    def trainer(self, model: keras.Model) -> Trainer:
        """Compile a model, and draw its first weights."""
        loss = keras.losses.SparseCategoricalCrossentropy
        losses = {name: loss(reduction="mean_with_sample_weight") for name in model.output}
        model.compile(optimizer="adam", loss=losses, steps_per_execution=100)
        return Trainer(model, self.seeds)

    def accuracies(self, trainer: Trainer, seed: int, labels: int) -> dict[str, float]:
        """Train with so many labels of all questions but `left`, as often in a batch as those of `left`."""
        labelled = np.random.default_rng(1000 + seed).permutation(N_TRAIN)[:labels]
        rows = np.concatenate([np.resize(labelled, N_TRAIN), np.arange(N_TRAIN)])
        known, asked = np.isin(rows, labelled), {name: question_of(name) for name in trainer.model.output}
        targets = {name: self.targets[question][rows] for name, question in asked.items()}
        weights = {n: (known | (question == "left")).astype("float32") for n, question in asked.items()}
        trainer.train(seed, self.images[rows], targets, self.updates, weights=weights)
        found = trainer.classes(self.images_test)
        return {name: np.mean(found[name] == self.truth[question]) for name, question in asked.items()}


def by_column(runs: list[dict]) -> dict[str, np.ndarray]:
    """Turn a dictionary for each run into an array for each key."""
    return {key: np.array([run[key] for run in runs]) for key in runs[0]}


def effect_of_left(report: Report, experiment: Experiment, part: str) -> None:
    """Train networks with and without the head *left*, and show what it changed for each target and for itself."""
    targets, sizes, counts = PARTS[part]
    columns = {"alone": "share", "with left": "share", "difference": "points"}
    columns |= {"left alone": "share", "difference of left": "points"}
    table = report.table(part, columns)
    for units in sizes:
        trainer = experiment.trainer(side_by_side(units, targets))
        runs = in_turns(lambda n, s, t=trainer: experiment.accuracies(t, s, n), counts, experiment.seeds)
        for target in targets:
            for labels in counts:
                scores = by_column(runs[labels])
                alone, shared, left = scores[f"{target}_alone"], scores[f"{target}_shared"], scores["left_alone"]
                row = [alone, shared, shared - alone, left, scores[f"left_{target}"] - left]
                table.row(f"{target}, {labels} labels, {units} units", np.transpose(row))


def designs(report: Report, experiment: Experiment) -> None:
    """Compare designs of one size, and show what their mixing tables or gates became."""
    size, models = hard_sharing(UNITS).count_params(), {}
    for name, build in DESIGNS.items():
        counted = gated_experts if build is held_gates else build
        models[name] = build(nearest_units(counted, size, range(8, 80, 2)))
    trainers = {name: experiment.trainer(model) for name, model in models.items()}
    seen: dict[str, list[dict[str, float]]] = {"cross-stitch": [], "experts with gates": []}

    def run(design: str, seed: int) -> list[float]:
        found = experiment.accuracies(trainers[design], seed, labels=100)
        if design == "cross-stitch":
            seen[design].append(of_tables(models[design]))
        if design == "experts with gates":
            seen[design].append(of_gates(models[design].get_layer("experts"), experiment.images_test))
        return [found[name] for name in TASKS]

    runs = in_turns(run, DESIGNS, experiment.seeds)
    columns = dict.fromkeys(TASKS, "share") | {f"{name}, against hard": "points" for name in TASKS}
    table = report.table("designs, 100 labels", columns)
    for design, found in runs.items():
        against = [] if design == "hard sharing" else [np.subtract(found, runs["hard sharing"])]
        table.row(design, np.hstack([found, *against]), f"{models[design].count_params():,} parameters")
    for design, found in seen.items():
        table = report.table(f"{design}: what was learned", ["value"], "number")
        for name, values in by_column(found).items():
            table.row(name, {"value": values})


def of_gates(experts: ExpertsWithGates, images: np.ndarray) -> dict[str, float]:
    """Return how decided each task's gate is, and how far the gates of two tasks are apart (0 to 1)."""
    gates = {task: keras.ops.convert_to_numpy(weights) for task, weights in experts.gates(images).items()}
    numbers = {}
    for task, weights in gates.items():
        entropy = -(weights * np.log(weights + 1e-12)).sum(axis=1).mean()
        numbers[f"{task}: entropy / log(experts)"] = entropy / np.log(experts.experts)
        numbers[f"{task}: largest weight of an image"] = weights.max(axis=1).mean()
        numbers[f"{task}: largest mean weight"] = weights.mean(axis=0).max()
    for one, other in [("left", "prime"), ("left", "right"), ("prime", "right")]:
        numbers[f"{one} and {other}: distance"] = np.abs(gates[one] - gates[other]).sum(axis=1).mean() / 2
    return numbers


def of_tables(model: keras.Model) -> dict[str, float]:
    """Return what each task takes from each other one, in the two mixing tables."""
    tables = [layer for layer in model.layers if isinstance(layer, CrossStitch)]
    return {
        f"table {depth}: {one} takes from {other}": float(layer.mixing[i, j])
        for depth, layer in enumerate(tables, 1)
        for i, one in enumerate(layer.tasks)
        for j, other in enumerate(layer.tasks)
    }


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__, seeds=10, updates=300)
    parts = [*PARTS, "designs"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts, help="which tables (default: all)")
    options = parser.parse_args()
    with Report(options, f"{N_TRAIN:,} training images, accuracy on {N_TEST:,} test images") as report:
        experiment = Experiment(options.data, options.seeds, options.updates)
        baseline = {name: np.mean(labels == commonest(labels)) for name, labels in experiment.truth.items()}
        report.table("baseline", list(CLASSES)).row("always the most frequent answer", [list(baseline.values())])
        for part in options.parts:
            designs(report, experiment) if part == "designs" else effect_of_left(report, experiment, part)


if __name__ == "__main__":
    main()
