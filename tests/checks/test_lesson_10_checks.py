"""The checks of exercise 10: right answers pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import outcome, refused
from scipy import special

# --- 10.1


def signs(alone, lower):
    return {name: -1 if name in lower else 1 for name in alone}


def by_mean(scores, alone, lower):
    return 100 * np.mean([signs(alone, lower)[n] * (scores[n] - alone[n]) / alone[n] for n in scores])


def by_loop(scores, alone, lower):
    total = 0.0
    for name, score in scores.items():
        change = score / alone[name] - 1
        total += -change if name in lower else change
    return total / len(scores) * 100


def by_tensors(scores, alone, lower):
    names = sorted(alone)
    own, base = (tf.constant([table[name] for name in names], tf.float64) for table in (scores, alone))
    sign = tf.constant([float(signs(alone, lower)[name]) for name in names], tf.float64)
    return tf.reduce_mean(100 * sign * (own - base) / base)


def by_float32(scores, alone, lower):
    own, base = (np.array([table[name] for name in alone], "float32") for table in (scores, alone))
    return np.float32(100) * np.mean(np.where([name in lower for name in alone], base - own, own - base) / base)


def by_generator(scores, alone, lower):
    return sum((alone[n] - s if n in lower else s - alone[n]) / alone[n] * 100 / len(alone) for n, s in scores.items())


class ByClass:
    def __call__(self, scores, alone, lower):
        lower = set(lower)
        return keras.ops.mean([signs(alone, lower)[n] * 100 * (scores[n] / alone[n] - 1) for n in sorted(alone)])


@pytest.mark.parametrize(
    "function",
    [by_mean, by_loop, by_tensors, by_float32, by_generator, ByClass(), functools.partial(by_mean)],
)
def test_a_relative_score_however_it_is_written(function):
    assert outcome("10.1", function) == ("correct", "")


def taking_out(scores, alone, lower):
    return 100 * np.mean([signs(alone, lower)[n] * (scores.pop(n) - alone[n]) / alone[n] for n in alone])


def emptying(scores, alone, lower):
    found = by_mean(scores, alone, lower)
    lower.clear()
    return found


def of_the_means(scores, alone, lower):
    own, base = (sum(signs(alone, lower)[n] * table[n] for n in alone) for table in (scores, alone))
    return 100 * (own - base) / abs(base)


WRONG_SCORES = {
    "emptying": (emptying, "your function changes `lower` itself"),
    "of the means": (of_the_means, "and it should be"),
    "rounded": (lambda s, a, w: round(by_mean(s, a, w), 1), "it is rounded to 1 decimals"),
    "names in a text": (lambda s, a, w: by_mean(s, a, [n for n in a if n in " ".join(w)]), "and it should be"),
    "first of lower": (lambda s, a, w: by_mean(s, a, w[:1]), "and it should be"),
    "a text": (lambda s, a, w: f"{by_mean(s, a, w):.3f}", "should be a number"),
    "taking out": (taking_out, "your function changes `scores` itself"),
    "fixed": (lambda s, a, w: 4.4737, "it gives 4.474, and it should be"),
    "a list": (lambda s, a, w: [0.0], "should be a number"),
    "nothing": (lambda s, a, w: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SCORES.values(), ids=WRONG_SCORES)
def test_wrong_scores(answer, words):
    refused("10.1", answer, words)


# --- 10.2


def decided(alone, shared, errors=2.0):
    change = shared - alone
    limit = errors * change.std(ddof=1) / len(change) ** 0.5
    return "share" if change.mean() > limit else "separate" if change.mean() < -limit else "no difference"


def by_ratio(alone, shared):
    change = keras.ops.convert_to_tensor(shared) - keras.ops.convert_to_tensor(alone)
    change = np.asarray(change.numpy())
    ratio = change.mean() / (change.std(ddof=1) / np.sqrt(change.size))
    return np.str_(["separate", "no difference", "share"][1 + (ratio > 2) - (ratio < -2)])


def by_sums(alone, shared):
    change = [b - a for a, b in zip(alone.tolist(), shared.tolist(), strict=True)]
    mean = sum(change) / len(change)
    error = (sum((x - mean) ** 2 for x in change) / (len(change) - 1) / len(change)) ** 0.5
    if abs(mean) <= 2 * error:
        return "no difference"
    return "share" if mean > 0 else "separate"


def by_intervals(alone, shared):
    change = np.float32(shared - alone)
    low, high = (change.mean() + sign * 2 * np.sqrt(change.var(ddof=1) / len(change)) for sign in (-1, 1))
    return "share" if low > 0 else "separate" if high < 0 else "no difference"


def by_where(alone, shared):
    change = shared - alone
    limit = 2 * np.sqrt(np.var(change, ddof=1) / change.size)
    return np.where(change.mean() > limit, "share", np.where(change.mean() < -limit, "separate", "no difference"))


def by_tensors_only(alone, shared):
    change = tf.constant(shared - alone)
    error = tf.sqrt(tf.reduce_sum((change - tf.reduce_mean(change)) ** 2) / (len(change) - 1) / len(change))
    if tf.reduce_mean(change) > 2 * error:
        return "share"
    return "separate" if tf.reduce_mean(change) < -2 * error else "no difference"


@pytest.mark.parametrize(
    "function", [decided, by_ratio, by_sums, by_intervals, by_where, by_tensors_only, functools.partial(decided)]
)
def test_a_decision_however_it_is_made(function):
    assert outcome("10.2", function) == ("correct", "")


def by_points(alone, shared):
    mean = (shared - alone).mean()
    return "share" if mean > 0.005 else "separate" if mean < -0.005 else "no difference"


def by_median(alone, shared):
    change = shared - alone
    return decided(alone * 0, change - change.mean() + np.median(change))


def in_place(alone, shared):
    shared -= alone
    return decided(np.zeros_like(shared), shared)


def not_below(alone, shared):
    difference = shared - alone
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    if difference.mean() >= 2 * error:
        return "share"
    return "separate" if difference.mean() <= -2 * error else "no difference"


def beyond(alone, shared):
    difference = shared - alone
    if abs(difference.mean()) < 2 * difference.std(ddof=1) / np.sqrt(len(difference)):
        return "no difference"
    return "share" if difference.mean() > 0 else "separate"


def in_every_seed(alone, shared):
    return "share" if (shared > alone).all() else "separate" if (shared < alone).all() else "no difference"


WRONG_DECISIONS = {
    "not below": (not_below, "with equal scores it says 'share': then the mean is neither above nor below"),
    "beyond": (beyond, "with equal scores it says 'separate': then the mean is neither above nor below"),
    "in every seed": (in_every_seed, "outside two standard errors"),
    "relative to the new": (lambda a, s: decided(a / s, np.ones_like(a)), "and not relative to a score"),
    "logarithms": (lambda a, s: decided(np.log(a), np.log(s)), "and not relative to a score"),
    "ratio of the means": (
        lambda a, s: decided(a * 0, (s - a) / a.mean()) if s.mean() > 0.6 else "share",
        "'separate' is right",
    ),
    "half an error": (lambda a, s: decided(a, s, errors=0.5), "that is within two standard errors: 'no difference' is"),
    "median": (by_median, "two standard errors"),
    "in place": (in_place, "your function changes `shared` itself"),
    "fixed limit": (by_points, "two standard errors"),
    "another word": (lambda a, s: "shared", "should be one of share, separate, no difference"),
    "yes or no": (lambda a, s: bool(s.mean() > a.mean()), "should be one of the texts"),
    "one for each seed": (lambda a, s: np.where(s > a, "share", "separate"), "should be one of the texts"),
    "nothing": (lambda a, s: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_DECISIONS.values(), ids=WRONG_DECISIONS)
def test_wrong_decisions(answer, words):
    refused("10.2", answer, words)


# --- 10.3


def masked(left, labelled, prime, filler=0, **changes):
    """Targets and weights as asked for; `changes` replaces a part."""
    target, weight = np.full(len(left), filler), np.zeros(len(left))
    target[labelled], weight[labelled] = prime, 1
    parts = {"target_left": left, "target_prime": target, "weight_left": np.ones(len(left)), "weight_prime": weight}
    parts |= {key: change(left, labelled, prime, parts[key]) for key, change in changes.items()}
    names = ("left", "prime")
    return {name: parts[f"target_{name}"] for name in names}, {name: parts[f"weight_{name}"] for name in names}


def by_lists(left, labelled, prime):
    known = dict(zip(labelled.tolist(), prime.tolist(), strict=True))
    rows = range(len(left))
    targets = {"left": left.tolist(), "prime": [known.get(row, 1) for row in rows]}
    return [targets, {"prime": [float(row in known) for row in rows], "left": [1] * len(left)}]


def by_scatter(left, labelled, prime):
    indices = labelled[:, None]
    target = tf.scatter_nd(indices, prime, [len(left)])
    weight = tf.scatter_nd(indices, tf.ones(len(labelled)), [len(left)])
    return {"left": tf.constant(left), "prime": target}, {"left": tf.ones(len(left)), "prime": weight}


def as_masks(left, labelled, prime):
    known = np.isin(np.arange(len(left)), labelled)
    return masked(left, labelled, prime)[0], {"left": np.ones(len(left), bool), "prime": known}


def as_half_floats(left, labelled, prime):
    targets, weights = masked(left, labelled, prime)
    return targets, {name: tf.cast(weight, tf.bfloat16) for name, weight in weights.items()}


@pytest.mark.parametrize(
    "function",
    [
        masked,
        by_lists,
        by_scatter,
        as_masks,
        as_half_floats,
        lambda *a: masked(*a, filler=1),
        functools.partial(masked),
    ],
)
def test_targets_and_weights_however_they_are_made(function):
    assert outcome("10.3", function) == ("correct", "")


def changed(**changes):
    return lambda left, labelled, prime: masked(left, labelled, prime, **changes)


def in_sorted_rows(left, labelled, prime):
    return masked(left, np.sort(labelled), prime)


def labelled_only(left, labelled, prime):
    ones = np.ones(len(labelled))
    return {"left": left[labelled], "prime": prime}, {"left": ones, "prime": ones}


def filled_into_left(left, labelled, prime):
    result = masked(left.copy(), labelled, prime)
    left[labelled] = prime
    return result


def emptied(left, labelled, prime):
    result = masked(left.copy(), labelled.copy(), prime.copy())
    labelled.sort()
    return result


def in_reversed_rows(left, labelled, prime):
    return masked(left, labelled, prime[::-1])


WRONG_MASKS = {
    "reversed": (in_reversed_rows, "the labels of prime stand in wrong rows"),
    "all ones": (lambda le, la, p: masked(le, la, p * 0 + 1), "has other labels than the given ones"),
    "labelled sorted": (emptied, "your function changes `labelled` itself"),
    "weights of two": (changed(weight_prime=lambda le, la, p, w: 2 * w), "is not 1 for some rows that have a label"),
    "labels as digits": (lambda le, la, p: masked(le, la, p + 2), "holds"),
    "filled into left": (filled_into_left, "your function changes `left` itself"),
    "sorted rows": (in_sorted_rows, "the labels of prime stand in wrong rows"),
    "labelled only": (labelled_only, "rows of 12: keep all rows"),
    "filled with -1": (changed(filler=-1), "the target prime is filled with -1"),
    "filled with NaN": (changed(target_prime=lambda le, la, p, t: np.where(t > 0, t, np.nan)), "NaN or infinity"),
    "left masked too": (
        changed(weight_left=lambda le, la, p, w: np.isin(np.arange(len(le)), la)),
        "the weight of left is not 1 everywhere",
    ),
    "no mask": (changed(weight_prime=lambda le, la, p, w: np.ones(len(le))), "is not 0 for some rows"),
    "mask by the label": (changed(weight_prime=lambda le, la, p, w: masked(le, la, p)[0]["prime"]), "is not 1 for"),
    "left changed": (changed(target_left=lambda le, la, p, t: t * masked(le, la, p)[1]["prime"]), "left is changed"),
    "first rows": (lambda le, la, p: masked(le, np.arange(len(la)), p), "the weight of prime is not 0"),
    "one dictionary": (lambda le, la, p: masked(le, la, p)[0], "should return two dictionaries"),
    "only prime": (
        lambda le, la, p: tuple({"prime": part["prime"]} for part in masked(le, la, p)),
        "should be left and prime",
    ),
    "columns": (
        changed(target_prime=lambda le, la, p, t: t[:, None]),
        "the target prime should have shape (12,)",
    ),
    "nothing": (lambda le, la, p: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_MASKS.values(), ids=WRONG_MASKS)
def test_wrong_masks(answer, words):
    refused("10.3", answer, words)


# --- 10.4


def softmax(gate):
    powers = np.exp(gate - gate.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def weighted(weights, experts):
    return (weights[:, :, None] * experts).sum(axis=1)


def by_numpy(experts, gate):
    return weighted(softmax(gate), experts)


def by_tensorflow(experts, gate):
    return tf.einsum("ne,neu->nu", tf.nn.softmax(gate), experts)


def by_keras(experts, gate):
    weights = keras.ops.softmax(keras.ops.convert_to_tensor(gate), axis=-1)
    return keras.ops.sum(weights[..., None] * experts, axis=1)


def by_products(experts, gate):
    return [(w @ e).tolist() for w, e in zip(softmax(gate.astype("float64")), experts, strict=True)]


def by_scipy(experts, gate):
    return np.einsum("neu,ne->nu", experts, special.softmax(gate, axis=1))


def by_logarithms(experts, gate):
    return tf.reduce_sum(tf.exp(tf.nn.log_softmax(gate))[..., tf.newaxis] * experts, 1)


def by_matrix_products(experts, gate):
    return (keras.ops.softmax(gate)[:, None, :] @ experts)[:, 0]


def by_half_floats(experts, gate):
    return by_numpy(experts.astype("float16"), gate.astype("float16"))


def by_short_floats(experts, gate):
    return tf.einsum("ne,neu->nu", tf.cast(tf.nn.softmax(gate), tf.bfloat16), tf.cast(experts, tf.bfloat16))


@pytest.mark.parametrize(
    "function",
    [
        by_numpy,
        by_tensorflow,
        by_keras,
        by_products,
        by_scipy,
        by_logarithms,
        by_matrix_products,
        by_half_floats,
        by_short_floats,
        functools.partial(by_numpy),
    ],
)
def test_a_mixture_however_it_is_computed(function):
    assert outcome("10.4", function) == ("correct", "")


def unstable(experts, gate):
    with np.errstate(all="ignore"):
        powers = np.exp(gate)
        return weighted(powers / powers.sum(axis=1, keepdims=True), experts)


def in_its_place(experts, gate):
    experts *= softmax(gate)[:, :, None]
    return experts.sum(axis=1)


WRONG_MIXTURES = {
    "in its place": (in_its_place, "your function changes `experts` itself"),
    "unstable": (unstable, "the mixture holds NaN or infinity where the numbers of the gate reach"),
    "exp of large numbers": (
        lambda e, g: keras.ops.sum(keras.ops.exp(g)[..., None] * e, axis=1),
        "`exp` without a division",
    ),
    "two decimals": (lambda e, g: np.round(by_numpy(e, g), 2), "it is rounded to 2 decimals"),
    "units before experts": (lambda e, g: by_numpy(e[:, ::-1], g), "of the mixture should be"),
    "twice": (lambda e, g: 2 * by_numpy(e, g), "of the mixture should be"),
    "divided by a total of 0": (
        lambda e, g: weighted(np.maximum(g, 0) / np.maximum(g, 0).sum(axis=1, keepdims=True), e),
        "holds NaN or infinity where the numbers of the gate are -",
    ),
    "always NaN": (lambda e, g: by_numpy(e, g) * np.nan, "holds NaN or infinity"),
    "not added up": (lambda e, g: softmax(g)[:, :, None] * e, "an axis for the experts still"),
    "over the units": (lambda e, g: (softmax(g)[:, :, None] * e).sum(axis=2), "one number for each expert"),
    "one row": (lambda e, g: by_numpy(e, g)[0], "should have shape (5, 4)"),
    "nothing": (lambda e, g: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_MIXTURES.values(), ids=WRONG_MIXTURES)
def test_wrong_mixtures(answer, words):
    refused("10.4", answer, words)
