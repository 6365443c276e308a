"""Whatever `fit` accepts, `check_heads` looks at without an exception, without a change, and can judge.

More examples, other ones each time: MOS_EXAMPLES=2000 pytest -n0 -s tests/helpers/test_check_heads_never_raises.py
"""

import collections
import contextlib
import random
import re
import warnings
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np

from mos_helpers.heads import check_heads

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers, ops  # isort: skip
from drawn_models import (
    ABOUT_ITS_ARGUMENTS,
    DTYPES,
    ENDINGS,
    EXAMPLES,
    LOSS_WEIGHTS,
    LOSSES,
    METRICS,
    OF_STEPS,
    OPTIMIZERS,
    ROWS,
    STEPS,
    WEIGHTS,
    Batches,
    Case,
    Head,
    OwnStep,
    Wrapped,
    cases,
    dense,
)

# ---------------------------------------------------------------------------------------------------------------------
# Building a case


NAMES = ["kind", "yes", "number"]


def numbers(*shape):
    return np.random.default_rng(len(shape)).random((ROWS, *shape)).astype("float32")


def trunk(name: str) -> tuple[Any, Any, Any]:
    """Return a model's inputs, what the heads get, and the data for it."""
    if name in ("dict", "list", "tuple", "one input in a dict"):
        parts = {"a": keras.Input((3,), name="a"), "b": keras.Input((3,), name="b")}
        if name == "one input in a dict":
            return {"a": parts["a"]}, dense(4)(parts["a"]), {"a": numbers(3)}
        joined = dense(4)(layers.Concatenate()(list(parts.values())))
        kind = {"dict": dict, "list": lambda part: list(part.values()), "tuple": lambda part: tuple(part.values())}[
            name
        ]
        return kind(parts), joined, kind({"a": numbers(3), "b": numbers(3)})
    if name == "integers":
        i = keras.Input((STEPS,), dtype="int32")
        return i, layers.Embedding(9, 4)(i), np.arange(ROWS * STEPS).reshape(ROWS, STEPS) % 9
    if name == "strings":
        i = keras.Input((1,), dtype="string")
        return i, dense(4)(layers.Hashing(3, output_mode="one_hot")(i)), tf.constant([["a"], ["b"]] * (ROWS // 2))
    shape = {"steps": (STEPS, 3), "any steps": (None, 3), "map": (2, 3, 3)}.get(name, (6,))
    i = keras.Input(shape)
    return i, dense(4, "relu")(i), numbers(*(STEPS if size is None else size for size in shape))


def arranged(form: str, values: list) -> Any:
    """Put one value for each head into the form of the outputs."""
    named = dict(zip(NAMES, values, strict=False))
    return {
        "single": lambda: values[0],
        "list": lambda: values,
        "list of one": lambda: values,
        "tuple": lambda: tuple(values),
        "dict": lambda: named,
        "dict of one": lambda: named,
        "nested": lambda: {"first": {"kind": values[0]}, "rest": {"yes": values[1], "number": values[-1]}},
        "dict of lists": lambda: {"first": values[:1], "rest": values[1:]},
        "integer keys": lambda: dict(enumerate(values)),
    }[form]()


def model_of(case: Case) -> tuple[keras.Model, Any, list]:
    """Return the model, its data, and the shape of each head's output."""
    inputs, joined, x = trunk(case.inputs)
    tensors = []
    for name, head in zip(NAMES, case.heads, strict=False):
        rank = len(joined.shape)
        pooled = ops.mean(joined, axis=tuple(range(1, rank - 1))) if head.pooled and rank > 2 else joined
        tensors.append({**ENDINGS, **OF_STEPS}[head.ending][1](pooled, name))
    shapes = [[ROWS, *(size or STEPS for size in tensor.shape[1:])] for tensor in tensors]
    form = "integer keys" if case.parts == "integer keys" else case.form
    inner = (OwnStep if case.model == "own step" else keras.Model)(inputs, arranged(form, tensors))
    return MODEL_FORMS.get(case.model, lambda inner, x: inner)(inner, x), x, shapes


def called(model, x):
    model(x)
    return model


def again(inner, model):
    return keras.Model(inner.input, model(inner.input))


MODEL_FORMS: dict[str, Callable] = {
    "inside": lambda inner, x: again(inner, inner),
    "subclass": lambda inner, x: Wrapped(inner),
    "subclass, called": lambda inner, x: called(Wrapped(inner), keras.tree.map_structure(lambda part: part[:2], x)),
    "subclass in a model": lambda inner, x: again(inner, Wrapped(inner)),
    "sequential": lambda inner, x: keras.Sequential([keras.Input(inner.input.shape[1:]), *inner.layers[1:]]),
    "sequential, around": lambda inner, x: keras.Sequential([inner]),
    "sequential, not built": lambda inner, x: keras.Sequential([dense(4), inner.layers[-1]]),
}


def target_of(head: Head, shape: list, place: int) -> Any:
    count = np.arange(np.prod(shape)).reshape(shape) + place
    array = {
        "classes": lambda: (np.arange(np.prod(shape[:-1])).reshape(shape[:-1]) + place) % shape[-1],
        "one-hot": lambda: np.eye(shape[-1], dtype="float32")[count[..., 0] % shape[-1]],
        "yes": lambda: (count % 2).astype("float32"),
        "number": lambda: np.sin(count),
        "count": lambda: (count % 3).astype("float32"),
    }[head.kind]()
    return DTYPES[head.dtype](array)


def parts_of(case: Case, shapes: list) -> dict[str, Any]:
    """Return losses, metrics, loss weights, targets and weights in the form that the case wants."""
    each = {
        "loss": [LOSSES.get(head.loss, lambda h=head: h.loss)() for head in case.heads],
        "metrics": [[METRICS[name]() for name in head.metrics] for head in case.heads],
        "loss_weights": [LOSS_WEIGHTS[case.loss_weights]() for _ in case.heads],
        "y": [
            target_of(head, shape, place) for place, (head, shape) in enumerate(zip(case.heads, shapes, strict=True))
        ],
        "sample_weight": [
            WEIGHTS[head.weight](np.resize([1.0, 0.0, 2.0], ROWS).astype("float32"), tuple(shape[1:-1]))
            for head, shape in zip(case.heads, shapes, strict=True)
        ],
    }
    parts = {name: arranged(PART_FORMS.get(case.parts, case.form), values) for name, values in each.items()}
    if all(weight is None for weight in each["sample_weight"]):
        parts["sample_weight"] = None
    if case.loss_weights == "none":
        parts["loss_weights"] = None
    if case.parts == "one loss for all":
        parts.update(loss=each["loss"][0], metrics=None, loss_weights=None)
    elif case.parts == "one target for all":
        parts["y"] = each["y"][0]
    elif case.parts == "targets in a tuple":
        parts["y"] = tuple(each["y"])
    elif case.parts == "flat metrics":
        parts["metrics"] = [names[0] if names else "mae" for names in each["metrics"]]
    elif case.parts == "one metric for all":
        parts["metrics"] = each["metrics"][0]
    elif case.parts == "weights for all":
        parts["sample_weight"] = each["sample_weight"][0]
    elif case.parts == "missing keys":
        parts = {name: dict(list(part.items())[1:]) if isinstance(part, dict) else part for name, part in parts.items()}
    elif case.parts == "extra keys":
        parts = {name: {**part, "more": None} if isinstance(part, dict) else part for name, part in parts.items()}
    return parts


PART_FORMS = {"dicts": "dict", "lists": "list", "tuples": "tuple", "integer keys": "integer keys"}


def compiled(model: keras.Model, case: Case, parts: dict[str, Any]) -> None:
    """Compile the model as the case says."""
    if case.state == "frozen":
        model.trainable = False
    if case.state == "one layer frozen":
        model.layers[-1].trainable = False
    arguments = {name: parts[name] for name in ("loss", "metrics", "loss_weights")}
    if "weighted metrics" in case.compiled:
        arguments["weighted_metrics"] = arguments.pop("metrics")
    elif "all weighted" in case.compiled:
        arguments["weighted_metrics"] = ["mae"]
    if "jit" in case.compiled:
        arguments["jit_compile"] = True
    elif "eagerly" in case.compiled:
        arguments["run_eagerly"] = True
    if "auto scale" in case.compiled:
        arguments["auto_scale_loss"] = False
    if "steps per execution" in case.compiled:
        arguments["steps_per_execution"] = 2
    if "twice" in case.compiled:
        model.compile("sgd", **arguments)
        arguments = {"loss": arguments["loss"]}
    model.compile(OPTIMIZERS[case.optimizer](), **arguments)


def tupled(structure):
    return tuple(structure) if isinstance(structure, list) else structure


def sliced(x, parts, weighted):
    return tf.data.Dataset.from_tensor_slices(tuple(map(tupled, (x, parts["y"], *weighted))))


def without_shapes(dataset):
    elements = list(dataset)
    signature = keras.tree.map_structure(lambda leaf: tf.TensorSpec(None, leaf.dtype), elements[0])
    dataset = tf.data.Dataset.from_generator(lambda: iter(elements), output_signature=signature)
    next(iter(dataset))  # a dataset that cannot be read is no case
    return dataset


def padded(dataset):
    shapes = keras.tree.map_structure(lambda leaf: [None] * len(leaf.shape), dataset.element_spec)
    return dataset.padded_batch(4, keras.tree.map_structure_up_to(dataset.element_spec, lambda shape: shape, shapes))


def delivered(case: Case, x: Any, parts: dict[str, Any]) -> tuple:
    """Return what `fit` is given, and what `check_heads` is given."""
    y, weight = parts["y"], parts["sample_weight"]
    weighted = () if weight is None else (weight,)
    if case.delivery == "arrays":
        return (x, y, weight), (y, weight)
    if case.delivery.startswith("own"):
        dataset = Batches(*map(tupled, (x, y, *(weighted if "weighted" in case.delivery else ()))))
    elif case.delivery == "only x":
        dataset = tf.data.Dataset.from_tensor_slices(x).batch(4)
    else:
        dataset = DATASETS[case.delivery](sliced(x, parts, weighted if "weight" in case.delivery else ()))
    return (dataset, None, None), (dataset, weight if case.delivery == "dataset and weights" else None)


DATASETS: dict[str, Callable] = {
    "dataset": lambda rows: rows.batch(4),
    "dataset and weights": lambda rows: rows.batch(4),
    "weighted dataset": lambda rows: rows.batch(4),
    "without shapes": lambda rows: without_shapes(rows.batch(4)),
    "padded": lambda rows: rows.padded_batch(4),
    "distributed": lambda rows: tf.distribute.MirroredStrategy(["CPU:0"]).experimental_distribute_dataset(
        rows.batch(4)
    ),
    "single rows": lambda rows: rows,
    "no batch": lambda rows: rows.take(0).batch(4),
    "uneven batches": lambda rows: rows.batch(5),
    "triple of tuple": lambda rows: rows.batch(4).map(lambda *parts: (parts,)),
    "lists in dataset": lambda rows: rows.batch(4).map(lambda *parts: list(parts)),
    "endless": lambda rows: rows.batch(4).repeat(),
}


# ---------------------------------------------------------------------------------------------------------------------
# What must hold


def states(model: keras.Model, given: Any) -> list[str]:
    """Return all that the check may not change, as text."""
    variables = [*model.variables, *model.metrics_variables]
    variables += model.optimizer.variables if getattr(model, "optimizer", None) else []
    return [
        *(f"{variable.path} {variable.numpy().tolist()}" for variable in variables),
        *(f"{layer.name} {layer.trainable} {layer.built}" for layer in model.layers),
        f"{model.built} {getattr(model, 'train_function', None)}",
        *(written(leaf) for leaf in keras.tree.flatten(given)),
        str(np.random.get_state()),  # noqa: NPY002
        str(random.getstate()),
    ]


def written(leaf: Any) -> str:
    lazy = isinstance(leaf, tf.data.Dataset | keras.utils.PyDataset) or hasattr(leaf, "__next__")
    return "" if lazy or not hasattr(leaf, "shape") else f"{type(leaf)} {leaf}"


def takes_a_step(model: keras.Model, given: tuple) -> bool:
    """Whether `fit` trains on what it is given."""
    try:
        model.run_eagerly = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(*given[:2], sample_weight=given[2], batch_size=ROWS, steps_per_epoch=1, verbose=0)
    except Exception:
        return False
    return True


def built(case: Case) -> tuple:
    """Return the model, and what `fit` and `check_heads` are given, or None where Keras does not build it."""
    scope = tf.distribute.MirroredStrategy(["CPU:0"]).scope if case.model == "mirrored" else contextlib.nullcontext
    with scope():
        model, x, shapes = model_of(case)
        if case.state == "cloned":
            model = keras.models.clone_model(model)
        parts = parts_of(case, shapes)
        if case.state != "not compiled":
            compiled(model, case, parts)
    to_fit, to_check = delivered(case, x, parts)
    if case.state == "trained":
        takes_a_step(model, to_fit)
    elif case.state == "failed":
        takes_a_step(model, (x, "nothing", None))
    elif case.state == "frozen late":
        takes_a_step(model, to_fit)
        model.layers[-1].trainable = False
    return model, to_fit, to_check


def judge(case: Case) -> str:
    """Assert what must hold for a case, and say what it was."""
    try:
        parts = built(case)
    except Exception:
        return "not built"
    return outcome(*parts)


def outcome(model: keras.Model, to_fit: tuple, to_check: tuple) -> str:
    """Assert what must hold for a model and what it is given, and say what it was."""
    before = states(model, to_check)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", UserWarning)
            report = check_heads(model, *to_check)
    except (TypeError, ValueError) as error:
        if re.match(ABOUT_ITS_ARGUMENTS, str(error)):
            return "refused"
        raise
    str(report)
    assert states(model, to_check) == before
    if not takes_a_step(model, to_fit):
        return "not trained"
    assert not report.notes, report.notes
    said = [warning.message for warning in warned if warning.category is UserWarning]
    assert not said, said
    return "found" if report else "silent"


def test_what_fit_accepts_is_judged_without_an_exception_or_a_change():
    counts = collections.Counter()

    @hypothesis.given(cases())
    @hypothesis.settings(
        database=None,
        derandomize=not EXAMPLES,
        max_examples=EXAMPLES or 120,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def judged(case):
        counts[judge(case)] += 1

    judged()
    print(dict(counts))
    trained = counts["found"] + counts["silent"]
    assert trained >= sum(counts.values()) / 4
    assert counts["silent"] >= trained / 10
