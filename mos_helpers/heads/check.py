"""`check_heads`: find what is wrong with the wiring of a model before training it."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import keras

from mos_helpers.heads import head_rules, metric_rules, model_rules, structure_rules, target_rules
from mos_helpers.heads.rows import Structure
from mos_helpers.heads.wiring import Head, Wiring, noted, read_wiring
from mos_helpers.inside_keras import is_ready
from mos_helpers.notebook import wrapped

NO_ARRAYS = str | bytes | bool | int | float | set
WIRING_RULES = model_rules.RULES + structure_rules.RULES
HEAD_RULES = head_rules.BEFORE_TARGETS + target_rules.RULES + head_rules.AFTER_TARGETS
AFTERWARDS = metric_rules.RULES + head_rules.OF_WEIGHTS
SPOILED = {"not-a-number", "ragged", "sparse", "not-batched", "one-hot", "class-numbers", "shape"}
SPOILED |= {"label-range", "multi-hot", "yes-no-range", "target-range", "logits"}  # no metric is to blame for them


class Finding(NamedTuple):
    """One fault: a short name for its kind, the head that it concerns ("" for all), and what to write instead."""

    code: str
    head: str
    message: str

    def __str__(self) -> str:
        return f"{self.head}: {self.message}" if self.head else self.message


class Report(list[Finding]):
    """The findings of `check_heads`, which prints itself. It is false when nothing was found."""

    def __init__(self, findings: Iterable[Finding], otherwise: str, notes: Iterable[str] = ()) -> None:
        super().__init__(findings)
        self.notes = [*notes]  # what could not be judged
        self._otherwise = otherwise

    @property
    def findings(self) -> list[Finding]:
        """The findings as a plain list."""
        return [*self]

    @property
    def codes(self) -> list[str]:
        """The kind of each finding."""
        return [finding.code for finding in self]

    def raise_if_any(self) -> None:
        """Raise a ValueError that lists the findings, if there are any."""
        if self:
            raise ValueError(str(self))

    def __repr__(self) -> str:
        return wrapped("\n".join([*(map(str, self) if self else [self._otherwise]), *self.notes]))


def check_heads(model: keras.Model, targets: Structure, sample_weight: Structure = None) -> Report:
    """Look for faults in how a model's heads, losses, metrics, targets and weights belong together.

    Call it after `compile` and before `fit`, with the same targets and weights: a dict, list or tuple of arrays with
    one row per example, or one array; or as targets a dataset of batches (x, targets) or (x, targets, sample_weight),
    of which up to 4,096 rows of targets are read (as many as come within three seconds), and eight rows of x.
    As the last line of a cell it prints what is wrong, where, and what to write instead.

    A model of your own class has no outputs before it is called: until then only the names are compared.
    The model is called on eight rows, of the dataset or of random numbers. Its state and the arrays stay as they are; a
    layer of your own that counts or prints does so once more. A dataset that shuffles gives another order afterwards.
    What cannot be judged is said in a line of its own (`notes`), and is no fault.

    Raises:
        TypeError: model is not a Keras model, or targets is None or a generator, or one of them is no array at all.
        ValueError: a dataset that has no batch, or no targets, or that comes with sample_weight. What a dataset itself
            raises at its first batch comes through.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model, not {type(model).__name__}.")
    if targets is None or hasattr(targets, "__next__") or isinstance(targets, NO_ARRAYS):
        given = "a generator, which would lose its first batch" if hasattr(targets, "__next__") else repr(targets)
        raise TypeError(f"targets must be a dict, list or tuple of arrays, an array or a dataset, not {given}.")
    if isinstance(sample_weight, NO_ARRAYS):
        raise TypeError(f"sample_weight must be None, or a dict, list or array of numbers, not {sample_weight!r}.")
    wiring = read_wiring(model, targets, sample_weight)
    findings = _found(WIRING_RULES, wiring, wiring.notes)
    for head in wiring.heads:
        found = _found(HEAD_RULES, head, wiring.notes)
        spoiled = any(finding.code in SPOILED for finding in found)
        findings += found + _found(head_rules.OF_WEIGHTS if spoiled else AFTERWARDS, head, wiring.notes)
    result = "Nothing found."
    if wiring.outputs is None:
        why = "the outputs are not known before the model is called: call it on a few rows, such as model(x[:2])"
        if is_ready(model):
            why = "the model does not run on random numbers: give a dataset of (x, targets)"
        result = f"Nothing found in the names. The rest is not checked, since {why}, and check again."
    return Report(findings, "\n".join([*map(str, wiring.heads), result]), wiring.notes)


def _found(rules: list[Callable], subject: Wiring | Head, notes: list[str]) -> list[Finding]:
    findings, head = [], subject.name if isinstance(subject, Head) else ""
    for rule in rules:
        what = rule.__doc__.split("\n")[0].rstrip(".")
        with noted(notes, f"judge this rule: {what}", head):
            for code, message, *concerns in rule(subject):
                findings.append(Finding(code, concerns[0] if concerns else head, message))
    return findings
