"""Measure what coarse labels are worth beside a few fine ones, over several seeds.

    python benchmarks/partial_labels.py --data digits
    python benchmarks/partial_labels.py --data mnist --tree chance --known 20 50 --parts coarse

Per seed, 1,000 training images are drawn, 100 of each digit. All have a group, and `known` of them, as many of each
digit, have a digit too. Each design is a network of its own, and all of them see the same batches; only "... images
alone" sees nothing but the images with a fine label. First table: how often the likeliest digit is right. Second: how
often it is right where its group is. The tree by chance has groups of the same sizes as that by look, filled by lot
for each seed. Third table: how often the likeliest group is right, against the number of labelled images, with coarse
labels and with fine ones.
"""

import numpy as np
from harness import Report, arguments, in_turns, whole_number
from training import BY_LOOK, MODULO_FIVE, Arrays, Trainer, commonest, rows, trunk

from mos_helpers import data
from mos_helpers.hierarchy import ConditionalHead, MarginalCrossentropy, Tree

import keras  # isort: skip

TREES = {"look": BY_LOOK, "modulo": MODULO_FIVE, "chance": BY_LOOK}  # by chance: the digits are exchanged by lot
N, COUNTS = 1000, [50, 100, 200, 400, 1000]
DESIGNS = {  # and the output that answers
    "fine labels only": "fine_only",
    "independent heads": "independent_fine",
    "independent, top-down": "independent_fine",
    "conditional heads": "conditional",
    "marginal likelihood": "marginal",
    "marginal, all weights 1": "one_vote",
    "label shared equally": "shared",
    "all labels fine": "all_fine",
}


def network(tree: Tree) -> keras.Model:
    """Return separate networks, one for each design; all outputs are logits."""
    image = keras.Input((196,))
    both = trunk(image, 64)
    logits = {"independent_fine": keras.layers.Dense(10)(both)}
    logits["independent_group"] = keras.layers.Dense(len(tree.levels[0]))(both)
    for name in ("fine_only", "marginal", "one_vote", "shared", "all_fine"):
        logits[name] = keras.layers.Dense(10)(trunk(image, 64))
    logits["conditional"] = ConditionalHead(tree).log_probabilities(trunk(image, 64))
    return keras.Model(image, {name: keras.layers.Identity(name=name)(part) for name, part in logits.items()})


def single(**sizes: int) -> keras.Model:
    """Return a network of its own for each name, with so many logits."""
    image = keras.Input((196,))
    return keras.Model(image, {n: keras.layers.Dense(size, name=n)(trunk(image, 64)) for n, size in sizes.items()})


def trainer(model: keras.Model, seeds: range) -> Trainer:
    """Compile a model whose outputs are logits."""
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    losses = dict.fromkeys(model.output, sparse)
    losses |= {name: MarginalCrossentropy() for name in ("marginal", "one_vote", "conditional") if name in losses}
    losses |= {name: keras.losses.CategoricalCrossentropy(from_logits=True) for name in ("shared",) if name in losses}
    model.compile(keras.optimizers.Adam(0.003), losses, steps_per_execution=100)
    return Trainer(model, seeds)


def labels(tree: Tree, digit: np.ndarray, known: int) -> tuple[Arrays, Arrays]:
    """Return targets and weights of `network`; the first `known` images have fine labels."""
    has_digit = np.arange(len(digit)) < known
    group, one = tree.groups_of_leaves()[digit], np.ones(len(digit), "float32")
    possible = np.where(has_digit[:, None], np.eye(10)[digit], tree.matrix().T[group])
    balanced = np.where(has_digit, len(digit) / known, 1).astype("float32")
    masked = np.where(has_digit, digit, 0), has_digit.astype("float32")
    pairs = {
        "independent_fine": masked,
        "independent_group": (group, one),
        "fine_only": masked,
        "marginal": (possible, balanced),
        "one_vote": (possible, one),
        "shared": (possible / possible.sum(axis=1, keepdims=True), balanced),
        "all_fine": (digit, one),
        "conditional": (possible, balanced),
    }
    return {name: pair[0] for name, pair in pairs.items()}, {name: pair[1] for name, pair in pairs.items()}


def decided(logits: Arrays, tree: Tree) -> Arrays:
    """Return the likeliest digit of each design."""
    found = {name: logits[output].argmax(axis=1) for name, output in DESIGNS.items()}
    in_group = tree.matrix().T[logits["independent_group"].argmax(axis=1)] > 0
    within = np.where(in_group, logits["independent_fine"], -np.inf)
    return found | {"independent, top-down": within.argmax(axis=1)}


class Experiment:
    """The digits, a tree, and the models."""

    def __init__(self, source: str, tree: str, seeds: int, updates: int) -> None:
        self.digits, self.updates, self.seeds = data.load_digits(source), updates, range(seeds)
        self.images, self.images_test = rows(self.digits.x_train), rows(self.digits.x_test)
        self.by_chance, self.tree = tree == "chance", Tree(TREES[tree], leaves=list("0123456789"))
        self.group_of = self.tree.groups_of_leaves()
        self.all, self.alone = trainer(network(self.tree), self.seeds), trainer(single(fine_only=10), self.seeds)
        self.both = trainer(single(coarse=len(self.tree.levels[0]), fine=10), self.seeds)

    def train(
        self, trainer: Trainer, seed: int, places: np.ndarray, targets: Arrays, weights: Arrays | None = None
    ) -> Arrays:
        """Train on some images; return the logits of the test images."""
        size = min(100, len(places))
        trainer.train(seed, self.images[places], targets, self.updates, weights=weights, batch_size=size)
        return trainer.model.predict_on_batch(self.images_test)

    def places(self, seed: int) -> np.ndarray:
        """Return the places of 100 images of each digit, in turns: 0, 1, ..., 9, 0, 1, ..."""
        rng, digit = np.random.default_rng(seed), self.digits.y_train
        of_digit = [rng.permutation(np.flatnonzero(digit == value))[: N // 10] for value in range(10)]
        return np.stack(of_digit, axis=1).ravel()

    def with_coarse_labels(self, known: int, seed: int) -> dict[str, list[float]]:
        """Return for each design how often its digit is right, and how often where its group is right."""
        places, names = self.places(seed), np.arange(10)
        if self.by_chance:  # other names for the digits are another tree
            names = np.random.default_rng(seed).permutation(10)
        truth = names[self.digits.y_test]
        targets, weights = labels(self.tree, names[self.digits.y_train[places]], known)
        answers = decided(self.train(self.all, seed, places, targets, weights), self.tree)
        few = self.train(self.alone, seed, places[:known], {"fine_only": targets["fine_only"][:known]})
        answers["... images alone"] = few["fine_only"].argmax(axis=1)
        found = {}
        for name, digit in answers.items():
            right, inside = digit == truth, self.group_of[digit] == self.group_of[truth]
            found[name] = [right.mean(), right[inside].mean()]
        return found

    def groups(self, count: int, seed: int) -> dict[str, float]:
        """Return how often the likeliest group is right, with coarse labels and with fine ones."""
        places = self.places(seed)[:count]
        digit = self.digits.y_train[places]
        logits = self.train(self.both, seed, places, {"coarse": self.group_of[digit], "fine": digit})
        fine = np.exp(logits["fine"] - logits["fine"].max(axis=1, keepdims=True))
        found = {"coarse labels": logits["coarse"], "fine labels, summed": fine @ self.tree.matrix()}
        truth = self.group_of[self.digits.y_test]
        return {name: np.mean(scores.argmax(axis=1) == truth) for name, scores in found.items()}


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__, seeds=10, updates=400)
    parser.add_argument("--tree", choices=list(TREES), default="look", help="what the groups are made by (look)")
    known = [20, 50, 100, 300, 1000]
    parser.add_argument("--known", type=whole_number(10, 10), nargs="+", default=known, help="numbers of fine labels")
    parts = ["coarse", "reverse"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts, help="what labels of which kind give")
    options = parser.parse_args()
    if max(options.known) > N:
        parser.error(f"--known must be at most {N}")
    with Report(options, f"{N:,} training images, tree by {options.tree}, accuracy on test images") as report:
        experiment = Experiment(options.data, options.tree, options.seeds, options.updates)
        truth = experiment.digits.y_test
        if "coarse" in options.parts:
            runs = in_turns(experiment.with_coarse_labels, options.known, experiment.seeds)
            columns = [f"{known} fine labels" for known in options.known]
            for place, title in enumerate(["digit right", "digit right in right group"]):
                table = report.table(title, columns)
                for name in runs[options.known[0]][0]:
                    table.row(name, np.transpose([[run[name][place] for run in runs[n]] for n in options.known]))
                if place == 0:
                    share = np.mean(truth == commonest(experiment.digits.y_train))
                    table.row("always the commonest digit", {columns[0]: share})
        if "reverse" in options.parts:
            runs = in_turns(experiment.groups, COUNTS, experiment.seeds)
            table = report.table("group right", [f"{count} images" for count in COUNTS])
            for name in runs[COUNTS[0]][0]:
                table.row(name, np.transpose([[run[name] for run in runs[count]] for count in COUNTS]))
            groups = experiment.group_of[truth]
            table.row("always the commonest group", [[np.mean(groups == commonest(groups))]])


if __name__ == "__main__":
    main()
