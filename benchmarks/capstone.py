"""Measure which solutions of the capstone the client accepts, over several seeds.

    python benchmarks/capstone.py --data digits              10 seeds of the solution, 3 of each other one
    python benchmarks/capstone.py --data mnist --seeds 10 --others 3

Each variant is the solution (`solutions/19_capstone.ipynb`) with one change; "as it is" means that its standard
deviations are not corrected on the validation slips. The scores are those of the acceptance check: mean, and in
brackets the lowest and the highest seed. "one" and "two" are the shares of errors within one and two standard
deviations, "half" the error of the surer half divided by that of the other half, each for the number to the right and
the number down. The first row has the scores on the known labels of the validation slips, by which to choose. The
second row has them on the hidden slips, by which the conditions of the check were set: the last columns say how many
seeds are accepted, and which conditions are not met by how many of them.
"""

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from mos_checks import capstone, lesson_19
from mos_helpers import data
from mos_helpers.hierarchy import ConditionalHead, MarginalCrossentropy, Tree
from mos_helpers.training import restart

import keras  # isort: skip

TREE = Tree({name: [str(digit) for digit in held] for name, held in capstone.AISLES.items()}, leaves=list("0123456789"))
MEAN = "mean_with_sample_weight"
STDS = tuple(f"{kind} {number}" for kind in ("one", "two", "half") for number in lesson_19.NUMBERS)
VARIANTS = {
    "solution": {},
    "std as it is": {"corrected": False},
    "one softmax, weight 9": {"conditional": False, "fine": 9.0},
    "aisle head of its own": {"own_aisle": True},
    "dense": {"convolutions": False, "updates": 1500},
    "aisles not used": {"aisles": False},
    "each label one vote": {"fine": 1.0},
    "locker loss weight 1": {"locker": 1.0},
    "no dropout": {"dropout": 0.0},
    "no dropout, as they are": {"dropout": 0.0, "corrected": False},
    "constant learning rate": {"decay": False},
    "gaps counted as labels": {"gaps": True},
    "complete slips only": {"complete": True, "updates": 300},
    "small": {"convolutions": False, "width": 16, "dropout": 0.0},
}


def prepare(images: np.ndarray) -> np.ndarray:
    """Average each square of 2x2 pixels."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


class GaussianLoss(keras.losses.Loss):
    """Negative log-likelihood of means and log-variances that stand side by side."""

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each row."""
        mean, log_variance = keras.ops.split(y_pred, 2, axis=-1)
        log_variance = keras.ops.clip(log_variance, -10, 10)
        squared = keras.ops.exp(-log_variance) * (y_true - mean) ** 2
        return keras.ops.mean((squared + log_variance) / 2, axis=-1)


def network(conditional: bool, own_aisle: bool, convolutions: bool, width: int, dropout: float) -> keras.Model:
    """Return the model, not compiled; lockers and aisles are logits."""
    image = keras.Input((21, 28), name="image")
    if convolutions:
        features = keras.layers.Reshape((21, 28, 1))(image)
        for filters in (16, 32):
            features = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(features)
        features = keras.layers.Dropout(dropout)(keras.layers.Flatten()(features))
    else:
        features = keras.layers.Flatten()(image)
        if width > 100:
            features = keras.layers.Dropout(dropout)(keras.layers.Dense(2 * width, activation="relu")(features))
    features = keras.layers.Dropout(dropout)(keras.layers.Dense(width, activation="relu")(features))
    logits = keras.layers.Dense(10) if own_aisle or not conditional else ConditionalHead(TREE).log_probabilities
    heads = {
        "locker": keras.layers.Identity(name="locker")(logits(features)),
        "services": keras.layers.Dense(4, activation="sigmoid", name="services")(features),
        "position": keras.layers.Dense(4, name="position")(features),
        "void": keras.layers.Dense(1, activation="sigmoid", name="void")(features),
    }
    if own_aisle:
        heads["aisle"] = keras.layers.Dense(5, name="aisle")(features)
    return keras.Model(image, heads)


def labels(table: dict, fine: float, aisles: bool, gaps: bool, own_aisle: bool) -> tuple[dict, dict, tuple]:
    """Return targets, weights, and mean and scale of the position."""
    known = {name: capstone.labelled(name, values) for name, values in table.items()}
    mean, scale = np.nanmean(table["position"], axis=0), np.nanstd(table["position"], axis=0)
    rows = np.ones((len(known["void"]), 10))
    if aisles:
        rows[known["aisle"]] = TREE.matrix().T[table["aisle"][known["aisle"]]]
    rows[known["locker"]] = np.eye(10)[table["locker"][known["locker"]]]
    targets = {
        "locker": rows,
        "services": np.nan_to_num(table["services"]),
        "position": np.nan_to_num((table["position"] - mean) / scale),
        "void": np.nan_to_num(table["void"])[:, None],
    }
    weights = {name: known[name].astype("float32") for name in targets}
    weights["locker"] = np.where(known["locker"], fine, 1.0 * (known["aisle"] & aisles))
    if own_aisle:
        aisle = np.where(known["locker"], TREE.groups_of_leaves()[table["locker"]], table["aisle"])
        targets |= {"locker": np.maximum(table["locker"], 0), "aisle": np.maximum(aisle, 0)}
        weights |= {"locker": 1.0 * known["locker"], "aisle": 1.0 * (known["locker"] | known["aisle"])}
    if gaps:
        weights = {name: np.ones(len(rows)) for name in weights}
    return targets, weights, (mean, scale)


def compiled(
    build: Callable[[], keras.Model], locker: float, updates: int, decay: bool, own_aisle: bool
) -> keras.Model:
    """Return the model with its losses and an optimizer that has its variables."""
    binary = keras.losses.BinaryCrossentropy(reduction=MEAN)
    losses = {"locker": MarginalCrossentropy(reduction=MEAN), "services": binary, "void": binary}
    losses["position"] = GaussianLoss(reduction=MEAN)
    if own_aisle:
        sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=MEAN)
        losses |= {"locker": sparse, "aisle": sparse}
    rate = keras.optimizers.schedules.CosineDecay(0.003, updates) if decay else 0.003
    model = build()
    weights = dict.fromkeys(losses, 1.0) | {"locker": 1.0 if own_aisle else locker}
    model.compile(keras.optimizers.Adam(rate), losses, loss_weights=weights, steps_per_execution=100)
    model.optimizer.build(model.trainable_variables)
    return model


def answers_of(outputs: dict[str, np.ndarray], mean: np.ndarray, scale: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the client gets: decide once for the locker, and read the aisle off."""
    logits = outputs["locker"]
    if "aisle" in outputs:  # top-down
        logits = np.where(TREE.matrix().T[outputs["aisle"].argmax(axis=1)] > 0, logits, -np.inf)
    locker = logits.argmax(axis=1)
    centre, log_variance = np.split(outputs["position"], 2, axis=1)
    return {
        "locker": locker,
        "aisle": TREE.groups_of_leaves()[locker],
        "services": outputs["services"],
        "position": centre * scale + mean,
        "spread": np.exp(np.clip(log_variance, -10, 10) / 2) * scale,
        "void": outputs["void"][:, 0],
    }


def trained(
    client: dict,
    images: np.ndarray,
    seeds: int,
    *,
    conditional: bool = True,
    own_aisle: bool = False,
    convolutions: bool = True,
    width: int = 128,
    dropout: float = 0.2,
    fine: float = 3.0,
    aisles: bool = True,
    gaps: bool = False,
    locker: float = 2.0,
    updates: int = 1000,
    decay: bool = True,
    complete: bool = False,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the answers about some images for each seed."""

    def build() -> keras.Model:
        return network(conditional, own_aisle, convolutions, width, dropout)

    targets, weights, units = labels(client["targets"], fine, aisles, gaps, own_aisle)
    x = client["x"]
    if complete:
        rows = np.all([capstone.labelled(*item) for item in client["targets"].items()], axis=0)
        x, targets, weights = keras.tree.map_structure(lambda array: array[rows], (x, targets, weights))
    first = []
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        first.append(build().get_weights())
    model = compiled(build, locker, updates, decay, own_aisle)
    for seed in range(seeds):
        restart(model, first[seed])
        training = data.batches(x, targets, min(100, len(x)), weights, seed=seed)
        model.fit(training.repeat(), steps_per_epoch=updates, verbose=0)
        yield answers_of(model.predict(images, batch_size=1000, verbose=0), *units)


def corrected_stds(runs: list[dict], validation: dict) -> list[dict]:
    """Return answers with standard deviations times one factor for each number, so that 68% of the errors fit."""
    rows = np.flatnonzero(capstone.labelled("position", validation["position"]))
    result = []
    for run in runs:
        errors = np.abs(run["position"][rows] - validation["position"][rows])
        result.append(run | {"spread": run["spread"] * np.quantile(errors / run["spread"][rows], 0.68, axis=0)})
    return result


def scored(answers: dict, targets: dict) -> dict[str, float]:
    """Return the scores of all heads and of the standard deviations, over the slips that have the label."""
    rows = capstone.labelled("position", targets["position"])
    known = {"position": targets["position"][rows]}
    predicted = {name: answers[name][rows] for name in ("position", "spread")}
    judged = (
        capstone.within(predicted, known, 1),
        capstone.within(predicted, known, 2),
        capstone.surer_half(predicted, known),
    )
    return capstone.scores(answers, targets) | dict(zip(STDS, np.concatenate(judged), strict=True))


def show(name: str, found: list[dict[str, float]], end: str = "") -> None:
    """Print one row: mean, lowest and highest of each score."""
    cells = [[scores[key] for scores in found] for key in found[0]]
    shown = "".join(f"  {np.mean(cell):.3f} [{min(cell):.3f} {max(cell):.3f}]" for cell in cells)
    print(f"{name:23}{shown}  {end}", flush=True)


def report(name: str, runs: list[dict], validation: dict, hidden: dict) -> None:
    """Print the scores of a variant, whose runs answer about the validation and then the hidden slips."""
    n = len(validation["void"])
    parts = [
        [{key: values[rows] for key, values in run.items()} for run in runs] for rows in (slice(n), slice(n, None))
    ]
    show(name, [scored(run, validation) for run in parts[0]])
    failed = [[kind for kind, passed, _ in lesson_19.verdicts(run, hidden) if not passed] for run in parts[1]]
    counts = Counter(kind for kinds in failed for kind in kinds)
    reasons = ", ".join(f"{kind} {count}" for kind, count in counts.items())
    show("  hidden", [scored(run, hidden) for run in parts[1]], f"{failed.count([])} of {len(runs)}  {reasons}")


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description="Which solutions of the capstone does the client accept?")
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--seeds", type=int, default=10, help="seeds of the solution")
    parser.add_argument("--others", type=int, default=3, help="seeds of each other variant")
    options = parser.parse_args()
    os.environ["MOS_DATA"] = options.data
    digits = data.load_digits()
    training, validation = capstone.client_slips(digits)
    hidden = capstone.hidden_slips(digits)
    client = {"x": prepare(training.images), "targets": training.targets}
    print(f"{digits.source}\n{'':23}", *(f"  {name:21}" for name in (*capstone.HEADS, *STDS)), "accepted")
    images = prepare(np.concatenate([validation.images, hidden.images]))
    runs = {}
    for name, changes in VARIANTS.items():
        seeds = options.seeds if name == "solution" else options.others
        settings = {key: value for key, value in changes.items() if key != "corrected"}
        found = runs.get(str(settings)) or list(trained(client, images, seeds, **settings))
        runs[str(settings)] = found
        if changes.get("corrected", True):
            found = corrected_stds(found, validation.targets)
        report(name, found, validation.targets, hidden.targets)
    baseline = capstone.baseline_scores(hidden.targets)
    print(f"{'baseline, hidden':23}" + "".join(f"  {value:.3f}{'':14}" for value in baseline.values()))


if __name__ == "__main__":
    main()
