"""Rules about single arrays, dictionaries and data sets: does each part reach the head that it is meant for?"""

import difflib
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.heads.report import Finding, Findings
from mos_helpers.heads.rows import Structure
from mos_helpers.heads.wiring import Wiring, quoted

LACKING = {
    "targets": "give it a target",
    "loss": "it would not be trained; write None if that is meant",
    "loss_weights": "write 1.0 if that is meant",
    "sample_weight": "write None if every row counts the same",
}


def one_for_all(wiring: Wiring) -> Findings:
    """One array of targets or of weights for several heads, or a dictionary for a single one."""
    targets, weights, many = wiring.parts["targets"], wiring.parts["sample_weight"], len(wiring.heads) > 1
    if many and _is_array(targets) and not wiring.own_step:
        what = "a table (DataFrame)" if hasattr(targets, "columns") else "one array"
        message = (
            f"targets is {what}, but the model has {len(wiring.heads)} outputs: write {wiring.code_for('targets')}."
        )
        if weights is not None:
            message += " In a dataset, the third part is taken for sample_weight: put all targets into the second."
        yield Finding("one-target", "", message)
    if many and _is_array(weights) and not _is_array(targets):
        message = (
            "sample_weight is one array, so it weights every head: "
            f"write {wiring.code_for('sample_weight')}, with ones for a head that needs none."
        )
        yield Finding("one-weight", "", message)
    if wiring.form == "single" and isinstance(targets, dict):
        message = "targets is a dictionary, but the model's only output has no key: give the array itself."
        yield Finding("dict-for-single", wiring.names[0], message)


def class_weights(wiring: Wiring) -> Findings:
    """Weights for classes instead of rows."""
    weights = wiring.parts["sample_weight"]
    weights = weights if isinstance(weights, dict) else {}
    if weights and all(isinstance(key, int | np.integer) for key in weights):
        message = (
            "sample_weight has class numbers for keys, as class_weight has, which Keras takes for one head alone: give "
            'each row the weight of its class, such as {"digit": np.array([1.0, 3.0])[targets["digit"]]}.'
        )
        yield Finding("class-weight", "", message)
    for name in wiring.names:
        if isinstance(weights.get(name), dict):
            message = (
                "sample_weight has a dictionary here, such as class_weight takes: give each row the weight of its "
                f'class, such as np.array([1.0, 3.0])[targets["{name}"]].'
            )
            yield Finding("class-weight", name, message)


def form_of_loss_weights(wiring: Wiring) -> Findings:
    """A loss weight that is text, or several loss weights for one loss, or one for several."""
    loss, weights = wiring.parts["loss"], wiring.parts["loss_weights"]
    for weight in keras.tree.flatten(weights):
        if isinstance(weight, str):
            yield Finding("loss-weights-form", "", f'loss_weights has the text "{weight}": write a number.')
    if loss is None or weights is None or len(wiring.heads) < 2:
        return
    wrong = None
    if not isinstance(weights, dict | list | tuple):
        wrong = "loss_weights is one for all heads"
    elif not isinstance(loss, dict | list | tuple):
        wrong = "loss is one for all heads, and loss_weights is not"
    if wrong:
        message = f"{wrong}: write {wiring.code_for('loss')} and {wiring.code_for('loss_weights')}."
        yield Finding("loss-weights-form", "", message)


def datasets(wiring: Wiring) -> Findings:
    """A dataset that does not say which shapes its batches have, or that gives its targets in a list."""
    if isinstance(wiring.dataset, tf.data.Dataset):
        specs = tf.nest.flatten(wiring.dataset.element_spec)
        if any(spec.shape.rank is None for spec in specs if hasattr(spec, "shape")):
            message = (
                "The dataset does not know the shapes of its batches, and fit needs them: give from_generator an "
                "output_signature, or call set_shape after py_function."
            )
            yield Finding("no-shapes", "", message)
    if isinstance(wiring.dataset, keras.utils.PyDataset) and isinstance(wiring.parts["targets"], list):
        message = f"The dataset gives its targets in a list: let it give a dictionary, {wiring.code_for('outputs')}."
        yield Finding("list-from-generator", "", message)


def wrong_keys(wiring: Wiring) -> Findings:
    """A dictionary has a key that no output has."""
    layers = [head.layer for head in wiring.heads]
    for part, value in _dictionaries(wiring):
        lacking = [name for name in wiring.names if name not in value]
        for key in (key for key in value if key not in wiring.names):
            if part == "targets" and wiring.own_step and not difflib.get_close_matches(str(key), lacking, 1):
                continue
            cure, meant = f"the outputs are {quoted(wiring.names)}", _meant(str(key), lacking, wiring)
            if meant:
                of_layer = f'that is the name of its layer, and the key of the output is "{meant}"'
                cure = of_layer if key in layers else f'write "{meant}"'
            yield Finding("unknown-key", str(key), f'{part} has the key "{key}", which no output has: {cure}.')


def missing_keys(wiring: Wiring) -> Findings:
    """A dictionary of targets, losses or weights lacks a head."""
    loss = wiring.parts["loss"]
    with_metrics = any(wiring.parts[part] is not None for part in ("metrics", "weighted_metrics"))
    for part, value in _dictionaries(wiring) if not wiring.own_step else ():
        lacking = [head for head in wiring.heads if head.name not in value]
        if part == "loss_weights" and isinstance(loss, dict):
            lacking = [head for head in lacking if head.name in loss]  # Keras matches these two with each other
        if part == "targets" and not with_metrics:
            lacking = [head for head in lacking if wiring.has_loss_or_metric(head)]
        names = [head.name for head in lacking]
        misspelt = {_meant(str(key), names, wiring) for key in value.keys() - set(wiring.names)}
        for head in lacking:
            if part == "targets" and not wiring.has_loss_or_metric(head):
                message = f'Keras looks for a target of every head once there are metrics: write "{head.name}": None.'
                yield Finding("missing-key", head.name, message)
            elif part in LACKING and head.name not in misspelt:
                yield Finding("missing-key", head.name, f'{part} has no key "{head.name}": {LACKING[part]}.')


def _is_array(value: Structure) -> bool:
    return value is not None and not isinstance(value, dict | list | tuple)


def _dictionaries(wiring: Wiring) -> Iterator[tuple[str, dict]]:
    """Return the parts that are dictionaries, where the outputs have names to compare."""
    for part, value in wiring.parts.items() if wiring.heads else ():
        elsewhere = (wiring.form, part) in {("single", "targets"), ("list", "sample_weight")}
        of_classes = part == "sample_weight" and any(class_weights(wiring))
        is_given = isinstance(value, dict) and (value or part in ("targets", "sample_weight"))
        if is_given and not elsewhere and not of_classes:
            yield part, value


def _meant(key: str, names: list[str], wiring: Wiring) -> str | None:
    """Return which of these heads was meant by a key that no output has."""
    for head in wiring.heads:
        if head.layer == key:
            return head.name
    close = difflib.get_close_matches(key, names, 1)
    return close[0] if close else names[0] if len(names) == 1 else None


RULES = [one_for_all, class_weights, form_of_loss_weights, datasets, wrong_keys, missing_keys]
