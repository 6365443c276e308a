"""Rules about lists, and about what each head got: is it an array, and its own?"""

import keras

from mos_helpers.heads.losses import name_of
from mos_helpers.heads.report import Finding, Findings
from mos_helpers.heads.wiring import Wiring, as_list, quoted

NOT_AN_ARRAY = "is a Python list: write np.array(...)."


def dictionaries_for_lists(wiring: Wiring) -> Findings:
    """The outputs are a list, and loss weights or sample weights are a dictionary."""
    parts, weights = wiring.parts, wiring.parts["sample_weight"]
    if wiring.form != "list":
        return
    if isinstance(parts["loss"], list | tuple) and isinstance(parts["loss_weights"], dict):
        message = (
            "loss is a list and loss_weights a dictionary: Keras matches them in the order of the sorted keys "
            f"({', '.join(sorted(parts['loss_weights']))}). Write {wiring.code_for('loss')}."
        )
        yield Finding("list-and-dict", "", message)
    mixed = isinstance(weights, list | tuple) and isinstance(parts["targets"], dict)
    if mixed or isinstance(weights, dict):
        wrong = "a list, and targets a dictionary" if mixed else "a dictionary, but the outputs are a list"
        cure = f"give the model a dictionary of outputs, {wiring.code_for('outputs')}"
        yield Finding("weight-dict", "", f"sample_weight is {wrong}, which Keras cannot match: {cure}.")


def lists(wiring: Wiring) -> Findings:
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
            yield Finding("list-for-dict", "", message)
        if wiring.form == "list" and len(value) != heads:
            entries = "1 entry" if len(value) == 1 else f"{len(value)} entries"
            message = f"{part} has {entries} for {heads} outputs: write {wiring.code_for(part)}."
            yield Finding("list-length", "", message)


def metrics_of_their_own(wiring: Wiring) -> Findings:
    """A flat list of metrics, of which Keras gives one to each head, or one metric object that serves two heads."""
    for part in ("metrics", "weighted_metrics") if wiring.form == "list" else ():
        value = as_list(wiring.parts[part])
        labels = [name_of(metric) for metric in value if metric is not None and not isinstance(metric, list | tuple)]
        if len(set(labels)) == len(value) == len(wiring.heads):
            given = ", ".join(f"{label} only to {name}" for label, name in zip(labels, wiring.names, strict=True))
            message = f"{part} is a flat list, so Keras gives {given}. If you mean that, write {wiring.code_for(part)}."
            yield Finding("flat-metrics", "", message)
    users: dict[int, tuple[str, list[str]]] = {}
    for head in wiring.heads:
        for metric in head.metrics + head.weighted_metrics:
            if isinstance(metric, keras.metrics.Metric):
                users.setdefault(id(metric), (metric.name, []))[1].append(head.name)
    for name, heads in users.values():
        if len(heads) > 1:
            message = f'The metric object "{name}" is shared by {quoted(heads)}, and mixes them: make one for each.'
            yield Finding("shared-metric", heads[0], message)


def targets_are_arrays(wiring: Wiring) -> Findings:
    """Weights are a Python list, or a target is None, a Python list, or a dictionary within the dictionary."""
    targets, heads = wiring.parts["targets"], len(wiring.heads)
    if heads == 1 and isinstance(targets, list | tuple) and len(targets) != 1:
        yield Finding("not-an-array", wiring.names[0], f"targets {NOT_AN_ARRAY}")
    a_place_each = wiring.form == "list" and isinstance(targets, list | tuple) and len(targets) == heads
    for head in wiring.heads:
        if isinstance(wiring.share("sample_weight", head), list | tuple):
            yield Finding("not-an-array", head.name, f"sample_weight {NOT_AN_ARRAY}")
        if isinstance(head.given, dict):
            yield Finding("not-an-array", head.name, "The target is a dictionary within another: take out one level.")
        elif isinstance(head.given, list | tuple | range):
            yield Finding("not-an-array", head.name, f"The target {NOT_AN_ARRAY}")
        has_place = head.name in targets if isinstance(targets, dict) else a_place_each
        if head.given is None and has_place and wiring.has_loss_or_metric(head):
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


RULES = [dictionaries_for_lists, lists, metrics_of_their_own, targets_are_arrays, lengths]
