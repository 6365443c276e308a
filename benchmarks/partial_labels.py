"""Measure what coarse labels are worth beside a few fine ones, over several seeds.

    python benchmarks/partial_labels.py --data digits                10 seeds, 400 updates of 100 images
    python benchmarks/partial_labels.py --data mnist --tree chance --known 20 50
    python benchmarks/partial_labels.py --data digits --reverse      what fine labels give the coarse task

Per seed, 1,000 training images are drawn, 100 of each digit. All have a group, and `known` of them, as many of each
digit, have a digit too. Each design is a network of its own, and all of them see the same batches; only "... images
alone" sees nothing but the images with a fine label. First table: how often the likeliest digit is right. Second: how
often it is right where its group is. The tree by chance has groups of the same sizes as that by look, filled by lot
for each seed. With --reverse: how often the likeliest group is right, against the number of labelled images.
"""

import argparse
from collections.abc import Callable

import numpy as np

from mos_helpers import data
from mos_helpers.hierarchy import ConditionalHead, MarginalCrossentropy, Tree
from mos_helpers.training import restart

import keras  # isort: skip

TREES = {
    "look": {"round": ["0", "6"], "straight": ["1", "7"], "hook": ["4", "9"], "bows": ["3", "5", "8"], "two": ["2"]},
    "modulo": {f"{rest} modulo 5": [str(rest), str(rest + 5)] for rest in range(5)},
}
TREES["chance"] = TREES["look"]  # with the digits exchanged by lot
N, BATCH_SIZE, LEARNING_RATE = 1000, 100, 0.003
FINE_ONLY, INDEPENDENT, TOP_DOWN = "fine labels only", "independent heads", "independent, top-down"
CONDITIONAL, MARGINAL, ONE_VOTE = "conditional heads", "marginal likelihood", "marginal, all weights 1"
SHARED, ALL_FINE, ALONE = "label shared equally", "all labels fine", "... images alone"
COARSE_ONLY, SUMMED = "coarse labels", "fine labels, summed"


def prepare(images: np.ndarray) -> np.ndarray:
    """Halve the resolution and put the pixels of each image in one row."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def trunk(image: keras.KerasTensor) -> keras.KerasTensor:
    """Return a hidden layer of its own for each call."""
    return keras.layers.Dense(64, activation="relu")(image)


def network(tree: Tree) -> keras.Model:
    """Return separate networks, one for each design; all outputs are logits."""
    image = keras.Input((196,))
    both = trunk(image)
    logits = {"independent_fine": keras.layers.Dense(10)(both)}
    logits["independent_group"] = keras.layers.Dense(len(tree.levels[0]))(both)
    for name in ("fine_only", "marginal", "one_vote", "shared", "all_fine"):
        logits[name] = keras.layers.Dense(10)(trunk(image))
    logits["conditional"] = ConditionalHead(tree).log_probabilities(trunk(image))
    return keras.Model(image, {name: keras.layers.Identity(name=name)(part) for name, part in logits.items()})


def single() -> keras.Model:
    """Return the first design without the others."""
    image = keras.Input((196,))
    return keras.Model(image, {"fine_only": keras.layers.Dense(10, name="fine_only")(trunk(image))})


def prepared(design: Callable[[], keras.Model], seeds: int) -> tuple[keras.Model, list[list[np.ndarray]]]:
    """Return a compiled model whose outputs are logits, and its first weights for each seed.

    They are drawn before any training: `set_random_seed` makes TensorFlow forget what it has compiled.
    """
    first = []
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        first.append(design().get_weights())
    model = design()
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    losses = dict.fromkeys(model.output, sparse)
    losses |= {name: MarginalCrossentropy() for name in ("marginal", "one_vote", "conditional") if name in losses}
    if "shared" in losses:
        losses["shared"] = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), losses, steps_per_execution=100)
    return model, first


def labels(tree: Tree, digit: np.ndarray, known: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
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


def train(
    model: keras.Model,
    first: list[np.ndarray],
    images: np.ndarray,
    targets: dict[str, np.ndarray],
    weights: dict[str, np.ndarray],
    updates: int,
    seed: int,
) -> None:
    """Train a compiled model from its first weights."""
    restart(model, first)
    training = data.batches(images, targets, min(BATCH_SIZE, len(images)), sample_weight=weights, seed=seed)
    model.fit(training.repeat(), steps_per_epoch=updates, verbose=0)


def decided(logits: dict[str, np.ndarray], tree: Tree) -> dict[str, np.ndarray]:
    """Return the likeliest digit of each design."""
    best_group = logits["independent_group"].argmax(axis=1)
    within = np.where(tree.matrix().T[best_group] > 0, logits["independent_fine"], -np.inf)
    names = {
        FINE_ONLY: "fine_only",
        INDEPENDENT: "independent_fine",
        CONDITIONAL: "conditional",
        MARGINAL: "marginal",
        ONE_VOTE: "one_vote",
        SHARED: "shared",
        ALL_FINE: "all_fine",
    }
    return {TOP_DOWN: within.argmax(axis=1)} | {name: logits[key].argmax(axis=1) for name, key in names.items()}


def chosen(digit: np.ndarray, seed: int) -> np.ndarray:
    """Return the places of 100 images of each digit, in turns: 0, 1, ..., 9, 0, 1, ..."""
    rng = np.random.default_rng(seed)
    places = [rng.permutation(np.flatnonzero(digit == value))[: N // 10] for value in range(10)]
    return np.stack(places, axis=1).ravel()


def print_table(title: str, columns: list[int], rows: dict[str, dict[int, list[float]]]) -> None:
    """Print mean and standard deviation of each cell."""
    print(f"\n{title:27}" + "".join(f"{column:>16}" for column in columns))
    for name, row in rows.items():
        cells = [f"{np.mean(row[column]):.1%} ± {np.std(row[column], ddof=1):.1%}" for column in columns]
        print(f"{name:27}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


def forward(digits: data.Digits, tree: Tree, options: argparse.Namespace) -> None:
    """Print what coarse labels give the fine task."""
    images, test = prepare(digits.x_train), prepare(digits.x_test)
    group_of = tree.groups_of_leaves()
    test_digit, names = digits.y_test, np.arange(10)
    model, first = prepared(lambda: network(tree), options.seeds)
    alone, first_alone = prepared(single, options.seeds)
    right, within = {}, {}
    for known in options.known:
        for seed in range(options.seeds):
            places = chosen(digits.y_train, seed)
            if options.tree == "chance":  # other names for the digits are another tree
                names = np.random.default_rng(seed).permutation(10)
            truth = names[test_digit]
            targets, weights = labels(tree, names[digits.y_train[places]], known)
            train(model, first[seed], images[places], targets, weights, options.updates, seed)
            logits = model.predict_on_batch(test)
            few = {"fine_only": targets["fine_only"][:known]}
            ones = {"fine_only": np.ones(known, "float32")}
            train(alone, first_alone[seed], images[places[:known]], few, ones, options.updates, seed)
            answers = decided(logits, tree) | {ALONE: alone.predict_on_batch(test)["fine_only"].argmax(axis=1)}
            for name, digit in answers.items():
                hit, inside = digit == truth, group_of[digit] == group_of[truth]
                right.setdefault(name, {}).setdefault(known, []).append(hit.mean())
                within.setdefault(name, {}).setdefault(known, []).append(hit[inside].mean())
    print_table("digit right; fine labels:", options.known, right)
    most = np.mean(digits.y_test == np.bincount(digits.y_train).argmax())
    print(f"{'always the commonest digit':27}{most:16.1%}")
    print_table("digit right in right group", options.known, within)


def reverse(digits: data.Digits, tree: Tree, options: argparse.Namespace) -> None:
    """Print what fine labels give the coarse task."""
    images, test = prepare(digits.x_train), prepare(digits.x_test)
    group_of = tree.groups_of_leaves()

    def networks() -> keras.Model:
        image = keras.Input((196,))
        sizes = {"coarse": len(tree.levels[0]), "fine": 10}
        return keras.Model(image, {n: keras.layers.Dense(size, name=n)(trunk(image)) for n, size in sizes.items()})

    (model, first), right = prepared(networks, options.seeds), {}
    counts = [50, 100, 200, 400, 1000]
    for count in counts:
        for seed in range(options.seeds):
            places = chosen(digits.y_train, seed)[:count]
            digit, one = digits.y_train[places], np.ones(count, "float32")
            targets, weights = {"coarse": group_of[digit], "fine": digit}, {"coarse": one, "fine": one}
            train(model, first[seed], images[places], targets, weights, options.updates, seed)
            logits = model.predict_on_batch(test)
            fine = logits["fine"] - logits["fine"].max(axis=1, keepdims=True)
            groups = {COARSE_ONLY: logits["coarse"], SUMMED: np.exp(fine) @ tree.matrix()}
            for name, scores in groups.items():
                hit = scores.argmax(axis=1) == group_of[digits.y_test]
                right.setdefault(name, {}).setdefault(count, []).append(hit.mean())
    print_table("group right; images:", counts, right)
    most = np.mean(group_of[digits.y_test] == np.bincount(group_of[digits.y_train]).argmax())
    print(f"{'always the commonest group':27}{most:16.1%}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="where the digits come from")
    parser.add_argument("--tree", choices=list(TREES), default="look", help="what the groups are made by")
    parser.add_argument("--seeds", type=int, default=10, help="runs of each design (default: 10)")
    parser.add_argument("--updates", type=int, default=400, help="updates in a run, a multiple of 100 (default: 400)")
    parser.add_argument("--known", type=int, nargs="+", default=[20, 50, 100, 300, 1000], help="numbers of fine labels")
    parser.add_argument("--reverse", action="store_true", help="what fine labels give the coarse task")
    options = parser.parse_args()
    if options.seeds < 2 or options.updates < 100 or options.updates % 100:
        parser.error("--seeds must be at least 2, and --updates a multiple of 100")
    if any(known < 10 or known > N or known % 10 for known in options.known):
        parser.error(f"--known must be multiples of 10, from 10 to {N}")

    digits = data.load_digits(options.data)
    tree = Tree(TREES[options.tree], leaves=list("0123456789"))
    print(f"{digits.source}: {N:,} training and {len(digits.x_test):,} test images, {options.seeds} seeds, ", end="")
    print(f"{options.updates} updates of {BATCH_SIZE}, tree by {options.tree}; mean ± standard deviation")
    (reverse if options.reverse else forward)(digits, tree, options)


if __name__ == "__main__":
    main()
