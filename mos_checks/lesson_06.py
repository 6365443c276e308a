"""The checks of exercise 6: fill, repair, mask, estimate and shape."""

from collections.abc import Callable
from math import prod

import keras
import numpy as np
import tensorflow as tf

from mos_checks import (
    NotYet,
    apart,
    as_array,
    as_dict,
    as_function,
    as_number,
    as_pair,
    call,
    describe,
    function_question,
    require,
    summary,
)


def _joined(given: str, words: str) -> str:
    """Join what an answer gave and what is wrong with it."""
    return f"{given}{words}" if words[0] in ",:" else f"{given}: {words}"


Labels = dict[str, np.ndarray]
VALID = {"left": range(10), "odd": range(2)}


def _labels_with_gaps() -> list[dict[str, Labels]]:
    """Return labels with gaps, the two heads in either order; among the known labels of each is a 0."""
    cases = []
    for seed, (count, share) in enumerate([(50, 0.5), (1, 1.0), (8, 1.0), (1, 0.0), (8, 0.0), (200, 0.1), (4000, 0.7)]):
        rng = np.random.default_rng(seed)
        digits = rng.integers(10, size=count)
        digits[0] = 0
        known = {name: rng.random(count) < share for name in VALID}
        if share:
            known["left"][0] = known["odd"][0] = True
        odd = np.where(known["odd"], digits % 2, np.nan)
        labels = {"left": np.where(known["left"], digits, -1), "odd": odd}
        cases += [{"labels": labels}, {"labels": dict(reversed(labels.items()))}]
    return cases


def _known(labels: Labels) -> Labels:
    return {"left": labels["left"] != -1, "odd": ~np.isnan(labels["odd"])}


def _filled(labels: Labels) -> tuple[Labels, Labels]:
    known = _known(labels)
    targets = {name: np.where(known[name], labels[name], 0) for name in VALID}
    return targets, {name: known[name].astype("float32") for name in VALID}


def _read_filled(result: object, case: dict[str, Labels]) -> tuple[Labels, Labels]:
    two = f"your function should return two dictionaries, targets and weights, and gives {describe(result)}"
    targets, weights = as_pair(result, two)
    targets, weights = as_dict(targets, VALID, "the targets"), as_dict(weights, VALID, "the weights")
    known = _known(case["labels"])
    for name, valid in VALID.items():
        target = _one_for_each_row(targets[name], f"the target {name}", len(known[name]))
        targets[name] = np.where(~known[name] & np.isin(target, valid), 0, target)  # any valid label fills a gap
        weights[name] = _one_for_each_row(weights[name], f"the weight of {name}", len(known[name]))
    return targets, weights


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
    valid = np.isin(target, VALID[name])
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


def _refuse_order(found: list[tuple[Labels, Labels]], cases: list[dict[str, Labels]]) -> None:
    wrong = {
        tuple(case["labels"])
        for parts, case in zip(found, cases, strict=True)
        for part, right in zip(parts, _filled(**case), strict=True)
        if not all(np.array_equal(part[name], right[name]) for name in VALID)
    }
    by_name = 'the labels may come in another order: take labels["left"] and labels["odd"] by their names'
    require(wrong != {("odd", "left")}, by_name)


def _refuse_first_wrong(found: list[tuple[Labels, Labels]], cases: list[dict[str, Labels]]) -> None:
    for (targets, weights), case in zip(found, cases, strict=True):
        known = _known(case["labels"])
        both = known["left"] & known["odd"]
        for name in VALID:
            shared = f"the weight of {name} is 0 where the other label is missing: each head has gaps of its own"
            require(not (both != known[name]).any() or not np.array_equal(weights[name], both), shared)
            _require_filled(name, targets[name], weights[name], case["labels"][name], known[name])


function_question(
    "6.1",
    "A function from labels with gaps to a dictionary of targets and one of weights.",
    hints=[
        "First find the gaps of each column: an array of True and False. What finds -1, and what finds NaN?",
        "`np.where(known, labels, 0)` fills the gaps. 0 is a valid label of both heads.",
        'Return two dictionaries, `return targets, weights`. Each has the keys "left" and "odd".',
    ],
    right=_filled,
    cases=_labels_with_gaps,
    read=_read_filled,
    otherwise=[_refuse_order, _refuse_first_wrong],
)


Report = dict[str, float]


def _report(seed: int) -> Report:
    """Return a report of made-up answers as Keras gives it, its keys in any order."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(200, 3000))
    known = rng.random(rows) < rng.uniform(0.1, 0.9)
    odd, predicted = rng.integers(2, size=rows), rng.uniform(0.05, 0.95, size=rows)
    each, filled = -np.log(np.where(odd == 1, predicted, 1 - predicted)), np.where(known, odd, 0)
    answers = (predicted > 0.5).astype(int)
    report = {
        "rows": rows,
        "labelled": int(known.sum()),
        "loss": float(np.float32((known * each).mean())),
        "accuracy": float(np.float32((answers == filled).mean())),  # 32 bits, as in Keras
        "hidden_said_even": int((~known & (answers == 0)).sum()),
    }
    return {name: report[name] for name in rng.permutation([*report]).tolist()} if seed else report


def _right(report: Report) -> float:
    return report["accuracy"] * report["rows"]


def _repaired(report: Report) -> Report:
    return {
        "loss": report["loss"] * report["rows"] / report["labelled"],
        "accuracy": (_right(report) - report["hidden_said_even"]) / report["labelled"],
    }


def _by_place(report: Report) -> Report:
    """Return the report as it is read by somebody who takes its keys to be in the order of the example."""
    names = ("rows", "labelled", "loss", "accuracy", "hidden_said_even")
    return dict(zip(names, report.values(), strict=True))


BY_PLACE = ": the keys may stand in any order, so take each value by its key"

# For each score, what mistakes give for a report r.
MISTAKEN_REPAIRS = {
    "loss": {
        ", which is the diluted one: divide by the labelled rows instead": lambda r: r["loss"],
        ", which is diluted twice: turn the ratio round": lambda r: r["loss"] * r["labelled"] / r["rows"],
        ": it is divided by the rows without a label": lambda r: r["loss"] * r["rows"] / (r["rows"] - r["labelled"]),
        ", which is a sum over the rows: divide it by the labelled ones": lambda r: r["loss"] * r["rows"],
        BY_PLACE: lambda r: _repaired(_by_place(r))["loss"],
    },
    "accuracy": {
        ", which counts the hidden rows too": lambda r: r["accuracy"],
        ": hidden rows on which the model predicts even were counted as right, so take them away first": lambda r: (
            _right(r) / r["labelled"]
        ),
        ": it is divided by all rows": lambda r: (_right(r) - r["hidden_said_even"]) / r["rows"],
        ": the hidden rows that were counted as right are those with even": lambda r: (
            (_right(r) - (r["rows"] - r["labelled"] - r["hidden_said_even"])) / r["labelled"]
        ),
        ": not every hidden row was counted as right, only those on which the model predicts even": lambda r: (
            (_right(r) - (r["rows"] - r["labelled"])) / r["labelled"]
        ),
        ": `int` cuts 1439.9999 to 1439, one row too few, so use `round`": lambda r: (
            (int(_right(r)) - r["hidden_said_even"]) / r["labelled"]
        ),
        ", a number of rows: divide it by the labelled ones": lambda r: _right(r) - r["hidden_said_even"],
        ", which is percent: an accuracy lies between 0 and 1": lambda r: 100 * _repaired(r)["accuracy"],
        ", which is the share of wrong answers: turn it round": lambda r: 1 - _repaired(r)["accuracy"],
        BY_PLACE: lambda r: _repaired(_by_place(r))["accuracy"],
    },
}


def _given_scores(case: dict[str, Report], scores: dict[str, str]) -> str:
    report = {name: round(number, 4) for name, number in case["report"].items()}
    given = " and ".join(f"the {score} {value}" for score, value in scores.items())
    return f"for {report} it gives {given}"


def _say_repair(words: str, case: dict[str, Report], found: Report) -> str:
    scores = [score for score, table in MISTAKEN_REPAIRS.items() if words in table] or [*found]
    return _joined(_given_scores(case, {score: f"{found[score]:.4g}" for score in scores}), words)


def _show_repair(case: dict[str, Report], found: Report, wanted: Report) -> str:
    score = "accuracy" if np.isclose(found["loss"], wanted["loss"], rtol=1e-5, atol=1e-5) else "loss"
    value, right = apart(found[score], wanted[score])
    where = "the mean over the labelled rows is" if score == "loss" else "on the labelled rows it is"
    return f"{_given_scores(case, {score: value})}, and {where} {right}"


def _compare_losses(function: Callable, found: list[Report]) -> str:
    return f"The head of one report had a loss of {found[1]['loss']:.3f}, and the report gave {_report(1)['loss']:.3f}."


function_question(
    "6.2",
    "A function from a report to the loss and the accuracy on the labelled rows.",
    hints=[
        "A mean times its number of rows is a sum. By how many rows was each sum divided? By how many should it be?",
        "The loss: the hidden rows add 0 to the sum, so only the number that it is divided by changes.",
        "The accuracy: a hidden row was counted as right where the model predicts even. Take these from the sum first.",
    ],
    right=_repaired,
    cases=lambda: [{"report": _report(seed)} for seed in range(12)],
    mistakes=MISTAKEN_REPAIRS,
    say=_say_repair,
    show=_show_repair,
    also=_compare_losses,
)


Rows = dict[str, np.ndarray]


def _rows_with_gaps(*sizes: tuple[int, float]) -> list[Rows]:
    """Return labels with NaN, and probabilities, for numbers of rows and the shares of them that have a label."""
    cases = []
    for seed, (count, share) in enumerate(sizes):
        rng = np.random.default_rng(seed)
        known = rng.random(count) < share
        known[-1 if seed % 2 else 0] |= share > 0
        labels = np.where(known, rng.integers(2, size=count), np.nan)
        predicted = rng.uniform(0.05, 0.95, size=count)
        cases.append({"labels": labels.astype("float32"), "predicted": predicted.astype("float32")})
    return cases


def _some_labels() -> list[Rows]:
    return _rows_with_gaps((40, 0.5), (40, 1.0), (7, 0.3), (1, 1.0), (200, 0.05), (30, 0.8))


def _masked_loss(labels: object, predicted: object) -> object:
    known = keras.ops.logical_not(keras.ops.isnan(labels))
    of_truth = keras.ops.where(keras.ops.equal(labels, 1), predicted, 1 - predicted)
    total = -keras.ops.sum(keras.ops.where(known, keras.ops.log(of_truth), 0.0))
    return total / keras.ops.maximum(keras.ops.sum(keras.ops.cast(known, "float32")), 1.0)


def _of_tensors(answer: object) -> Callable:
    function = as_function(answer)

    def given(labels: object, predicted: object) -> object:
        return function(tf.convert_to_tensor(labels), tf.convert_to_tensor(predicted))

    return given


def _scalar(loss: object, case: Rows) -> float:
    """Return the loss as a float, which may be NaN."""
    count = len(case["labels"])
    if isinstance(loss, tf.Tensor | np.ndarray):
        array = as_array(loss, "the loss", finite=False)
        each = f"the loss should be one number, and yours has one for each row, shape {array.shape}: take the mean"
        require(count == 1 or array.shape not in ((count,), (count, 1)), each)
        if array.ndim == 0 and not np.isfinite(array):
            return float(array)
    return as_number(loss, "the loss")


def _cross_entropies(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the loss of each row; a gap counts as the label 0."""
    return np.where(labels == 1, -np.log(predicted), -np.log(1 - predicted)).astype("float64")


def _mean(values: np.ndarray, known: np.ndarray) -> float:
    return float(values[known].mean())


COLUMNS = "if you use a loss of Keras, give it columns, `[:, None]`: it averages the last axis before it weights"
# What mistakes give for labels y, probabilities p, and which labels are known, k.
MISTAKEN_LOSSES: dict[str, Callable] = {
    "the loss is divided by all rows: divide by those with a label": lambda y, p, k: (
        _cross_entropies(y, p)[k].sum() / len(k)
    ),
    "the loss is a sum: divide it by the number of labels": lambda y, p, k: _cross_entropies(y, p)[k].sum(),
    "the loss has the wrong sign: the logarithm of a probability is negative": lambda y, p, k: (
        -_mean(_cross_entropies(y, p), k)
    ),
    f"the filler counts as a label: give the filled rows a loss of 0 ({COLUMNS})": lambda y, p, k: _cross_entropies(
        y, p
    ).mean(),
    f"the filler, 1, counts as a label: give the filled rows a loss of 0 ({COLUMNS})": lambda y, p, k: _cross_entropies(
        np.where(k, y, 1), p
    ).mean(),
    "the filled rows are in the sum: give them a loss of 0": lambda y, p, k: _cross_entropies(y, p).sum() / k.sum(),
    "the filled rows, with 1, are in the sum: give them a loss of 0": lambda y, p, k: (
        _cross_entropies(np.where(k, y, 1), p).sum() / k.sum()
    ),
    "the loss takes 1 for 0 and 0 for 1: turn the labels round": lambda y, p, k: _mean(_cross_entropies(1 - y, p), k),
    "the loss leaves out the rows with the label 0: they count -log(1 - predicted)": lambda y, p, k: _mean(
        np.where(y == 1, _cross_entropies(y, p), 0), k
    ),
    "rows with the label 1 are missing from the loss: they count -log(predicted)": lambda y, p, k: _mean(
        np.where(y == 0, _cross_entropies(y, p), 0), k
    ),
    "it is the mean of the squared errors, and a cross-entropy is wanted": lambda y, p, k: _mean((y - p) ** 2, k),
    "the logarithm has the base 2 there: use the natural one, `log`": lambda y, p, k: (
        _mean(_cross_entropies(y, p), k) / np.log(2)
    ),
}


def _of_rows(loss: Callable) -> Callable:
    return lambda labels, predicted: loss(labels, predicted, ~np.isnan(labels))


def _given_rows(case: Rows) -> str:
    return f"with {np.isfinite(case['labels']).sum()} labels in {len(case['labels'])} rows"


def _refuse_nan(found: list[float], cases: list[Rows]) -> None:
    for value, case in zip(found, cases, strict=True):
        given = f"{_given_rows(case)} the loss is {value}"
        require(bool(np.isfinite(value)), f"{given}: replace the NaN before the arithmetic")


def _show_loss(case: Rows, found: float, wanted: float) -> str:
    yours, right = apart(float(found), float(wanted))
    return f"{_given_rows(case)} the loss should be {right}, and yours is {yours}"


def _require_training(function: Callable, found: list[float]) -> None:
    """Require a loss of 0 without labels, right gradients, and the same inside `tf.function`."""
    empty = _rows_with_gaps((12, 0.0), (1, 0.0))
    for case in empty:
        value = _scalar(call(function, **case), case)
        other = f"without any label the loss should be 0, and yours is {value:.4g}"
        require(abs(value) < 1e-6, other + ("" if np.isfinite(value) else ": is it 0/0?"))
    cases = _some_labels() + empty
    for case in cases:
        _require_gradient(_gradient(function, **case)[1], **case)
    inside = tf.function(
        lambda labels, predicted: _gradient(function, labels, predicted, "zero"),
        input_signature=[tf.TensorSpec([None], "float32")] * 2,
    )
    for case, wanted in zip(cases, [*found, 0, 0], strict=True):
        try:
            loss, gradient = inside(**case)
        except Exception as error:
            lost = (
                "inside `tf.function` it fails: use keras.ops or TensorFlow for all values, and no NumPy or `.numpy()`"
            )
            raise NotYet(f"{lost} ({summary(error)})") from None
        same = np.isclose(_scalar(loss, case), wanted, rtol=1e-2, atol=1e-6)
        require(bool(same), "inside `tf.function` it gives another loss than outside")
        _require_gradient(gradient, **case)


def _gradient(function: Callable, labels: object, predicted: object, unconnected: str = "none") -> tuple:
    """Return the loss and its gradient with respect to the probabilities."""
    predicted = tf.convert_to_tensor(predicted)
    with tf.GradientTape() as tape:
        tape.watch(predicted)
        loss = tf.convert_to_tensor(function(labels, predicted))
    return loss, tape.gradient(loss, predicted, unconnected_gradients=unconnected)


def _require_gradient(gradient: object, labels: np.ndarray, predicted: np.ndarray) -> None:
    """Say what is wrong with the gradient of the loss with respect to the probabilities."""
    known = ~np.isnan(labels)
    if gradient is None:
        lost = "no gradient reaches the probabilities: use keras.ops or TensorFlow all the way, and not NumPy or float"
        require(not known.any(), lost)
        return
    found = as_array(tf.convert_to_tensor(gradient), "the gradient", finite=False)
    spoiled = "the loss is right, but its gradient holds NaN: make the labels safe before the arithmetic, with `where`"
    divided = (
        "the loss is right, but without any label its gradient holds NaN: 0/0 must not be computed at all, so make the "
        "divisor safe before you divide, with `maximum(count, 1)`"
    )
    require(bool(np.isfinite(found).all()), spoiled if known.any() else divided)
    slope = np.where(labels == 1, -1 / predicted, 1 / (1 - predicted))
    wanted = np.where(known, slope, 0) / max(1, known.sum())
    different = "the loss is right, but its gradient is not: is a part of it cut off, or rounded?"
    require(bool(np.allclose(found, wanted, rtol=1e-2, atol=1e-4)), different)


function_question(
    "6.3",
    "A function from labels with NaN, and probabilities, to the mean loss over the labelled rows.",
    hints=[
        "First make a copy of the labels without NaN, with `where`. Compute with the copy only.",
        "Then set the loss of the filled rows to 0, add up, and divide by the number of rows that have a label.",
        "No label at all: divide by `keras.ops.maximum(count, 1.0)`. `keras.ops.isnan` finds the gaps.",
    ],
    prepare=_of_tensors,
    right=_masked_loss,
    cases=_some_labels,
    read=_scalar,
    mistakes={words: _of_rows(way) for words, way in MISTAKEN_LOSSES.items()},
    otherwise=[_refuse_nan],
    say=lambda words, case, found: f"{_given_rows(case)} {words}",
    show=_show_loss,
    also=_require_training,
    tolerance=1e-4,
)


def _seen(seed: int, count: int) -> tuple[Rows, float]:
    """Return what is right and the probabilities, both with NaN where there is no label, and the true accuracy."""
    rng = np.random.default_rng(seed)
    keep = rng.uniform(0.05, 1.0, size=count) if seed % 2 else rng.choice([0.8, 0.2], size=count)
    right = (rng.random(count) < np.where(keep > 0.5, 0.95, 0.5)).astype("float64")
    known = rng.random(count) < keep
    known[-1 if seed % 2 else 0] = True
    case = {"right": np.where(known, right, np.nan), "keep": np.where(known, keep, np.nan)}
    return case, float(right.mean())


def _estimate(right: np.ndarray, keep: np.ndarray) -> float:
    return float(np.nansum(right / keep) / np.nansum(1 / keep))


# What mistakes give for right answers r and probabilities p.
MISTAKEN_ESTIMATES = {
    ", which is the share on the labelled rows: weight them by 1 / keep": lambda r, p: np.nanmean(r),
    ": the weights are keep, and should be 1 / keep": lambda r, p: np.nansum(r * p) / np.nansum(p),
    ": the weights are 1 - keep, and should be 1 / keep": lambda r, p: (
        np.nansum(r * (1 - p)) / max(1e-12, np.nansum(1 - p))
    ),
    ", the sum of 1/p divided by all rows: divide by the sum of 1/p": lambda r, p: np.nansum(r / p) / len(r),
    ", the sum of 1/p divided by all rows, and cut off at 1: divide by the sum of 1/p": lambda r, p: min(
        1.0, np.nansum(r / p) / len(r)
    ),
    ": it is divided by the number of labelled rows and not by the sum of 1/p": lambda r, p: np.nanmean(r / p),
    ", which is a sum: divide it by the sum of the weights": lambda r, p: np.nansum(r / p),
    ": it counts rows without a label as wrong": lambda r, p: np.nansum(r) / len(r),
    ": rows without a label count in the sum of the weights, each as 1": lambda r, p: (
        np.nansum(r / p) / (np.nansum(1 / p) + np.isnan(p).sum())
    ),
    ", which is the share of wrong answers: turn it round": lambda r, p: 1 - _estimate(r, p),
    ", which is percent: an accuracy lies between 0 and 1": lambda r, p: 100 * _estimate(r, p),
    ": the weights are 1 / keep ** 2, and should be 1 / keep": lambda r, p: _estimate(r, p**2),
}


def _refuse_gaps(found: list[float], cases: list[Rows]) -> None:
    gaps = [value for value, case in zip(found, cases, strict=True) if np.isnan(case["right"]).any()]
    spoiled = "the result is NaN: take out the rows without a label first, and only those"
    require(not np.isnan(gaps).all(), spoiled)


def _given_estimate(case: Rows, value: str) -> str:
    return f"for {np.isfinite(case['right']).sum()} labelled rows of {len(case['right'])} it gives {value}"


def _show_estimate(case: Rows, found: float, wanted: float) -> str:
    value, right = apart(found, wanted)
    return f"{_given_estimate(case, value)}, and the mean by 1/p is {right}"


def _compare_estimates(function: Callable, found: list[float]) -> str:
    case, truth = _seen(4, 2000)
    return f"On other data, where {truth:.1%} is right, the labelled rows say {np.nanmean(case['right']):.1%}."


function_question(
    "6.4",
    "A function from right answers and probabilities to the estimated accuracy on all rows.",
    hints=[
        "Only rows with a label can be used. Each of them stands for 1 / keep rows.",
        "Take out the rows without a label first. Then it is a weighted mean, with the weights 1 / keep.",
        "A weighted mean is the sum of weight * right, divided by the sum of the weights.",
    ],
    right=_estimate,
    cases=lambda: [_seen(seed, count)[0] for seed, count in enumerate([400, 400, 60, 1, 2000, 25])],
    read=lambda result, case: as_number(result, "the estimate", finite=False),
    mistakes=MISTAKEN_ESTIMATES,
    otherwise=[_refuse_gaps],
    say=lambda words, case, found: _joined(_given_estimate(case, f"{found:.4g}"), words),
    show=_show_estimate,
    also=_compare_estimates,
)


Shape = tuple[int, ...]
Weighed = tuple[Shape, np.ndarray]


def _heads_with_gaps() -> list[dict]:
    """Return which labels are known, and shapes of outputs; some have as many rows as columns, steps or labels."""
    cases: list[tuple[Shape, Shape]] = [
        ((6,), (6, 3)),
        ((5,), (5, 5)),
        ((5,), (5, 4, 5, 2)),
        ((7,), (7, 7, 3)),
        ((4, 4), (4, 4)),
        ((9, 4), (9, 4)),
        ((3, 8), (3, 8, 2)),
        ((6, 6), (6, 6, 6, 1)),
        ((2, 3, 5), (2, 3, 5, 4)),
        ((3, 2, 4, 3), (3, 2, 4, 3)),
        ((1,), (1, 3, 5, 1)),
        ((5, 4), (5, 4, 6, 3)),
        ((8,), (8, 1)),
        ((5, 1), (5, 1)),
    ]
    return [
        {"known": np.random.default_rng(seed).random(known) < 0.6, "shape": shape}
        for seed, (known, shape) in enumerate(cases)
    ]


def _read_weighed(result: object, case: dict) -> Weighed:
    two = f"your function should return two things, a shape and weights, and gives {describe(result)}"
    found, weights = as_pair(result, two)
    turned = isinstance(weights, tuple | list | tf.TensorShape) and tuple(weights) == _weighed(**case)[0]
    require(not turned, "the shape of the output comes first, and then the weights")
    found = found.as_list() if isinstance(found, tf.TensorShape) else found
    row = isinstance(found, tuple | list) and all(np.ndim(length) == 0 for length in found)
    tensor = isinstance(found, np.ndarray | tf.Tensor) and len(found.shape) == 1
    wanted = f"the shape should be a tuple of whole numbers, such as {case['shape']}, and yours is {describe(found)}"
    require(row or tensor, wanted)
    found = as_array(found, "the shape", kind="integer")
    return tuple(found.tolist()), as_array(weights, "the weights")


def _weighed(known: np.ndarray, shape: Shape) -> Weighed:
    shape = (*shape, 1) if known.shape == shape else shape
    return shape, _spread(known, shape[:-1])


def _with_axes(known: np.ndarray, axes: int) -> np.ndarray:
    """Return `known` with as many axes, the new ones at the end."""
    return known.reshape(known.shape + (1,) * (axes - known.ndim)).astype("float64")


def _spread(known: np.ndarray, shape: Shape) -> np.ndarray:
    return np.broadcast_to(_with_axes(known, len(shape)), shape)


ENOUGH = "make one weight for each number of the loss, with `np.broadcast_to`"
# What mistakes give for known labels k and weights of the shape s.
MISTAKEN_WEIGHTS: dict[str, Callable[[np.ndarray, Shape], np.ndarray]] = {
    "that raises no error, and with `mean_with_sample_weight` the loss is as many times too large as a label has "
    f"numbers, so {ENOUGH}": lambda k, s: _with_axes(k, len(s)),
    f"give `known` its missing axes at the end, and {ENOUGH}": lambda k, s: k,
    f"the missing axes belong to the end, and then {ENOUGH}": lambda k, s: k.reshape(
        (1,) * (len(s) - k.ndim) + k.shape
    ),
    "the weights follow the last axes and not the first: give `known` its missing axes at the end": lambda k, s: (
        np.broadcast_to(k, s)
    ),
    "the axes of the weights are in the reverse order": lambda k, s: _spread(k, s).T,
    "the weights are 1 for the gaps: turn them round": lambda k, s: 1 - _spread(k, s),
    "the weights are 1 for the gaps too": lambda k, s: np.ones(s),
    "the weights of a label add up to 1, and should each be 0 or 1: Keras divides by their sum": lambda k, s: (
        _spread(k, s) * k.size / prod(s)
    ),
    "the weights are divided by their sum, and should be 0 and 1: Keras does that": lambda k, s: (
        _spread(k, s) / max(1, _spread(k, s).sum())
    ),
    "the weights are divided by their mean, and should be 0 and 1: Keras divides by their sum": lambda k, s: (
        _spread(k, s) / (k.mean() or 1)
    ),
}


def _of_shape(weights: Callable[[np.ndarray, Shape], np.ndarray]) -> Callable:
    return lambda known, shape: weights(known, _weighed(known, shape)[0][:-1])


def _given(case: dict) -> str:
    return f"for `known` of shape {case['known'].shape} and an output of shape {case['shape']}"


def _say_weights(words: str, case: dict, found: Weighed) -> str:
    other = found[1].shape != _weighed(**case)[1].shape
    return f"{_given(case)} {f'the weights have the shape {found[1].shape}: ' if other else ''}{words}"


def _show_weighed(case: dict, found: Weighed, wanted: Weighed) -> str:
    return f"{_given(case)} {_shape_off(case['shape'], found[0], wanted[0]) or _weights_off(wanted, found[1])}"


def _shape_off(shape: Shape, found: Shape, right: Shape) -> str | None:
    """Return what is wrong with the shape of an output, or None if it is right."""
    if found == right:
        return None
    if found == shape:
        return (
            "each number in the last axis has gaps of its own, and the loss averages that axis before it weights: the "
            f"output needs one axis more, {right}"
        )
    if found == (*shape, 1):
        return "the output is right as it is: it needs an axis more only where `known` has its shape"
    if found == right[:-1]:
        return f"the first result is {found}, the shape of the weights: return that of the output, {right}"
    return f"the output should have the shape {right}, and yours is {found}"


def _weights_off(wanted: Weighed, found: np.ndarray) -> str:
    """Return what is wrong with the weights of one case."""
    right, weights = wanted
    if found.shape == right:
        return f"the weights have its last axis too, shape {found.shape}: the loss has averaged it, so leave it out"
    if found.shape != weights.shape:
        return f"the weights should have the shape {weights.shape}, and yours have {found.shape}"
    place = tuple(np.argwhere(~np.isclose(found, weights))[0].tolist())
    is_known = "label is known" if weights[place] else "label is missing, so it should be 0"
    return f"the weight at {place} is {float(found[place]):.4g}, and its {is_known}"


function_question(
    "6.5",
    "A function from known labels and the shape of an output to the shape that it must have, and weights.",
    hints=[
        "First the shape: only if `known.shape == shape`, it gets one axis more, `(*shape, 1)`.",
        "Give `known` its missing axes, of length 1, at the end: `known.reshape(known.shape + (1,) * missing)`.",
        "`np.broadcast_to(weights, shape[:-1])` repeats each weight for all the numbers that it belongs to.",
    ],
    right=_weighed,
    cases=_heads_with_gaps,
    read=_read_weighed,
    mistakes={1: {words: _of_shape(way) for words, way in MISTAKEN_WEIGHTS.items()}},
    say=_say_weights,
    show=_show_weighed,
    failed=lambda case, words: f"{_given(case)} {words}",
)
