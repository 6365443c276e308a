"""The checks of exercise 7: right answers pass, wrong ones hear why not."""

import functools

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from checking import outcome, refused

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


def two_heads(heads, batch_size):
    return normalised({name: part(heads[name], batch_size) if name in [*heads][:2] else 0.0 for name in heads})


WRONG_SHARES = {
    "two heads only": (two_heads, "should be"),
    "five decimals": (lambda h, n: {k: round(v, 5) for k, v in by(part)(h, n).items()}, "it is rounded to 5 decimals"),
    "rounded": (lambda h, n: {k: round(v, 2) for k, v in by(part)(h, n).items()}, "it is rounded to 2 decimals"),
    "nearly": (lambda h, n: {k: 1.0002 * v for k, v in by(part)(h, n).items()}, "should be"),
    "text": (
        lambda h, n: {k: f"{v:.1%}" for k, v in by(part)(h, n).items()},
        "should be a number, and yours is the text",
    ),
    "emptied": (
        lambda h, n: normalised({name: part(h.pop(name), n) for name in [*h]}),
        "your function changes `heads` itself",
    ),
    "in place": (in_place, "your function changes `heads` itself"),
    "always 32 images": (by(lambda h, n: part(h, 32)), "should be"),
    "a list": (lambda h, n: [*by(part)(h, n).values()], "should be a dict"),
    "one head": (lambda h, n: {"odd": 1.0}, "should be pose and tags, and yours are odd"),
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
    "not after the end": (only_if(lambda e, n: e <= n), "after epoch number `epochs` it sets nothing"),
    "not at the end": (only_if(lambda e, n: e < n), "it should reach the end, and it sets nothing from there on"),
    "squared": (at_begin(lambda e, a, b, n: a + min(e / n, 1) ** 2 * (b - a)), "and it should be"),
    "does not stop": (
        at_begin(lambda e, a, b, n: a + e / n * (b - a)),
        "after epoch number `epochs` it should stay at",
    ),
    "counts its calls": (counting, "a continued training needs the number of the epoch"),
    "at the end": (at_end, "-7 is the value from before"),
    "set at once": (set_at_once, "it is one epoch too late"),
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


WRONG_CHOICES = {
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
    "places": (lambda w, a, b, p: chosen(w, a, b, p, front=[w.index(x) for x in chosen(w, a, b, p)["front"]]), "place"),
    "sorted": (lambda w, a, b, p: chosen(w, a, b, p, front=sorted(chosen(w, a, b, p)["front"])), "keep the order"),
    "sorts the weights": (lambda w, a, b, p: chosen(sorted(w), a, b, p) | {"order": w.sort()}, "changes `weights`"),
    "over the weights": (lambda w, a, b, p: chosen(w[: len(a)], a.T, b.T, p), "is missing"),
    "zero for none": (
        lambda w, a, b, p: chosen(w, a, b, p, chosen=chosen(w, a, b, p)["chosen"] or 0),
        "should be None",
    ),
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


WRONG_LOGS = {
    "two heads": (
        lambda v, g: logs(v, g, gradient=lambda v, g: sum(g[name] / v[name] for name in [*v][:2])),
        "gradient at index ",
    ),
    "rounded": (loss_of(lambda v: round(float(np.log(v).sum()), 2)), "it is rounded to 2 decimals"),
    "four decimals": (loss_of(lambda v: round(float(np.log(v).sum()), 4)), "it is rounded to 4 decimals"),
    "a gradient in four decimals": (
        lambda v, g: logs(v, g, gradient=lambda v, g: sum(g[name] / v[name] for name in v).round(4)),
        "it is rounded to 4 decimals",
    ),
    "an epsilon": (loss_of(lambda v: np.log(v + 1e-7).sum()), "loss should be"),
    "an epsilon in the gradient": (gradient_of(lambda loss, g: g / (loss + 1e-7)), "gradient at index "),
    "nearly": (loss_of(lambda v: np.log(v).sum() + 0.001), "loss should be"),
    "popped": (
        lambda v, g: logs(v, {name: g.pop(name) for name in [*g]}),
        "your function changes `gradients` itself",
    ),
    "text": (loss_of(lambda v: str(np.log(v).sum())), "the loss should be a number, and yours is the text"),
    "one loss": (loss_of(lambda v: np.log(v[0])), "loss should be"),
    "an array": (loss_of(np.log), "the loss should be one number"),
    "in place": (changed_in_place, "your function changes `gradients` itself"),
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
