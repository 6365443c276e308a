"""`check_heads`: find what is wrong with the wiring of a model before training it."""

import keras

from mos_helpers.heads import head_rules, name_rules, wiring_rules
from mos_helpers.heads.report import Report
from mos_helpers.heads.wiring import Structure, read_wiring


def check_heads(model: keras.Model, targets: Structure, sample_weight: Structure = None) -> Report:
    """Look for faults in how a model's heads, losses, metrics, targets and weights belong together.

    Call it after `compile` and before `fit`, with the same targets. As the last line of a cell it prints what is wrong,
    where, and what to write instead. It changes neither the model nor the arrays.

    Args:
        model: a compiled model.
        targets: as `fit` gets them: a dict, list or tuple of arrays with one row per example, or one array; or a
            dataset of batches (x, targets) or (x, targets, sample_weight), of which the first 4,096 rows are read.
        sample_weight: None, or as `fit` gets it.

    A model of your own class has no outputs before it is called: until then only the names are compared. After that,
    it is run on a few rows. A dataset that shuffles gives another order after it was read.

    Raises:
        TypeError: model is not a Keras model, or targets is None or a generator.
        ValueError: a dataset that has no batch, or no targets, or that comes with sample_weight.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model, not {type(model).__name__}.")
    if targets is None or hasattr(targets, "__next__"):
        given = "None" if targets is None else "a generator, which would lose its first batch"
        raise TypeError(f"targets must be a dict, list or tuple of arrays, an array or a dataset, not {given}.")
    wiring = read_wiring(model, targets, sample_weight)
    findings = [finding for rule in name_rules.RULES + wiring_rules.RULES for finding in rule(wiring)]
    findings += [finding for head in wiring.heads for rule in head_rules.RULES for finding in rule(head)]
    result = "Nothing found."
    if wiring.outputs is None:
        result = (
            "Nothing found in the names. The rest is not checked, since the outputs are not known before the model is "
            "called: call it on a few rows, such as model(x[:2]), and check again."
        )
    return Report(findings, "\n".join([*map(str, wiring.heads), result]))
