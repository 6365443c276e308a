"""The checks of exercise 7: right answers pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from checking import outcome


def refused(question, answer, words):
    state, message = outcome(question, answer)
    assert (state, words in message) == ("not yet", True), message


# --- 7.1


def normalised(parts):
    return {name: part / sum(parts.values()) for name, part in parts.items()}


def by(part):
    """Shares from the part of each head."""
    return lambda heads, batch_size: normalised({name: part(head, batch_size) for name, head in heads.items()})


def count(head, batch_size):
    return batch_size * head["labels"] if head["reduction"] == "sum" else 1


def part(head, batch_size):
    return head["weight"] * count(head, batch_size)


def by_arrays(heads, batch_size):
    parts = np.array([part(head, batch_size) for head in heads.values()])
    return dict(zip(heads, parts / parts.sum(), strict=True))


def by_keras(heads, batch_size):
    losses = {}
    for name, head in heads.items():
        reduction = {"mean": "sum_over_batch_size", "sum": "sum"}[head["reduction"]]
        loss = keras.losses.SparseCategoricalCrossentropy(reduction=reduction)
        shape = (batch_size, head["labels"])
        losses[name] = head["weight"] * loss(np.zeros(shape), np.full((*shape, 2), 0.5))
    return normalised(losses)


def in_place(heads, batch_size):
    for head in heads.values():
        head["weight"] = part(head, batch_size)
    return normalised({name: head["weight"] for name, head in heads.items()})


def in_few_bits(heads, batch_size):
    return {name: np.float16(share) for name, share in by(part)(heads, batch_size).items()}


def sorted_by_name(heads, batch_size):
    found = by(part)(heads, batch_size)
    return {name: found[name] for name in sorted(found)}


@pytest.mark.parametrize("function", [by(part), by_arrays, by_keras, in_few_bits, sorted_by_name])
def test_shares_however_they_are_counted(function):
    assert outcome("7.1", function)[0] == "correct"


def by_sorted_names(heads, batch_size):
    return dict(zip(sorted(heads), by(part)(heads, batch_size).values(), strict=True))


def two_heads(heads, batch_size):
    return normalised({name: part(heads[name], batch_size) if name in [*heads][:2] else 0.0 for name in heads})


WRONG_SHARES = {
    "sorted names": (by_sorted_names, "the heads may stand in any order"),
    "two heads only": (two_heads, "and the shares are"),
    "five decimals": (lambda h, n: {k: round(v, 5) for k, v in by(part)(h, n).items()}, "and the shares are"),
    "rounded": (lambda h, n: {k: round(v, 2) for k, v in by(part)(h, n).items()}, "they are rounded to 2 digits"),
    "nearly": (lambda h, n: {k: 1.0002 * v for k, v in by(part)(h, n).items()}, "and the shares are"),
    "text": (
        lambda h, n: {k: f"{v:.1%}" for k, v in by(part)(h, n).items()},
        "should be a number, and yours is the text",
    ),
    "emptied": (
        lambda h, n: normalised({name: part(h.pop(name), n) for name in [*h]}),
        "your function changes `heads` itself",
    ),
    "not divided": (lambda h, n: {k: part(v, n) for k, v in h.items()}, "which are no shares yet"),
    "by the largest": (
        lambda h, n: {k: part(v, n) / max(part(w, n) for w in h.values()) for k, v in h.items()},
        "they are divided by the largest",
    ),
    "without weights": (by(count), "the loss weights are left out"),
    "weights only": (by(lambda h, n: h["weight"]), "only the loss weights count"),
    "without labels": (
        by(lambda h, n: h["weight"] * (n if h["reduction"] == "sum" else 1)),
        "the labels of each image",
    ),
    "without the batch": (
        by(lambda h, n: h["weight"] * (h["labels"] if h["reduction"] == "sum" else 1)),
        "the size of the batch is left out",
    ),
    "mean with labels": (
        by(lambda h, n: h["weight"] * h["labels"] * (n if h["reduction"] == "sum" else 1)),
        "a mean grows with the number of labels",
    ),
    "all sums": (by(lambda h, n: h["weight"] * n * h["labels"]), "a mean and a sum have the same size there"),
    "swapped": (
        by(lambda h, n: part({**h, "reduction": {"sum": "mean", "mean": "sum"}[h["reduction"]]}, n)),
        "swapped",
    ),
    "percent": (lambda h, n: {k: 100 * v for k, v in by(part)(h, n).items()}, "which are percent"),
    "in place": (in_place, "your function changes `heads` itself"),
    "mean of a mean": (
        by(lambda h, n: h["weight"] * (n * h["labels"] if h["reduction"] == "sum" else 1 / n)),
        "divided by the size of the batch once more",
    ),
    "mean over the labels": (
        by(lambda h, n: h["weight"] * (n * h["labels"] if h["reduction"] == "sum" else 1 / h["labels"])),
        "divided by the number of labels once more",
    ),
    "always 32 images": (by(lambda h, n: part(h, 32)), "and the shares are"),
    "a list": (lambda h, n: [*by(part)(h, n).values()], "should be a dict"),
    "one head": (lambda h, n: {"odd": 1.0}, "the keys of the answer should be"),
    "nothing": (lambda h, n: None, "is a `return` missing?"),
    "a result": ({"left": 0.5, "odd": 0.5}, "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_SHARES.values(), ids=WRONG_SHARES)
def test_wrong_shares(answer, words):
    refused("7.1", answer, words)


# --- 7.2


def at_begin(value):
    """A warm-up whose value in each epoch is `value(epoch, start, end, epochs)`."""

    def warm_up(variable, start, end, epochs):
        class WarmUp(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                variable.assign(value(epoch, start, end, epochs))

        return WarmUp()

    return warm_up


def right(epoch, start, end, epochs):
    return start + min(epoch / epochs, 1) * (end - start)


def by_lambda(variable, start, end, epochs):
    values = np.linspace(start, end, epochs + 1)
    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: variable.assign(values[min(epoch, epochs)])
    )


class ByClass(keras.callbacks.Callback):
    def __init__(self, variable, start, end, epochs):
        super().__init__()
        self.variable, self.start, self.end, self.epochs = variable, start, end, epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.number = epoch

    def on_train_batch_begin(self, batch, logs=None):
        share = np.clip(self.number / self.epochs, 0, 1)
        self.variable.assign((1 - share) * self.start + share * self.end)


def by_class(*args):
    return ByClass(*args)


class ByStep(ByClass):
    """Knows no number but that of the epoch, and adds up from the start."""

    def on_epoch_begin(self, epoch, logs):
        value = self.start
        for _ in range(min(epoch, self.epochs)):
            value += (self.end - self.start) / self.epochs
        logs["weight"] = self.variable.assign(value)

    def on_train_batch_begin(self, batch, logs=None):
        pass


RIGHT_WARM_UPS = [at_begin(right), by_lambda, by_class, ByClass, ByStep, functools.partial(at_begin(right))]


@pytest.mark.parametrize("function", RIGHT_WARM_UPS)
def test_a_warm_up_however_it_is_written(function):
    assert outcome("7.2", function) == ("correct", "")


def counting(variable, start, end, epochs):
    calls = iter(range(1000))
    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: variable.assign(right(next(calls), start, end, epochs))
    )


def at_end(variable, start, end, epochs):
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: variable.assign(right(epoch, start, end, epochs))
    )


def set_at_once(variable, start, end, epochs):
    variable.assign(start)
    return at_end(variable, start, end, epochs)


def adding(variable, start, end, epochs):
    def begin(epoch, logs):
        before = float(variable.numpy())
        variable.assign(start if epoch == 0 else before if epoch > epochs else before + (end - start) / epochs)

    return keras.callbacks.LambdaCallback(on_epoch_begin=begin)


def adding_to_the_start(variable, start, end, epochs):
    def finish(epoch, logs):
        if epoch < epochs:
            variable.assign_add((end - start) / epochs)

    variable.assign(start)
    return keras.callbacks.LambdaCallback(on_epoch_end=finish)


def adding_at_the_beginning(variable, start, end, epochs):
    def begin(epoch, logs):
        if 0 < epoch <= epochs:
            variable.assign_add((end - start) / epochs)

    return keras.callbacks.LambdaCallback(on_train_begin=lambda logs: variable.assign(start), on_epoch_begin=begin)


def adding_until_the_end(variable, start, end, epochs):
    def begin(epoch, logs):
        added = float(variable.numpy()) + (end - start) / epochs
        variable.assign(start if epoch == 0 else added if epoch <= epochs else end)

    return keras.callbacks.LambdaCallback(on_epoch_begin=begin)


def for_the_next(variable, start, end, epochs):
    return keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: variable.assign(start),
        on_epoch_end=lambda epoch, logs: variable.assign(right(epoch + 1, start, end, epochs)),
    )


def replaced(variable, start, end, epochs):
    def begin(epoch, logs):
        variable = right(epoch, start, end, epochs)  # noqa: F841

    return keras.callbacks.LambdaCallback(on_epoch_begin=begin)


def each_batch(variable, start, end, epochs):
    def step(batch, logs):
        variable.assign_add((end - start) / epochs / 2)

    return keras.callbacks.LambdaCallback(on_train_begin=lambda logs: variable.assign(start), on_train_batch_begin=step)


def exploding(variable, start, end, epochs):
    return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: variable.assign_to(start))


def only_if(keeps):
    def warm_up(variable, start, end, epochs):
        def begin(epoch, logs):
            if keeps(epoch, epochs):
                variable.assign(start + epoch / epochs * (end - start))

        return keras.callbacks.LambdaCallback(on_epoch_begin=begin)

    return warm_up


WRONG_WARM_UPS = {
    "not after the end": (only_if(lambda e, n: e <= n), "after epoch number 3 it sets nothing"),
    "not at the end": (only_if(lambda e, n: e < n), "it should reach the end, and it sets nothing from there on"),
    "int": (at_begin(lambda e, a, b, n: int(right(e, a, b, n))), "it is cut to whole numbers"),
    "floor": (at_begin(lambda e, a, b, n: np.floor(right(e, a, b, n))), "it is cut to whole numbers"),
    "round": (at_begin(lambda e, a, b, n: round(right(e, a, b, n))), "it is rounded to whole numbers"),
    "amount //": (at_begin(lambda e, a, b, n: a + min(e, n) * ((b - a) // n)), "the amount for an epoch is cut"),
    "adds end": (at_begin(lambda e, a, b, n: a + min(e / n, 1) * b), "it adds end"),
    "by epochs + 1": (at_begin(lambda e, a, b, n: right(e, a, b, n + 1)), "and not to the one after"),
    "factors": (
        at_begin(lambda e, a, b, n: a * (b / a) ** min(e / n, 1) if a * b else right(e, a, b, n)),
        "by the same factor",
    ),
    "squared": (at_begin(lambda e, a, b, n: a + min(e / n, 1) ** 2 * (b - a)), "and it should be"),
    "does not stop": (
        at_begin(lambda e, a, b, n: a + e / n * (b - a)),
        "after epoch number 4 it should stay at",
    ),
    "counts its calls": (counting, "a continued training needs the number of the epoch"),
    "at the end": (at_end, "-7 is the value from before"),
    "set at once": (set_at_once, "it is one epoch too late"),
    "one too early": (at_begin(lambda e, a, b, n: right(e + 1, a, b, n)), "it is one epoch too early"),
    "by epochs - 1": (
        at_begin(lambda e, a, b, n: right(e, a, b, max(1, n - 1))),
        "belongs to epoch number 4, and not to the one before",
    ),
    "turned round": (at_begin(lambda e, a, b, n: right(e, b, a, n)), "it goes from end to start"),
    "0 to 1": (at_begin(lambda e, a, b, n: min(e / n, 1)), "whatever start and end are"),
    "start forgotten": (at_begin(lambda e, a, b, n: min(e / n, 1) * b), "it goes from 0 to end, whatever start is"),
    "only larger": (at_begin(lambda e, a, b, n: min(a + e / n * (b - a), b)), "start may be larger than end"),
    "between": (at_begin(lambda e, a, b, n: max(a, min(b, a + e / n * (b - a)))), "start may be larger than end"),
    "clip": (at_begin(lambda e, a, b, n: np.clip(a + e / n * (b - a), a, b)), "start may be larger than end"),
    "whole numbers": (at_begin(lambda e, a, b, n: right(e // n * n, a, b, n)), "with / and not with //"),
    "factors where it can": (
        at_begin(lambda e, a, b, n: a * (b / a) ** min(e / n, 1) if a * b > 0 else right(e, a, b, n)),
        "by the same factor",
    ),
    "adds": (adding, "it adds to the value from before"),
    "for the next epoch": (for_the_next, "its first epoch has the value start"),
    "the learning rate": (
        lambda v, a, b, n: keras.callbacks.LearningRateScheduler(lambda e: right(e, a, b, n)),
        "changes the learning rate",
    ),
    "by factors": (
        at_begin(lambda e, a, b, n: (a + 1e-3) * ((b + 1e-3) / (a + 1e-3)) ** min(e / n, 1)),
        "it should be",
    ),
    "a new name": (replaced, "the callback does not set the variable"),
    "four decimals": (at_begin(lambda e, a, b, n: round(right(e, a, b, n), 4)), "it is rounded to 4 decimals"),
    "adds at the beginning": (adding_at_the_beginning, "a continued training needs the number of the epoch"),
    "adds to the start": (adding_to_the_start, "a continued training needs the number of the epoch"),
    "adds, and then the end": (adding_until_the_end, "it adds to the value from before"),
    "in each batch": (each_batch, "changes within an epoch"),
    "an error": (exploding, "your callback's on_epoch_begin raised AttributeError"),
    "a function": (lambda v, a, b, n: lambda epoch: v.assign(a), "should return a Keras callback"),
    "a class": (lambda v, a, b, n: ByClass, "your function returns a class: call it"),
    "nothing": (lambda v, a, b, n: None, "is a `return` missing?"),
    "another class": (keras.Variable, "should be a function"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_WARM_UPS.values(), ids=WRONG_WARM_UPS)
def test_wrong_warm_ups(answer, words):
    refused("7.2", answer, words)


# --- 7.3


def is_beaten(points, k):
    others = np.delete(points, k, axis=0)
    return ((others >= points[k]).all(axis=1) & (others > points[k]).any(axis=1)).any()


def chosen(weights, left, odd, promise, **changes):
    """The choice asked for; `changes` gives a part another value."""
    points = np.stack([left.mean(axis=0), odd.mean(axis=0)], axis=1)
    front = [weight for k, weight in enumerate(weights) if not is_beaten(points, k)]
    keeping = [(*point, weight) for point, weight in zip(points.tolist(), weights, strict=True) if point[1] >= promise]
    return {"front": front, "chosen": max(keeping)[2] if keeping else None} | changes


def by_sorting(weights, left, odd, promise):
    left, odd = np.asarray(left).mean(0), np.asarray(odd).mean(0)
    order = np.lexsort((odd, left))[::-1]
    keeping = [k for k in order if odd[k] >= promise]
    better = (left[:, None] >= left) & (odd[:, None] >= odd) & ((left[:, None] > left) | (odd[:, None] > odd))
    return {"chosen": np.float64(weights[keeping[0]]) if keeping else None, "front": np.array(weights)[~better.any(0)]}


def by_tensors(weights, left, odd, promise):
    found = chosen(weights, left, odd, promise)
    return {"front": tf.constant(found["front"]), "chosen": found["chosen"]}


def in_few_bits_too(weights, left, odd, promise):
    found = chosen(weights, left, odd, promise)
    pick = found["chosen"]
    return {"front": np.float16(found["front"]), "chosen": pick if pick is None else np.float16(pick)}


def last_of_twins(weights, left, odd, promise):
    found = by_sorting(weights[::-1], left[:, ::-1], odd[:, ::-1], promise)
    return {"front": tuple(found["front"][::-1]), "chosen": found["chosen"]}


class Choice:
    def __call__(self, weights, left, odd, promise):
        return chosen(weights, left, odd, promise)


def by_frames(weights, left, odd, promise):
    table = pandas.DataFrame({"weight": weights, "left": left.mean(axis=0), "odd": odd.mean(axis=0)})
    beaten = [
        ((table.left >= a) & (table.odd >= b) & ((table.left > a) | (table.odd > b))).any()
        for a, b in zip(table.left, table.odd, strict=True)
    ]
    keeping = table[table.odd >= promise].sort_values(["left", "odd"])
    return {"front": table.weight[~np.array(beaten)], "chosen": keeping.weight.iloc[-1] if len(keeping) else None}


RIGHT_CHOICES = [by_frames, chosen, by_sorting, by_tensors, in_few_bits_too, last_of_twins, Choice()]


@pytest.mark.parametrize("function", RIGHT_CHOICES)
def test_a_choice_however_it_is_made(function):
    assert outcome("7.3", function) == ("correct", "")


def front_by(beats):
    """Another rule for the front: `beats(other, point)`."""

    def choose(weights, left, odd, promise):
        points = list(zip(left.mean(axis=0), odd.mean(axis=0), strict=True))
        front = [w for w, p in zip(weights, points, strict=True) if not any(beats(q, p) for q in points)]
        return chosen(weights, left, odd, promise, front=front)

    return choose


def one_by(key, keeps=lambda odd, promise: odd >= promise):
    """Another rule for the choice: the largest `key(left, odd)` among those that keep the promise."""

    def choose(weights, left, odd, promise):
        points = zip(left.mean(axis=0), odd.mean(axis=0), weights, strict=True)
        keeping = [(key(a, b), weight) for a, b, weight in points if keeps(b, promise)]
        best = max(keeping, key=lambda pair: pair[0], default=(0, None))[1]
        return chosen(weights, left, odd, promise, chosen=best)

    return choose


def drops_twins(weights, left, odd, promise):
    points = list(zip(left.mean(axis=0), odd.mean(axis=0), strict=True))
    front = [
        weight
        for k, (weight, p) in enumerate(zip(weights, points, strict=True))
        if not any(q[0] >= p[0] and q[1] >= p[1] and j != k for j, q in enumerate(points))
    ]
    return chosen(weights, left, odd, promise, front=front)


def by_run(number):
    return lambda w, a, b, p: chosen(w, number(a, axis=0)[None], number(b, axis=0)[None], p)


def promise_of(number):
    """The choice among the weights of which this number of the runs keeps the promise."""

    def choose(weights, left, odd, promise):
        keeps = number(odd, axis=0) >= promise
        means = zip(left.mean(axis=0), odd.mean(axis=0), weights, strict=True)
        keeping = [point for point, kept in zip(means, keeps, strict=True) if kept]
        return chosen(weights, left, odd, promise, chosen=max(keeping)[2] if keeping else None)

    return choose


def loop_of(better):
    """The choice by a loop that keeps the best so far."""

    def choose(weights, left, odd, promise):
        left, odd = left.mean(axis=0), odd.mean(axis=0)
        best = None
        for k in range(len(weights)):
            if odd[k] >= promise and (best is None or better(left[k], left[best], odd[k], odd[best])):
                best = k
        found = {} if best is None else {"chosen": weights[best]}
        return chosen(weights, left[None], odd[None], promise, **found)

    return choose


def rounded(digits):
    return lambda w, a, b, p: chosen(w, a.mean(0).round(digits)[None], b.mean(0).round(digits)[None], p)


def chosen_by_rounded(digits):
    def choose(weights, left, odd, promise):
        pick = rounded(digits)(weights, left, odd, promise)["chosen"]
        return chosen(weights, left, odd, promise, chosen=pick)

    return choose


def promised(both):
    """Return an answer for which the promise is about left too, or about left instead of odd."""

    def answer(weights, left, odd, promise):
        means = list(zip(left.mean(axis=0), odd.mean(axis=0), strict=True))
        kept = [k for k, (a, b) in enumerate(means) if a >= promise and (b >= promise or not both)]
        best = max(kept, key=lambda k: means[k], default=None)
        return chosen(weights, left, odd, promise, chosen=None if best is None else weights[best])

    return answer


WRONG_CHOICES = {
    "last of ties": (loop_of(lambda a, best, b, other: a >= best), "has the same left and a better odd"),
    "first of ties": (loop_of(lambda a, best, b, other: a > best), "has the same left and a better odd"),
    "rounded to 2": (rounded(2), "the means are rounded to 2 digits: compare them as they are"),
    "rounded to 1": (rounded(1), "the means are rounded to 1 digits: compare them as they are"),
    "chosen by rounded means": (chosen_by_rounded(2), "the means are rounded to 2 digits: compare them as they are"),
    "the front of those that keep the promise": (
        lambda w, a, b, p: chosen(
            w,
            a,
            b,
            p,
            front=[x for x, y in zip(w, b.mean(0), strict=True) if x in chosen(w, a, b, p)["front"] and y >= p],
        ),
        "it holds only weights that keep the promise",
    ),
    "worst left": (one_by(lambda a, b: -a), "that is the worst left"),
    "the first that keeps it": (one_by(lambda a, b: 0), "that is the first one that keeps the promise"),
    "a weight twice": (
        lambda w, a, b, p: chosen(w, a, b, p, front=chosen(w, a, b, p)["front"] * 2),
        "stands there twice",
    ),
    "turned round": (lambda w, a, b, p: chosen(w, a, b, p, front=chosen(w, a, b, p)["front"][::-1]), "keep the order"),
    "a place": (
        lambda w, a, b, p: chosen(w, a, b, p, chosen=-1 if chosen(w, a, b, p)["chosen"] else None),
        "which is none of the weights",
    ),
    "text": (lambda w, a, b, p: chosen(w, a, b, p, chosen="0.3"), "the chosen weight should be a number"),
    "all": (lambda w, a, b, p: chosen(w, a, b, p, front=w), "another weight beats it"),
    "strictly": (front_by(lambda q, p: q[0] > p[0] and q[1] > p[1]), "does not belong to it: a point with the same"),
    "twins dropped": (drops_twins, "two equal points do not beat each other"),
    "left only": (front_by(lambda q, p: q[0] > p[0]), "is missing: a weight on the front may be worse in one head"),
    "places": (lambda w, a, b, p: chosen(w, a, b, p, front=[w.index(x) for x in chosen(w, a, b, p)["front"]]), "place"),
    "sorted": (lambda w, a, b, p: chosen(w, a, b, p, front=sorted(chosen(w, a, b, p)["front"])), "keep the order"),
    "one run": (lambda w, a, b, p: chosen(w, a[:1], b[:1], p), "the front of the first run: take the mean"),
    "best runs": (by_run(np.max), "the front of the best run: take the mean"),
    "worst runs": (by_run(np.min), "the front of the worst run: take the mean"),
    "median": (by_run(np.median), "the front of the median of the runs: take the mean"),
    "each run keeps the promise": (promise_of(np.min), "that keeps the promise in each run: take the mean"),
    "some run keeps the promise": (
        promise_of(np.max),
        "that keeps the promise in some run: take the mean over the runs",
    ),
    "sorts the weights": (lambda w, a, b, p: chosen(sorted(w), a, b, p) | {"order": w.sort()}, "changes `weights`"),
    "over the weights": (lambda w, a, b, p: chosen(w[: len(a)], a.T, b.T, p), "is missing"),
    "best mean": (one_by(lambda a, b: a + b), "take the best left that keeps the promise"),
    "best product": (one_by(lambda a, b: a * b), "best of both heads taken together"),
    "best odd": (one_by(lambda a, b: b), "take the best left that keeps the promise"),
    "no promise": (one_by(lambda a, b: (a, b), lambda b, p: True), "only weights that keep the promise can be chosen"),
    "more than the promise": (one_by(lambda a, b: (a, b), lambda b, p: b > p), "`>=` is enough to keep the promise"),
    "tie by chance": (one_by(lambda a, b: (a, -b)), "has the same left and a better odd"),
    "the best anyway": (
        lambda w, a, b, p: chosen(w, a, b, p, chosen=chosen(w, a, b, min(p, b.mean(axis=0).max()))["chosen"]),
        "no weight keeps the promise, so it should be None",
    ),
    "zero for none": (
        lambda w, a, b, p: chosen(w, a, b, p, chosen=chosen(w, a, b, p)["chosen"] or 0),
        "should be None",
    ),
    "a promise for both": (
        promised(both=True),
        "the promise is about odd alone",
    ),
    "a promise for left": (promised(both=False), "the promise is about odd, and not about left"),
    "NaN for none": (
        lambda w, a, b, p: chosen(w, a, b, p, chosen=float(chosen(w, a, b, p)["chosen"] or "nan")),
        "where no weight keeps the promise, it should be None",
    ),
    "never": (lambda w, a, b, p: chosen(w, a, b, p, chosen=None), "keeps the promise, with an odd of"),
    "a tuple": (lambda w, a, b, p: tuple(chosen(w, a, b, p).values()), "should be a dict"),
    "nothing": (lambda w, a, b, p: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_CHOICES.values(), ids=WRONG_CHOICES)
def test_wrong_choices(answer, words):
    refused("7.3", answer, words)


# --- 7.4


def logs(losses, gradients, **changes):
    """The loss and the gradient asked for; `changes` gives a part another value."""
    found = {
        "loss": sum(np.log(loss) for loss in losses.values()),
        "gradient": sum(gradients[name] / losses[name] for name in losses),
    }
    return found | {name: change(losses, gradients) for name, change in changes.items()}


def of_product(losses, gradients):
    product = np.prod([*losses.values()])
    return logs(losses, gradients, loss=lambda v, g: np.log(product))


def by_tape(losses, gradients):
    place = tf.Variable(tf.zeros_like(next(iter(gradients.values()))))
    with tf.GradientTape() as tape:
        values = [losses[name] + tf.reduce_sum(place * gradients[name]) for name in losses]
        loss = tf.add_n([keras.ops.log(value) for value in values])
    return {"loss": loss, "gradient": tape.gradient(loss, place)}


def changed_in_place(losses, gradients):
    for name in losses:
        gradients[name] /= losses[name]
    return {"loss": sum(map(np.log, losses.values())), "gradient": sum(gradients.values())}


def in_single(losses, gradients):
    gradient = sum(keras.ops.convert_to_tensor(gradients[name] / losses[name], "float32") for name in losses)
    return {"loss": np.float32(sum(map(np.log, losses.values()))), "gradient": gradient}


def in_few_bits_three(losses, gradients):
    return {name: np.float16(value) for name, value in logs(losses, gradients).items()}


def as_a_list(losses, gradients):
    found = logs(losses, gradients)
    return {"gradient": found["gradient"].tolist(), "loss": found["loss"].tolist()}


RIGHT_LOGS = [logs, of_product, by_tape, in_single, in_few_bits_three, as_a_list]


@pytest.mark.parametrize("function", RIGHT_LOGS)
def test_a_sum_of_logarithms_however_it_is_made(function):
    assert outcome("7.4", function)[0] == "correct"


def loss_of(change):
    return lambda losses, gradients: logs(losses, gradients, loss=lambda v, g: change(np.array([*v.values()])))


def gradient_of(change):
    return lambda losses, gradients: logs(
        losses, gradients, gradient=lambda v, g: sum(change(v[name], g[name]) for name in v)
    )


def in_pairs(losses_in_order, gradients_in_order):
    def gradient(losses, gradients):
        pairs = zip(losses_in_order(losses), gradients_in_order(gradients), strict=True)
        return sum(gradients[b] / losses[a] for a, b in pairs)

    return lambda losses, gradients: logs(losses, gradients, gradient=gradient)


WRONG_LOGS = {
    "sorted gradients": (in_pairs(list, sorted), "the keys may stand in any order"),
    "sorted losses": (in_pairs(sorted, list), "the keys may stand in any order"),
    "half": (gradient_of(lambda loss, g: g / (2 * loss)), "each gradient is divided by twice its loss"),
    "squared": (gradient_of(lambda loss, g: g / loss**2), "divided by the square of its loss"),
    "two heads": (
        lambda v, g: logs(v, g, gradient=lambda v, g: sum(g[name] / v[name] for name in [*v][:2])),
        "of it should be",
    ),
    "absolute": (loss_of(lambda v: np.abs(np.log(v)).sum()), "so take no absolute values"),
    "rounded": (loss_of(lambda v: round(float(np.log(v).sum()), 2)), "it is rounded to 2 digits"),
    "four decimals": (loss_of(lambda v: round(float(np.log(v).sum()), 4)), "it is rounded to 4 decimals"),
    "a gradient in four decimals": (
        lambda v, g: logs(v, g, gradient=lambda v, g: sum(g[name] / v[name] for name in v).round(4)),
        "it is rounded to 4 decimals",
    ),
    "an epsilon": (loss_of(lambda v: np.log(v + 1e-7).sum()), "and the sum of the logarithms is"),
    "an epsilon in the gradient": (gradient_of(lambda loss, g: g / (loss + 1e-7)), "of it should be"),
    "nearly": (loss_of(lambda v: np.log(v).sum() + 0.001), "and the sum of the logarithms is"),
    "popped": (
        lambda v, g: logs(v, {name: g.pop(name) for name in [*g]}),
        "your function changes `gradients` itself",
    ),
    "text": (loss_of(lambda v: str(np.log(v).sum())), "the loss should be a number, and yours is the text"),
    "log of the sum": (loss_of(lambda v: np.log(v.sum())), "which is the logarithm of the sum"),
    "plain sum": (loss_of(np.sum), "which is the sum of the losses"),
    "mean": (loss_of(lambda v: np.log(v).mean()), "which is a mean"),
    "sign": (loss_of(lambda v: -np.log(v).sum()), "turn the sign round"),
    "plus one": (loss_of(lambda v: np.log1p(v).sum()), "do not add 1"),
    "log10": (loss_of(lambda v: np.log10(v).sum()), "use the natural logarithm"),
    "product": (loss_of(np.prod), "which is the product"),
    "cut": (loss_of(lambda v: max(0.0, np.log(v).sum())), "do not cut it off at 0"),
    "one loss": (loss_of(lambda v: np.log(v[0])), "and the sum of the logarithms is"),
    "an array": (loss_of(np.log), "the loss should be one number"),
    "plain gradient": (gradient_of(lambda loss, g: g), "it is the plain sum of the gradients"),
    "of the log of the sum": (
        lambda v, g: logs(v, g, gradient=lambda v, g: sum(g.values()) / sum(v.values())),
        "it is the gradient of log(sum of losses)",
    ),
    "times": (gradient_of(lambda loss, g: g * loss), "each gradient is multiplied by its loss"),
    "by its norm": (gradient_of(lambda loss, g: g / np.linalg.norm(g)), "each gradient is divided by its norm"),
    "downhill": (gradient_of(lambda loss, g: -g / loss), "the sign is turned round"),
    "mean gradient": (lambda v, g: logs(v, g, gradient=lambda v, g: logs(v, g)["gradient"] / len(v)), "it is a mean"),
    "times the logarithm": (gradient_of(lambda loss, g: g * np.log(loss)), "multiplied by the logarithm of its loss"),
    "by place": (
        lambda v, g: logs(v, g, gradient=lambda v, g: sum(a / b for a, b in zip(g.values(), v.values(), strict=True))),
        "the keys may stand in any order",
    ),
    "in place": (changed_in_place, "your function changes `gradients` itself"),
    "by the logarithm": (gradient_of(lambda loss, g: g / np.log(loss)), "the slope of log(x) is 1/x"),
    "kept away from 0": (gradient_of(lambda loss, g: g / (loss + 1)), "1 is added to each loss there"),
    "by the first": (
        lambda v, g: logs(v, g, gradient=lambda v, g: sum(g.values()) / next(iter(v.values()))),
        "all are divided by one loss",
    ),
    "stacked": (
        lambda v, g: logs(v, g, gradient=lambda v, g: np.array([g[name] / v[name] for name in v])),
        "the gradient should have shape",
    ),
    "loss only": (lambda v, g: logs(v, g)["loss"], "should be a dict"),
    "nothing": (lambda v, g: None, "is a `return` missing?"),
}


@pytest.mark.parametrize(("answer", "words"), WRONG_LOGS.values(), ids=WRONG_LOGS)
def test_wrong_logs(answer, words):
    refused("7.4", answer, words)
