"""Ways to break a model that is wired rightly, each of which serves any model: what `check_heads` has to find."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mos_helpers.heads import Report, check_heads

import keras  # isort: skip


class Form(NamedTuple):
    """A compiled model, and what `fit` gets."""

    model: keras.Model
    targets: Any
    sample_weight: Any
    x: Any
    how: dict  # the arguments of `compile`
    batches: Callable | None = None  # makes a dataset of (x, targets, sample_weight), where arrays are not given

    def check(self) -> Report:
        """Return what `check_heads` says."""
        if self.batches:
            return check_heads(self.model, self.batches(self.x, self.targets, self.sample_weight))
        return check_heads(self.model, self.targets, self.sample_weight)

    def fit(self) -> None:
        """Take one step, without a graph, which takes longer to make than the step."""
        self.model.run_eagerly = True
        if self.batches:
            self.model.fit(self.batches(self.x, self.targets, self.sample_weight).take(1), shuffle=False, verbose=0)
        else:
            self.model.fit(self.x, self.targets, sample_weight=self.sample_weight, verbose=0)

    def compiled(self, **changed: Any) -> "Form":
        """Compile the model anew, with some arguments changed."""
        how = {"metrics": [], "weighted_metrics": [], **self.how, **changed}
        self.model.compile(**how)
        return self._replace(how=how)


def wired(model: keras.Model, loss: Any, targets: Any, x: Any, weight: Any = None, batches: Any = None, **how: Any):
    """Compile a model, and return it with what `fit` gets."""
    how = {"optimizer": "sgd", "loss": loss, **how}
    model.compile(**how)
    return Form(model, targets, weight, x, how, batches)


class Breakage(NamedTuple):
    """One way to break a form, and the finding that it asks for."""

    name: str
    head: str
    code: str
    broken: Callable[[Form], Form]
    out_of_reach: str = ""  # why nothing can be found
    only_targets: bool = False  # whether nothing but the targets is broken


def beyond(reason: str, breakage: Breakage) -> Breakage:
    """A breakage that `check_heads` cannot find, and why."""
    return breakage._replace(out_of_reach=reason)


def target_of(form: Form, head: str) -> Any:
    """Return a head's share of the targets."""
    return form.targets[head if isinstance(form.targets, dict) else form.model.output_names.index(head)]


def exchanged(form: Form, value: Any, shares: dict) -> Any:
    """Return a dictionary or a list of all heads' shares, with some exchanged."""
    if isinstance(value, dict):
        return {**value, **shares}
    names = form.model.output_names
    value = value if isinstance(value, list) else [value] * len(names)
    return [shares.get(name, old) for name, old in zip(names, value, strict=True)]


# ---------------------------------------------------------------------------------------------------------------------
# Targets


def retargeted(name: str, head: str, code: str, change: Callable[[np.ndarray], np.ndarray]) -> Breakage:
    """A change of one head's targets."""

    def broken(form: Form) -> Form:
        changed = change(np.asarray(target_of(form, head)))
        return form._replace(targets=exchanged(form, form.targets, {head: changed}))

    return Breakage(name, head, code, broken, only_targets=True)


def nan(head: str) -> Breakage:
    """The first number of the targets is NaN."""

    def change(target: np.ndarray) -> np.ndarray:
        target = target.astype("float32")
        target.flat[0] = np.nan
        return target

    return retargeted("NaN", head, "not-a-number", change)


def too_high(head: str, code: str) -> Breakage:
    """All targets are 7 more than they should be."""
    return retargeted("too high", head, code, lambda target: target + 7)


def too_low(head: str, code: str) -> Breakage:
    """All targets are 7 less than they should be."""
    return retargeted("too low", head, code, lambda target: target - 7)


def one_hot(head: str, classes: int) -> Breakage:
    """One-hot targets where class numbers are wanted."""
    return retargeted("one-hot", head, "one-hot", lambda target: np.eye(classes, dtype="float32")[target])


def class_numbers(head: str) -> Breakage:
    """Class numbers where one-hot targets are wanted."""
    return retargeted("class numbers", head, "class-numbers", lambda target: target.argmax(-1))


def wider(head: str) -> Breakage:
    """Targets with twice as many columns as the head has units."""
    return retargeted("too wide", head, "shape", lambda target: np.concatenate([target, target], -1))


def row_short(head: str) -> Breakage:
    """Targets that lack the last row."""
    return retargeted("a row short", head, "length", lambda target: target[:-1])._replace(head="")


def swapped(one: str, other: str, head: str, code: str) -> Breakage:
    """Two heads get each other's targets."""

    def broken(form: Form) -> Form:
        shares = {one: target_of(form, other), other: target_of(form, one)}
        return form._replace(targets=exchanged(form, form.targets, shares))

    return Breakage(f"swapped with {other if head == one else one}", head, code, broken, only_targets=True)


def misspelt(head: str) -> Breakage:
    """The targets have a wrong key."""
    key = f"{head}s"

    def broken(form: Form) -> Form:
        return form._replace(targets={key if name == head else name: y for name, y in form.targets.items()})

    return Breakage("misspelt", key, "unknown-key", broken, only_targets=True)


def no_target(head: str, code: str = "missing-key") -> Breakage:
    """The targets lack a head."""

    def broken(form: Form) -> Form:
        if isinstance(form.targets, dict):
            return form._replace(targets={name: target for name, target in form.targets.items() if name != head})
        return form._replace(targets=[t for t in form.targets if t is not target_of(form, head)])

    return Breakage("no target", head if code == "missing-key" else "", code, broken, only_targets=True)


def only_target(head: str) -> Breakage:
    """One array instead of a dictionary."""

    def broken(form: Form) -> Form:
        return form._replace(targets=target_of(form, head))

    return Breakage("one array", "", "one-target", broken, only_targets=True)


# ---------------------------------------------------------------------------------------------------------------------
# Losses, metrics and weights


def other_loss(name: str, head: str, code: str, loss: Any) -> Breakage:
    """A head has another loss."""
    return Breakage(name, head, code, lambda form: form.compiled(loss=exchanged(form, form.how["loss"], {head: loss})))


def takes_logits(head: str, loss: type) -> Breakage:
    """The loss takes logits, and the head gives probabilities."""
    return other_loss("from_logits", head, "logits", loss(from_logits=True))


def no_loss(head: str) -> Breakage:
    """The dictionary of losses lacks a head."""

    def broken(form: Form) -> Form:
        return form.compiled(loss={name: loss for name, loss in form.how["loss"].items() if name != head})

    return Breakage("no loss", head, "missing-key", broken)


def metric(head: str, metric: Any, code: str = "metric-kind") -> Breakage:
    """A metric that does not fit its head."""

    def broken(form: Form) -> Form:
        keys = isinstance(form.how["loss"], dict)
        none = {name: [] for name in form.how["loss"]} if keys else [[] for _ in form.model.outputs]
        metrics = exchanged(form, none, {head: [metric]})
        weighted = "weighted_metrics" in form.how
        return form.compiled(metrics=[] if weighted else metrics, weighted_metrics=metrics if weighted else [])

    label = metric if isinstance(metric, str) else type(metric).__name__
    return Breakage(label, head, code, broken)


def weighted(name: str, head: str, code: str, weight: np.ndarray) -> Breakage:
    """A head has other weights."""

    def broken(form: Form) -> Form:
        weights = form.sample_weight or dict.fromkeys(form.targets)
        return form._replace(sample_weight=exchanged(form, weights, {head: weight}))

    return Breakage(name, head, code, broken)


def weight_shape(head: str, *shape: int) -> Breakage:
    """Weights of a shape that the head's loss does not have."""
    return weighted(f"weights {shape}".replace(",)", ")"), head, "weight-shape", np.ones(shape, "float32"))


def half_masked(head: str, rows: int) -> Breakage:
    """Rows of weight 0, which the loss by default counts in its mean."""
    weight = np.repeat(np.float32([1, 0]), rows // 2)
    return weighted("rows of weight 0", head, "masked-loss", weight)


def plain_mean(head: str, loss: Any) -> Breakage:
    """The loss of a form with weights counts what has the weight 0 in its mean."""
    return other_loss("plain mean", head, "masked-loss", loss)


# ---------------------------------------------------------------------------------------------------------------------
# The model


def no_activation(head: str, layer: str | None = None, code: str = "logits") -> Breakage:
    """The head's last layer has no activation."""

    def without(old: keras.Layer) -> keras.Layer:
        config = old.get_config()
        return type(old).from_config({**config, "activation": "linear"} if old.name == (layer or head) else config)

    def broken(form: Form) -> Form:
        return form._replace(model=keras.models.clone_model(form.model, clone_function=without)).compiled()

    return Breakage("no activation", head, code, broken)
