"""Measure which solutions of the capstone the client accepts, over several seeds.

    python benchmarks/capstone.py --data digits
    python benchmarks/capstone.py --data mnist --seeds 10 --others 3

Each variant is the solution (`solutions/19_capstone.ipynb`) with one change; "as it is" means that its standard
deviations are not corrected on the validation slips. The scores are those of the acceptance check: mean, and in
brackets the lowest and the highest seed. "one" and "two" are the shares of errors within one and two standard
deviations, "half" the error of the surer half divided by that of the other half, each for the number to the right and
the number down. The first table has the scores on the known labels of the validation slips, by which to choose. The
second has them on the hidden slips, by which the conditions of the check were set; the third says in how many runs all
conditions, and each of them, were met there.
"""

import numpy as np
from harness import Report, arguments, in_turns, whole_number
from training import Arrays, Trainer, first_weights, halved, trunk

from mos_checks import capstone, lesson_19
from mos_helpers import data
from mos_helpers.hierarchy import ConditionalHead, MarginalCrossentropy, Tree

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
    features = keras.layers.Reshape((21, 28, 1))(image) if convolutions else image
    for filters in (16, 32) if convolutions else ():
        features = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(features)
    features = keras.layers.Flatten()(features)
    if not convolutions and width > 100:
        features = trunk(features, 2 * width)
    features = keras.layers.Dropout(dropout)(features) if convolutions or width > 100 else features
    features = keras.layers.Dropout(dropout)(trunk(features, width))
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


def compiled(model: keras.Model, locker: float, updates: int, decay: bool, own_aisle: bool) -> keras.Model:
    """Return the model with its losses and an optimizer that has its variables."""
    binary = keras.losses.BinaryCrossentropy(reduction=MEAN)
    losses = {"locker": MarginalCrossentropy(reduction=MEAN), "services": binary, "void": binary}
    losses["position"] = GaussianLoss(reduction=MEAN)
    if own_aisle:
        sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=MEAN)
        losses |= {"locker": sparse, "aisle": sparse}
    rate = keras.optimizers.schedules.CosineDecay(0.003, updates) if decay else 0.003
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


class Variant:
    """A solution, trained from several seeds."""

    def __init__(
        self,
        client: dict,
        seeds: range,
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
    ) -> None:
        model = network(conditional, own_aisle, convolutions, width, dropout)
        first = first_weights(model, seeds)
        self.trainer = Trainer(compiled(model, locker, updates, decay, own_aisle), seeds, first)
        targets, weights, self.units = labels(client["targets"], fine, aisles, gaps, own_aisle)
        self.data, self.updates = (client["x"], targets, weights), updates
        if complete:
            rows = np.all([capstone.labelled(*item) for item in client["targets"].items()], axis=0)
            self.data = keras.tree.map_structure(lambda array: array[rows], self.data)

    def answers(self, seed: int, images: np.ndarray) -> Arrays:
        """Train from one seed; return the answers about some images."""
        x, targets, weights = self.data
        self.trainer.train(seed, x, targets, self.updates, weights=weights, batch_size=min(100, len(x)))
        return answers_of(self.trainer.model.predict(images, batch_size=1000, verbose=0), *self.units)


def corrected_stds(answers: Arrays, validation: dict) -> Arrays:
    """Return answers with standard deviations times one factor for each number, so that 68% of the errors fit."""
    rows = np.flatnonzero(capstone.labelled("position", validation["position"]))
    errors = np.abs(answers["position"][rows] - validation["position"][rows])
    return answers | {"spread": answers["spread"] * np.quantile(errors / answers["spread"][rows], 0.68, axis=0)}


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


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__, seeds=10)
    parser.add_argument("--others", type=whole_number(1), default=3, help="seeds of each other variant (3)")
    options = parser.parse_args()
    digits = data.load_digits(options.data)
    training, validation = capstone.client_slips(digits)
    hidden, n = capstone.hidden_slips(digits), len(validation.images)
    client = {"x": halved(training.images), "targets": training.targets}
    images = halved(np.concatenate([validation.images, hidden.images]))
    found: dict[str, list[Arrays]] = {}

    def answers(name: str) -> list[Arrays]:
        settings = {key: value for key, value in VARIANTS[name].items() if key != "corrected"}
        seeds = range(options.seeds if not settings else options.others)
        if str(settings) not in found:
            variant = Variant(client, seeds, **settings)
            found[str(settings)] = in_turns(lambda _, seed: variant.answers(seed, images), [name], seeds)[name]
        runs = found[str(settings)]
        return [corrected_stds(run, validation.targets) for run in runs] if "corrected" not in VARIANTS[name] else runs

    with Report(options, f"{options.others} seeds of the others") as report:
        runs = {name: answers(name) for name in VARIANTS}
        for part, rows, slips in (("validation", slice(n), validation), ("hidden", slice(n, None), hidden)):
            table = report.table(part, [*capstone.HEADS, *STDS], "range")
            for name, every in runs.items():
                scores = [scored({key: values[rows] for key, values in run.items()}, slips.targets) for run in every]
                table.row(name, [list(score.values()) for score in scores])
        table.row("baseline", [list(capstone.baseline_scores(hidden.targets).values())])
        table = None
        for name, every in runs.items():
            judged = [{key: values[n:] for key, values in run.items()} for run in every]
            verdicts = [{kind: passed for kind, passed, _ in lesson_19.verdicts(run, hidden.targets)} for run in judged]
            kinds = ["accepted", *verdicts[0]]
            table = table or report.table("accepted", kinds, "held")
            table.row(name, [[all(verdict.values()), *verdict.values()] for verdict in verdicts])


if __name__ == "__main__":
    main()
