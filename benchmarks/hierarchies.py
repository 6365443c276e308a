"""Measure five ways to put heads on a tree, with few labels and with many, over several seeds.

    python benchmarks/hierarchies.py --data digits              10 seeds, 60 and 1,000 labelled images
    python benchmarks/hierarchies.py --data mnist --seeds 20 --updates 600

One trunk and one tree over the ten digits, as in lesson 11; every training image has its digit as a label. Each seed
draws training images of its own, the same ones for every design. The columns, as mean ± standard deviation:

    fine         the likeliest digit is right
    coarse       the coarse head's likeliest group is right (without a coarse head: the group of the likeliest digit)
    from fine    the group of the likeliest digit is right
    contradict   the two decisions above contradict each other
    both         the likeliest digit and the likeliest group are both right
    top-down     the likeliest digit within the likeliest group is right
    against flat the difference of `fine` to the flat design, seed by seed
"""

import argparse
import re
from collections.abc import Callable

import numpy as np
from sklearn.model_selection import train_test_split

from mos_helpers import data
from mos_helpers.hierarchy import ConditionalHead, GroupSum, Tree, contradictions
from mos_helpers.training import restart

import keras  # isort: skip

TREES = {
    "by look": {"round": ["0", "6"], "straight": ["1", "7"], "hook": ["4", "9"], "bows": ["3", "5", "8"], "two": ["2"]},
    "modulo five": {f"{rest} modulo 5": [str(rest), str(rest + 5)] for rest in range(5)},
}
COLUMNS = ["fine", "coarse", "from fine", "contradict", "both", "top-down", "against flat"]
BATCH_SIZE, LEARNING_RATE = 32, 0.003
Heads = Callable[[keras.KerasTensor, Tree], dict[str, keras.KerasTensor]]


def prepare(images: np.ndarray) -> np.ndarray:
    """Halve the resolution and put the pixels of each image in one row."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def softmax(classes: int, name: str) -> keras.Layer:
    """Return a softmax head."""
    return keras.layers.Dense(classes, activation="softmax", name=name)


def flat(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a head for the leaves alone."""
    return {"fine": softmax(len(tree.leaves), "fine")(features)}


def independent(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a head for each level."""
    return {"coarse": softmax(len(tree.levels[0]), "coarse")(features), **flat(features, tree)}


def chain(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a fine head that sees what the coarse head says."""
    coarse = softmax(len(tree.levels[0]), "coarse")(features)
    return {"coarse": coarse, **flat(keras.layers.Concatenate()([features, coarse]), tree)}


def reverse_chain(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a coarse head that sees what the fine head says."""
    fine = flat(features, tree)["fine"]
    seen = keras.layers.Concatenate()([features, fine])
    return {"coarse": softmax(len(tree.levels[0]), "coarse")(seen), "fine": fine}


def summed(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a head for the leaves, and sums of its probabilities with a loss of their own."""
    fine = flat(features, tree)["fine"]
    return {"coarse": GroupSum(tree, name="coarse")(fine), "fine": fine}


def conditional(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a conditional head for the leaves alone: its loss is the sum of the losses along the path."""
    return {"fine": ConditionalHead(tree, name="fine")(features)}


def conditional_and_sums(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a conditional head, and sums of its probabilities with a loss of their own."""
    fine = conditional(features, tree)["fine"]
    return {"coarse": GroupSum(tree, name="coarse")(fine), "fine": fine}


def conditional_and_hidden(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a conditional head on a hidden layer of its own."""
    return conditional(keras.layers.Dense(64, activation="relu")(features), tree)


DESIGNS: dict[str, Heads] = {
    "flat, groups read off": flat,
    "independent heads": independent,
    "chain, coarse to fine": chain,
    "chain, fine to coarse": reverse_chain,
    "summed leaves": summed,
    "conditional": conditional,
    "conditional, also summed": conditional_and_sums,
    "conditional, larger": conditional_and_hidden,
}


def output_name(tree: str, design: str, head: str) -> str:
    """Return a name that TensorFlow accepts."""
    return "__".join(re.sub(r"\W+", "_", part) for part in (tree, design, head))


def build(trees: dict[str, Tree]) -> keras.Model:
    """Return one compiled model that holds every design on every tree, each with a trunk of its own.

    They share no weight, so each learns as if it were alone; in one model they take less time.
    """
    together, outputs = keras.Input((196,), name="image"), {}
    for tree_name, tree in trees.items():
        for design, heads in DESIGNS.items():
            image = keras.Input((196,), name="image")
            network = keras.Model(image, heads(keras.layers.Dense(64, activation="relu")(image), tree))
            outputs |= {output_name(tree_name, design, head): output for head, output in network(together).items()}
    model = keras.Model(together, outputs)
    losses = dict.fromkeys(outputs, "sparse_categorical_crossentropy")
    model.compile(keras.optimizers.Adam(LEARNING_RATE), losses, steps_per_execution=100)
    return model


def train(model: keras.Model, images: np.ndarray, targets: dict[str, np.ndarray], updates: int, seed: int) -> None:
    """Train a compiled model from new random weights; the targets have the names of the outputs."""
    rng = np.random.default_rng(seed)  # not keras.utils.set_random_seed, after which TensorFlow compiles again
    first = []
    for weights in model.weights:  # kernels and biases of Dense layers
        glorot = keras.initializers.GlorotUniform(seed=int(rng.integers(2**31)))
        first.append(glorot(weights.shape) if len(weights.shape) == 2 else np.zeros(weights.shape))
    restart(model, first)
    training = data.batches(images, targets, BATCH_SIZE, seed=seed).repeat()
    model.fit(training, steps_per_epoch=updates, verbose=0)


def scores(predictions: dict[str, np.ndarray | None], truth: np.ndarray, tree: Tree) -> list[float]:
    """Return the columns for one run, but the last one."""
    fine, groups = predictions["fine"], tree.groups_of_leaves()
    leaf = fine.argmax(axis=1)
    group = groups[leaf] if predictions["coarse"] is None else predictions["coarse"].argmax(axis=1)
    top_down = np.where(groups == group[:, None], fine, -1).argmax(axis=1)
    rows = [leaf == truth, group == groups[truth], groups[leaf] == groups[truth]]
    rows += [contradictions(leaf, group, tree), rows[0] & rows[1], top_down == truth]
    return [row.mean() for row in rows]


def main() -> None:
    """Print a table for each tree and each number of labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
    parser.add_argument("--seeds", type=int, default=10, help="runs of each design, at least 2 (default: 10)")
    parser.add_argument("--updates", type=int, default=300, help="updates in a run, a multiple of 100 (default: 300)")
    parser.add_argument("--labels", type=int, nargs="+", default=[60, 1000], help="training images (default: 60 1000)")
    options = parser.parse_args()
    if options.seeds < 2 or options.updates < 100 or options.updates % 100:
        parser.error("--seeds must be at least 2, and --updates a multiple of 100")

    digits = data.load_digits(options.data)
    images, images_test = prepare(digits.x_train), prepare(digits.x_test)
    trees = {name: Tree(children, leaves=list("0123456789")) for name, children in TREES.items()}
    model = build(trees)
    print(f"{options.data}: {options.seeds} seeds, {options.updates} updates; mean ± standard deviation")
    for count in options.labels:
        results: dict[str, list[list[float]]] = {}
        for seed in range(options.seeds):
            chosen, _ = train_test_split(
                np.arange(len(images)), train_size=count, stratify=digits.y_train, random_state=seed
            )
            labels = digits.y_train[chosen]
            targets = {}
            for name, tree in trees.items():
                of_head = {"fine": labels, "coarse": tree.groups_of_leaves()[labels]}
                of_tree = {output_name(name, design, head): of_head[head] for design in DESIGNS for head in of_head}
                targets |= {output: of_tree[output] for output in model.output if output in of_tree}
            train(model, images[chosen], targets, options.updates, seed)
            predictions = model.predict_on_batch(images_test)
            for name, tree in trees.items():
                groups, truth = tree.groups_of_leaves(), digits.y_test
                for design in DESIGNS:
                    found = {head: predictions.get(output_name(name, design, head)) for head in ("fine", "coarse")}
                    results.setdefault(f"{name}/{design}", []).append(scores(found, truth, tree))
                right = truth == np.bincount(labels).argmax(), groups[truth] == np.bincount(groups[labels]).argmax()
                baseline = [right[0].mean(), right[1].mean(), groups[np.bincount(labels).argmax()] == groups[truth]]
                results.setdefault(f"{name}/the commonest class", []).append([*baseline[:2], np.mean(baseline[2])])
        for name in trees:
            print_table(f"tree {name}, {count:,} labelled images", name, results)


def print_table(title: str, tree: str, results: dict[str, list[list[float]]]) -> None:
    """Print a row for each design on one tree."""
    print(f"\n{title}\n{'':26}" + "".join(f"{column:>14}" for column in COLUMNS))
    for name, runs in results.items():
        if name.startswith(f"{tree}/"):
            rows = np.array(runs)
            against = rows[:, :1] - np.array(results[f"{tree}/flat, groups read off"])[:, :1]
            rows = np.concatenate([rows, against], axis=1) if rows.shape[1] > 3 else rows
            said = zip(rows.mean(axis=0), rows.std(axis=0, ddof=1), strict=True)
            cells = "".join(f"{f'{mean:.1%} ± {std:.1%}':>14}" for mean, std in said)
            print(f"{name.split('/')[1]:26}{cells}", flush=True)


if __name__ == "__main__":
    main()
