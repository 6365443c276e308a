"""Measure what a max constraint and its loss change in a graph of classes, with few labels and with many.

    python benchmarks/hierarchy_graphs.py --data digits              8 seeds, 400 updates of 64 canvases
    python benchmarks/hierarchy_graphs.py --data mnist --seeds 20
    python benchmarks/hierarchy_graphs.py --data mnist --leaves all  in another graph

Canvases of two digits and the graph of lesson 13: mean and standard deviation of the scores on 2,000 test canvases.
Each seed has training canvases of its own, the same for all designs. Beneath each table stand the differences between
designs, run by run. `--leaves` says which digits have a class of their own: 3 and 9 as in the lesson, the odd ones, or
all. The labels of another digit end at the classes above it.
"""

import argparse

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from mos_helpers import data
from mos_helpers.hierarchy import ClassGraph, MaxConstraint, MaxConstraintLoss, hierarchical_scores
from mos_helpers.training import restart

import keras  # isort: skip

N_TEST, BATCH_SIZE, UNITS, RATE = 2_000, 64, 64, 0.002
FACTS = {
    "odd": [],
    "prime": [],
    "multiple of 3": [],
    "square": [],
    "odd prime": ["odd", "prime"],
    "odd square": ["odd", "square"],
    "odd multiple of 3": ["odd", "multiple of 3"],
}
# The most specific facts about each digit.
DIGITS = [
    ["multiple of 3", "square"],
    ["odd square"],
    ["prime"],
    ["odd prime", "odd multiple of 3"],
    ["square"],
    ["odd prime"],
    ["multiple of 3"],
    ["odd prime"],
    [],
    ["odd square", "odd multiple of 3"],
]
LEAVES = {"two": [3, 9], "odd": [1, 3, 5, 7, 9], "all": list(range(10))}
SCORES = ["violating", "exact", "micro F1", "AU(PRC)", "hP", "hR", "hF"]


def graph_of(leaves: str) -> ClassGraph:
    """Return the graph in which some digits have a class of their own."""
    return ClassGraph(FACTS | {str(digit): DIGITS[digit] for digit in LEAVES[leaves]})


def canvases(digits: data.Digits, part: str, n: int, seed: int, graph: ClassGraph) -> tuple[np.ndarray, np.ndarray]:
    """Return canvases of two digits at half the resolution, one row each, and their closed label sets."""
    images, targets = data.two_digits(getattr(digits, f"x_{part}"), getattr(digits, f"y_{part}"), n, seed=seed)
    n, height, width = images.shape
    images = images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)
    sets = np.zeros((10, len(graph.classes)), dtype=np.float32)
    for digit in range(10):
        for name in [str(digit)] if str(digit) in graph.classes else DIGITS[digit]:
            sets[digit, graph.classes.index(name)] = 1
    return images, graph.close(np.maximum(sets[targets["left"]], sets[targets["right"]]))


def network(inputs: int, classes: int) -> keras.Model:
    """Return a network with a sigmoid for each class."""
    image = keras.Input((inputs,))
    hidden = keras.layers.Dense(UNITS, activation="relu")(image)
    hidden = keras.layers.Dense(UNITS // 2, activation="relu")(hidden)
    return keras.Model(image, keras.layers.Dense(classes, activation="sigmoid")(hidden))


def compiled(model: keras.Model, loss: str | keras.losses.Loss) -> keras.Model:
    """Compile a model and return it."""
    model.compile(keras.optimizers.Adam(RATE), loss=loss, steps_per_execution=100)
    return model


def train(model: keras.Model, images: np.ndarray, labels: np.ndarray, updates: int, seed: int) -> None:
    """Train a compiled model from new random weights."""
    keras.utils.set_random_seed(seed)
    restart(model, keras.models.clone_model(model).get_weights())
    model.fit(data.batches(images, labels, BATCH_SIZE, seed=seed).repeat(), steps_per_epoch=updates, verbose=0)


def raised(probabilities: np.ndarray, graph: ClassGraph) -> np.ndarray:
    """Return for each class the largest probability among itself and its descendants."""
    return np.stack([probabilities[:, below > 0].max(axis=1) for below in graph.matrix()], axis=1)


def lowered(probabilities: np.ndarray, graph: ClassGraph) -> np.ndarray:
    """Return for each class the smallest probability among itself and its ancestors."""
    return np.stack([probabilities[:, above > 0].min(axis=1) for above in graph.matrix().T], axis=1)


def scores(probabilities: np.ndarray, labels: np.ndarray, graph: ClassGraph) -> list[float]:
    """Return the scores of probabilities, decided at one half."""
    decided = (probabilities > 0.5).astype(np.float32)
    return [
        (graph.violations(decided) > 0).mean(),
        (decided == labels).all(axis=1).mean(),
        f1_score(labels, decided, average="micro", zero_division=0),
        average_precision_score(labels, probabilities, average="micro"),
        *hierarchical_scores(labels, decided, graph).values(),
    ]


def print_rows(rows: dict[str, list[list[float]]], sign: str = "") -> None:
    """Print mean and standard deviation of each score."""
    for name, runs in rows.items():
        means, stds = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1) if len(runs) > 1 else np.zeros(len(SCORES))
        said = [f"{100 * mean:{sign}.1f} ± {100 * std:.1f}" for mean, std in zip(means, stds, strict=True)]
        print(f"{name:40}" + "".join(f"{cell:>13}" for cell in said), flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
    parser.add_argument("--seeds", type=int, default=8, help="runs of each design (default: 8)")
    parser.add_argument("--updates", type=int, default=400, help="updates in a run, a multiple of 100 (default: 400)")
    parser.add_argument("--leaves", choices=LEAVES, default="two", help="digits with a class (default: two, 3 and 9)")
    options = parser.parse_args()
    if options.seeds < 2 or options.updates < 100 or options.updates % 100:
        parser.error("--seeds must be at least 2, and --updates a multiple of 100")

    graph = graph_of(options.leaves)
    digits = data.load_digits(options.data)
    images_test, labels_test = canvases(digits, "test", N_TEST, 2, graph)
    sizes = images_test.shape[1], len(graph.classes)
    flat = compiled(network(*sizes), "binary_crossentropy")
    credited = compiled(network(*sizes), MaxConstraintLoss(graph))
    plain = network(*sizes)
    through = compiled(keras.Model(plain.input, MaxConstraint(graph)(plain.output)), "binary_crossentropy")

    print(
        f"{digits.source}, {len(graph.classes)} classes, {options.seeds} seeds, {options.updates:,} updates of ", end=""
    )
    print(f"{BATCH_SIZE} canvases; percent, mean ± standard deviation")
    for n in (300, 8_000):
        runs: dict[str, list[list[float]]] = {}
        for seed in range(options.seeds):
            images, labels = canvases(digits, "train", n, 100 + seed, graph)
            found = {}
            for name, model in {"flat": flat, "plain loss": through, "max-constraint loss": credited}.items():
                train(model, images, labels, options.updates, seed)
                found[name] = model.predict(images_test, batch_size=1000, verbose=0)
            found["flat, max afterwards"] = raised(found["flat"], graph)
            found["flat, min afterwards"] = lowered(found["flat"], graph)
            found["max-constraint loss, no layer"] = found["max-constraint loss"]
            found["max-constraint loss"] = raised(found["max-constraint loss"], graph)
            found["baseline: no label"] = np.zeros_like(labels_test)
            found["baseline: how frequent each label is"] = np.tile(labels.mean(axis=0), (N_TEST, 1))
            sets, counts = np.unique(labels, axis=0, return_counts=True)
            found["baseline: the most frequent set"] = np.tile(sets[counts.argmax()], (N_TEST, 1))
            for name, probabilities in found.items():
                runs.setdefault(name, []).append(scores(probabilities, labels_test, graph))
        print(f"\n{f'{n:,} training canvases':40}" + "".join(f"{name:>13}" for name in SCORES))
        print_rows(runs)
        print("differences, run by run")
        loss = np.array(runs["max-constraint loss"])
        print_rows(
            {
                "loss - flat": loss - runs["flat"],
                "loss - flat, max afterwards": loss - runs["flat, max afterwards"],
                "loss - plain loss": loss - runs["plain loss"],
                "max afterwards - flat": np.array(runs["flat, max afterwards"]) - runs["flat"],
            },
            sign="+",
        )


if __name__ == "__main__":
    main()
