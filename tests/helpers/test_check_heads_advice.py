"""Whatever `check_heads` advises is tried: then it is silent, a step of `fit` works, and the loss is NumPy's number."""

import inspect
import re
from dataclasses import replace

import keras
import numpy as np
import pytest
from advised_cases import (
    AGAIN,
    CASES,
    COUNTS,
    EYE,
    FEW,
    HALF,
    KINDS,
    KNOWN,
    MAP,
    MASK,
    NUMBERS,
    PAIRS,
    SCE,
    SOFT,
    TAGS,
    THIRDS,
    YES,
    binary,
    categorical,
    change,
    dice,
    hinge,
    kind,
    mask,
    mean,
    poisson,
    softmax,
    sparse,
    tags,
    take_metric,
    take_targets,
    weigh_metrics,
    weighted,
    yes,
)
from heads_made import N, Setup, code_in
from keras import losses, metrics

from mos_helpers.heads import check_heads, head_rules, metric_rules, target_rules
from mos_helpers.heads.endings import WANTS, loss_of
from mos_helpers.inside_keras import arguments_of


def own_error(y_true, y_pred):
    return keras.ops.abs(y_true - y_pred)


METRICS = {
    "logits of class numbers": (
        Setup(losses.SparseCategoricalCrossentropy(True), KINDS, 3, metrics=(SCE,)),
        [("accuracy", lambda setup, message: replace(setup, metrics=(code_in(message, "keras.metrics."),)))],
        lambda o: mean(sparse(KINDS, softmax(o))),
    ),
    "weighted": (
        replace(kind, weight=THIRDS, metrics=("accuracy",)),
        [("masked-metric", weigh_metrics)],
        lambda o: mean((o.argmax(-1) == KINDS) * 1.0, THIRDS),
    ),
    "without a class": (
        replace(kind, loss=losses.SparseCategoricalCrossentropy(ignore_class=-1), target=KNOWN, metrics=("accuracy",)),
        [
            (
                "masked-metric",
                lambda setup, message: replace(weigh_metrics(setup, message), weight=(KNOWN >= 0) * 1.0),
            )
        ],
        lambda o: mean((o.argmax(-1) == KINDS) * 1.0, KNOWN >= 0),
    ),
    "weighted map": (
        replace(mask, weight=FEW / FEW.mean(), metrics=("accuracy",)),
        [("masked-metric", weigh_metrics)],
        lambda o: mean(((o > 0.5) == MASK)[..., 0] * 1.0, FEW),
    ),
    "logits": (
        Setup(losses.BinaryCrossentropy(True), YES, metrics=("accuracy",)),
        [("accuracy", take_metric)],
        lambda o: mean((o > 0) == YES),
    ),
    "labels": (replace(tags, metrics=("accuracy",)), [("accuracy", take_metric)], lambda o: mean((o > 0.5) == TAGS)),
    "numbers": (
        Setup("mse", NUMBERS, metrics=("accuracy",)),
        [("accuracy", take_metric)],
        lambda o: mean(np.abs(NUMBERS - o)),
    ),
    "class numbers": (
        replace(kind, metrics=(metrics.Precision(),)),
        [("metric-kind", take_metric)],
        lambda o: mean(o.argmax(-1) == KINDS),
    ),
    "targets without their last axis": (
        Setup("poisson", COUNTS[:, 0], 1, "softplus", metrics=("poisson",)),
        [("accuracy", take_targets("targets["))],
        lambda o: mean(poisson(COUNTS, o)),
    ),
    "arguments": (
        replace(kind, metrics=("mean_io_u",)),
        [
            (
                "unknown-metric",
                lambda setup, message: replace(setup, metrics=(code_in(message, "keras.metrics."),)),
            )
        ],
        lambda o: mean(
            np.array(
                [
                    ((o.argmax(-1) == k) & (k == KINDS)).sum() / ((o.argmax(-1) == k) | (k == KINDS)).sum()
                    for k in range(3)
                ]
            )
        ),
    ),
    "of the reader's own": (
        Setup("mse", NUMBERS[:, 0], metrics=(own_error,)),
        [("stretched", change("(n, 1) and type float32", target=NUMBERS.astype("float32")))],
        lambda o: mean(np.abs(NUMBERS - o)),
    ),
}

RIGHT = {
    "a class that is left out twice": (
        replace(
            kind,
            loss=losses.SparseCategoricalCrossentropy(ignore_class=-1),
            target=KNOWN,
            weight=(KNOWN >= 0) * 1.0,
        ),
        lambda o: mean(sparse(KINDS, o), KNOWN >= 0),
    ),
    "rows of steps without their last axis": (
        Setup(losses.BinaryCrossentropy(**AGAIN), MASK[:, :, 0, 0], 1, "sigmoid", HALF, (4,)),
        lambda o: mean(binary(MASK[:, :, 0], o), HALF),
    ),
    "lines of a map without its last axis": (
        replace(mask, loss=losses.BinaryCrossentropy(**AGAIN), target=MASK[..., 0], weight=FEW[..., 0]),
        lambda o: mean(binary(MASK, o), FEW[..., 0]),
    ),
    "rows that average 1, with zeros": (replace(kind, weight=THIRDS), lambda o: weighted(sparse(KINDS, o), THIRDS)),
    "rows that differ": (replace(kind, weight=THIRDS + 1), lambda o: weighted(sparse(KINDS, o), THIRDS + 1)),
    "(n, 1)": (replace(tags, weight=THIRDS[:, None]), lambda o: weighted(binary(TAGS, o), THIRDS)),
    "summed, with zeros": (
        replace(yes, loss=losses.BinaryCrossentropy(reduction="sum"), weight=HALF),
        lambda o: (binary(YES, o) * HALF).sum(),
    ),
    "stretched": (
        replace(mask, weight=(THIRDS + 1)[:, None, None]),
        lambda o: weighted(binary(MASK, o), THIRDS + 1),
    ),
    "stretched, with zeros that average 1": (
        replace(mask, weight=THIRDS[:, None, None]),
        lambda o: weighted(binary(MASK, o), THIRDS),
    ),
    "stretched and summed": (
        replace(mask, loss=losses.BinaryCrossentropy(reduction="sum"), weight=HALF[:, None, None]),
        lambda o: (binary(MASK, o) * HALF[:, None, None]).sum(),
    ),
    "whole shape": (
        replace(mask, loss=losses.BinaryCrossentropy(**AGAIN), weight=FEW),
        lambda o: mean(binary(MASK, o), FEW),
    ),
    "whole shape and one axis": (
        replace(mask, loss=losses.BinaryCrossentropy(**AGAIN), weight=FEW[..., None]),
        lambda o: mean(binary(MASK, o), FEW),
    ),
    "whole shape of class numbers": (
        Setup(losses.SparseCategoricalCrossentropy(**AGAIN), MAP[..., None], 3, "softmax", FEW, (4, 2)),
        lambda o: mean(sparse(MAP, o), FEW),
    ),
    "rows for Dice over the map": (
        replace(mask, loss=losses.Dice(axis=(1, 2), **AGAIN), weight=HALF),
        lambda o: mean(dice(MASK, o, (1, 2)), HALF),
    ),
    "gaps in class numbers": (
        replace(kind, loss=losses.SparseCategoricalCrossentropy(ignore_class=-1), target=KNOWN),
        lambda o: mean(sparse(KINDS, o), KNOWN >= 0),
    ),
    "gaps under weight 0": (
        replace(yes, loss=losses.BinaryCrossentropy(**AGAIN), target=np.where(HALF[:, None], YES, -1), weight=HALF),
        lambda o: mean(binary(YES, o), HALF),
    ),
    "soft shares": (
        Setup("categorical_crossentropy", SOFT, 3, "softmax"),
        lambda o: mean(categorical(SOFT, o)),
    ),
    "signs as 0 and 1": (Setup("hinge", YES), lambda o: mean(hinge(2 * YES - 1, o))),
}


def obey(setup, steps):
    """Follow the advice to its end: each step is a code that must be found, and what its message asks for."""
    for code, cure in steps:
        messages = {(finding.code, finding.head): finding.message for finding in setup.report()}
        assert (code, "head") in messages, messages
        setup = cure(setup, messages[code, "head"])
    return setup


def trained(setup):
    """Return the outputs of a head in which nothing is found, and what Keras reports of a step of training."""
    model = setup.model()
    report = check_heads(model, *setup.parts)
    assert not report, report
    assert not report.notes
    targets, weights = setup.parts
    outputs = np.asarray(model(setup.x)["head"], "float64")
    return outputs, model.train_on_batch(setup.x, targets, weights, return_dict=True)


@pytest.mark.parametrize("case", CASES)
def test_who_obeys_gets_the_loss_that_is_meant(case):
    setup, steps, number = CASES[case]
    outputs, reported = trained(obey(setup, steps))
    np.testing.assert_allclose(reported["head_loss"], number(outputs), rtol=1e-4)


@pytest.mark.parametrize("case", METRICS)
def test_who_obeys_gets_the_metric_that_is_meant(case):
    setup, steps, number = METRICS[case]
    outputs, reported = trained(obey(setup, steps))
    [value] = [value for name, value in reported.items() if name.startswith("head_") and name != "head_loss"]
    np.testing.assert_allclose(value, number(outputs), rtol=1e-4)


def test_the_units_of_one_vector_have_no_weight_of_their_own():
    [finding] = Setup("cosine_similarity", PAIRS, 2, weight=FEW[:, 0] + 1).report()
    assert (finding.code, finding.head) == ("weight-shape", "head")
    assert "Reshape" not in finding.message


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_gets_no_advice(case):
    setup, number = RIGHT[case]
    outputs, reported = trained(setup)
    np.testing.assert_allclose(reported["head_loss"], number(outputs), rtol=1e-4)


def test_every_code_of_a_head_is_tried():
    source = "".join(inspect.getsource(rules) for rules in (target_rules, head_rules, metric_rules))
    codes = {*re.findall(r'(?:yield|return) "([\w-]+)", ', source), "accuracy", "metric-kind"}
    tried = {code for _, steps, _ in [*CASES.values(), *METRICS.values()] for code, _ in steps}
    advice_in_words = {"shape", "not-batched", "loss-variable", "weight-range", "no-weight"}
    assert codes - tried == advice_in_words


@pytest.mark.parametrize("name", [name for name in WANTS if loss_of(name, (None, 3), 2).known])
def test_advice_keeps_every_argument_of_a_loss(name):
    plain = losses.get(code_in(loss_of(name, (None, 3), 2).code(), "keras.losses."))
    others = {"from_logits": True, "axis": 1, "ignore_class": 2, "apply_class_balancing": True}
    given = {key: others.get(key, 0.25 if value != 0.25 else 0.75) for key, value in arguments_of(plain).items()}
    given |= {"name": "named", "reduction": "sum"}
    mended = code_in(loss_of(type(plain)(**given), (None, 3), 2).code(**AGAIN), "keras.losses.")
    assert type(mended) is type(plain)
    assert arguments_of(mended) == arguments_of(plain) | given | AGAIN | {"name": plain.name}


def test_a_head_without_targets_gets_fillers_of_weight_0_or_no_loss():
    fillers = change("a sample_weight of 0", target=np.zeros(N, int), weight=np.zeros(N))
    no_loss = change("the loss None", loss=None, weight=None)
    _, reported = trained(obey(replace(kind, target=None), [("no-target", fillers), ("no-weight", no_loss)]))
    assert list(reported) == ["loss"]


def test_a_class_has_no_weight_of_its_own():
    [finding] = Setup("categorical_crossentropy", EYE[KINDS], 3, "softmax", FEW[:, :3, 0] + 1).report()
    assert (finding.code, finding.head) == ("weight-shape", "head")
    assert "Reshape" not in finding.message


def test_weights_of_classes_become_weights_of_rows():
    report = check_heads(kind.model(), kind.parts[0], {0: 1.0, 1: 3.0, 2: 2.0})
    [message] = [finding.message for finding in report if finding.code == "class-weight"]
    written = code_in(message, "np.array", targets={"digit": KINDS % 2})
    np.testing.assert_equal(written, np.where(KINDS % 2, 3.0, 1.0))
    weight = np.array([1.0, 3.0, 2.0])[KINDS]
    outputs, reported = trained(replace(kind, weight=weight))
    np.testing.assert_allclose(reported["head_loss"], weighted(sparse(KINDS, outputs), weight), rtol=1e-4)
