"""Rules about structures: does each loss, metric, target and weight reach the head that it is meant for?"""

import difflib
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.heads.endings import name_of
from mos_helpers.heads.wiring import Faults, Wiring, as_list, is_one, quoted

NOT_AN_ARRAY = "is a Python list: write np.array(...)."
LACKING = {
    "targets": "give it a target",
    "loss": "it would not be trained; write None if that is meant",
    "loss_weights": "write 1.0 if that is meant",
    "sample_weight": "write None if every row counts the same",
}


def one_for_all(wiring: Wiring) -> Faults:
    """One array of targets or of weights for several heads, or a dictionary for a single one."""
    targets, weights, heads = wiring.parts["targets"], wiring.parts["sample_weight"], len(wiring.heads)
    if heads > 1 and is_one(targets) and not wiring.own_step:
        what = "a table (DataFrame)" if hasattr(targets, "columns") else "one array"
        message = f"targets is {what}, but the model has {heads} outputs: write {wiring.code_for('targets')}."
        if weights is not None:
            message += " In a dataset, the third part is taken for sample_weight: put all targets into the second."
        yield "one-target", message
    if heads > 1 and is_one(weights) and not is_one(targets):
        cure = f"write {wiring.code_for('sample_weight')}, with ones for a head that needs none"
        yield "one-weight", f"sample_weight is one array, so it weights every head: {cure}."
    if wiring.form == "single" and isinstance(targets, dict):
        message = "targets is a dictionary, but the model's only output has no key: give the array itself."
        yield "dict-for-single", message, wiring.names[0]


def class_weights(wiring: Wiring) -> Faults:
    """Weights for classes instead of rows."""
    weights = wiring.parts["sample_weight"] if isinstance(wiring.parts["sample_weight"], dict) else {}
    cure = "give each row the weight of its class, such as"
    if weights and all(isinstance(key, int | np.integer) for key in weights):
        wrong = "sample_weight has class numbers for keys, as class_weight has, which Keras takes for one head alone"
        code = '{"digit": np.array([1.0, 3.0])[targets["digit"]]}'
        yield "class-weight", f"{wrong}: {cure} {code}."
    for name in wiring.names:
        if isinstance(weights.get(name), dict):
            wrong = "sample_weight has a dictionary here, such as class_weight takes"
            yield "class-weight", f'{wrong}: {cure} np.array([1.0, 3.0])[targets["{name}"]].', name


def form_of_loss_weights(wiring: Wiring) -> Faults:
    """A loss weight that is text, or several loss weights for one loss, or one for several."""
    loss, weights = wiring.parts["loss"], wiring.parts["loss_weights"]
    for weight in keras.tree.flatten(weights):
        if isinstance(weight, str):
            yield "loss-weights-form", f'loss_weights has the text "{weight}": write a number.'
    given = len(wiring.heads) > 1 and loss is not None and weights is not None
    if given and (is_one(loss) or is_one(weights)):
        wrong = "loss_weights is one for all heads"
        wrong = wrong if is_one(weights) else "loss is one for all heads, and loss_weights is not"
        yield "loss-weights-form", f"{wrong}: write {wiring.code_for('loss')} and {wiring.code_for('loss_weights')}."


def datasets(wiring: Wiring) -> Faults:
    """A dataset that does not say which shapes its batches have, or that gives its targets in a list."""
    specs = tf.nest.flatten(wiring.dataset.element_spec) if isinstance(wiring.dataset, tf.data.Dataset) else ()
    if any(spec.shape.rank is None for spec in specs if hasattr(spec, "shape")):
        cure = "give from_generator an output_signature, or call set_shape after py_function"
        yield "no-shapes", f"The dataset does not know the shapes of its batches, and fit needs them: {cure}."
    if isinstance(wiring.dataset, keras.utils.PyDataset) and isinstance(wiring.parts["targets"], list):
        message = f"The dataset gives its targets in a list: let it give a dictionary, {wiring.code_for('outputs')}."
        yield "list-from-generator", message


def wrong_keys(wiring: Wiring) -> Faults:
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
            yield "unknown-key", f'{part} has the key "{key}", which no output has: {cure}.', str(key)


def missing_keys(wiring: Wiring) -> Faults:
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
                yield "missing-key", message, head.name
            elif part in LACKING and head.name not in misspelt:
                yield "missing-key", f'{part} has no key "{head.name}": {LACKING[part]}.', head.name


def dictionaries_for_lists(wiring: Wiring) -> Faults:
    """The outputs are a list, and loss weights or sample weights are a dictionary."""
    parts, weights = wiring.parts, wiring.parts["sample_weight"]
    if wiring.form != "list":
        return
    if isinstance(parts["loss"], list | tuple) and isinstance(parts["loss_weights"], dict):
        how = f"in the order of the sorted keys ({', '.join(sorted(parts['loss_weights']))})"
        wrong = "loss is a list and loss_weights a dictionary"
        yield "list-and-dict", f"{wrong}: Keras matches them {how}. Write {wiring.code_for('loss')}."
    mixed = isinstance(weights, list | tuple) and isinstance(parts["targets"], dict)
    if mixed or isinstance(weights, dict):
        wrong = "a list, and targets a dictionary" if mixed else "a dictionary, but the outputs are a list"
        cure = f"give the model a dictionary of outputs, {wiring.code_for('outputs')}"
        yield "weight-dict", f"sample_weight is {wrong}, which Keras cannot match: {cure}."


def lists(wiring: Wiring) -> Faults:
    """A list where the outputs are a dictionary, which Keras matches by the sorted keys, or one of another length."""
    heads = len(wiring.heads)
    for part, value in wiring.parts.items():
        if not isinstance(value, list | tuple) or not value:
            continue
        if wiring.form == "dict" and heads > 1 and not (part == "targets" and wiring.own_step):
            how = "cannot match them"
            if len(value) == heads and part != "sample_weight":
                order = ", ".join(sorted(wiring.names))
                how = f"matches them in the order of the sorted keys ({order}), whatever order you wrote"
            message = f"{part} is a list, but the outputs are a dictionary: Keras {how}. Write {wiring.code_for(part)}."
            yield "list-for-dict", message
        if wiring.form == "list" and len(value) != heads:
            entries = "1 entry" if len(value) == 1 else f"{len(value)} entries"
            yield "list-length", f"{part} has {entries} for {heads} outputs: write {wiring.code_for(part)}."


def metrics_of_their_own(wiring: Wiring) -> Faults:
    """A flat list of metrics, of which Keras gives one to each head, or one metric object that serves two heads."""
    for part in ("metrics", "weighted_metrics") if wiring.form == "list" else ():
        value = as_list(wiring.parts[part])
        labels = [name_of(metric) for metric in value if metric is not None and not isinstance(metric, list | tuple)]
        if len(set(labels)) == len(value) == len(wiring.heads):
            given = ", ".join(f"{label} only to {name}" for label, name in zip(labels, wiring.names, strict=True))
            message = f"{part} is a flat list, so Keras gives {given}. If you mean that, write {wiring.code_for(part)}."
            yield "flat-metrics", message
    used = [(metric, head.name) for head in wiring.heads for metric in head.metrics + head.weighted_metrics]
    for metric in {id(metric): metric for metric, _ in used if isinstance(metric, keras.metrics.Metric)}.values():
        users = [name for other, name in used if other is metric]
        if len(users) > 1:
            shared = f'The metric object "{metric.name}" is shared by {quoted(users)}'
            yield "shared-metric", f"{shared}, and mixes them: make one for each.", users[0]


def targets_are_arrays(wiring: Wiring) -> Faults:
    """Weights are a Python list, or a target is None, a Python list, or a dictionary within the dictionary."""
    targets, heads = wiring.parts["targets"], len(wiring.heads)
    if heads == 1 and isinstance(targets, list | tuple) and len(targets) != 1:
        yield "not-an-array", f"targets {NOT_AN_ARRAY}", wiring.names[0]
    a_place_each = wiring.form == "list" and isinstance(targets, list | tuple) and len(targets) == heads
    for head in wiring.heads:
        if isinstance(wiring.share("sample_weight", head), list | tuple):
            yield "not-an-array", f"sample_weight {NOT_AN_ARRAY}", head.name
        if isinstance(head.given, dict):
            yield "not-an-array", "The target is a dictionary within another: take out one level.", head.name
        elif isinstance(head.given, list | tuple | range):
            yield "not-an-array", f"The target {NOT_AN_ARRAY}", head.name
        has_place = head.name in targets if isinstance(targets, dict) else a_place_each
        if head.given is None and has_place and wiring.has_loss_or_metric(head):
            cure = "give any valid numbers of the right shape, and a sample_weight of 0, or the head the loss None"
            yield "no-target", f"The target is None: {cure}.", head.name


def lengths(wiring: Wiring) -> Faults:
    """Targets, or targets and weights, with different numbers of rows."""
    rows = {head.name: len(head.target) for head in wiring.heads if head.target is not None and head.target.ndim}
    if len(set(rows.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in rows.items())
        yield "length", f"The targets have different numbers of rows: {listed}."
    for head in wiring.heads:
        if head.weight is not None and head.name in rows and head.weight.shape[:1] != (rows[head.name],):
            message = f"sample_weight has the shape {head.weight.shape} for {rows[head.name]} rows: give one per row."
            yield "length", message, head.name


def _dictionaries(wiring: Wiring) -> Iterator[tuple[str, dict]]:
    """Return the parts that are dictionaries, where the outputs have names to compare."""
    for part, value in wiring.parts.items() if wiring.heads else ():
        elsewhere = (wiring.form, part) in {("single", "targets"), ("list", "sample_weight")}
        of_classes = part == "sample_weight" and any(class_weights(wiring))
        is_given = isinstance(value, dict) and (value or part in ("targets", "sample_weight"))
        if is_given and not elsewhere and not of_classes:
            yield part, value


def _meant(key: str, names: list[str], wiring: Wiring) -> str | None:
    of_layer = [head.name for head in wiring.heads if head.layer == key]
    meant = of_layer or difflib.get_close_matches(key, names, 1) or (names if len(names) == 1 else [])
    return meant[0] if meant else None


RULES = [one_for_all, class_weights, form_of_loss_weights, datasets, wrong_keys, missing_keys]
RULES += [dictionaries_for_lists, lists, metrics_of_their_own, targets_are_arrays, lengths]
