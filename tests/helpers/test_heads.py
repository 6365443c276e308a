"""`MultiOutput` is a layer like any other, and `check_heads` names each mistake without touching the model."""

import cProfile
import random

import numpy as np
import pytest

from mos_helpers.heads import MultiOutput, Report, check_heads
from mos_helpers.inside_keras import layers_named, read_compiled, source_of

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers  # isort: skip

N = 32
X = np.random.default_rng(0).random((N, 8), "float32")
DIGIT = np.arange(N) % 10
ODD = (DIGIT % 2).astype("float32")[:, None]
TARGETS = {"digit": DIGIT, "odd": ODD}
SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
LOSSES = {"digit": SPARSE, "odd": BINARY}


@keras.saving.register_keras_serializable(package="tests")
class Own(layers.Layer):
    """A head that leaves it to Keras to build its parts."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(2)

    def call(self, x):
        return self.inner(x)


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.trunk = layers.Dense(4)
        self.outputs_by_name = MultiOutput(digit_and_odd())

    def call(self, x):
        return self.outputs_by_name(self.trunk(x))


def digit_and_odd():
    return {"odd": layers.Dense(1, "sigmoid"), "digit": layers.Dense(10, "softmax")}


def functional(heads):
    i = keras.Input((8,))
    return keras.Model(i, MultiOutput(heads)(layers.Dense(4, name="trunk")(i)))


def same_numbers(before, after):
    np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-5)


def inner_model():
    i = keras.Input((4,))
    return keras.Model(i, layers.Dense(3)(i))


# ---------------------------------------------------------------------------------------------------------------------
# MultiOutput


@pytest.mark.parametrize("make", [lambda: functional(digit_and_odd()), Subclassed], ids=["functional", "subclassed"])
def test_losses_metrics_and_logs_use_the_keys(make):
    model = make()
    metrics = {"digit": ["accuracy"], "odd": ["accuracy"]}
    model.compile("sgd", LOSSES, metrics=metrics, run_eagerly=make is Subclassed)
    history = model.fit(X, TARGETS, validation_data=(X, TARGETS), verbose=0).history
    scores = ["digit_accuracy", "digit_loss", "loss", "odd_accuracy", "odd_loss"]
    assert sorted(history) == scores + [f"val_{score}" for score in scores]
    assert sorted(model.evaluate(X, TARGETS, verbose=0, return_dict=True)) == scores
    assert {key: value.shape for key, value in model.predict(X, verbose=0).items()} == {"odd": (N, 1), "digit": (N, 10)}


@pytest.mark.parametrize(
    "make",
    [
        lambda: functional(digit_and_odd()),
        lambda: functional({"only": layers.Dense(2)}),
        lambda: functional({"z": layers.Dense(1), "a": layers.Dense(1), "m": layers.Dense(1)}),
        lambda: functional({"deep": keras.Sequential([layers.Dense(3), layers.Dropout(0.5), layers.Dense(1)])}),
        lambda: functional({"inner": inner_model(), "plain": layers.Dense(3)}),
        lambda: functional({"own": Own(), "own_2": Own()}),
        lambda: functional({"trunk": layers.Identity(), "twice": MultiOutput(digit_and_odd())}),
        Subclassed,
    ],
)
def test_a_saved_model_predicts_the_same(make, tmp_path):
    model = make()
    before = model(X)
    model.save(tmp_path / "model.keras")
    after = keras.models.load_model(tmp_path / "model.keras")(X)
    assert list(before) == list(after)
    keras.tree.map_structure(same_numbers, before, after)


def test_paths_of_weights_hold_the_keys_also_after_loading(tmp_path):
    heads = digit_and_odd()
    model = functional({**heads, "renamed": layers.Dense(2, name="other")})
    model.save(tmp_path / "model.keras")
    for m in (model, keras.models.load_model(tmp_path / "model.keras")):
        paths = [variable.path.split("/") for variable in m.layers[-1].weights]
        assert [path[-2:] for path in paths] == [
            [head, kind] for head in ("odd", "digit", "renamed") for kind in ("kernel", "bias")
        ]
        assert all(path[0].startswith("multi_output") for path in paths)
    assert heads["odd"].name == "odd"


def test_the_config_makes_the_same_layer_without_weights():
    layer = MultiOutput(digit_and_odd(), name="both", trainable=False)
    layer(X)
    copy = MultiOutput.from_config(layer.get_config())
    assert (copy.name, copy.trainable, list(copy.heads)) == ("both", False, ["odd", "digit"])
    assert not copy.weights
    assert copy.heads["digit"].get_config() == layer.heads["digit"].get_config()


def test_shapes_are_known_before_and_after_building():
    layer, shapes = MultiOutput(digit_and_odd()), {"odd": (None, 1), "digit": (None, 10)}
    assert layer.compute_output_shape((None, 4)) == shapes
    layer.build((None, 4))
    assert len(layer.weights) == 4
    assert {key: output.shape for key, output in layer(keras.Input((4,))).items()} == shapes


def test_training_reaches_the_heads():
    layer = MultiOutput({"noisy": layers.Dropout(0.5), "plain": layers.Identity()})
    assert (layer(X)["noisy"] == X).numpy().all()
    outputs = layer(X, training=True)
    assert (outputs["noisy"] == 0).numpy().any()
    assert (outputs["plain"] == X).numpy().all()


def test_the_mask_reaches_the_heads_and_leaves_those_that_pass_it_on(recwarn):
    words = np.array([[1, 2, 0, 0]])
    i = keras.Input((4,), dtype="int32")
    embedded = layers.Embedding(3, 5, mask_zero=True)(i)
    heads = MultiOutput({"tags": layers.Dense(2), "mean": layers.GlobalAveragePooling1D()})
    outputs = keras.Model(i, {**heads(embedded), "embedded": embedded})(words)
    np.testing.assert_allclose(outputs["mean"], outputs["embedded"].numpy()[:, :2].mean(axis=1), rtol=1e-6)
    assert outputs["tags"]._keras_mask.numpy().tolist() == [[True, True, False, False]]
    assert getattr(outputs["mean"], "_keras_mask", None) is None
    assert not [warning for warning in recwarn if "mask" in str(warning.message)]


def test_each_head_keeps_its_own_type_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = functional({"low": layers.Dense(2), "high": layers.Dense(2, dtype="float32")})
    finally:
        keras.config.set_dtype_policy("float32")
    wanted = {"low": "bfloat16", "high": "float32"}
    assert {key: output.dtype for key, output in model.output.items()} == wanted
    assert {key: output.dtype.name for key, output in model(X).items()} == wanted


def test_regularisers_of_heads_count():
    model = functional({"a": layers.Dense(1, kernel_regularizer="l2"), "b": layers.Dense(1)})
    assert len(model.losses) == 1


SHARED = layers.Dense(1)


@pytest.mark.parametrize(
    ("heads", "error", "words"),
    [
        ([layers.Dense(1)], TypeError, "heads must be a dict of at least one layer"),
        ({}, TypeError, "heads must be a dict of at least one layer"),
        ({1: layers.Dense(1)}, ValueError, "not 1"),
        ({"a/b": layers.Dense(1)}, ValueError, "not 'a/b'"),
        ({"a b": layers.Dense(1)}, ValueError, "not 'a b'"),
        ({"": layers.Dense(1)}, ValueError, "not ''"),
        ({"é": layers.Dense(1)}, ValueError, "not 'é'"),
        ({"val": layers.Dense(1)}, ValueError, "not 'val'"),
        ({"loss": layers.Dense(1)}, ValueError, "not 'loss'"),
        ({"a": layers.Dense}, TypeError, "must be a layer, such as Dense(...), not the class itself"),
        ({"a": 10}, TypeError, "heads['a'] must be a Keras layer, not 10"),
        ({"a": SHARED, "b": SHARED}, ValueError, "heads['b'] must be a layer of its own, not the same as heads['a']"),
    ],
)
def test_bad_heads_are_named(heads, error, words):
    with pytest.raises(error) as raised:
        MultiOutput(heads)
    assert words in str(raised.value)


def test_a_head_that_was_built_for_another_shape_is_named():
    built = layers.Dense(3)
    built.build((None, 5))
    with pytest.raises(ValueError, match=r"layer 'digit' is incompatible .* value 5, but received .* shape .None, 8"):
        MultiOutput({"digit": built})(keras.Input((8,)))


# ---------------------------------------------------------------------------------------------------------------------
# check_heads


def compiled(**settings):
    """Return a compiled model with a digit head and an odd head."""
    i = keras.Input((8,))
    model = keras.Model(i, {key: head(i) for key, head in named(digit_and_odd()).items()})
    model.compile("sgd", **{"loss": LOSSES, **settings})
    return model


def named(heads):
    """Give layers the names of their keys."""
    for key, head in heads.items():
        head.name = key
    return heads


def one_head(loss, units=1, activation=None, metrics=None):
    """Return a compiled model with one head of that loss."""
    i = keras.Input((8,))
    model = keras.Model(i, {"head": layers.Dense(units, activation, name="head")(i)})
    model.compile("sgd", {"head": loss}, metrics={"head": metrics} if metrics else None)
    return model


def test_the_report_of_a_right_model():
    report = check_heads(compiled(), TARGETS)
    assert repr(report) == (
        "odd: 1 unit, sigmoid, binary cross-entropy.\n"
        "digit: 10 classes, softmax, sparse categorical cross-entropy.\n"
        "Nothing found."
    )
    assert not report
    assert (len(report), report.findings, report.codes) == (0, [], [])
    report.raise_if_any()


def test_the_report_of_a_wrong_model():
    report = check_heads(compiled(), {"digit": DIGIT + 1, "od": ODD})
    assert isinstance(report, Report)
    assert len(report) == 2
    assert report.codes == [finding.code for finding in report] == ["unknown-key", "label-range"]
    assert report[1].head == "digit"
    assert str(report).splitlines() == [
        'od: targets has the key "od", which no output has: write "odd".',
        "digit: The labels run from 1 to 10, and the head's 10 classes from 0 to 9: subtract 1 from the labels.",
    ]
    with pytest.raises(ValueError, match="subtract 1 from the labels"):
        report.raise_if_any()


ONE_HOT = np.eye(10)[DIGIT]
SEVERAL = np.tile([1, 1, 0], (N, 1))
LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("model", "targets", "code", "words"),
    [
        (one_head(SPARSE, 10, "softmax"), DIGIT + 1, "label-range", "subtract 1"),
        (one_head(SPARSE, 10, "softmax"), DIGIT + 3, "label-range", "make it Dense(13)"),
        (one_head(SPARSE, 10, "softmax"), DIGIT - 1, "label-range", "SparseCategoricalCrossentropy(ignore_class=-1)"),
        (one_head(SPARSE, 10, "softmax"), DIGIT + 0.5, "label-range", "no whole numbers"),
        (one_head(SPARSE, 1, "sigmoid"), ODD, "label-range", "One unit has only the class 0"),
        (one_head(SPARSE, 10, "softmax"), ONE_HOT, "one-hot", "targets.argmax(axis=-1)"),
        (
            one_head(SPARSE, 10, "softmax"),
            SEVERAL,
            "shape",
            "shape (32, 3), and sparse categorical cross-entropy wants",
        ),
        (
            one_head("categorical_crossentropy", 10, "softmax"),
            DIGIT,
            "class-numbers",
            "sparse_categorical_crossentropy",
        ),
        (one_head("categorical_crossentropy", 3, "softmax"), SEVERAL, "multi-hot", "a row sums to 2"),
        (one_head("categorical_crossentropy", 3, "sigmoid"), np.eye(3)[DIGIT % 3], "activation", "not to sigmoid"),
        (one_head(BINARY, 3, "softmax"), SEVERAL, "activation", 'belongs to activation="sigmoid", not to softmax'),
        (one_head(BINARY, 1, "tanh"), ODD, "activation", "not to tanh"),
        (one_head(BINARY, 1, "sigmoid"), DIGIT, "yes-no-range", "not from 0 to 9"),
        (one_head(BINARY, 1, "sigmoid"), 2 * ODD - 1, "yes-no-range", "write (targets + 1) / 2"),
        (one_head(BINARY, 10, "sigmoid"), DIGIT, "class-numbers", "one number per row"),
        (one_head(BINARY, 1, "softmax"), ODD, "softmax-of-one", "always 1"),
        (one_head("mse", 1, "sigmoid"), DIGIT, "unreachable", "leave the activation out, or scale the targets"),
        (one_head("mse", 1, "relu"), ODD - 1, "unreachable", "run from -1 to 0, and relu gives 0 to inf"),
        (one_head("mse", 3), np.zeros((N, 2)), "shape", "wants (n, 3)"),
        (one_head("mse"), np.where(ODD, ODD, np.inf), "not-a-number", "NaN or infinity"),
        (one_head("mse"), np.array(["3"] * N), "not-a-number", "turn them into numbers"),
        (one_head("mse"), [1.0] * N, "not-an-array", "np.array(...)"),
        (one_head("mse"), {"head": [1.0] * N}, "not-an-array", "np.array(...)"),
        (one_head("mse"), {"head": {"head": ODD}}, "not-an-array", "take out one level"),
        (one_head(SPARSE, 10), DIGIT, "logits", "SparseCategoricalCrossentropy(from_logits=True)"),
        (one_head(LOGITS, 1, "sigmoid"), ODD, "logits", "leave out one of the two"),
        (one_head("mean_sqared_error"), ODD, "unknown-loss", 'no loss "mean_sqared_error"'),
        (one_head(keras.losses.MeanSquaredError), ODD, "unknown-loss", "write MeanSquaredError()"),
        (one_head("mse", metrics=["acc"]), ODD, "accuracy", 'use "mae"'),
        (one_head(LOGITS, metrics=["binary_accuracy"]), ODD, "accuracy", "BinaryAccuracy(threshold=0.0)"),
        (one_head(LOGITS, metrics=[keras.metrics.BinaryAccuracy()]), ODD, "accuracy", "BinaryAccuracy(threshold=0.0)"),
        (one_head(LOGITS, metrics=[keras.metrics.AUC()]), ODD, "accuracy", "AUC takes probabilities"),
        (one_head(LOGITS, metrics=[keras.metrics.Recall()]), ODD, "accuracy", "Recall takes probabilities"),
        (one_head(BINARY, 3, "sigmoid", [keras.metrics.F1Score()]), SEVERAL, "accuracy", "write threshold=0.5"),
        (
            one_head(SPARSE, 10, "softmax", ["categorical_accuracy"]),
            DIGIT,
            "metric-kind",
            'use "sparse_categorical_accuracy"',
        ),
    ],
)
def test_a_head_that_does_not_fit(model, targets, code, words):
    report = check_heads(model, targets)
    assert code in report.codes
    assert words in str(report)


@pytest.mark.parametrize(
    ("model", "targets", "weight", "code", "words"),
    [
        (compiled(), {"digit": DIGIT}, None, "missing-key", 'targets has no key "odd"'),
        (compiled(), {**TARGETS, "size": ODD}, None, "unknown-key", 'the outputs are "odd", "digit"'),
        (compiled(), TARGETS, {"odd": ODD + 1}, "missing-key", 'sample_weight has no key "digit": write None'),
        (compiled(), TARGETS, [ODD, ODD], "list-for-dict", "sample_weight is a list"),
        (compiled(), TARGETS, {"odd": -np.ones(N), "digit": None}, "weight-range", "negative numbers"),
        (compiled(), TARGETS, {"odd": np.ones(5), "digit": None}, "length", "shape (5,) for 32 rows"),
        (compiled(), {"digit": DIGIT[:9], "odd": ODD}, None, "length", "odd has 32, digit has 9"),
        (compiled(weighted_metrics=["mae"]), TARGETS, None, "list-for-dict", 'weighted_metrics={"odd": ["mae"]'),
        (compiled(loss_weights={"od": 1.0, "digit": 1.0}), TARGETS, None, "unknown-key", 'write "odd"'),
    ],
)
def test_parts_that_do_not_match(model, targets, weight, code, words):
    report = check_heads(model, targets, weight)
    assert report.codes == [code]
    assert words in str(report)


def test_names_of_two_metrics_that_meet_in_the_logs():
    i = keras.Input((8,))
    model = keras.Model(i, {name: layers.Dense(1, name=name)(i) for name in ("a", "a_b")})
    metrics = {"a": [keras.metrics.MeanAbsoluteError(name="b_mae")], "a_b": ["mae"]}
    model.compile("sgd", {"a": "mse", "a_b": "mse"}, metrics=metrics)
    report = check_heads(model, {"a": ODD, "a_b": ODD})
    assert report.codes == ["same-log-name"]
    assert 'would both be called "a_b_mae"' in str(report)


def test_heads_of_inner_models_and_layers_are_understood():
    i, shape = keras.Input((4,)), keras.Input((3, 4))
    below = layers.Dense(1, kernel_initializer="ones", bias_initializer=keras.initializers.Constant(-2.0))
    inner = keras.Model(shape, layers.Reshape((3,))(layers.Dense(1, "sigmoid")(shape)), name="inner")
    model = keras.Model(
        [i, shape],
        {
            "inner": inner(shape),
            "product": layers.Softmax(name="product")(i),
            "deep": MultiOutput({"twice": MultiOutput({"odd": below})})(i)["twice"]["odd"],
        },
    )
    model.compile("sgd", {"inner": "mse", "product": "mse", "deep": "mse"})
    zeros = {"inner": np.zeros((N, 3)), "product": np.zeros((N, 4)), "deep": np.zeros(N)}
    assert str(check_heads(model, zeros)).splitlines() == [
        "inner: 3 units, sigmoid, mean squared error.",
        "product: 4 units, softmax, mean squared error.",
        "deep: 1 unit, linear, mean squared error.",
        "Nothing found.",
    ]


def test_a_model_that_is_not_compiled():
    i = keras.Input((8,))
    assert check_heads(keras.Model(i, layers.Dense(1)(i)), ODD).codes == ["not-compiled"]


def test_a_model_that_was_not_called_is_said_to_be_unknown():
    model = Subclassed()
    model.compile("sgd", LOSSES)
    assert "outputs are not known before the model is called" in str(check_heads(model, TARGETS))
    assert check_heads(model, {"digit": DIGIT, "off": ODD}).codes == ["missing-key", "missing-key"]
    assert not model.built


def test_values_of_a_model_class_are_checked_once_it_was_called():
    model = Subclassed()
    model.compile("sgd", LOSSES)
    model(X[:2])
    assert check_heads(model, {"digit": DIGIT + 1, "odd": ODD}).codes == ["label-range"]


def test_a_dataset_of_single_rows():
    rows = tf.data.Dataset.from_tensor_slices((X, {"digit": DIGIT, "odd": ODD[:, 0]}))
    assert set(check_heads(compiled(), rows).codes) == {"not-batched"}


@pytest.mark.parametrize(
    ("model", "targets", "weight", "error", "words"),
    [
        ("model", TARGETS, None, TypeError, "model must be a Keras model, not str"),
        (compiled(), None, None, TypeError, "not None"),
        (compiled(), iter([X]), None, TypeError, "not a generator"),
        (compiled(), tf.data.Dataset.from_tensor_slices(X).batch(8), None, ValueError, "a dataset of pairs"),
        (compiled(), tf.data.Dataset.from_tensor_slices((X, ODD)).take(0), None, ValueError, "at least one batch"),
        (compiled(), tf.data.Dataset.from_tensor_slices((X, ODD)), ODD, ValueError, "sample_weight must be None"),
    ],
)
def test_wrong_arguments_are_named(model, targets, weight, error, words):
    with pytest.raises(error, match=words):
        check_heads(model, targets, weight)


def test_nothing_is_changed(monkeypatch):
    def trained(check):
        keras.utils.set_random_seed(0)
        model = Subclassed()
        model(X[:1])
        model.compile("adam", LOSSES, metrics={"odd": ["accuracy"]}, run_eagerly=True)
        targets = {key: value.copy() for key, value in TARGETS.items()}
        weight = {"odd": np.ones(N), "digit": None}
        for array in (*targets.values(), weight["odd"]):
            array.flags.writeable = False
        if check:
            with monkeypatch.context() as patch:
                for method in ("fit", "compile", "evaluate", "predict", "train_on_batch"):
                    patch.setattr(keras.Model, method, None)
                assert not check_heads(model, targets, weight)
                assert not check_heads(model, tf.data.Dataset.from_tensor_slices((X, targets)).batch(8))
            assert (model.train_function, model.optimizer.built) == (None, False)
        draws = random.random(), np.random.random(), float(keras.random.uniform(()))  # noqa: NPY002
        history = model.fit(X, targets, sample_weight=weight, verbose=0).history
        return draws, history, model.get_weights()

    with_check, without = trained(check=True), trained(check=False)
    assert with_check[0] == without[0]
    keras.tree.map_structure(same_numbers, with_check[1:], without[1:])


def test_it_does_no_more_for_more_rows():
    def calls(rows):
        targets = {"digit": np.arange(rows) % 10, "odd": np.arange(rows) % 2}
        profile = cProfile.Profile()
        assert not profile.runcall(check_heads, model, targets)
        return sum(entry.callcount for entry in profile.getstats())

    model = compiled()
    calls(600)
    assert calls(60_000) < 1.5 * calls(600)


# ---------------------------------------------------------------------------------------------------------------------
# What is read inside Keras: when a new Keras moves it, this is the test to look at first.


def test_what_compile_was_given_is_found_inside_keras():
    i = keras.Input((8,))
    model = keras.Model(i, {key: head(i) for key, head in named(digit_and_odd()).items()})
    assert read_compiled(model) is None
    metrics, weighted = {"odd": ["accuracy"]}, {"digit": ["accuracy"]}
    model.compile("sgd", LOSSES, {"digit": 1.0, "odd": 2.0}, metrics, weighted)
    found = read_compiled(model)
    assert found[:4] == (LOSSES, {"digit": 1.0, "odd": 2.0}, metrics, weighted)
    assert found[4:] == ((), (), False, ())
    model.run_eagerly = True
    model.train_on_batch(X, TARGETS)
    model.get_layer("odd").trainable = False
    assert read_compiled(model).frozen_late == ("odd",)
    model.compile("sgd", LOSSES)
    assert read_compiled(model).kept == ("metrics", "weighted_metrics")


def test_where_an_output_comes_from_is_found_inside_keras():
    i = keras.Input((8,))
    shared, head, both = layers.Dense(8, name="shared"), layers.Dense(1, name="head"), MultiOutput(digit_and_odd())
    first = shared(i)
    outputs = both(shared(first))
    output = head(outputs["odd"])
    last = source_of(output)
    assert (last.layer, last.index, last.call, last.calls) == (head, 0, 0, 1)
    assert last.inputs[0] is outputs["odd"]
    assert last.outputs[0] is output
    assert source_of(first).calls == 2
    assert [source_of(outputs[key]).index for key in ("digit", "odd")] == [0, 1]
    assert source_of(outputs["odd"]).layer is both
    assert [layer.name for layer in layers_named(keras.Model(i, outputs), "odd")] == ["odd"]
