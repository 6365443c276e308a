"""What the capstone asks of a wiring: that every kind of label teaches a head, and no gap does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_checks import as_array, as_dict, blaming, require
from mos_checks.capstone import AISLE_OF, AISLES, HEADS, Slips, labelled, settled

Arrays = Any  # an array, or a dict of arrays

_AT_ONCE = 1000  # rows that the model gets together
_ROUNDING = 1e-6  # a gradient that is smaller, divided by the largest one of its head, counts as 0
_FEWEST = 60  # slips on which targets are compared: on fewer, true labels might all be the same by chance
_COUNTED = "gaps are counted as if they were labels"


def arrays_of(value: object, name: str, rows: int) -> Arrays:
    """Return an array, or a dictionary of arrays, with one row for each training slip; floats have 32 bits."""
    if issubclass(type(value), dict):
        require(len(value) > 0, f"{name} is an empty dict")
        return {key: arrays_of(part, f"{name}[{key!r}]", rows) for key, part in as_dict(value).items()}
    array = as_array(value, name, finite=False)
    length = len(array) if array.ndim else 0
    kept = f"{name} has {length:,} rows and should have {rows:,}: keep all training slips, in their order"
    require(length == rows, kept)
    return array.astype("float32") if array.dtype.kind == "f" else array


@dataclass(frozen=True, eq=False)
class Wiring:
    """A model, what it is trained with, and the client's training slips."""

    model: keras.Model
    x: Arrays
    targets: Arrays
    weights: Arrays
    slips: Slips

    @property
    def table(self) -> dict[str, np.ndarray]:
        """The client's targets."""
        return self.slips.targets

    @property
    def by_head(self) -> dict[str, np.ndarray]:
        """The targets of each head; the head of targets without a name has none either."""
        return self.targets if issubclass(type(self.targets), dict) else {"": self.targets}

    def with_targets(self, head: str, values: np.ndarray) -> "Wiring":
        """Return the wiring with other targets of a head."""
        return replace(self, targets=self.targets | {head: values})

    def tensors(self, rows: np.ndarray) -> tuple:
        """Return some rows of x, targets and weights."""
        data = (self.x, self.targets, self.weights)
        return keras.tree.map_structure(
            lambda array: None if array is None else tf.convert_to_tensor(array[rows]), data
        )

    def loss(self, rows: np.ndarray) -> tuple[float, list]:
        """Return the loss of some rows, without what the model adds for itself, and its gradients."""
        x, targets, weights = self.tensors(rows)
        with blaming("your model or its loss"):
            with tf.GradientTape() as tape:
                predicted = self.model(x, training=False)
                loss = self.model.compute_loss(x=x, y=targets, y_pred=predicted, sample_weight=weights, training=False)
            own = sum(float(part) for part in self.model.losses)
            return float(loss) - own, tape.gradient(loss, _values(self.model))

    def gradients(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return for each head the largest gradient of the loss on its output, for each of some rows."""
        model, (x, targets, weights) = self.model, self.tensors(rows)
        parts = [slice(start, start + _AT_ONCE) for start in range(0, len(rows), _AT_ONCE)]
        with blaming("your model or its loss"):
            found = [model(keras.tree.map_structure(itemgetter(part), x), training=False) for part in parts]
            predicted = keras.tree.map_structure(lambda *each: tf.concat(each, 0), *found)
            outputs = keras.tree.flatten(predicted)
            with tf.GradientTape() as tape:
                tape.watch(outputs)
                loss = model.compute_loss(x=x, y=targets, y_pred=predicted, sample_weight=weights, training=False)
            gradients = tape.gradient(loss, outputs, unconnected_gradients="zero")
        names = sorted(predicted) if issubclass(type(predicted), dict) else list(model.output_names)
        sizes = [np.abs(tf.cast(part, "float32").numpy()).reshape(len(rows), -1).max(axis=1) for part in gradients]
        return dict(zip(names, sizes, strict=True))

    def moved(self, rows: np.ndarray) -> float:
        """Return how far the model's `train_step` moves a weight by gradient descent on some rows, at the most.

        What the model adds for itself, such as a regulariser, is not counted. The weights are put back.
        """
        model, batch, before = self.model, self.tensors(rows), [variable.numpy() for variable in self.model.variables]
        optimizer, model.optimizer = model.optimizer, keras.optimizers.SGD(1.0)
        try:
            with blaming("the `train_step` of your model"):
                with tf.GradientTape() as tape:
                    model(batch[0], training=False)
                    own = tf.add_n([tf.reduce_sum(part) for part in model.losses]) if model.losses else tf.constant(0.0)
                gradients = tape.gradient(own, _values(model), unconnected_gradients="zero")
                old = [variable.numpy() for variable in model.trainable_variables]
                model.train_step(batch)
                new = [variable.numpy() for variable in model.trainable_variables]
            steps = [a - b - g.numpy() for a, b, g in zip(old, new, gradients, strict=True)]
            return max(float(np.abs(step).max()) for step in steps)
        finally:
            model.optimizer = optimizer
            for variable, value in zip(model.variables, before, strict=False):
                variable.assign(value)


def _values(model: keras.Model) -> list[tf.Variable]:
    return [variable.value for variable in model.trainable_variables]


def judge_wiring(wiring: Wiring) -> str:
    """Refuse a wiring that counts gaps, or that leaves weights or labels out; return what to say of it otherwise."""
    is_known = {name: labelled(name, wiring.table[name]) for name in HEADS}
    is_known["locker"] |= settled(wiring.table["aisle"])
    keras_trains = getattr(wiring.model.train_step, "__func__", None) is keras.Model.train_step
    return _judge_gradients(wiring, is_known) if keras_trains else _judge_updates(wiring, is_known)


def _groups(is_known: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return which slips have no label, and for each label those that have it alone."""
    count = np.sum(list(is_known.values()), axis=0)
    return count == 0, {name: known & (count == 1) for name, known in is_known.items()}


def _judge_gradients(wiring: Wiring, is_known: dict[str, np.ndarray]) -> str:
    first, gradients = wiring.loss(np.arange(200))
    if not np.isfinite(first):
        require(False, f"the loss of the first 200 training slips is {first}: {_why_no_number(wiring)}")
    for variable, gradient in zip(wiring.model.trainable_variables, gradients, strict=True):
        reached = f"no loss reaches the weights {variable.path}: has every head a loss?"
        require(gradient is not None, reached)
        numbers = bool(np.isfinite(tf.convert_to_tensor(gradient).numpy()).all())
        require(numbers, f"the loss is a number, but its gradient on {variable.path} holds NaN")
    without, alone = _groups(is_known)
    empty = wiring.loss(np.flatnonzero(without))[0]
    divided = f"the loss of slips without any label is {empty}, and should be a number: is it 0/0?"
    require(bool(np.isfinite(empty)), divided)
    taught = _taught(wiring)
    _require_no_fillers(wiring, taught, is_known)
    _require_lockers(wiring, taught)
    _require_no_random_fillers(wiring, taught)
    for name in HEADS:
        unused = f"slips of which only the {name} is known teach the model nothing: no head gets a gradient from them"
        require(any(rows[alone[name]].any() for rows in taught.values()), unused)
    return f"and a loss of {first:.2f} before any training"


def _judge_updates(wiring: Wiring, is_known: dict[str, np.ndarray]) -> str:
    """Judge a `train_step` of the learner's own."""
    _require_lockers(wiring, None)
    without, alone = _groups(is_known)
    chosen = {"all": np.ones_like(without), "none": without, **alone}
    moved = {kind: wiring.moved(np.flatnonzero(rows)[:200]) for kind, rows in chosen.items()}
    nan = "your `train_step` makes weights NaN, on {}"
    require(
        bool(np.isfinite(moved["all"])),
        nan.format("the first 200 training slips: is there a NaN in a target, or a row of zeros?"),
    )
    require(bool(np.isfinite(moved["none"])), nan.format("slips without any label: does it divide 0 by 0?"))
    counted = f"your `train_step` learns from slips without any label: {_COUNTED}"
    require(moved["none"] < 1e-3 * moved["all"], counted)
    for name in HEADS:
        unused = f"your `train_step` learns nothing from slips of which only the {name} is known"
        require(moved[name] > 1e-6, unused)
    return "and a `train_step` of your own that learns from every kind of label, and from no gap"


def _why_no_number(wiring: Wiring) -> str:
    """Return a likely reason for a loss that is no number."""
    for head, values in wiring.targets.items() if issubclass(type(wiring.targets), dict) else ():
        none = (values == 0).reshape(len(values), -1).all(axis=1)
        filled = np.where(none.reshape(-1, *[1] * (values.ndim - 1)), 1, values)
        if np.isfinite(wiring.with_targets(head, filled).loss(np.arange(200))[0]):
            words = f"some rows of the targets of {head} hold zeros alone, so nothing is possible there"
            infinite = "the loss is infinite. Infinity times the weight 0 is NaN: write ones where nothing is known"
            return f"{words}, and {infinite}"
    return "is there a NaN in a target?"


def _taught(wiring: Wiring) -> dict[str, np.ndarray]:
    """Return for each head which slips have a gradient on its output, bool of shape (n,)."""
    result = {}
    for head, sizes in wiring.gradients(np.arange(len(wiring.slips.images))).items():
        numbers = f"the loss is a number, but its gradient on the output {head} holds NaN for some slips"
        require(bool(np.isfinite(sizes).all()), numbers)
        result[head] = sizes > _ROUNDING * max(float(sizes.max()), 1e-30)
    return result


def _require_no_fillers(wiring: Wiring, taught: dict[str, np.ndarray], is_known: dict[str, np.ndarray]) -> None:
    """Refuse a head that learns where its targets are all the same, as fillers are.

    A head may learn from any label, so nobody says which gaps are its own. We look at the slips without any label, and
    for each kind of label at the slips that have it alone, that have it and lack another one, and that have it and
    lack both locker and aisle.
    """
    without, alone = _groups(is_known)
    cases = {"slips without any label": without}
    cases |= {f"slips of which only the {name} is known": rows for name, rows in alone.items()}
    for name in HEADS:
        for others in [*((other,) for other in HEADS), ("locker", "aisle")]:
            if name not in others:
                lacking = ~np.any([is_known[other] for other in others], axis=0)
                words = f"slips whose {name} is known, and whose {' and '.join(others)} is not,"
                cases[words] = is_known[name] & lacking
    for head, rows in taught.items():
        values = wiring.by_head.get(head, wiring.by_head.get(""))
        if values is None:  # a loss without a target
            continue
        values = np.nan_to_num(values.reshape(len(rows), -1).astype("float64"), nan=-99.0)
        same = rows.any() and float(np.ptp(values, axis=0).max()) == 0
        require(not same, f"the targets of the head {head} are the same for all slips: it can learn nothing from them")
        for case, chosen in cases.items():
            learned = values[rows & chosen]
            fillers = len(learned) >= _FEWEST and float(np.ptp(learned, axis=0).max()) == 0
            counted = f"{case} teach the head {head}, and its targets there are all the same: {_COUNTED}"
            require(not fillers, f"{counted}. Which weights are not 0 there?")


def _columns(
    wiring: Wiring, taught: dict[str, np.ndarray] | None, most: int = 1000
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield for each column of each head's targets the head, the numbers, and the rows that the head learns from.

    A head with more than `most` columns is left out.
    """
    for head, values in wiring.by_head.items():
        rows = np.ones(len(values), bool) if taught is None else taught.get(head)
        columns = values.reshape(len(values), -1).T.astype("float64")
        if rows is not None and len(columns) <= most:
            yield from ((head, column, rows & np.isfinite(column)) for column in columns)


def _require_lockers(wiring: Wiring, taught: dict[str, np.ndarray] | None) -> None:
    """Refuse targets that tell lockers of an aisle apart where only the locker is known, but not where both are."""
    locker, aisle = wiring.table["locker"], wiring.table["aisle"]

    def told_apart(rows: np.ndarray) -> bool:
        for _, column, learned in _columns(wiring, taught):
            for lockers in AISLES.values():
                groups = [column[rows & learned & (locker == one)] for one in lockers]
                groups = [group for group in groups if len(group) >= 5]
                constant = len(groups) > 1 and all(np.ptp(group) == 0 for group in groups)
                if constant and len({float(group[0]) for group in groups}) > 1:
                    return True
        return False

    lost = told_apart((locker >= 0) & (aisle < 0)) and not told_apart((locker >= 0) & (aisle >= 0))
    words = "where locker and aisle are both known, the targets are the same for all lockers of an aisle"
    require(not lost, f"{words}: are the aisles written over the lockers? Write the lockers last")


def _require_no_random_fillers(wiring: Wiring, taught: dict[str, np.ndarray]) -> None:
    """Refuse a head that learns, where its label is a gap, from numbers that have nothing to do with the image."""
    table = wiring.table
    aisle = np.where(table["locker"] >= 0, AISLE_OF[table["locker"]], table["aisle"])
    labels = {
        "locker": np.column_stack([table["locker"], table["locker"][:, None] == np.arange(10)]),
        "aisle": np.column_stack([aisle, aisle[:, None] == np.arange(5)]),
        **{name: table[name].reshape(len(aisle), -1) for name in ("services", "position", "void")},
    }
    known = {name: labelled(name, values) for name, values in (table | {"aisle": aisle}).items()}
    for head, column, rows in _columns(wiring, taught, most=60):
        for name, label in labels.items():
            some = rows & known[name]
            if some.sum() < _FEWEST or not _goes_with(column[some], label[some]):
                continue
            gaps = rows & ~known[name]
            rest = column - _means_of(column, np.where(gaps, aisle, -2)) if name == "locker" else column
            if gaps.sum() < _FEWEST or np.std(rest[gaps]) < 1e-6:
                continue
            if _seen_in_images(rest[gaps], wiring.slips.images[gaps]):
                continue
            if _depends(wiring, head, column, gaps):
                counted = f"slips whose {name} is not known teach the head {head} numbers that have nothing to do"
                filled = "with the image: fillers are counted as labels. Which weights are not 0 there?"
                require(False, f"{counted} {filled}")
            break


def _goes_with(column: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether a column is one of those of the labels, but for a factor and a constant."""
    column, labels = column - column.mean(), labels - labels.mean(axis=0)
    norms = np.linalg.norm(column) * np.linalg.norm(labels, axis=0)
    return bool((np.abs(column @ labels) > 0.999 * np.maximum(norms, 1e-6)).any())


def _means_of(column: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return for each row the mean of the column over the rows of its group."""
    _, place = np.unique(groups, return_inverse=True)
    return (np.bincount(place, column) / np.bincount(place))[place]


def _seen_in_images(values: np.ndarray, images: np.ndarray) -> bool:
    """Return whether numbers can be read a little from the images: a linear model of half the rows fits the others."""
    images = images.reshape(-1, 6, 7, 8, 7).mean(axis=(2, 4)).reshape(len(images), -1)
    features, half = np.column_stack([images, np.ones(len(images))]), len(values) // 2
    ridge = features[:half].T @ features[:half] + 0.1 * np.eye(features.shape[1])
    predicted = features[half:] @ np.linalg.solve(ridge, features[:half].T @ values[:half])
    if np.std(predicted) < 1e-9 or np.std(values[half:]) < 1e-9:
        return False
    return float(np.corrcoef(predicted, values[half:])[0, 1]) * np.sqrt(half) > 4


def _depends(wiring: Wiring, head: str, column: np.ndarray, gaps: np.ndarray) -> bool:
    """Return whether the gradient on a head's output depends on what a column of its targets holds in the gaps."""
    old = wiring.by_head[head]
    new = old.reshape(len(old), -1).copy()
    place = next(
        i for i, values in enumerate(new.T) if np.array_equal(values.astype("float64"), column, equal_nan=True)
    )
    new[:, place] = np.where(gaps, np.random.default_rng(0).permutation(column), column)
    other, rows = wiring.with_targets(head, new.reshape(old.shape)), np.flatnonzero(gaps)[:200]
    before, after = (each.gradients(rows)[head] for each in (wiring, other))
    return not np.allclose(before, after, rtol=1e-4, atol=1e-9)
