"""Rules about the model itself: its state since `compile`, its outputs, and their names."""

import re
from collections import Counter, OrderedDict

import keras

from mos_helpers.heads.endings import name_of
from mos_helpers.heads.wiring import Faults, Wiring
from mos_helpers.inside_keras import has_own, is_graph

DICTIONARY = 'dictionary, such as {"digit": ..., "odd": ...}'


def state_since_compile(wiring: Wiring) -> Faults:
    """The model is not compiled, or has no loss, or what came before `compile` or since keeps it from counting."""
    compiled, model = wiring.compiled, wiring.model
    if compiled is None:
        if not model.compiled and not has_own(model, "compile"):
            yield "not-compiled", "The model is not compiled: call compile before check_heads."
        return
    if compiled.fit_failed:
        yield "failed-fit", "An earlier fit failed, and the model cannot be trained as it is: call compile again."
    given = any(keras.tree.flatten(compiled.loss)) or getattr(model, "losses", None)
    if wiring.heads and not wiring.own_step and not given:
        yield "no-loss", f'compile got no loss: write loss={{"{wiring.names[0]}": ...}} for each head.'
    for part in compiled.kept:
        message = f"compile was called again without {part}, so Keras keeps the earlier {part}: write {part} again"
        yield "kept-from-before", message + (", or [] for none." if "metrics" in part else ".")
    for layer in compiled.frozen_late:
        message = f'The layer "{layer}" had its trainable changed after compile: call compile again, so that it counts.'
        yield "frozen-late", message, layer
    if compiled.other_variables:
        wrong = "The optimizer was used before and does not know this model's weights, such as"
        cure = 'make a new one in compile, such as keras.optimizers.Adam() or "adam"'
        yield "optimizer-reused", f"{wrong} {compiled.other_variables[0]}: {cure}."
    if isinstance(model.steps_per_execution, str):
        message = f'steps_per_execution is "{model.steps_per_execution}", and fit needs a whole number: write 32.'
        yield "steps-per-execution", message


def form_of_outputs(wiring: Wiring) -> Faults:
    """The outputs have no names, or one name twice, or a form that Keras does not match with the losses and targets."""
    compiled = wiring.compiled
    for name, count in Counter(wiring.names).items():
        if count > 1:
            wrong = f'{count} outputs have the name "{name}", so the logs show only one of them'
            cure = 'return a dictionary of outputs, such as {"left": ..., "right": ...}'
            yield "duplicate-name", f"{wrong}: {cure}.", name
    alone = compiled and wiring.own_step and compiled.loss is None  # its own step makes the losses and their logs
    if wiring.form == "list" and not is_graph(wiring.model) and not alone:
        why = "because call returns a list or tuple, and heads with equal losses share one log"
        yield "no-names", f"The heads have no names, {why}: return a {DICTIONARY}."
    if isinstance(wiring.outputs, OrderedDict):
        message = "The outputs are an OrderedDict, which Keras does not match with a dictionary of losses: write {...}."
        yield "ordered-dict", message
    if wiring.form == "nested":
        wrong = "The outputs are nested, which Keras matches with losses and metrics only in part"
        yield "nested", f"{wrong}: return one flat {DICTIONARY}."
    for head in wiring.heads:
        if head.shape == ():
            message = "This head gives one number for the whole batch: give one for each row, of shape (batch, 1)."
            yield "no-batch", message, head.name


def names_of_heads(wiring: Wiring) -> Faults:
    """A head's key differs from the name of its layer, or TensorFlow refuses it, or Keras uses it itself."""
    users = Counter(head.layer for head in wiring.heads)
    for head in wiring.heads if wiring.form in ("dict", "list") else ():
        if head.layer not in (None, head.name) and users[head.layer] == 1:
            cure = f'name the layer as the key, name="{head.name}"'
            if head.operation:
                cure = f'end the head in keras.layers.Identity(name="{head.name}")'
            message = f'The layer of this head is called "{head.layer}", so Keras shows two names for one head: {cure}.'
            yield "key-not-layer", message, head.name
    for name in map(str, wiring.names):
        if not re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_.\\>-]*", name):
            yield "bad-name", f'TensorFlow cannot use "{name}" as a name: use letters, digits and "_".', name
        if name == "val" or name.startswith("val_"):
            message = f'In the logs "{name}_loss" would look like a loss on validation data: rename the head.'
            yield "reserved-name", message, name


def names_in_logs(wiring: Wiring) -> Faults:
    """Two numbers would have the same name in the logs, such as a metric called "loss"."""
    many, logs = len(wiring.heads) > 1, {"loss": "the total loss"}
    for head in {head.name: head for head in wiring.heads}.values():
        prefix, seen = f"{head.name}_" if many else "", Counter()
        numbers = [(f"{prefix}loss", f"the loss of {head.name}")] if many and head.loss else []
        for metric in head.metrics:
            label = metric if isinstance(metric, str) else getattr(metric, "name", name_of(metric))
            numbered = f"{label}_{seen[label]}" if seen[label] else label  # as Keras does within one head
            seen[label] += 1
            numbers.append((prefix + numbered, f"the metric {label} of {head.name}"))
        for log, what in numbers:
            if log in logs:
                both = f'{what} and {logs[log]} would both be called "{log}"'
                yield "same-log-name", f"In the logs, {both}: give one of them another name.", head.name
            logs.setdefault(log, what)


RULES = [state_since_compile, form_of_outputs, names_of_heads, names_in_logs]
