"""The checks of exercise 8: right answers pass, wrong ones hear why not."""

from functools import partial

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from checking import outcome, refused
from scipy import special

# --- 8.1


def objective(losses, log_variances, regression):
    return sum(
        np.exp(-log_variances[name]) * loss / (2 if name in regression else 1) + log_variances[name] / 2
        for name, loss in losses.items()
    )


def by_tensors(losses, log_variances, regression):
    terms = [
        tf.exp(-tf.constant(log_variances[n], "float64")) * losses[n] * (0.5 if n in regression else 1)
        + log_variances[n] / 2
        for n in losses
    ]
    return tf.add_n(terms)


def by_keras(losses, log_variances, regression):
    total = keras.ops.convert_to_tensor(0.0)
    for name in sorted(losses):
        s = log_variances[name]
        total += losses[name] / keras.ops.exp(s) / (2 if name in regression else 1) + s / 2
    return total


def in_half_precision(losses, log_variances, regression):
    return np.float16(objective(losses, log_variances, regression))


def in_bfloat(losses, log_variances, regression):
    return tf.cast(objective(losses, log_variances, regression), "bfloat16")


class Objective:
    def __call__(self, losses, log_variances, regression):
        return np.sum([objective({n: losses[n]}, log_variances, set(regression)) for n in sorted(losses)])


RIGHT_OBJECTIVES = [objective, by_tensors, by_keras, in_half_precision, in_bfloat, Objective(), partial(objective)]


@pytest.mark.parametrize("function", RIGHT_OBJECTIVES)
def test_an_objective_however_it_is_written(function):
    state, message = outcome("8.1", function)
    assert state == "correct"
    assert "a negative number is fine" in message


WRONG_OBJECTIVES = {
    "part of a name": (lambda a, b, c: objective(a, b, [n for n in a if n in " ".join(c)]), "instead of"),
    "one regression": (lambda a, b, c: objective(a, b, c[:1]), "instead of"),
    "the pose": (lambda a, b, c: objective(a, b, ["pose"]), "instead of"),
    "rounded": (lambda *a: round(objective(*a), 3), "it is rounded to 3 decimals"),
    "five decimals": (lambda *a: round(objective(*a), 5), "it is rounded to 5 decimals"),
    "emptied": (lambda a, b, c: objective(a, b, c) + 0 * a.popitem()[1], "your function changes `losses`"),
    "clipped s": (lambda a, b, c: objective(a, {k: max(v, 0) for k, v in b.items()}, c), "instead of"),
    "a dict": (lambda a, b, c: a, "should be a number"),
    "nothing": (lambda *a: None, "is a `return` missing?"),
    "a number": (1.0, "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_OBJECTIVES.values(), ids=WRONG_OBJECTIVES)
def test_wrong_objectives(answer, words):
    refused("8.1", answer, words)


# --- 8.2


def optimum(losses, regression, weight=lambda loss: 0.5 / loss):
    s = {name: np.log(loss if name in regression else 2 * loss) for name, loss in losses.items()}
    return s, {name: weight(loss) for name, loss in losses.items()}


def as_list_of_tensors(losses, regression):
    s = {name: tf.math.log(loss * (1.0 if name in regression else 2.0)) for name, loss in losses.items()}
    return [s, {name: tf.exp(-value) * (0.5 if name in regression else 1.0) for name, value in s.items()}]


def by_search(losses, regression):
    s = np.linspace(-12, 12, 24001)
    halves = {name: 0.5 if name in regression else 1.0 for name in losses}
    best = {n: s[(halves[n] * np.exp(-s) * loss + s / 2).argmin()] for n, loss in losses.items()}
    return best, {name: halves[name] * np.exp(-value) for name, value in best.items()}


def in_float16(losses, regression):
    return tuple({name: np.float16(value) for name, value in part.items()} for part in optimum(losses, regression))


def in_another_order(losses, regression):
    return tuple(dict(reversed(part.items())) for part in optimum(losses, tuple(regression)))


def one_after_the_other(losses, regression):
    yield from optimum(losses, regression)


@pytest.mark.parametrize(
    "function", [optimum, as_list_of_tensors, by_search, in_float16, in_another_order, one_after_the_other]
)
def test_an_optimum_however_it_is_found(function):
    assert outcome("8.2", function) == ("correct", "")


def other(**options):
    return lambda *arguments: optimum(*arguments, **options)


def wrong_in_both(losses, regression):
    s, weights = optimum(losses, regression)
    twice = {name: weight * (2 if name in regression else 1) for name, weight in weights.items()}
    return {name: value + 1 for name, value in s.items()}, twice


WRONG_OPTIMA = {
    "both": (wrong_in_both, "the weight is 3122.42: a regression has the weight"),
    "ones": (other(weight=lambda loss: 1.0), "instead of"),
    "no s": (lambda *a: optimum(*a)[1], "should return two dictionaries"),
    "first heads": (lambda a, c: optimum(a, list(a)[: len(c)]), "instead of"),
    "rounded": (other(weight=lambda loss: round(0.5 / loss, 1)), "it is rounded to 1 decimals"),
    "popped": (lambda a, c: (optimum(a, c), c and c.pop())[0], "your function changes `regression`"),
    "a list": (lambda *a: [list(part.values()) for part in optimum(*a)], "the log-variances should be a dict"),
    "nothing": (lambda *a: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_OPTIMA.values(), ids=WRONG_OPTIMA)
def test_wrong_optima(answer, words):
    refused("8.2", answer, words)


# --- 8.3


def softmax(values):
    parts = np.exp(np.array(values) - np.max(values))
    return parts / parts.sum()


def dwa(history, temperature, total=len):
    rates = np.array([h[-1] / h[-2] if len(h) > 1 else 1.0 for h in history.values()])
    return dict(zip(history, total(rates) * softmax(rates / temperature), strict=True))


def by_keras_softmax(history, temperature):
    if len(next(iter(history.values()))) < 2:
        return dict.fromkeys(history, 1)
    rates = keras.ops.convert_to_tensor([h[-1] / h[-2] for h in history.values()], "float64")
    weights = len(history) * keras.ops.softmax(rates / temperature)
    return {name: weights[place] for place, name in enumerate(history)}


def by_float16(history, temperature):
    return {name: np.float16(weight) for name, weight in reversed(dwa(history, temperature).items())}


def by_relative_change(history, temperature):
    """The rates minus 1, which a softmax does not see; with one epoch it is compared with itself."""
    changes = [losses[-1] / losses[max(-2, -len(losses))] - 1 if losses else 0 for losses in history.values()]
    return dict(zip(history, len(changes) * special.softmax(np.array(changes) / temperature), strict=True))


@pytest.mark.parametrize("function", [dwa, by_keras_softmax, by_float16, by_relative_change])
def test_dwa_however_it_is_written(function):
    assert outcome("8.3", function) == ("correct", "")


WRONG_DWA = {
    "shares": (lambda h, t: dwa(h, t, total=lambda r: 1), "should be the number of heads"),
    "shares from two epochs": (
        lambda h, t: dwa(h, t, total=lambda r: 1) if len(next(iter(h.values()))) > 1 else dwa(h, t),
        "their total is 1",
    ),
    "always two": (lambda h, t: dwa(h, t, total=lambda r: 2), "should be the number of heads"),
    "rounded": (lambda h, t: {k: round(w, 3) for k, w in dwa(h, t).items()}, "it is rounded to 3 decimals"),
    "popped": (
        lambda h, t: {k: w + 0 * len([p.pop() for p in h.values() if p]) for k, w in dwa(h, t).items()},
        "your function changes `history`",
    ),
    "crash": (
        lambda h, t: {k: w + 0 * len([h[k][-2]]) for k, w in dwa(h, t).items()},
        "your function raised IndexError",
    ),
    "an array": (lambda h, t: np.array(list(dwa(h, t).values())), "should be a dict"),
    "nothing": (lambda h, t: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_DWA.values(), ids=WRONG_DWA)
def test_wrong_dwa(answer, words):
    refused("8.3", answer, words)


# --- 8.4


def parts(weights, norms, losses, first_losses, alpha):
    weighted, remaining = weights * norms, losses / first_losses
    return weighted, weighted.mean() * (remaining / remaining.mean()) ** alpha


def slopes(weights, norms, losses, first_losses, alpha):
    weighted, targets = parts(weights, norms, losses, first_losses, alpha)
    return np.sign(weighted - targets) * norms


def by_tape(weights, norms, losses, first_losses, alpha, constant=tf.stop_gradient):
    variable = tf.Variable(weights)
    with tf.GradientTape() as tape:
        weighted, remaining = variable * norms, losses / first_losses
        targets = constant(tf.reduce_mean(weighted) * (remaining / remaining.mean()) ** alpha)
        distance = tf.reduce_sum(tf.abs(weighted - targets))
    return tape.gradient(distance, variable)


def by_loop(weights, norms, losses, first_losses, alpha):
    weighted, targets = parts(weights, norms, losses, first_losses, alpha)
    return [float(n) if w > t else -float(n) for w, t, n in zip(weighted, targets, norms, strict=True)]


def in_float32(*arguments):
    return keras.ops.cast(slopes(*arguments), "float32")


def in_float16(*arguments):
    return slopes(*arguments).astype("float16")


def by_signs_of_the_differences(weights, norms, losses, first_losses, alpha):
    left, weighted = losses / first_losses, weights * norms
    return pandas.Series(np.copysign(norms, weighted - weighted.mean() * (left / left.mean()) ** alpha))


@pytest.mark.parametrize(
    "function", [slopes, by_tape, by_loop, in_float32, in_float16, partial(slopes), by_signs_of_the_differences]
)
def test_slopes_however_they_are_found(function):
    assert outcome("8.4", function) == ("correct", "")


def of(function):
    """Wrap a function of the weighted norms, their targets, the norms and the weights."""
    return lambda weights, norms, *rest: function(*parts(weights, norms, *rest), norms, weights)


def goals(function):
    """Wrap a function of the weighted norms, the norms, the losses, the part of each that is left, and alpha."""

    def answer(weights, norms, losses, first_losses, alpha):
        found = function(weights * norms, norms, losses, losses / first_losses, alpha)
        return np.sign(weights * norms - found) * norms

    return answer


def in_place(weights, norms, losses, first_losses, alpha):
    norms *= np.sign(slopes(weights, norms, losses, first_losses, alpha))
    return norms


WRONG_SLOPES = {
    "not constant": (lambda *a: by_tape(*a, constant=tf.identity), "must be held constant"),
    "harmonic ratios": (goals(lambda g, n, a, r, alpha: g.mean() * (r * (1 / r).mean()) ** alpha), "instead of"),
    "root mean square": (
        goals(lambda g, n, a, r, alpha: np.sqrt((g**2).mean()) * (r / r.mean()) ** alpha),
        "instead of",
    ),
    "largest": (goals(lambda g, n, a, r, alpha: g.max() * (r / r.mean()) ** alpha), "instead of"),
    "unweighted": (lambda w, n, a, b, alpha: slopes(np.ones_like(w), n, a, b, alpha), "instead of"),
    "in place": (in_place, "your function changes `norms`"),
    "rounded": (lambda *a: slopes(*a).round(3), "it is rounded to 3 decimals"),
    "one number": (of(lambda g, t, n, w: np.abs(g - t).sum()), "the result should be an array"),
    "a column": (of(lambda g, t, n, w: (np.sign(g - t) * n)[:, None]), "the result should have shape"),
    "nothing": (lambda *a: None, "is a `return` missing?"),
    "a list": ([1.0, 2.0], "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SLOPES.values(), ids=WRONG_SLOPES)
def test_wrong_slopes(answer, words):
    refused("8.4", answer, words)
