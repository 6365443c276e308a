"""Rules about structures: does each loss, metric, target and weight reach the head that it is meant for?"""

import difflib
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.heads.losses import name_of
from mos_helpers.heads.report import Finding
from mos_helpers.heads.rows import Structure
from mos_helpers.heads.wiring import PARTS, Head, Wiring, as_list, share
from mos_helpers.inside_keras import has_own

Findings = Iterator[Finding]


def one_target(wiring: Wiring) -> Findings:
    """One array of targets for several heads."""
    if len(wiring.heads) < 2 or not _is_array(wiring.targets) or _own_step(wiring):
        return
    what = "a table (DataFrame)" if hasattr(wiring.targets, "columns") else "one array"
    message = f"targets is {what}, but the model has {len(wiring.heads)} outputs: write {_as_dict(wiring, 'targets')}."
    if wiring.sample_weight is not None:
        message += " In a dataset, the third part is taken for sample_weight: put all targets into the second."
    yield Finding("one-target", "", message)


def one_weight(wiring: Wiring) -> Findings:
    """One array of weights for all heads."""
    if len(wiring.heads) > 1 and _is_array(wiring.sample_weight) and not _is_array(wiring.targets):
        message = (
            "sample_weight is one array, so it weights every head: "
            f"write {_as_dict(wiring, 'sample_weight')}, with ones for a head that needs none."
        )
        yield Finding("one-weight", "", message)


def dictionary_for_single(wiring: Wiring) -> Findings:
    """A dictionary of targets for a model whose only output has no key."""
    if wiring.form == "single" and isinstance(wiring.targets, dict):
        message = "targets is a dictionary, but the model's only output has no key: give the array itself."
        yield Finding("dict-for-single", wiring.names[0], message)


def form_of_loss_weights(wiring: Wiring) -> Findings:
    """Several loss weights for one loss, or one for several."""
    loss, weights = wiring.part("loss"), wiring.part("loss_weights")
    if loss is None or weights is None or len(wiring.heads) < 2:
        return
    if not isinstance(weights, dict | list | tuple):
        wrong = "loss_weights is one for all heads"
    elif not isinstance(loss, dict | list | tuple):
        wrong = "loss is one for all heads, and loss_weights is not"
    else:
        return
    message = f"{wrong}: write {_as_dict(wiring, 'loss')} and {_as_dict(wiring, 'loss_weights')}."
    yield Finding("loss-weights-form", "", message)


def class_weights(wiring: Wiring) -> Findings:
    """Weights for classes instead of rows."""
    weights = wiring.sample_weight
    if isinstance(weights, dict) and weights and all(isinstance(key, int | np.integer) for key in weights):
        message = (
            "sample_weight has class numbers for keys, as class_weight has, which Keras takes for one head alone: give "
            'each row the weight of its class, such as {"digit": np.array([1.0, 3.0])[targets["digit"]]}.'
        )
        yield Finding("class-weight", "", message)


def loss_weights_are_numbers(wiring: Wiring) -> Findings:
    """A loss weight that is text."""
    for weight in keras.tree.flatten(wiring.part("loss_weights")):
        if isinstance(weight, str):
            yield Finding("loss-weights-form", "", f'loss_weights has the text "{weight}": write a number.')


def shapes_of_dataset(wiring: Wiring) -> Findings:
    """A dataset that does not say which shapes its batches have."""
    if isinstance(wiring.dataset, tf.data.Dataset):
        specs = tf.nest.flatten(wiring.dataset.element_spec)
        if any(spec.shape.rank is None for spec in specs if hasattr(spec, "shape")):
            message = (
                "The dataset does not know the shapes of its batches, and fit needs them: give from_generator an "
                "output_signature, or call set_shape after py_function."
            )
            yield Finding("no-shapes", "", message)


def wrong_keys(wiring: Wiring) -> Findings:
    """A dictionary has a key that no output has."""
    for part, value in _dictionaries(wiring):
        if part == "sample_weight" and any(class_weights(wiring)):
            continue
        lacking = [name for name in wiring.names if name not in value]
        for key in (key for key in value if key not in wiring.names):
            if part == "targets" and _own_step(wiring) and not difflib.get_close_matches(str(key), lacking, 1):
                continue
            cure = f"the outputs are {_listed(wiring.names)}"
            if meant := _meant(str(key), lacking, wiring):
                cure = f'write "{meant}"'
                if key in [head.layer for head in wiring.heads]:
                    cure = f'that is the name of its layer, and the key of the output is "{meant}"'
            yield Finding("unknown-key", str(key), f'{part} has the key "{key}", which no output has: {cure}.')


def missing_keys(wiring: Wiring) -> Findings:
    """A dictionary of targets, losses or weights lacks a head."""
    if _own_step(wiring):
        return
    results = {
        "targets": "give it a target",
        "loss": "it would not be trained; write None if that is meant",
        "loss_weights": "write 1.0 if that is meant",
        "sample_weight": "write None if every row counts the same",
    }
    for part, value in _dictionaries(wiring):
        if part == "sample_weight" and any(class_weights(wiring)):
            continue
        wanted = set(wiring.names)
        if part == "loss_weights" and isinstance(wiring.part("loss"), dict):
            wanted &= wiring.part("loss").keys()  # Keras matches these two with each other
        if part == "targets":
            wanted -= {head.name for head in wiring.heads if not _uses_target(head, wiring)}
        lacking = [name for name in wiring.names if name in wanted and name not in value]
        misspelt = {_meant(str(key), lacking, wiring) for key in value.keys() - set(wiring.names)}
        for name in lacking:
            if part == "targets" and not _has_loss_or_metric(name, wiring):
                message = f'Keras looks for a target of every head once there are metrics: write "{name}": None.'
                yield Finding("missing-key", name, message)
            elif part in results and name not in misspelt:
                yield Finding("missing-key", name, f'{part} has no key "{name}": {results[part]}.')


def lists_for_dictionary(wiring: Wiring) -> Findings:
    """A list where the outputs are a dictionary: Keras matches the two by the sorted keys."""
    if wiring.form != "dict" or len(wiring.heads) < 2:
        return
    for part in PARTS:
        value = wiring.part(part)
        if isinstance(value, list | tuple) and value and not (part == "targets" and _own_step(wiring)):
            how = "cannot match them"
            if len(value) == len(wiring.heads) and part != "sample_weight":
                order = ", ".join(sorted(wiring.names))
                how = f"matches them in the order of the sorted keys ({order}), whatever order you wrote"
            message = (
                f"{part} is a list, but the outputs are a dictionary: Keras {how}. Write {_as_dict(wiring, part)}."
            )
            yield Finding("list-for-dict", "", message)


def list_and_dictionary(wiring: Wiring) -> Findings:
    """The outputs are a list: a list of losses with a dictionary of weights, or a dictionary of weights per row."""
    if wiring.form != "list":
        return
    weights = wiring.part("loss_weights")
    if isinstance(wiring.part("loss"), list | tuple) and isinstance(weights, dict):
        message = (
            "loss is a list and loss_weights a dictionary: Keras matches them in the order of the sorted keys "
            f"({', '.join(sorted(weights))}). Write {_as_dict(wiring, 'loss')}."
        )
        yield Finding("list-and-dict", "", message)
    mixed = isinstance(wiring.sample_weight, list | tuple) and isinstance(wiring.targets, dict)
    if mixed or isinstance(wiring.sample_weight, dict):
        wrong = "a list, and targets a dictionary" if mixed else "a dictionary, but the outputs are a list"
        message = (
            f"sample_weight is {wrong}, which Keras cannot match: give the model "
            f"a dictionary of outputs, {_as_dict(wiring, 'outputs')}."
        )
        yield Finding("weight-dict", "", message)


def lengths_of_lists(wiring: Wiring) -> Findings:
    """The outputs are a list, and a list that belongs to them has another length."""
    for part in PARTS if wiring.form == "list" else ():
        value = wiring.part(part)
        if isinstance(value, list | tuple) and value and len(value) != len(wiring.heads):
            entries = "1 entry" if len(value) == 1 else f"{len(value)} entries"
            wrong = f"{part} has {entries} for {len(wiring.heads)} outputs"
            yield Finding("list-length", "", f"{wrong}: write {_as_dict(wiring, part)}.")


def lists_from_generator(wiring: Wiring) -> Findings:
    """A generator that gives its targets in a list."""
    if isinstance(wiring.dataset, keras.utils.PyDataset) and isinstance(wiring.targets, list):
        message = f"The dataset gives its targets in a list: let it give a dictionary, {_as_dict(wiring, 'outputs')}."
        yield Finding("list-from-generator", "", message)


def one_metric_per_head(wiring: Wiring) -> Findings:
    """A flat list of metrics, as many as there are heads: Keras gives one to each head, and not all to all."""
    for part in ("metrics", "weighted_metrics"):
        value = wiring.part(part)
        if wiring.form != "list" or not isinstance(value, list | tuple) or len(value) != len(wiring.heads):
            continue
        labels = [name_of(metric) for metric in value if metric is not None and not isinstance(metric, list | tuple)]
        if len(set(labels)) == len(value):
            given = ", ".join(f"{label} only to {name}" for label, name in zip(labels, wiring.names, strict=True))
            message = (
                f"{part} is a flat list, so Keras gives {given}. If you mean that, write {_as_dict(wiring, part)}."
            )
            yield Finding("flat-metrics", "", message)


def shared_metrics(wiring: Wiring) -> Findings:
    """One metric object serves two heads, and mixes them."""
    users: dict[int, tuple[str, list[str]]] = {}
    for head in wiring.heads:
        for metric in head.metrics + head.weighted_metrics:
            if isinstance(metric, keras.metrics.Metric):
                users.setdefault(id(metric), (metric.name, []))[1].append(head.name)
    for name, heads in users.values():
        if len(heads) > 1:
            message = f'The metric object "{name}" is shared by {_listed(heads)}, and mixes them: make one for each.'
            yield Finding("shared-metric", heads[0], message)


def targets_are_arrays(wiring: Wiring) -> Findings:
    """Weights are a Python list, or a target is None, a Python list, or a dictionary within the dictionary."""
    if len(wiring.heads) == 1 and isinstance(wiring.targets, list | tuple) and len(wiring.targets) != 1:
        yield Finding("not-an-array", wiring.names[0], "targets is a Python list: write np.array(...).")
    for head in wiring.heads:
        given, weight = head.given, share(wiring, "sample_weight", head)
        if isinstance(weight, list | tuple):
            yield Finding("not-an-array", head.name, "sample_weight is a Python list: write np.array(...).")
        if isinstance(given, dict):
            yield Finding("not-an-array", head.name, "The target is a dictionary within another: take out one level.")
        elif isinstance(given, list | tuple):
            yield Finding("not-an-array", head.name, "The target is a Python list: write np.array(...).")
        elif given is None and _names_target(head.name, wiring) and _has_loss_or_metric(head.name, wiring):
            message = (
                "The target is None: give any valid numbers of the right shape, and a sample_weight of 0, or the head "
                "the loss None."
            )
            yield Finding("no-target", head.name, message)


def lengths(wiring: Wiring) -> Findings:
    """Targets, or targets and weights, with different numbers of rows."""
    rows = {head.name: len(head.target) for head in wiring.heads if head.target is not None and head.target.ndim}
    if len(set(rows.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in rows.items())
        yield Finding("length", "", f"The targets have different numbers of rows: {listed}.")
    for head in wiring.heads:
        if head.weight is not None and head.name in rows and head.weight.shape[:1] != (rows[head.name],):
            message = f"sample_weight has the shape {head.weight.shape} for {rows[head.name]} rows: give one per row."
            yield Finding("length", head.name, message)


def _own_step(wiring: Wiring) -> bool:
    """Whether the model's class trains in a way of its own, and may take targets of any form."""
    return wiring.compiled.own_step if wiring.compiled else has_own(wiring.model, "compile")


def _is_array(value: Structure) -> bool:
    return value is not None and not isinstance(value, dict | list | tuple)


def _dictionaries(wiring: Wiring) -> Iterator[tuple[str, dict]]:
    """Return the parts that are dictionaries, where the outputs have names to compare."""
    for part in PARTS:
        value = wiring.part(part)
        elsewhere = (wiring.form, part) in {("single", "targets"), ("list", "sample_weight")}
        is_given = isinstance(value, dict) and (value or part in ("targets", "sample_weight"))
        if is_given and wiring.heads and not elsewhere:
            yield part, value


def _meant(key: str, names: list[str], wiring: Wiring) -> str | None:
    """Return which of these heads was meant by a key that no output has."""
    for head in wiring.heads:
        if head.layer == key:
            return head.name
    close = difflib.get_close_matches(key, names, 1)
    return close[0] if close else names[0] if len(names) == 1 else None


def _names_target(name: str, wiring: Wiring) -> bool:
    """Whether the targets have a place for a head."""
    if isinstance(wiring.targets, dict):
        return name in wiring.targets
    return (
        wiring.form == "list" and isinstance(wiring.targets, list | tuple) and len(wiring.targets) == len(wiring.heads)
    )


def _uses_target(head: Head, wiring: Wiring) -> bool:
    """Whether `fit` looks for a head's target: it has a loss, or any head has metrics, or nothing says so."""
    with_metrics = wiring.part("metrics") is not None or wiring.part("weighted_metrics") is not None
    return with_metrics or _has_loss_or_metric(head.name, wiring)


def _has_loss_or_metric(name: str, wiring: Wiring) -> bool:
    head = next(head for head in wiring.heads if head.name == name)
    return bool(head.loss or head.metrics or head.weighted_metrics) or wiring.part("loss") is None


def _as_dict(wiring: Wiring, part: str) -> str:
    """Return code that gives each head its share of a part, in the order in which the user wrote it."""
    names, value = wiring.names, wiring.part(part) if part in PARTS else None
    shares = [None] * len(names)
    if isinstance(value, list | tuple) and len(value) == len(names):
        shares = list(value)
    elif isinstance(value, str) or part.endswith("metrics"):
        shares = [value] * len(names)
    code = _metrics_as_code if part.endswith("metrics") else _as_code
    inner = ", ".join(f'"{name}": {code(share)}' for name, share in zip(names, shares, strict=True))
    return f"{part}={{{inner}}}" if part in PARTS else f"{{{inner}}}"


def _as_code(value: Structure) -> str:
    """Return a loss, metric or weight as it stands in code, or dots for what is too long."""
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value) if isinstance(value, int | float) else "..."


def _metrics_as_code(metrics: Structure) -> str:
    return f"[{', '.join(_as_code(metric) for metric in as_list(metrics))}]"


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


RULES: list[Callable[[Wiring], Findings]] = [
    one_target,
    one_weight,
    class_weights,
    loss_weights_are_numbers,
    shapes_of_dataset,
    dictionary_for_single,
    form_of_loss_weights,
    wrong_keys,
    missing_keys,
    lists_for_dictionary,
    list_and_dictionary,
    lengths_of_lists,
    lists_from_generator,
    one_metric_per_head,
    shared_metrics,
    targets_are_arrays,
    lengths,
]
