"""The checks of exercise 8: right answers pass, wrong ones hear why not."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome


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


@pytest.mark.parametrize("function", [objective, by_tensors, by_keras])
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
    "emptied": (lambda a, b, c: objective(a, b, c) + 0 * a.popitem()[1], "your function changes `losses`"),
    "clipped s": (lambda a, b, c: objective(a, {k: max(v, 0) for k, v in b.items()}, c), "and it should be"),
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


@pytest.mark.parametrize("function", [optimum, as_list_of_tensors, by_search])
def test_an_optimum_however_it_is_found(function):
    assert outcome("8.2", function) == ("correct", "")


def other(**options):
    return lambda *arguments: optimum(*arguments, **options)


WRONG_OPTIMA = {
    "log L": (other(s=lambda loss, half: np.log(loss)), "which is right for the other kind of head"),
    "log 2L": (other(s=lambda loss, half: np.log(2 * loss)), "which is right for the other kind of head"),
    "the variance": (other(s=lambda loss, half: 2 * half * loss), "this is the variance"),
    "log sigma": (other(s=lambda loss, half: np.log(2 * half * loss) / 2), "this is log sigma"),
    "the sign": (other(s=lambda loss, half: -np.log(2 * half * loss)), "the sign is turned round"),
    "log10": (other(s=lambda loss, half: np.log10(2 * half * loss)), "take the natural logarithm"),
    "log2": (other(s=lambda loss, half: np.log2(2 * half * loss)), "take the natural logarithm"),
    "exp(-s) for both": (other(weight=lambda loss, half: 0.5 / half / loss), "a regression has the weight"),
    "halves for both": (other(weight=lambda loss, half: 0.25 / half / loss), "a classification has the weight"),
    "exp(s)": (other(weight=lambda loss, half: 2 * half * loss), "a larger loss gets a smaller weight"),
    "ones": (other(weight=lambda loss, half: 1.0), "with the best log-variance it is"),
    "no s": (lambda *a: optimum(*a)[1], "should return two dictionaries"),
    "swapped": (lambda *a: optimum(*a)[::-1], "and the objective is smallest at"),
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


@pytest.mark.parametrize("function", [dwa, by_keras_softmax])
def test_dwa_however_it_is_written(function):
    assert outcome("8.3", function) == ("correct", "")


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


def parts(weights, lengths, losses, first_losses, alpha):
    weighted, remaining = weights * lengths, losses / first_losses
    return weighted, weighted.mean() * (remaining / remaining.mean()) ** alpha


def slopes(weights, lengths, losses, first_losses, alpha):
    weighted, targets = parts(weights, lengths, losses, first_losses, alpha)
    return np.sign(weighted - targets) * lengths


def by_tape(weights, lengths, losses, first_losses, alpha, constant=tf.stop_gradient):
    variable = tf.Variable(weights)
    with tf.GradientTape() as tape:
        weighted, remaining = variable * lengths, losses / first_losses
        targets = constant(tf.reduce_mean(weighted) * (remaining / remaining.mean()) ** alpha)
        distance = tf.reduce_sum(tf.abs(weighted - targets))
    return tape.gradient(distance, variable)


def by_loop(weights, lengths, losses, first_losses, alpha):
    weighted, targets = parts(weights, lengths, losses, first_losses, alpha)
    return [float(n) if w > t else -float(n) for w, t, n in zip(weighted, targets, lengths, strict=True)]


@pytest.mark.parametrize("function", [slopes, by_tape, by_loop])
def test_slopes_however_they_are_found(function):
    assert outcome("8.4", function) == ("correct", "")


def of(function):
    """Wrap a function of the weighted lengths, their targets, the lengths and the weights."""
    return lambda weights, lengths, *rest: function(*parts(weights, lengths, *rest), lengths, weights)


def goals(function):
    """Wrap a function of the weighted lengths, the lengths, the losses, the part of each that is left, and alpha."""

    def answer(weights, lengths, losses, first_losses, alpha):
        found = function(weights * lengths, lengths, losses, losses / first_losses, alpha)
        return np.sign(weights * lengths - found) * lengths

    return answer


def in_place(weights, lengths, losses, first_losses, alpha):
    lengths *= np.sign(slopes(weights, lengths, losses, first_losses, alpha))
    return lengths


WRONG_SLOPES = {
    "turned": (of(lambda g, t, n, w: np.sign(t - g) * n), "the sign is turned round"),
    "signs": (of(lambda g, t, n, w: np.sign(g - t)), "these are signs only"),
    "times the weight": (of(lambda g, t, n, w: np.sign(g - t) * w), "by the weight instead of the length"),
    "along log w": (of(lambda g, t, n, w: np.sign(g - t) * g), "along the logarithm of the weight"),
    "distances": (of(lambda g, t, n, w: np.abs(g - t)), "these are the distances"),
    "differences": (of(lambda g, t, n, w: g - t), "these are the differences"),
    "not constant": (lambda *a: by_tape(*a, constant=tf.identity), "must be held constant"),
    "lengths": (of(lambda g, t, n, w: n), "these are the lengths"),
    "equal goals": (lambda w, n, a, b, alpha: slopes(w, n, a, b, 0.0), "the goals are all equal"),
    "alpha of 1": (lambda w, n, a, b, alpha: slopes(w, n, a, b, 1.0), "alpha is not used"),
    "times alpha": (goals(lambda g, n, a, r, alpha: g.mean() * alpha * r / r.mean()), "a power, not a factor"),
    "turned ratio": (lambda w, n, a, b, alpha: slopes(w, n, b, a, alpha), "the higher goal"),
    "turned later": (goals(lambda g, n, a, r, alpha: g.mean() * (r.mean() / r) ** alpha), "the higher goal"),
    "no mean of ratios": (goals(lambda g, n, a, r, alpha: g.mean() * r**alpha), "divided by the mean of that"),
    "total of ratios": (goals(lambda g, n, a, r, alpha: g.mean() * (r / r.sum()) ** alpha), "and should be"),
    "only losses": (goals(lambda g, n, a, r, alpha: g.mean() * (a / a.mean()) ** alpha), "with its first loss"),
    "total of lengths": (goals(lambda g, n, a, r, alpha: g.sum() * (r / r.mean()) ** alpha), "not their total"),
    "mean without weights": (goals(lambda g, n, a, r, alpha: n.mean() * (r / r.mean()) ** alpha), "weights * lengths"),
    "median": (goals(lambda g, n, a, r, alpha: np.median(g) * (r / r.mean()) ** alpha), "and should be"),
    "largest": (goals(lambda g, n, a, r, alpha: g.max() * (r / r.mean()) ** alpha), "and should be"),
    "geometric": (goals(lambda g, n, a, r, alpha: np.exp(np.log(g).mean()) * (r / r.mean()) ** alpha), "and should be"),
    "unweighted": (lambda w, n, a, b, alpha: slopes(np.ones_like(w), n, a, b, alpha), "and should be"),
    "in place": (in_place, "your function changes `lengths`"),
    "mean slope": (lambda *a: slopes(*a) / len(a[0]), "and should be"),
    "one number": (of(lambda g, t, n, w: np.abs(g - t).sum()), "the result should be an array"),
    "a column": (of(lambda g, t, n, w: (np.sign(g - t) * n)[:, None]), "the result should have shape"),
    "nothing": (lambda *a: None, "is a `return` missing?"),
    "a list": ([1.0, 2.0], "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SLOPES.values(), ids=WRONG_SLOPES)
def test_wrong_slopes(answer, words):
    refused("8.4", answer, words)
