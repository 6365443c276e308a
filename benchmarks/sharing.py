"""Measure when a second task helps, does nothing or hurts, and what layers that learn to share are worth.

    python benchmarks/sharing.py --data digits              10 seeds, 300 updates of 128 rows
    python benchmarks/sharing.py --data mnist --parts pairs capacity designs

The questions of lesson 10 about two overlapping digits: the left digit, which is labelled on all images; whether it is
2, 3, 5 or 7; whether the two digits have a sum above 9; and the right digit, the last three with few labels. Each table
gives means and standard deviations of the accuracy on 2,000 test images, and differences between runs with the same
seed, with the number of runs in which they are positive.
"""

import argparse

import numpy as np

from mos_helpers import data
from mos_helpers.sharing import CrossStitch, ExpertsWithGates
from mos_helpers.training import restart

import keras  # isort: skip

N_TRAIN, N_TEST, UNITS = 4_000, 2_000, 64
CLASSES = {"left": 10, "prime": 2, "large": 2, "right": 10}
TARGETS = ("prime", "large", "right")
TASKS = ("left", "prime", "right")
Targets = dict[str, np.ndarray]


def questions(x: np.ndarray, y: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, Targets]:
    """Return images at half the resolution, one row each, and the answers to the four questions."""
    canvas, digits = data.two_digits(x, y, n, seed=seed)
    size = canvas.shape[1] // 2
    images = canvas.reshape(n, size, 2, size, 2).mean(axis=(2, 4)).reshape(n, -1)
    left, right = digits["left"], digits["right"]
    prime, large = np.isin(left, [2, 3, 5, 7]).astype("int64"), (left + right > 9).astype("int64")
    return images, {"left": left, "prime": prime, "large": large, "right": right}


def trunk(image: keras.KerasTensor, units: int) -> keras.KerasTensor:
    """Return the second of two hidden layers, which has half the units of the first."""
    return keras.layers.Dense(units // 2, activation="relu")(keras.layers.Dense(units, activation="relu")(image))


def head(question: str, features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Return a softmax over the classes of a question."""
    return keras.layers.Dense(CLASSES[question], activation="softmax", name=name)(features)


def side_by_side(units: int, targets: tuple[str, ...]) -> keras.Model:
    """Return networks that share nothing: each question alone, and each target with the left digit."""
    image = keras.Input((289,))
    heads = {f"{name}_alone": head(name, trunk(image, units), f"{name}_alone") for name in ("left", *targets)}
    for name in targets:
        shared = trunk(image, units)
        heads[f"{name}_shared"] = head(name, shared, f"{name}_shared")
        heads[f"left_{name}"] = head("left", shared, f"left_{name}")
    return keras.Model(image, heads)


def hard_sharing(units: int) -> keras.Model:
    """Return three heads on one trunk."""
    image = keras.Input((289,))
    features = trunk(image, units)
    return keras.Model(image, {name: head(name, features, name) for name in TASKS})


def separate(units: int) -> keras.Model:
    """Return three networks that share nothing."""
    image = keras.Input((289,))
    return keras.Model(image, {name: head(name, trunk(image, units), name) for name in TASKS})


def cross_stitch(units: int) -> keras.Model:
    """Return three networks that exchange features after each hidden layer."""
    image = keras.Input((289,))
    features = CrossStitch()({name: keras.layers.Dense(units, activation="relu")(image) for name in TASKS})
    features = {name: keras.layers.Dense(units // 2, activation="relu")(features[name]) for name in TASKS}
    return keras.Model(image, {name: head(name, mixed, name) for name, mixed in CrossStitch()(features).items()})


def gated_experts(units: int) -> keras.Model:
    """Return three heads with a gate and a hidden layer each, on three experts."""
    image = keras.Input((289,))
    features = ExpertsWithGates(TASKS, 3, units, name="experts")(image)
    hidden = {name: keras.layers.Dense(units // 2, activation="relu")(features[name]) for name in TASKS}
    return keras.Model(image, {name: head(name, hidden[name], name) for name in TASKS})


def held_gates(units: int) -> keras.Model:
    """Return the same design with gates that give each expert a third, so that nothing can be chosen."""
    image = keras.Input((289,))
    features = keras.layers.Average()([keras.layers.Dense(units, activation="relu")(image) for _ in range(3)])
    hidden = {name: keras.layers.Dense(units // 2, activation="relu")(features) for name in TASKS}
    return keras.Model(image, {name: head(name, hidden[name], name) for name in TASKS})


class Trainer:
    """One compiled model, trained again and again from stored first weights."""

    def __init__(self, model: keras.Model, seeds: int) -> None:
        self.model, self.first = model, []
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            clone = keras.models.clone_model(model)
            self.first.append(clone.get_weights())
        loss = keras.losses.SparseCategoricalCrossentropy
        losses = {name: loss(reduction="mean_with_sample_weight") for name in model.output}
        model.compile(optimizer="adam", loss=losses, steps_per_execution=100)

    def answers(
        self, seed: int, labels: int, sources: tuple[tuple[np.ndarray, Targets], np.ndarray], updates: int
    ) -> Targets:
        """Train with so many labels of all questions but `left`, and return the likeliest class of each test image."""
        (images, targets), images_test = sources
        restart(self.model, self.first[seed])
        labelled = np.random.default_rng(1000 + seed).permutation(len(images))[:labels]
        rows = np.concatenate([np.resize(labelled, len(images)), np.arange(len(images))])
        known = np.isin(rows, labelled)
        asked = {name: question_of(name) for name in self.model.output}
        batches = data.batches(
            images[rows],
            {name: targets[question][rows] for name, question in asked.items()},
            sample_weight={name: (known | (question == "left")).astype("float32") for name, question in asked.items()},
            seed=seed,
        )
        self.model.fit(batches.repeat(), steps_per_epoch=updates, verbose=0)
        return {name: predicted.argmax(axis=1) for name, predicted in self.model.predict_on_batch(images_test).items()}


def question_of(name: str) -> str:
    """Return which question an output answers: what stands before the underscore in its name."""
    return name.partition("_")[0]


def as_text(values: np.ndarray) -> str:
    """Return mean and standard deviation in percent."""
    return f"{100 * values.mean():6.1f} ± {100 * values.std(ddof=1):3.1f}"


def difference(values: np.ndarray) -> str:
    """Return mean, standard deviation, and how many are positive."""
    counted = f"{(values > 0).sum()}/{len(values)}"
    return f"{100 * values.mean():+6.1f} ± {100 * values.std(ddof=1):3.1f} {counted:>6}"


def print_pairs(trainer: Trainer, labels: int, units: int, options: argparse.Namespace, sources: tuple) -> None:
    """Train the seven networks with each seed, and print what the left digit did to each question."""
    truth = sources[2]
    runs = []
    for seed in range(options.seeds):
        answers = trainer.answers(seed, labels, sources[:2], options.updates)
        runs.append({name: (found == truth[question_of(name)]).mean() for name, found in answers.items()})
    scores = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    for name in [name.removesuffix("_shared") for name in scores if name.endswith("_shared")]:
        alone, shared = scores[f"{name}_alone"], scores[f"{name}_shared"]
        left = scores[f"left_{name}"] - scores["left_alone"]
        row = f"{name:7}{labels:6}{units:6}   {as_text(alone)}  {as_text(shared)}   {difference(shared - alone)}"
        print(f"{row}   {as_text(scores['left_alone'])}   {difference(left)}", flush=True)


def nearest(build: object, parameters: int) -> int:
    """Return how many units give a design about so many parameters."""
    return min(range(8, 80, 2), key=lambda units: abs(build(units).count_params() - parameters))


def print_designs(labels: int, options: argparse.Namespace, sources: tuple) -> None:
    """Print the scores of designs of one size, and what their mixing tables or gates became."""
    truth, hard = sources[2], None
    designs = {
        "hard sharing": hard_sharing,
        "separate": separate,
        "cross-stitch": cross_stitch,
        "experts with gates": gated_experts,
        "gates held": held_gates,
    }
    wanted = hard_sharing(UNITS).count_params()
    for design, build in designs.items():
        units = nearest(gated_experts if design == "gates held" else build, wanted)
        trainer = Trainer(build(units), options.seeds)
        rows, seen = [], []
        for seed in range(options.seeds):
            answers = trainer.answers(seed, labels, sources[:2], options.updates)
            rows.append([(answers[name] == truth[name]).mean() for name in TASKS])
            if design == "experts with gates":
                seen.append(of_gates(trainer.model.get_layer("experts"), sources[1]))
            if design == "cross-stitch":
                seen.append(of_tables(trainer.model))
        scores = np.array(rows)
        hard = scores if hard is None else hard
        row = "".join(f"  {as_text(column)}" for column in scores.T)
        against = (
            "".join(f"   {difference(column)}" for column in (scores - hard).T) if design != "hard sharing" else ""
        )
        print(f"{design:19}{labels:5}{units:4}{trainer.model.count_params():8,}{row}{against}", flush=True)
        for key in seen[0] if seen else ():
            values = np.array([one[key] for one in seen])
            print(f"    {key:44}{values.mean():6.2f} ± {values.std(ddof=1):.2f}", flush=True)


def of_gates(experts: ExpertsWithGates, images: np.ndarray) -> dict[str, float]:
    """Return the entropy of each task's gate, and how far the gates of two tasks are apart (0 to 1)."""
    gates = {task: keras.ops.convert_to_numpy(weights) for task, weights in experts.gates(images).items()}
    numbers = {}
    for task, weights in gates.items():
        numbers[f"{task}: entropy of a row / log(experts)"] = -(weights * np.log(weights + 1e-12)).sum(
            axis=1
        ).mean() / np.log(experts.experts)
        numbers[f"{task}: largest weight of a row"] = weights.max(axis=1).mean()
        numbers[f"{task}: largest mean weight of an expert"] = weights.mean(axis=0).max()
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
    parser.add_argument("--seeds", type=int, default=10, help="runs of each design (default: 10)")
    parser.add_argument("--updates", type=int, default=300, help="updates in a run, a multiple of 100 (default: 300)")
    parts = ["pairs", "capacity", "designs"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts, help="which tables (default: all)")
    options = parser.parse_args()
    if options.seeds < 2 or options.updates < 100 or options.updates % 100:
        parser.error("--seeds must be at least 2, and --updates a multiple of 100")

    digits = data.load_digits(options.data)
    training = questions(digits.x_train, digits.y_train, N_TRAIN, seed=1)
    images_test, truth = questions(digits.x_test, digits.y_test, N_TEST, seed=2)
    sources = (training, images_test, truth)
    print(f"{digits.source}: {N_TRAIN:,} training and {N_TEST:,} test images, {options.seeds} seeds, ", end="")
    print(f"{options.updates} updates; accuracy in percent, mean ± standard deviation")
    baseline = {name: f"{np.bincount(answers).max() / N_TEST:.1%}" for name, answers in truth.items()}
    print(f"always the most frequent answer: {baseline}\n")
    header = "question labels units     alone         with left     difference, positive   left alone    difference"
    wanted = {"pairs": (TARGETS, (UNITS,), (100, 400, 2000)), "capacity": (("right",), (16, 64, 256), (400,))}
    for part in [part for part in ("pairs", "capacity") if part in options.parts]:
        print(header)
        targets, sizes, counts = wanted[part]
        for units in sizes:
            trainer = Trainer(side_by_side(units, targets), options.seeds)
            for labels in counts:
                print_pairs(trainer, labels, units, options, sources)
        print()
    if "designs" in options.parts:
        print(f"{'design':19}labels units weights   {'     '.join(TASKS)}, and differences from hard sharing")
        print_designs(100, options, sources)


if __name__ == "__main__":
    main()
