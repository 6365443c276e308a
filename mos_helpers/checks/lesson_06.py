"""The checks of exercise 6: fill, repair, mask and estimate."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from mos_helpers.checks._answers import NotYet, summary
from mos_helpers.checks._engine import as_array, as_dict, as_function, as_number, call, describe, question, require

HEADS = ("left", "odd")


@question(
    "6.1",
    hints=[
        "First find the gaps of each column: an array of True and False. What finds -1, and what finds NaN?",
        "`np.where(known, labels, 0)` fills the gaps. 0 is a valid label of both heads.",
        'Return two dictionaries, `return targets, weights`. Each has the keys "left" and "odd".',
    ],
)
def fill(answer: object) -> None:
    """A function from labels with gaps to a dictionary of targets and one of weights."""
    function = as_function(answer)
    for seed, (count, share) in enumerate([(50, 0.5), (1, 1.0), (8, 1.0), (8, 0.0), (200, 0.1)]):
        labels, known = _with_gaps(seed, count, share)
        result = call(function, labels)
        two = isinstance(result, tuple | list) and len(result) == 2
        require(two, f"your function should return two dictionaries, targets and weights, and gives {describe(result)}")
        targets, weights = as_dict(result[0], HEADS, "the targets"), as_dict(result[1], HEADS, "the weights")
        for name in HEADS:
            target = _one_for_each_row(targets[name], f"the target {name}", count)
            weight = _one_for_each_row(weights[name], f"the weight of {name}", count)
            both = known["left"] & known["odd"]
            shared = f"the weight of {name} is 0 where the other label is missing: each head has gaps of its own"
            require(not (both != known[name]).any() or not np.array_equal(weight, both), shared)
            _require_filled(name, target, weight, labels[name], known[name])


def _with_gaps(seed: int, count: int, share: float) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return labels with gaps, and which of them are known; both heads have a 0 among the known ones."""
    rng = np.random.default_rng(seed)
    digits = rng.integers(10, size=count)
    digits[0] = 0
    known = {name: rng.random(count) < share for name in HEADS}
    if share:
        known["left"][0] = known["odd"][0] = True
    odd = np.where(known["odd"], digits % 2, np.nan)
    return {"left": np.where(known["left"], digits, -1), "odd": odd}, known


def _one_for_each_row(value: object, name: str, count: int) -> np.ndarray:
    """Return an array of shape (n,); lists are refused, because `batches` and a division refuse them later."""
    listed = f"{name} is a {type(value).__name__}: make an array of it, np.array(...), as the labels are"
    require(not isinstance(value, list | tuple), listed)
    array = as_array(value, name, finite=False)
    shorter = f"{name} has {array.size} rows of {count}: keep all rows, and give gaps the weight 0"
    require(array.ndim != 1 or array.size >= count, shorter)
    return as_array(array, name, shape=(count,), finite=False)


def _require_filled(name: str, target: np.ndarray, weight: np.ndarray, label: np.ndarray, known: np.ndarray) -> None:
    """Say what is wrong with the target and the weight of one head."""
    marker = "-1" if name == "left" else "NaN"
    left_over = target == -1 if name == "left" else np.isnan(target)
    require(not left_over.any(), f"the target {name} still holds {marker}: fill the gaps, a weight of 0 is not enough")
    require(bool((target[known] == label[known]).all()), f"the target {name} changes labels that are known")
    valid = np.isin(target, np.arange(10) if name == "left" else [0, 1])
    wanted = "whole numbers from 0 to 9" if name == "left" else "0 and 1"
    wrong = target[~valid][0] if not valid.all() else 0
    require(bool(valid.all()), f"the target {name} is filled with {wrong:g}, and its head can take {wanted} only")
    require(
        not np.isnan(weight).any(), f"the weight of {name} holds NaN: a weight is 1 for a known label and 0 for a gap"
    )
    numbers = weight.astype("float64")
    require(
        len(known) == 1 or known.all() or not np.array_equal(numbers, ~known),
        f"the weight of {name} is 1 for the gaps: turn it round",
    )
    gap = numbers[~known]
    require(not gap.size or not gap.any(), f"the weight of {name} is not 0 for some rows without a label")
    zeros = known & (label == 0)
    only_zeros = zeros.any() and np.array_equal(numbers != 1, ~known | zeros)
    require(not only_zeros, f"the weight of {name} is not 1 where the label is 0: 0 is a label and no gap")
    require(bool((numbers[known] == 1).all()), f"the weight of {name} is not 1 for some rows that have a label")


@question(
    "6.2",
    hints=[
        "A mean times its number of rows is a sum. By how many rows was each sum divided? By how many should it be?",
        "The loss: the hidden rows add 0 to the sum, so only the number that it is divided by changes.",
        "The accuracy: a hidden row was counted as right where the model says even. Take these from the sum first.",
    ],
)
def repair(answer: object) -> str:
    """A function from a report to the loss and the accuracy on the labelled rows."""
    function = as_function(answer)
    for seed in range(6):
        report, wanted = _report(seed)
        result = as_dict(call(function, dict(report)), ("loss", "accuracy"), "the result")
        found = {name: as_number(value, name) for name, value in result.items()}
        _require_repaired(found, wanted, report)
    return f"This head had a loss of {wanted['loss']:.3f}, and the report said {report['loss']:.3f}."


def _report(seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return a report of made-up answers, and what it should have said."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(200, 3000))
    known = rng.random(rows) < rng.uniform(0.1, 0.9)
    odd, said = rng.integers(2, size=rows), rng.uniform(0.05, 0.95, size=rows)
    each, filled = -np.log(np.where(odd == 1, said, 1 - said)), np.where(known, odd, 0)
    says = (said > 0.5).astype(int)
    report = {
        "rows": rows,
        "labelled": int(known.sum()),
        "loss": float((known * each).mean()),
        "accuracy": float((says == filled).mean()),
        "hidden_said_even": int((~known & (says == 0)).sum()),
    }
    return report, {"loss": float(each[known].mean()), "accuracy": float((says == odd)[known].mean())}


def _require_repaired(found: dict[str, float], wanted: dict[str, float], report: dict[str, float]) -> None:
    """Say what is wrong with a repaired loss or accuracy."""
    rows, labelled = report["rows"], report["labelled"]
    shown = {name: round(value, 4) for name, value in report.items()}
    case = f"for {shown} it gives"

    def near(name: str, value: float) -> bool:
        return bool(np.isclose(found[name], value, rtol=1e-4, atol=1e-6))

    loss, accuracy = f"{case} the loss {found['loss']:.4g}", f"{case} the accuracy {found['accuracy']:.4g}"
    require(not near("loss", report["loss"]), f"{loss}, which is the diluted one: divide by the labelled rows instead")
    require(not near("loss", report["loss"] * labelled / rows), f"{loss}, which is diluted twice: turn the ratio round")
    hidden = report["loss"] * rows / (rows - labelled)
    require(not near("loss", hidden), f"{loss}: it is divided by the rows without a label")
    require(near("loss", wanted["loss"]), f"{loss}, and the mean over the labelled rows is {wanted['loss']:.4g}")
    same = f"{accuracy}, which counts the hidden rows too"
    require(not near("accuracy", report["accuracy"]), same)
    filler = f"{accuracy}: hidden rows on which the model says even were counted as right, so take them away first"
    require(not near("accuracy", report["accuracy"] * rows / labelled), filler)
    all_rows = (report["accuracy"] * rows - report["hidden_said_even"]) / rows
    require(not near("accuracy", all_rows), f"{accuracy}: it is divided by all rows")
    odd = (report["accuracy"] * rows - (rows - labelled - report["hidden_said_even"])) / labelled
    require(not near("accuracy", odd), f"{accuracy}: the hidden rows that were counted as right are those with even")
    require(
        near("accuracy", wanted["accuracy"]), f"{accuracy}, and on the labelled rows it is {wanted['accuracy']:.4g}"
    )


@question(
    "6.3",
    hints=[
        "First make a copy of the labels without NaN, with `where`. Compute with the copy only.",
        "Then set the loss of the filled rows to 0, add up, and divide by the number of rows that have a label.",
        "No label at all: divide by `keras.ops.maximum(count, 1.0)`. `keras.ops.isnan` finds the gaps.",
    ],
)
def masked_loss(answer: object) -> None:
    """A function from labels with NaN, and probabilities, to the mean loss over the labelled rows."""
    function = as_function(answer)
    for labels, said, known in _masked_cases():
        variable = tf.Variable(said)
        with tf.GradientTape() as tape:
            loss = call(function, tf.constant(labels), tf.convert_to_tensor(variable))
        value = _scalar(loss, len(said))
        gradient = tape.gradient(loss, variable) if isinstance(loss, tf.Tensor) else None
        _require_loss(value, labels, said, known)
        _require_gradient(gradient, labels, said, known)
    graph = tf.function(function, input_signature=[tf.TensorSpec([None], "float32")] * 2)
    for labels, said, known in _masked_cases():
        try:
            loss = graph(labels, said)
        except Exception as error:
            lost = (
                "inside `tf.function` it fails: use keras.ops or TensorFlow for all values, and no NumPy or `.numpy()`"
            )
            raise NotYet(f"{lost} ({summary(error)})") from None
        _require_loss(_scalar(loss, len(said)), labels, said, known)


def _masked_cases() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield labels with NaN, probabilities, and which labels are known."""
    cases = [(40, 0.5), (40, 1.0), (7, 0.3), (1, 1.0), (200, 0.05), (12, 0.0)]
    for seed, (count, share) in enumerate(cases):
        rng = np.random.default_rng(seed)
        known = rng.random(count) < share
        known[0] |= share > 0
        labels = np.where(known, rng.integers(2, size=count), np.nan).astype("float32")
        yield labels, rng.uniform(0.05, 0.95, size=count).astype("float32"), known


def _scalar(loss: object, count: int) -> float:
    """Return the loss as a float, which may be NaN."""
    if isinstance(loss, tf.Tensor | np.ndarray):
        array = as_array(loss, "the loss", finite=False)
        each = f"the loss should be one number, and yours has one for each row, shape {array.shape}: take the mean"
        require(count == 1 or array.shape not in ((count,), (count, 1)), each)
        if array.ndim == 0 and not np.isfinite(array):
            return float(array)
    return as_number(loss, "the loss")


def _require_loss(value: float, labels: np.ndarray, said: np.ndarray, known: np.ndarray) -> None:
    """Say what is wrong with the value of the loss."""
    rows = f"with {known.sum()} labels in {len(known)} rows"
    if not known.any():
        empty = f"without any label the loss should be 0, and yours is {value:.4g}: is it 0/0?"
        require(bool(np.isfinite(value)) and abs(value) < 1e-6, empty)
        return
    require(bool(np.isfinite(value)), f"{rows} the loss is {value}: replace the NaN before the arithmetic")
    each = np.where(labels == 1, -np.log(said), -np.log(1 - said)).astype("float64")
    wanted = each[known].mean()

    def near(other: float) -> bool:
        return bool(np.isclose(value, other, rtol=1e-3, atol=1e-5))

    if near(wanted):
        return
    total, count = each[known].sum(), known.sum()
    require(not near(total / len(known)), f"{rows} the loss is divided by all rows: divide by those with a label")
    require(not near(total), f"{rows} the loss is a sum: divide it by the number of labels")
    require(not near(-wanted), f"{rows} the loss has the wrong sign: the logarithm of a probability is negative")
    filled = [np.where(known, each, -np.log(1 - said)), np.where(known, each, -np.log(said))]
    fillers = near(filled[0].mean()) or near(filled[1].mean())
    columns = "if you use a loss of Keras, give it columns, `[:, None]`: it averages the last axis before it weights"
    require(not fillers, f"{rows} the filler counts as a label: give the filled rows a loss of 0 ({columns})")
    over = near(filled[0].sum() / count) or near(filled[1].sum() / count)
    require(not over, f"{rows} the filled rows are in the sum: give them a loss of 0")
    turned = np.where(labels == 1, -np.log(1 - said), -np.log(said))[known].mean()
    require(not near(turned), f"{rows} the loss takes 1 for 0 and 0 for 1: turn the labels round")
    half = near((each * labels)[known].sum() / count)
    require(not half, f"{rows} rows with the label 0 are missing from the loss: they count -log(1 - said)")
    require(False, f"{rows} the loss should be {wanted:.4f}, and yours is {value:.4f}")


def _require_gradient(gradient: object, labels: np.ndarray, said: np.ndarray, known: np.ndarray) -> None:
    """Say what is wrong with the gradient of the loss with respect to the probabilities."""
    if gradient is None:
        lost = "no gradient reaches the probabilities: use keras.ops or TensorFlow all the way, and not NumPy or float"
        require(not known.any(), lost)
        return
    found = as_array(tf.convert_to_tensor(gradient), "the gradient", finite=False)
    spoiled = "the loss is right, but its gradient holds NaN: make the labels safe before the arithmetic, with `where`"
    require(bool(np.isfinite(found).all()), spoiled)
    slope = np.where(labels == 1, -1 / said, 1 / (1 - said))
    wanted = np.where(known, slope, 0) / max(1, known.sum())
    different = "the loss is right, but its gradient is not: is a part of it cut off, or rounded?"
    require(bool(np.allclose(found, wanted, rtol=1e-2, atol=1e-4)), different)


@question(
    "6.4",
    hints=[
        "Only rows with a label can be used. Each of them stands for 1 / keep rows.",
        "Take out the rows without a label first. Then it is a weighted mean, with the weights 1 / keep.",
        "A weighted mean is the sum of weight * right, divided by the sum of the weights.",
    ],
)
def estimate(answer: object) -> str:
    """A function from right answers and probabilities to the estimated accuracy on all rows."""
    function = as_function(answer)
    for seed, count in enumerate([400, 400, 60, 1, 2000]):
        rng = np.random.default_rng(seed)
        keep = rng.choice([0.9, 0.1], size=count) if seed % 2 else rng.uniform(0.05, 1.0, size=count)
        right = (rng.random(count) < np.where(keep > 0.5, 0.95, 0.5)).astype("float64")
        known = rng.random(count) < keep
        known[0] = True
        hidden_right, hidden_keep = np.where(known, right, np.nan), np.where(known, keep, np.nan)
        result = call(function, hidden_right, hidden_keep)
        _require_estimate(result, right[known], keep[known], count)
    truth, labelled = right.mean(), right[known].mean()
    return f"On other data, where {truth:.1%} is right, the labelled rows say {labelled:.1%}."


def _require_estimate(result: object, right: np.ndarray, keep: np.ndarray, count: int) -> None:
    """Say what is wrong with an estimate from labelled rows."""
    spoiled = "the result is NaN: take out the rows without a label first"
    value = np.asarray(result) if isinstance(result, float | np.floating | np.ndarray | tf.Tensor) else np.zeros(())
    require(not (value.dtype.kind == "f" and value.ndim == 0 and bool(np.isnan(value))), spoiled)
    found = as_number(result, "the estimate")
    weighted = right / keep
    wanted = float(weighted.sum() / (1 / keep).sum())
    case = f"for {len(right)} labelled rows of {count} it gives {found:.4g}"

    def near(other: float) -> bool:
        return bool(np.isclose(found, other, rtol=1e-4, atol=1e-6))

    if near(wanted):
        return
    require(not near(right.mean()), f"{case}, which is the share on the labelled rows: weight them by 1 / keep")
    require(not near(np.average(right, weights=keep)), f"{case}: the weights are keep, and should be 1 / keep")
    require(not near(weighted.sum() / count), f"{case}, the sum of 1/p divided by all rows: divide by the sum of 1/p")
    require(
        not near(weighted.mean()), f"{case}: it is divided by the number of labelled rows and not by the sum of 1/p"
    )
    require(not near(weighted.sum()), f"{case}, which is a sum: divide it by the sum of the weights")
    require(not near(right.sum() / count), f"{case}: it counts rows without a label as wrong")
    require(not near(1 - wanted), f"{case}, which is the share of wrong answers: turn it round")
    require(False, f"{case}, and the mean by 1/p is {wanted:.4g}")
