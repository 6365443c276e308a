"""Rules about the model itself: its state since `compile`, and the names of its heads."""

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator

import keras

from mos_helpers.heads.losses import name_of
from mos_helpers.heads.report import Finding
from mos_helpers.heads.wiring import Wiring
from mos_helpers.inside_keras import has_own, is_graph

Findings = Iterator[Finding]


def not_compiled(wiring: Wiring) -> Findings:
    """`compile` was not called, or `fit` failed and left a model behind that cannot be trained."""
    if not wiring.model.compiled and not has_own(wiring.model, "compile"):
        yield Finding("not-compiled", "", "The model is not compiled: call compile before check_heads.")
    elif wiring.compiled and wiring.compiled.fit_failed:
        message = "An earlier fit failed, and the model cannot be trained as it is: call compile again."
        yield Finding("failed-fit", "", message)


def no_loss(wiring: Wiring) -> Findings:
    """A model that was compiled without any loss."""
    compiled, own = wiring.compiled, getattr(wiring.model, "losses", None)
    if compiled and not compiled.own_step and not any(keras.tree.flatten(compiled.loss)) and wiring.heads and not own:
        yield Finding("no-loss", "", f'compile got no loss: write loss={{"{wiring.names[0]}": ...}} for each head.')


def kept_from_before(wiring: Wiring) -> Findings:
    """`compile` was called again, and Keras keeps what the new call leaves out."""
    for part in wiring.compiled.kept if wiring.compiled else ():
        message = f"compile was called again without {part}, so Keras keeps the earlier {part}: write {part} again"
        yield Finding("kept-from-before", "", message + (", or [] for none." if "metrics" in part else "."))


def frozen_late(wiring: Wiring) -> Findings:
    """`trainable` was changed after `compile`."""
    for layer in wiring.compiled.frozen_late if wiring.compiled else ():
        message = f'The layer "{layer}" had its trainable changed after compile: call compile again, so that it counts.'
        yield Finding("frozen-late", layer, message)


def optimizer_of_another_model(wiring: Wiring) -> Findings:
    """The optimizer was used before, for other weights."""
    if wiring.compiled and wiring.compiled.other_variables:
        example = wiring.compiled.other_variables[0]
        message = (
            f"The optimizer was used before and does not know this model's weights, such as {example}: "
            'make a new one in compile, such as keras.optimizers.Adam() or "adam".'
        )
        yield Finding("optimizer-reused", "", message)


def steps_per_execution(wiring: Wiring) -> Findings:
    """`steps_per_execution` is not a number."""
    steps = getattr(wiring.model, "steps_per_execution", 1)
    if isinstance(steps, str):
        message = f'steps_per_execution is "{steps}", and fit needs a whole number: write 32.'
        yield Finding("steps-per-execution", "", message)


def duplicate_names(wiring: Wiring) -> Findings:
    """Two outputs of a list have the same name."""
    for name, count in Counter(wiring.names).items():
        if count > 1:
            message = (
                f'{count} outputs have the name "{name}", so the logs show only one of them: '
                'return a dictionary of outputs, such as {"left": ..., "right": ...}.'
            )
            yield Finding("duplicate-name", name, message)


def no_names(wiring: Wiring) -> Findings:
    """A model of its own class returns a list or tuple, so its heads have no names."""
    compiled = wiring.compiled
    alone = compiled and compiled.own_step and compiled.loss is None  # its own step makes the losses and their logs
    if wiring.form == "list" and not is_graph(wiring.model) and not alone:
        message = (
            "The heads have no names, because call returns a list or tuple, and heads with equal losses share one log: "
            'return a dictionary, such as {"digit": ..., "odd": ...}.'
        )
        yield Finding("no-names", "", message)


def ordered_or_nested(wiring: Wiring) -> Findings:
    """The outputs are an OrderedDict, or dictionaries or lists within one another."""
    if isinstance(wiring.outputs, OrderedDict):
        message = "The outputs are an OrderedDict, which Keras does not match with a dictionary of losses: write {...}."
        yield Finding("ordered-dict", "", message)
    if wiring.form == "nested":
        message = (
            "The outputs are nested, which Keras matches with losses and metrics only in part: "
            'return one flat dictionary, such as {"digit": ..., "odd": ...}.'
        )
        yield Finding("nested", "", message)


def key_is_not_the_layer(wiring: Wiring) -> Findings:
    """A head's key differs from the name of its layer."""
    users = Counter(head.layer for head in wiring.heads)
    for head in wiring.heads:
        if wiring.form in ("dict", "list") and head.layer not in (None, head.name) and users[head.layer] == 1:
            cure = f'name the layer as the key, name="{head.name}"'
            if head.operation:
                cure = f'end the head in keras.layers.Identity(name="{head.name}")'
            message = f'The layer of this head is called "{head.layer}", so Keras shows two names for one head: {cure}.'
            yield Finding("key-not-layer", head.name, message)


def bad_names(wiring: Wiring) -> Findings:
    """A head's name contains a character that TensorFlow refuses, or is one that Keras uses itself."""
    for name in map(str, wiring.names):
        if not re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*", name) or "/" in name:
            message = f'TensorFlow cannot use "{name}" as a name: use letters, digits and "_".'
            yield Finding("bad-name", name, message)
        if name == "val" or name.startswith("val_"):
            message = f'In the logs "{name}_loss" would look like a loss on validation data: rename the head.'
            yield Finding("reserved-name", name, message)


def same_log_names(wiring: Wiring) -> Findings:
    """Two numbers would have the same name in the logs, such as a metric called "loss"."""
    many = len(wiring.heads) > 1
    logs = [("loss", "", "the total loss")]
    for head in {head.name: head for head in wiring.heads}.values():
        prefix = f"{head.name}_" if many else ""
        if many and head.loss:
            logs.append((f"{prefix}loss", head.name, f"the loss of {head.name}"))
        seen: Counter = Counter()
        for metric in head.metrics:
            label = metric if isinstance(metric, str) else getattr(metric, "name", name_of(metric))
            numbered = f"{label}_{seen[label]}" if seen[label] else label  # as Keras does within one head
            seen[label] += 1
            logs.append((prefix + numbered, head.name, f"the metric {label} of {head.name}"))
    for i, (log, head, what) in enumerate(logs):
        first = next((other for name, _, other in logs[:i] if name == log), None)
        if first:
            message = f'In the logs, {what} and {first} would both be called "{log}": give one of them another name.'
            yield Finding("same-log-name", head, message)


def no_batch_dimension(wiring: Wiring) -> Findings:
    """A head gives one number for the whole batch."""
    for head in wiring.heads:
        if head.shape == ():
            message = "This head gives one number for the whole batch: give one for each row, of shape (batch, 1)."
            yield Finding("no-batch", head.name, message)


RULES: list[Callable[[Wiring], Findings]] = [
    not_compiled,
    no_loss,
    kept_from_before,
    frozen_late,
    optimizer_of_another_model,
    steps_per_execution,
    duplicate_names,
    no_names,
    ordered_or_nested,
    key_is_not_the_layer,
    bad_names,
    same_log_names,
    no_batch_dimension,
]
