"""The checks of exercise 8: right answers pass, wrong ones hear why not."""

from functools import partial

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from checking import outcome
from scipy import special

from mos_checks import lesson_08 as checks


def refused(question, answer, words):
    state, message = outcome(question, answer)
    assert (state, words in message) == ("not yet", True), message


# --- 8.1


def objective(losses, log_variances, regression, weight=lambda s: np.exp(-s), price=0.5, halves=(0.5, 1.0)):
    return sum(
        halves[name not in regression] * weight(log_variances[name]) * loss + price * log_variances[name]
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


def changed(**options):
    return lambda *arguments: objective(*arguments, **options)


WRONG_OBJECTIVES = {
    "no price": (changed(price=0), "half of each log-variance is missing"),
    "whole price": (changed(price=1), "added whole"),
    "subtracted": (changed(price=-0.5), "is subtracted"),
    "all halves": (changed(halves=(0.5, 0.5)), "all heads have the factor 0.5"),
    "no halves": (changed(halves=(1, 1)), "no head has the factor 0.5"),
    "turned": (changed(halves=(1, 0.5)), "classifications have the factor 0.5"),
    "exp(s)": (changed(weight=np.exp), "should be exp(-s): a noisy head counts less"),
    "squared": (changed(weight=lambda s: np.exp(-2 * s)), "the weight is exp(-2s)"),
    "1 / sigma": (changed(weight=lambda s: np.exp(-s / 2)), "the weight is 1 / sigma"),
    "a mean": (lambda *a: objective(*a) / len(a[0]), "a mean over the heads"),
    "cut at zero": (lambda *a: max(0.0, objective(*a)), "that is normal"),
    "absolute": (lambda *a: abs(objective(*a)), "that is normal"),
    "s as log sigma": (changed(price=1, weight=lambda s: np.exp(-2 * s)), "taken as log sigma"),
    "by order": (lambda a, b, c: objective(a, dict(zip(a, b.values(), strict=True)), c), "of the same name"),
    "first heads": (lambda a, b, c: objective(a, b, list(a)[: len(c)]), "`regression` names the heads"),
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


def optimum(losses, regression, s=lambda loss, half: np.log(2 * half * loss), weight=lambda loss, half: 0.5 / loss):
    halves = {name: 0.5 if name in regression else 1.0 for name in losses}
    return tuple({name: part(loss, halves[name]) for name, loss in losses.items()} for part in (s, weight))


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


WRONG_OPTIMA = {
    "log L": (other(s=lambda loss, half: np.log(loss)), "this is right for the other kind of head"),
    "log 2L": (other(s=lambda loss, half: np.log(2 * loss)), "this is right for the other kind of head"),
    "the variance": (other(s=lambda loss, half: 2 * half * loss), "this is the variance"),
    "log sigma": (other(s=lambda loss, half: np.log(2 * half * loss) / 2), "this is log sigma"),
    "the sign": (other(s=lambda loss, half: -np.log(2 * half * loss)), "the sign is turned round"),
    "log10": (other(s=lambda loss, half: np.log10(2 * half * loss)), "take the natural logarithm"),
    "log2": (other(s=lambda loss, half: np.log2(2 * half * loss)), "take the natural logarithm"),
    "exp(-s) for both": (other(weight=lambda loss, half: 0.5 / half / loss), "a regression has the weight"),
    "halves for both": (other(weight=lambda loss, half: 0.25 / half / loss), "a classification has the weight"),
    "exp(s)": (other(weight=lambda loss, half: 2 * half * loss), "a larger loss gets a smaller weight"),
    "ones": (other(weight=lambda loss, half: 1.0), "instead of"),
    "no s": (lambda *a: optimum(*a)[1], "should return two dictionaries"),
    "swapped": (lambda *a: optimum(*a)[::-1], "the two dictionaries are swapped"),
    "cut at zero": (other(s=lambda loss, half: max(0, np.log(2 * half * loss))), "cut off at zero"),
    "both kinds turned": (other(s=lambda loss, half: np.log(loss / half)), "this is right for the other kind"),
    "first heads": (lambda a, c: optimum(a, list(a)[: len(c)]), "instead of"),
    "grows": (other(weight=lambda loss, half: half * 2 * half * loss), "a larger loss gets a smaller weight"),
    "rounded": (other(weight=lambda loss, half: round(0.5 / loss, 1)), "right but for rounding"),
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


def dwa(history, temperature, rate=lambda h: h[-1] / h[-2], inner=lambda r, t: r / t, total=len, share=softmax):
    rates = np.array([rate(h) if len(h) > 1 else 1.0 for h in history.values()])
    return dict(zip(history, total(rates) * share(inner(rates, temperature)), strict=True))


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


def rates_of(history):
    return np.array([h[-1] / h[-2] if len(h) > 1 else 1.0 for h in history.values()])


def variant(**options):
    return lambda *arguments: dwa(*arguments, **options)


WRONG_DWA = {
    "shares": (variant(total=lambda r: 1), "should be the number of heads"),
    "shares from two epochs": (
        lambda h, t: dwa(h, t, total=lambda r: 1) if len(next(iter(h.values()))) > 1 else dwa(h, t),
        "their total is 1",
    ),
    "the reverse": (variant(rate=lambda h: h[-2] / h[-1]), "not the reverse"),
    "fast heads": (variant(inner=lambda r, t: -r / t), "the head that falls slowly should get more"),
    "times": (variant(inner=lambda r, t: r * t), "do not multiply"),
    "no temperature": (variant(inner=lambda r, t: r), "the temperature is not used"),
    "always 2": (variant(inner=lambda r, t: r / 2), "the temperature is always 2"),
    "losses": (variant(rate=lambda h: h[-1]), "should follow the rates"),
    "the first": (variant(rate=lambda h: h[-1] / h[0]), "not with the first"),
    "first two": (variant(rate=lambda h: h[1] / h[0]), "not the first two"),
    "no exponential": (variant(inner=lambda r, t: r, share=lambda r: r / r.sum()), "the exponential is missing"),
    "ones": (lambda h, t: dict.fromkeys(h, 1.0), "after two epochs they should follow the rates"),
    "an early start": (variant(rate=lambda h: h[-1] / h[-2] if len(h) > 2 else 1.0), "should follow the rates"),
    "shifted": (
        variant(rate=lambda h: h[-2] / h[-3] if len(h) > 2 else 1.0),
        "the last loss is not used",
    ),
    "difference": (variant(rate=lambda h: h[-1] - h[-2]), "not their difference"),
    "no sum": (lambda h, t: dict(zip(h, np.exp(rates_of(h) / t), strict=True)), "divide by the sum"),
    "no sum later": (
        lambda h, t: dict(zip(h, np.exp(rates_of(h) / t), strict=True)) if len(min(h.values())) > 1 else dwa(h, t),
        "divide by the sum",
    ),
    "always two": (variant(total=lambda r: 2), "should be the number of heads"),
    "sorted names": (
        lambda h, t: dict(zip(sorted(h), dwa(h, t).values(), strict=True)),
        "belongs to the head of its name",
    ),
    "rounded": (lambda h, t: {k: round(w, 3) for k, w in dwa(h, t).items()}, "right but for rounding"),
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
    "turned": (of(lambda g, t, n, w: np.sign(t - g) * n), "the sign is turned round"),
    "signs": (of(lambda g, t, n, w: np.sign(g - t)), "these are signs only"),
    "times the weight": (of(lambda g, t, n, w: np.sign(g - t) * w), "by the weight instead of the norm"),
    "along log w": (of(lambda g, t, n, w: np.sign(g - t) * g), "along the logarithm of the weight"),
    "distances": (of(lambda g, t, n, w: np.abs(g - t)), "these are the distances"),
    "differences": (of(lambda g, t, n, w: g - t), "these are the differences"),
    "not constant": (lambda *a: by_tape(*a, constant=tf.identity), "must be held constant"),
    "norms": (of(lambda g, t, n, w: n), "these are the norms"),
    "equal goals": (lambda w, n, a, b, alpha: slopes(w, n, a, b, 0.0), "the goals are all equal"),
    "alpha of 1": (lambda w, n, a, b, alpha: slopes(w, n, a, b, 1.0), "alpha is not used"),
    "times alpha": (goals(lambda g, n, a, r, alpha: g.mean() * alpha * r / r.mean()), "a power, not a factor"),
    "turned ratio": (lambda w, n, a, b, alpha: slopes(w, n, b, a, alpha), "the higher goal"),
    "turned later": (goals(lambda g, n, a, r, alpha: g.mean() * (r.mean() / r) ** alpha), "the higher goal"),
    "no mean of ratios": (goals(lambda g, n, a, r, alpha: g.mean() * r**alpha), "divided by the mean of that"),
    "total of ratios": (goals(lambda g, n, a, r, alpha: g.mean() * (r / r.sum()) ** alpha), "not by its total"),
    "median of ratios": (goals(lambda g, n, a, r, alpha: g.mean() * (r / np.median(r)) ** alpha), "not by its median"),
    "largest ratio": (goals(lambda g, n, a, r, alpha: g.mean() * (r / r.max()) ** alpha), "its largest value"),
    "geometric ratios": (
        goals(lambda g, n, a, r, alpha: g.mean() * (r / np.exp(np.log(r).mean())) ** alpha),
        "the arithmetic mean is meant",
    ),
    "harmonic ratios": (goals(lambda g, n, a, r, alpha: g.mean() * (r * (1 / r).mean()) ** alpha), "instead of"),
    "mean later": (goals(lambda g, n, a, r, alpha: g.mean() * r**alpha / (r**alpha).mean()), "by its mean first"),
    "mean of each": (
        lambda w, n, a, b, alpha: np.sign(w * n - (w * n).mean() * (a / a.mean() * b.mean() / b) ** alpha) * n,
        "first the ratios, then their mean",
    ),
    "two means": (
        lambda w, n, a, b, alpha: np.sign(w * n - w.mean() * n.mean() * (a / b / (a / b).mean()) ** alpha) * n,
        "not the product of two means",
    ),
    "root mean square": (
        goals(lambda g, n, a, r, alpha: np.sqrt((g**2).mean()) * (r / r.mean()) ** alpha),
        "instead of",
    ),
    "only losses": (goals(lambda g, n, a, r, alpha: g.mean() * (a / a.mean()) ** alpha), "with its first loss"),
    "total of norms": (goals(lambda g, n, a, r, alpha: g.sum() * (r / r.mean()) ** alpha), "not their total"),
    "mean without weights": (goals(lambda g, n, a, r, alpha: n.mean() * (r / r.mean()) ** alpha), "weights * norms"),
    "median": (goals(lambda g, n, a, r, alpha: np.median(g) * (r / r.mean()) ** alpha), "not their median"),
    "largest": (goals(lambda g, n, a, r, alpha: g.max() * (r / r.mean()) ** alpha), "instead of"),
    "geometric": (
        goals(lambda g, n, a, r, alpha: np.exp(np.log(g).mean()) * (r / r.mean()) ** alpha),
        "the arithmetic mean is meant",
    ),
    "unweighted": (lambda w, n, a, b, alpha: slopes(np.ones_like(w), n, a, b, alpha), "instead of"),
    "in place": (in_place, "your function changes `norms`"),
    "always 1.5": (lambda w, n, a, b, alpha: slopes(w, n, a, b, 1.5), "alpha is always 1.5"),
    "power of both": (goals(lambda g, n, a, r, alpha: (g.mean() * r / r.mean()) ** alpha), "only the ratios have"),
    "mean slope": (lambda *a: slopes(*a) / len(a[0]), "slope of the mean of the distances"),
    "rounded": (lambda *a: slopes(*a).round(3), "right but for rounding"),
    "one number": (of(lambda g, t, n, w: np.abs(g - t).sum()), "the result should be an array"),
    "a column": (of(lambda g, t, n, w: (np.sign(g - t) * n)[:, None]), "the result should have shape"),
    "nothing": (lambda *a: None, "is a `return` missing?"),
    "a list": ([1.0, 2.0], "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SLOPES.values(), ids=WRONG_SLOPES)
def test_wrong_slopes(answer, words):
    refused("8.4", answer, words)


# --- All mistakes that a check can name


TABLES = {"8.3": checks.LATER}


@pytest.mark.parametrize("question", TABLES)
def test_each_mistake_hears_its_own_words(question):
    for words, function in TABLES[question]:
        refused(question, lambda h, t, f=function: later(f, h, t), words)


def later(function, history, temperature):
    """Return what a mistake gives after two epochs, and the right weights before."""
    if len(next(iter(history.values()))) < 2:
        return dict.fromkeys(history, 1.0)
    return dict(zip(history, function(history=history, temperature=temperature), strict=True))


@pytest.mark.parametrize("wrong", checks.MISTAKES)
def test_each_mistake_of_the_slopes_hears_its_own_words(wrong):
    refused("8.4", lambda *arguments: checks._slopes(*arguments, wrong=wrong), checks.MISTAKES[wrong])
