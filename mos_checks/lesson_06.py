"""The checks of exercise 6: fill, repair, mask, estimate and shape."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod

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
    call_kept,
    describe,
    judge_all,
    question,
    require,
    require_unrounded,
    summary,
)

HEADS = ("left", "odd")


def _near(found: float, value: float, precise: float = 1e-4) -> bool:
    return bool(np.isclose(found, value, rtol=precise, atol=1e-6))


def _precision(value: object) -> float:
    """Return how near a number must come to the right one: an answer in few bits cannot come as near."""
    kind = str(getattr(value, "dtype", ""))
    return 1e-2 if "bfloat16" in kind else 2e-3 if "float16" in kind else 1e-4


def _named(
    found: Sequence[float], wanted: Sequence[float], mistakes: Mapping[str, Sequence[float]], precise: float
) -> str | None:
    """Return the mistake that gives the number found in every case, if there is one."""
    for mistake, values in mistakes.items():
        if all(_near(number, value, precise) for number, value in zip(found, values, strict=True)):
            return mistake
    for digits in range(5):
        rounded = [round(value, digits) for value in wanted]
        if len({*rounded}) > 1 and np.allclose(found, rounded, rtol=1e-6, atol=1e-9):
            return f"{{}}: it is rounded to {digits} digits, and should not be"
    return None


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
    cases = [(50, 0.5), (1, 1.0), (50, 0.5), (8, 1.0), (1, 0.0), (8, 0.0), (200, 0.1), (4000, 0.7)]
    for seed, (count, share) in enumerate(cases):
        labels, known = _with_gaps(seed, count, share)
        in_usual_order = seed % 2 == 0
        given = labels if in_usual_order else dict(reversed(labels.items()))
        try:
            _require_filled_and_weighed(function, given, known)
        except NotYet:
            by_name = 'the labels may come in another order: take labels["left"] and labels["odd"] by their names'
            require(in_usual_order or not _passes(function, labels, known), by_name)
            raise


def _passes(function: Callable, labels: dict[str, np.ndarray], known: dict[str, np.ndarray]) -> bool:
    try:
        _require_filled_and_weighed(function, labels, known)
    except NotYet:
        return False
    return True


def _require_filled_and_weighed(
    function: Callable, labels: dict[str, np.ndarray], known: dict[str, np.ndarray]
) -> None:
    """Say what is wrong with what the function makes of these labels."""
    result = call_kept(function, labels=labels)
    two = f"your function should return two dictionaries, targets and weights, and gives {describe(result)}"
    targets, weights = as_pair(result, two)
    targets, weights = as_dict(targets, HEADS, "the targets"), as_dict(weights, HEADS, "the weights")
    both, count = known["left"] & known["odd"], len(known["odd"])
    for name in HEADS:
        target = _one_for_each_row(targets[name], f"the target {name}", count)
        weight = _one_for_each_row(weights[name], f"the weight of {name}", count)
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
        "The accuracy: a hidden row was counted as right where the model predicts even. Take these from the sum first.",
    ],
)
def repair(answer: object) -> str:
    """A function from a report to the loss and the accuracy on the labelled rows."""
    function = as_function(answer)
    cases, results = [_report(seed) for seed in range(12)], []
    for report, _ in cases:
        result = as_dict(call_kept(function, report=report), ("loss", "accuracy"), "the result")
        results.append({name: (as_number(value, name), _precision(value)) for name, value in result.items()})
    for score in ("loss", "accuracy"):
        _require_repaired(score, [result[score] for result in results], cases)
    report, wanted = cases[1]
    return f"The head of one report had a loss of {wanted['loss']:.3f}, and the report gave {report['loss']:.3f}."


def _report(seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return a report of made-up answers as Keras gives it, its keys in any order, and what it should have given."""
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
    if seed:
        report = {name: report[name] for name in rng.permutation([*report]).tolist()}
    return report, {"loss": float(each[known].mean()), "accuracy": float((answers == odd)[known].mean())}


def _right(report: dict[str, float]) -> float:
    return report["accuracy"] * report["rows"]


def _by_place(report: dict[str, float]) -> dict[str, float]:
    """Return the report as it is read by somebody who takes its keys to be in the order of the example."""
    names = ("rows", "labelled", "loss", "accuracy", "hidden_said_even")
    return dict(zip(names, report.values(), strict=True))


BY_PLACE = "{}: the keys may stand in any order, so take each value by its key"


MISTAKEN_REPAIRS = {
    "loss": {
        "{}, which is the diluted one: divide by the labelled rows instead": lambda r: r["loss"],
        "{}, which is diluted twice: turn the ratio round": lambda r: r["loss"] * r["labelled"] / r["rows"],
        "{}: it is divided by the rows without a label": lambda r: r["loss"] * r["rows"] / (r["rows"] - r["labelled"]),
        "{}, which is a sum over the rows: divide it by the labelled ones": lambda r: r["loss"] * r["rows"],
        BY_PLACE: lambda r: _by_place(r)["loss"] * _by_place(r)["rows"] / _by_place(r)["labelled"],
    },
    "accuracy": {
        "{}, which counts the hidden rows too": lambda r: r["accuracy"],
        "{}: hidden rows on which the model predicts even were counted as right, so take them away first": lambda r: (
            _right(r) / r["labelled"]
        ),
        "{}: it is divided by all rows": lambda r: (_right(r) - r["hidden_said_even"]) / r["rows"],
        "{}: the hidden rows that were counted as right are those with even": lambda r: (
            (_right(r) - (r["rows"] - r["labelled"] - r["hidden_said_even"])) / r["labelled"]
        ),
        "{}: not every hidden row was counted as right, only those on which the model predicts even": lambda r: (
            (_right(r) - (r["rows"] - r["labelled"])) / r["labelled"]
        ),
        "{}: `int` cuts 1439.9999 to 1439, one row too few, so use `round`": lambda r: (
            (int(_right(r)) - r["hidden_said_even"]) / r["labelled"]
        ),
        "{}, a number of rows: divide it by the labelled ones": lambda r: _right(r) - r["hidden_said_even"],
        "{}, which is percent: an accuracy lies between 0 and 1": lambda r: (
            100 * (_right(r) - r["hidden_said_even"]) / r["labelled"]
        ),
        "{}, which is the share of wrong answers: turn it round": lambda r: (
            1 - (_right(r) - r["hidden_said_even"]) / r["labelled"]
        ),
        BY_PLACE: lambda r: (_right(_by_place(r)) - _by_place(r)["hidden_said_even"]) / _by_place(r)["labelled"],
    },
}


def _require_repaired(
    score: str, found: list[tuple[float, float]], cases: list[tuple[dict[str, float], dict[str, float]]]
) -> None:
    """Say what is wrong with a repaired loss or accuracy."""
    wrong = [
        place
        for place, ((value, precise), (_, wanted)) in enumerate(zip(found, cases, strict=True))
        if not _near(value, wanted[score], precise)
    ]
    if not wrong:
        if all(precise == 1e-4 for _, precise in found):
            require_unrounded([value for value, _ in found], [repaired[score] for _, repaired in cases])
        return
    mistakes = {words: [of(r) for r, _ in cases] for words, of in MISTAKEN_REPAIRS[score].items()}
    values, precise = zip(*found, strict=True)
    mistake = _named(values, [wanted[score] for _, wanted in cases], mistakes, max(precise))
    (value, _), (report, wanted) = found[wrong[0]], cases[wrong[0]]
    value, wanted = apart(value, wanted[score])
    shown = {name: round(number, 4) for name, number in report.items()}
    case = f"for {shown} it gives the {score} {value}"
    where = "the mean over the labelled rows is" if score == "loss" else "on the labelled rows it is"
    require(mistake is None, (mistake or "").format(case))
    require(False, f"{case}, and {where} {wanted}")


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
    cases = [*_masked_cases()]

    def with_gradient(labels: tf.Tensor, predicted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(predicted)
            loss = tf.convert_to_tensor(function(labels, predicted))
        return loss, tape.gradient(loss, predicted, unconnected_gradients="zero")

    values, gradients, precise = [], [], 1e-3
    for labels, predicted, _ in cases:
        predicted = tf.constant(predicted)
        with tf.GradientTape() as tape:
            tape.watch(predicted)
            loss = call(function, tf.constant(labels), predicted)
        values.append(_scalar(loss, len(labels)))
        precise = max(precise, _precision(loss))
        gradients.append(tape.gradient(loss, predicted) if isinstance(loss, tf.Tensor) else None)
    _require_losses(values, cases, precise)
    for gradient, case in zip(gradients, cases, strict=True):
        _require_gradient(gradient, *case)
    graph = tf.function(with_gradient, input_signature=[tf.TensorSpec([None], "float32")] * 2)
    inside, values = [], []
    for labels, predicted, _ in cases:
        try:
            inside.append(graph(labels, predicted))
        except Exception as error:
            lost = (
                "inside `tf.function` it fails: use keras.ops or TensorFlow for all values, and no NumPy or `.numpy()`"
            )
            raise NotYet(f"{lost} ({summary(error)})") from None
        values.append(_scalar(inside[-1][0], len(labels)))
    _require_losses(values, cases, precise)
    for (_, gradient), case in zip(inside, cases, strict=True):
        _require_gradient(gradient, *case)


Masked = tuple[np.ndarray, np.ndarray, np.ndarray]


def _masked_cases() -> Iterator[Masked]:
    """Yield labels with NaN, probabilities, and which labels are known."""
    cases = [(40, 0.5), (40, 1.0), (7, 0.3), (1, 1.0), (200, 0.05), (12, 0.0), (1, 0.0), (30, 0.8)]
    for seed, (count, share) in enumerate(cases):
        rng = np.random.default_rng(seed)
        known = rng.random(count) < share
        known[-1 if seed % 2 else 0] |= share > 0
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


def _cross_entropies(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the loss of each row; a gap counts as the label 0."""
    return np.where(labels == 1, -np.log(predicted), -np.log(1 - predicted)).astype("float64")


def _mean(values: np.ndarray, known: np.ndarray) -> float:
    return float(values[known].mean())


COLUMNS = "if you use a loss of Keras, give it columns, `[:, None]`: it averages the last axis before it weights"
MISTAKEN_LOSSES = {
    "the loss is divided by all rows: divide by those with a label": lambda y, p, k: float(
        _cross_entropies(y, p)[k].sum() / len(k)
    ),
    "the loss is a sum: divide it by the number of labels": lambda y, p, k: float(_cross_entropies(y, p)[k].sum()),
    "the loss has the wrong sign: the logarithm of a probability is negative": lambda y, p, k: (
        -_mean(_cross_entropies(y, p), k)
    ),
    f"the filler counts as a label: give the filled rows a loss of 0 ({COLUMNS})": lambda y, p, k: float(
        _cross_entropies(y, p).mean()
    ),
    f"the filler, 1, counts as a label: give the filled rows a loss of 0 ({COLUMNS})": lambda y, p, k: float(
        _cross_entropies(np.where(k, y, 1), p).mean()
    ),
    "the filled rows are in the sum: give them a loss of 0": lambda y, p, k: float(
        _cross_entropies(y, p).sum() / k.sum()
    ),
    "the filled rows, with 1, are in the sum: give them a loss of 0": lambda y, p, k: float(
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


def _require_losses(values: list[float], cases: list[Masked], precise: float) -> None:
    """Say what is wrong with the values of the loss."""
    with_labels = [(value, case) for value, case in zip(values, cases, strict=True) if case[2].any()]
    for value, (_, _, known) in with_labels:
        rows = f"with {known.sum()} labels in {len(known)} rows"
        require(bool(np.isfinite(value)), f"{rows} the loss is {value}: replace the NaN before the arithmetic")
    found = [value for value, _ in with_labels]
    wanted = [_mean(_cross_entropies(labels, predicted), known) for _, (labels, predicted, known) in with_labels]
    wrong = [place for place, value in enumerate(found) if not _near(value, wanted[place], precise)]
    if wrong:
        mistakes = {words: [of(*case) for _, case in with_labels] for words, of in MISTAKEN_LOSSES.items()}
        mistake = _named(found, wanted, mistakes, precise)
        known = with_labels[wrong[0]][1][2]
        rows = f"with {known.sum()} labels in {len(known)} rows"
        require(mistake is None, f"{rows} {mistake}".replace("{}", "the loss is another"))
        yours, right = apart(found[wrong[0]], wanted[wrong[0]])
        require(False, f"{rows} the loss should be {right}, and yours is {yours}")
    for value, (_, _, known) in zip(values, cases, strict=True):
        empty = f"without any label the loss should be 0, and yours is {value:.4g}"
        empty += "" if np.isfinite(value) else ": is it 0/0?"
        require(bool(known.any()) or (bool(np.isfinite(value)) and abs(value) < 1e-6), empty)


def _require_gradient(gradient: object, labels: np.ndarray, predicted: np.ndarray, known: np.ndarray) -> None:
    """Say what is wrong with the gradient of the loss with respect to the probabilities."""
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
    cases = [_seen(seed, count) for seed, count in enumerate([400, 400, 60, 1, 2000, 25])]
    found = []
    for right, keep, _ in cases:
        result = call_kept(function, right=right, keep=keep)
        number = np.nan if _is_nan(result) else as_number(result, "the estimate")
        found.append((number, _precision(result)))
    _require_estimates(found, [case[:2] for case in cases])
    right, keep, truth = cases[4]
    return f"On other data, where {truth:.1%} is right, the labelled rows say {np.nanmean(right):.1%}."


def _is_nan(value: object) -> bool:
    if not isinstance(value, float | np.floating | np.ndarray | tf.Tensor):
        return False
    array = as_array(value, finite=False) if isinstance(value, tf.Tensor) else np.asarray(value)
    return array.dtype.kind == "f" and array.ndim == 0 and bool(np.isnan(array))


Seen = tuple[np.ndarray, np.ndarray]


def _seen(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return what is right and the probabilities, both with NaN where there is no label, and the true accuracy."""
    rng = np.random.default_rng(seed)
    keep = rng.uniform(0.05, 1.0, size=count) if seed % 2 else rng.choice([0.8, 0.2], size=count)
    right = (rng.random(count) < np.where(keep > 0.5, 0.95, 0.5)).astype("float64")
    known = rng.random(count) < keep
    known[-1 if seed % 2 else 0] = True
    return np.where(known, right, np.nan), np.where(known, keep, np.nan), float(right.mean())


def _estimate(right: np.ndarray, keep: np.ndarray) -> float:
    return float(np.nansum(right / keep) / np.nansum(1 / keep))


MISTAKEN_ESTIMATES = {
    "{}, which is the share on the labelled rows: weight them by 1 / keep": lambda r, p: np.nanmean(r),
    "{}: the weights are keep, and should be 1 / keep": lambda r, p: np.nansum(r * p) / np.nansum(p),
    "{}: the weights are 1 - keep, and should be 1 / keep": lambda r, p: (
        np.nansum(r * (1 - p)) / max(1e-12, np.nansum(1 - p))
    ),
    "{}, the sum of 1/p divided by all rows: divide by the sum of 1/p": lambda r, p: np.nansum(r / p) / len(r),
    "{}, the sum of 1/p divided by all rows, and cut off at 1: divide by the sum of 1/p": lambda r, p: min(
        1.0, np.nansum(r / p) / len(r)
    ),
    "{}: it is divided by the number of labelled rows and not by the sum of 1/p": lambda r, p: np.nanmean(r / p),
    "{}, which is a sum: divide it by the sum of the weights": lambda r, p: np.nansum(r / p),
    "{}: it counts rows without a label as wrong": lambda r, p: np.nansum(r) / len(r),
    "{}: rows without a label count in the sum of the weights, each as 1": lambda r, p: (
        np.nansum(r / p) / (np.nansum(1 / p) + np.isnan(p).sum())
    ),
    "{}, which is the share of wrong answers: turn it round": lambda r, p: 1 - _estimate(r, p),
    "{}, which is percent: an accuracy lies between 0 and 1": lambda r, p: 100 * _estimate(r, p),
    "{}: the weights are 1 / keep ** 2, and should be 1 / keep": lambda r, p: _estimate(r, p**2),
}


def _require_estimates(found: list[tuple[float, float]], cases: list[Seen]) -> None:
    """Say what is wrong with the estimates from labelled rows."""
    wanted = [_estimate(*case) for case in cases]
    wrong = [place for place, (value, precise) in enumerate(found) if not _near(value, wanted[place], precise)]
    if not wrong:
        if all(precise == 1e-4 for _, precise in found):
            require_unrounded([value for value, _ in found], wanted)
        return
    gaps = [value for (value, _), (right, _) in zip(found, cases, strict=True) if np.isnan(right).any()]
    spoiled = "the result is NaN: take out the rows without a label first, and only those"
    require(not np.isnan(gaps).all(), spoiled)
    mistakes = {words: [float(of(*case)) for case in cases] for words, of in MISTAKEN_ESTIMATES.items()}
    values, precise = zip(*found, strict=True)
    mistake = _named(values, wanted, mistakes, max(precise))
    right, _ = cases[wrong[0]]
    value, should = apart(found[wrong[0]][0], wanted[wrong[0]])
    case = f"for {np.isfinite(right).sum()} labelled rows of {len(right)} it gives {value}"
    require(mistake is None, (mistake or "").format(case))
    require(False, f"{case}, and the mean by 1/p is {should}")


@question(
    "6.5",
    hints=[
        "First the shape: only if `known.shape == shape`, it gets one axis more, `(*shape, 1)`.",
        "Give `known` its missing axes, of length 1, at the end: `known.reshape(known.shape + (1,) * missing)`.",
        "`np.broadcast_to(weights, shape[:-1])` repeats each weight for all the numbers that it belongs to.",
    ],
)
def weights_for(answer: object) -> None:
    """A function from known labels and the shape of an output to the shape that it must have, and weights."""
    function = as_function(answer)
    judge_all(_heads_with_gaps(), lambda case: _shape_and_weights(function, *case), _judge_weights)


Shape = tuple[int, ...]
Gaps = tuple[np.ndarray, Shape]
Weighed = tuple[Shape, np.ndarray]


def _heads_with_gaps() -> list[Gaps]:
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
    return [(np.random.default_rng(seed).random(known) < 0.6, shape) for seed, (known, shape) in enumerate(cases)]


def _shape_and_weights(function: Callable, known: np.ndarray, shape: Shape) -> Weighed:
    try:
        result = call_kept(function, known=known, shape=shape)
    except NotYet as refusal:
        case = f"for `known` of shape {known.shape} and an output of shape {shape}"
        raise NotYet(f"{case} {refusal}") from refusal.__cause__
    two = f"your function should return two things, a shape and weights, and gives {describe(result)}"
    found, weights = as_pair(result, two)
    turned = isinstance(weights, tuple | list | tf.TensorShape) and tuple(weights) == _wanted(known, shape)[0]
    require(not turned, "the shape of the output comes first, and then the weights")
    found = found.as_list() if isinstance(found, tf.TensorShape) else found
    row = isinstance(found, tuple | list) and all(np.ndim(length) == 0 for length in found)
    tensor = isinstance(found, np.ndarray | tf.Tensor) and len(found.shape) == 1
    wanted = f"the shape should be a tuple of whole numbers, such as {shape}, and yours is {describe(found)}"
    require(row or tensor, wanted)
    found = as_array(found, "the shape", kind="integer")
    return tuple(found.tolist()), as_array(weights, "the weights")


def _wanted(known: np.ndarray, shape: Shape) -> Weighed:
    shape = (*shape, 1) if known.shape == shape else shape
    return shape, _spread(known, shape[:-1])


def _with_axes(known: np.ndarray, axes: int) -> np.ndarray:
    """Return `known` with as many axes, the new ones at the end."""
    return known.reshape(known.shape + (1,) * (axes - known.ndim)).astype("float64")


def _spread(known: np.ndarray, shape: Shape) -> np.ndarray:
    return np.broadcast_to(_with_axes(known, len(shape)), shape)


def _columns_first(known: np.ndarray, shape: Shape) -> np.ndarray:
    """Return what NumPy broadcasts from the last axis, where it can."""
    try:
        return np.broadcast_to(known, shape)
    except ValueError:
        return _spread(known, shape)


ENOUGH = "make one weight for each number of the loss, with `np.broadcast_to`"
MISTAKEN_WEIGHTS: dict[str, Callable[[np.ndarray, Shape], np.ndarray]] = {
    "the weights have the shape {found}: that raises no error, and with `mean_with_sample_weight` the loss is {times} "
    f"times too large, so {ENOUGH}": lambda k, s: _with_axes(k, len(s)),
    f"the weights have the shape {{found}}: give `known` its missing axes at the end, and {ENOUGH}": lambda k, s: k,
    f"the weights have the shape {{found}}: the missing axes belong to the end, and then {ENOUGH}": lambda k, s: (
        k.reshape((1,) * (len(s) - k.ndim) + k.shape)
    ),
    "the weights follow the last axes and not the first: give `known` its missing axes at the end": _columns_first,
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


def _judge_weights(cases: list[Gaps], results: list[Weighed]) -> None:
    """Say what is wrong with the shapes and the weights."""
    wanted = [_wanted(*case) for case in cases]
    for (known, shape), (right, _), (found, _) in zip(cases, wanted, results, strict=True):
        _require_shape(known, shape, right, found)
    wrong = [place for place, ((_, w), (_, f)) in enumerate(zip(wanted, results, strict=True)) if not _alike(w, f)]
    if not wrong:
        return
    (known, shape), (right, weights), (_, found) = cases[wrong[0]], wanted[wrong[0]], results[wrong[0]]
    case = f"for `known` of shape {known.shape} and an output of shape {shape}"
    for mistake, of in MISTAKEN_WEIGHTS.items():
        made = [of(known, shape[:-1]) for (known, _), (shape, _) in zip(cases, wanted, strict=True)]
        explains = all(_alike(values, found) for values, (_, found) in zip(made, results, strict=True))
        times = weights.size // known.size
        require(not explains, f"{case} {mistake.format(found=found.shape, times=times)}")
    last = f"{case} the weights have its last axis too, shape {found.shape}: the loss has averaged it, so leave it out"
    require(found.shape != right, last)
    other = f"{case} the weights should have the shape {weights.shape}, and yours have {found.shape}"
    require(found.shape == weights.shape, other)
    place = tuple(np.argwhere(~np.isclose(found, weights))[0].tolist())
    is_known = "label is known" if weights[place] else "label is missing, so it should be 0"
    require(False, f"{case} the weight at {place} is {float(found[place]):.4g}, and its {is_known}")


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=1e-3, atol=1e-6))


def _require_shape(known: np.ndarray, shape: Shape, right: Shape, found: Shape) -> None:
    """Say what is wrong with the shape of the output."""
    case = f"for `known` of shape {known.shape} and an output of shape {shape}"
    one_more = (
        f"{case} each number in the last axis has gaps of its own, and the loss averages that axis before it weights: "
        f"the output needs one axis more, {right}"
    )
    require(right == shape or found != shape, one_more)
    kept = f"{case} the output is right as it is: it needs an axis more only where `known` has its shape"
    require(right != shape or found != (*shape, 1), kept)
    of_weights = f"{case} the first result is {found}, the shape of the weights: return that of the output, {right}"
    require(found != right[:-1], of_weights)
    require(found == right, f"{case} the output should have the shape {right}, and yours is {found}")
