"""Measure five ways to put heads on a tree, with few labels and with many, over several seeds.

    python benchmarks/hierarchies.py --data digits
    python benchmarks/hierarchies.py --data mnist --seeds 20 --updates 600 --labels 60

One trunk and one tree over the ten digits, as in lesson 11; every training image has its digit as a label. Each seed
draws training images of its own, the same ones for every design. The columns:

    fine         the likeliest digit is right
    coarse       the coarse head's likeliest group is right (without a coarse head: the group of the likeliest digit)
    from fine    the group of the likeliest digit is right
    contradict   the two decisions above contradict each other
    both         the likeliest digit and the likeliest group are both right
    top-down     the likeliest digit within the likeliest group is right
    against flat the difference of `fine` to the flat design, seed by seed
"""

import re
from collections.abc import Callable

import numpy as np
from harness import Report, arguments, in_turns, whole_number
from sklearn.model_selection import train_test_split
from training import BY_LOOK, MODULO_FIVE, Arrays, Trainer, commonest, rows, softmax, trunk

from mos_helpers import data
from mos_helpers.hierarchy import ConditionalHead, GroupSum, Tree, contradictions

import keras  # isort: skip

TREES = {"by look": BY_LOOK, "modulo five": MODULO_FIVE}
COLUMNS = ["fine", "coarse", "from fine", "contradict", "both", "top-down"]
Heads = Callable[[keras.KerasTensor, Tree], dict[str, keras.KerasTensor]]


def flat(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a head for the leaves alone."""
    return {"fine": softmax(len(tree.leaves), "fine")(features)}


def independent(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a head for each level."""
    return {"coarse": softmax(len(tree.levels[0]), "coarse")(features), **flat(features, tree)}


def chain(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a fine head that sees what the coarse head predicts."""
    coarse = softmax(len(tree.levels[0]), "coarse")(features)
    return {"coarse": coarse, **flat(keras.layers.Concatenate()([features, coarse]), tree)}


def reverse_chain(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a coarse head that sees what the fine head predicts."""
    fine = flat(features, tree)["fine"]
    seen = keras.layers.Concatenate()([features, fine])
    return {"coarse": softmax(len(tree.levels[0]), "coarse")(seen), "fine": fine}


def summed(fine: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a head for the leaves, and sums of its probabilities with a loss of their own."""
    return {"coarse": GroupSum(tree, name="coarse")(fine), "fine": fine}


def conditional(features: keras.KerasTensor, tree: Tree) -> dict[str, keras.KerasTensor]:
    """Return a conditional head for the leaves alone: its loss is the sum of the losses along the path."""
    return {"fine": ConditionalHead(tree, name="fine")(features)}


DESIGNS: dict[str, Heads] = {
    "flat, groups read off": flat,
    "independent heads": independent,
    "chain, coarse to fine": chain,
    "chain, fine to coarse": reverse_chain,
    "summed leaves": lambda features, tree: summed(flat(features, tree)["fine"], tree),
    "conditional": conditional,
    "conditional, also summed": lambda features, tree: summed(conditional(features, tree)["fine"], tree),
    "conditional, larger": lambda features, tree: conditional(trunk(features, 64), tree),
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
            network = keras.Model(image, heads(trunk(image, 64), tree))
            outputs |= {output_name(tree_name, design, head): output for head, output in network(together).items()}
    model = keras.Model(together, outputs)
    losses = dict.fromkeys(outputs, "sparse_categorical_crossentropy")
    model.compile(keras.optimizers.Adam(0.003), losses, steps_per_execution=100)
    return model


def scores(predictions: dict[str, np.ndarray | None], truth: np.ndarray, tree: Tree) -> list[float]:
    """Return the columns for one run."""
    fine, groups = predictions["fine"], tree.groups_of_leaves()
    leaf = fine.argmax(axis=1)
    group = groups[leaf] if predictions["coarse"] is None else predictions["coarse"].argmax(axis=1)
    top_down = np.where(groups == group[:, None], fine, -1).argmax(axis=1)
    right = [leaf == truth, group == groups[truth], groups[leaf] == groups[truth]]
    right += [contradictions(leaf, group, tree), right[0] & right[1], top_down == truth]
    return [row.mean() for row in right]


def baseline(labels: np.ndarray, truth: np.ndarray, tree: Tree) -> list[float]:
    """Return the first three columns for the commonest digit and the commonest group."""
    groups, digit = tree.groups_of_leaves(), commonest(labels)
    found = [truth == digit, groups[truth] == commonest(groups[labels]), groups[truth] == groups[digit]]
    return [right.mean() for right in found]


class Experiment:
    """The digits, and one model with all designs."""

    def __init__(self, source: str, seeds: int, updates: int) -> None:
        self.digits, self.updates, self.seeds = data.load_digits(source), updates, range(seeds)
        self.images, self.images_test = rows(self.digits.x_train), rows(self.digits.x_test)
        self.trees = {name: Tree(children, leaves=list("0123456789")) for name, children in TREES.items()}
        self.trainer = Trainer(build(self.trees), self.seeds)

    def run(self, count: int, seed: int) -> dict[str, dict[str, list[float]]]:
        """Train every design on so many images; return for each tree the scores of each design."""
        y, truth = self.digits.y_train, self.digits.y_test
        chosen, _ = train_test_split(np.arange(len(y)), train_size=count, stratify=y, random_state=seed)
        self.trainer.train(seed, self.images[chosen], self.targets(y[chosen]), self.updates, batch_size=32)
        predictions, found = self.trainer.model.predict_on_batch(self.images_test), {}
        for name, tree in self.trees.items():
            found[name] = {}
            for design in DESIGNS:
                of_design = {head: predictions.get(output_name(name, design, head)) for head in ("fine", "coarse")}
                found[name][design] = scores(of_design, truth, tree)
            found[name]["the commonest class"] = baseline(y[chosen], truth, tree)
        return found

    def targets(self, labels: np.ndarray) -> Arrays:
        """Return the targets of every output."""
        found = {}
        for name, tree in self.trees.items():
            of_head = {"fine": labels, "coarse": tree.groups_of_leaves()[labels]}
            found |= {output_name(name, design, head): of_head[head] for design in DESIGNS for head in of_head}
        return {output: found[output] for output in self.trainer.model.output}


def main() -> None:
    """Print a table for each tree and each number of labels."""
    parser = arguments(__doc__, seeds=10, updates=300)
    parser.add_argument("--labels", type=whole_number(10), nargs="+", default=[60, 1000], help="numbers of images")
    options = parser.parse_args()
    with Report(options, "scores on test images") as report:
        experiment = Experiment(options.data, options.seeds, options.updates)
        for count, runs in in_turns(experiment.run, options.labels, experiment.seeds).items():
            for name in TREES:
                columns = dict.fromkeys(COLUMNS, "share") | {"against flat": "points"}
                table, fine = report.table(f"{name}, {count:,} labelled images", columns), {}
                for design in runs[0][name]:
                    found = np.array([run[name][design] for run in runs])
                    fine[design] = found[:, :1]
                    against = [fine[design] - fine["flat, groups read off"]] if found.shape[1] > 3 else []
                    table.row(design, np.hstack([found, *against]))


if __name__ == "__main__":
    main()
