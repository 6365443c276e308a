"""The checks of exercise 1: two heads, and a third."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_checks import (
    NotYet,
    as_array,
    as_model,
    blaming,
    function_question,
    outputs_of,
    question,
    require,
    told_apart,
)
from mos_helpers.data import Digits, digit_attributes
from mos_helpers.heads import MultiOutput

HEADS = {"digit": 10, "odd": 1, "loop": 1}


@question(
    "1.1",
    hints=[
        "Start from the model of the lesson. The third head is built like one of the two that are there.",
        "Each head is a Dense layer on the trunk's last output, with `name=` equal to its key.",
        "One of ten classes: 10 units, softmax. A yes/no question: 1 unit, sigmoid. The outputs are a dict.",
    ],
)
def three_heads(answer: object) -> str:
    """A model with the outputs digit, odd and loop on one trunk."""
    model = as_model(answer)
    rng = np.random.default_rng(0)
    images = (rng.normal(size=(64, 784)) * np.repeat([0.3, 3.0], 32)[:, None]).astype("float32")
    outputs = outputs_of(model, images, HEADS)
    require(isinstance(model(images, training=False), dict), "your model should return a dict, and it returns a list")
    _require_range(outputs)
    _require_activations(model, images)
    _require_names(model)
    shared = _with_kernels(model, 8, 1.0, lambda: _shares_a_weight(model, images[:32]))
    require(shared, "the three heads share no layer with weights: put them on one trunk")
    return f"Three heads, and {model.count_params():,} parameters."


def _with_kernels(model: keras.Model, seed: int, gain: float, ask: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Return `ask()` while the model has random kernels; biases and moving averages stay as they are.

    The kernels of an odd seed are those of the even seed before it with the other sign.
    """
    rng = np.random.default_rng(seed // 2)
    kernels = [weight for weight in model.weights if len(weight.shape) > 1 and "float" in str(weight.dtype)]
    before = [np.copy(kernel.numpy()) for kernel in kernels]
    try:
        for kernel in kernels:
            scale = gain * (-1) ** seed * np.sqrt(2 / np.prod(kernel.shape[:-1]))
            kernel.assign(scale * rng.normal(size=kernel.shape))
        return ask()
    finally:
        for kernel, value in zip(kernels, before, strict=True):
            kernel.assign(value)


def _require_range(outputs: dict[str, np.ndarray]) -> None:
    for name, output in outputs.items():
        inside = bool(((output >= 0) & (output <= 1)).all())
        require(inside, f"the output {name} leaves the range from 0 to 1: which activation gives probabilities?")


def _require_activations(model: keras.Model, images: np.ndarray) -> None:
    """Say what is wrong with the activations, by what the model answers with other weights.

    What is luck with one draw of them, or comes from training, then shows. A trunk that makes its numbers small, as
    `Rescaling` does, needs larger weights before a right activation comes near 0 and 1; a wrong one never does.
    """
    reasons = []
    for gain in (4.0, 400.0):
        try:
            drawn = [_with_kernels(model, seed, gain, lambda: outputs_of(model, images, HEADS)) for seed in range(4)]
            together = {name: np.concatenate([outputs[name] for outputs in drawn]).astype("float64") for name in HEADS}
            _require_range(together)
            _require_right_activations(together)
        except NotYet as reason:
            reasons.append(reason)
        else:
            return
    raise reasons[0]


def _require_right_activations(outputs: dict[str, np.ndarray]) -> None:
    digit, odd, loop = (outputs[name] for name in HEADS)
    for name, output in outputs.items():
        one = f"the output {name} is 1 for every image: a softmax over one unit always is. Use a sigmoid"
        require(not np.allclose(output, 1, atol=1e-3), one)
        constant = f"the output {name} is the same for every image, whatever the weights: does it begin at the image?"
        require(bool(np.ptp(output, axis=0).max() > 1e-3), constant)
    total = digit.sum(axis=1, keepdims=True)
    for others, names in ((odd, "digit and odd"), (loop, "digit and loop"), (odd + loop, "all three heads")):
        joined = f"{names} have a total of 1, as in one softmax over them: each head needs its own activation"
        require(not np.allclose(total + others, 1, atol=0.02) or np.allclose(total, 1, atol=0.02), joined)
    across = "the softmax of the digit runs over the images: each row should have a total of 1 (axis=-1)"
    require(not np.allclose(digit.reshape(-1, 64, 10).sum(axis=1), 1, atol=0.05), across)
    whole = "the ten probabilities of the digit should have a total of 1: use softmax"
    require(np.allclose(total, 1, atol=0.02), whole)
    again = "did its numbers go through another activation before the last one?"
    best = f"no digit gets more than {digit.max():.2f}, whatever the weights: {again}"
    require(bool(digit.max() > 0.6), best)
    rivals = "odd and loop are never both likely, as in one softmax over them: a 9 is odd and has a loop"
    require(bool((odd + loop).max() > 1.1), rivals)
    for name in ("odd", "loop"):
        low, high = outputs[name].min(), outputs[name].max()
        narrow = f"the output {name} stays between {low:.2f} and {high:.2f}, whatever the weights: {again}"
        require(bool(low < 0.2 and high > 0.8), narrow)


def _require_names(model: keras.Model) -> None:
    names = list(getattr(model, "output_names", None) or sorted(HEADS))
    for key, name in zip(sorted(HEADS), names, strict=True):
        if key != name and issubclass(type(model.get_layer(name)), MultiOutput):  # which names its heads itself
            continue
        wrong = f"each head's layer should have the name of its key: {key} comes from a layer named {name}"
        require(key == name, wrong)


def _shares_a_weight(model: keras.Model, images: np.ndarray) -> bool:
    """Return whether some weight of the model, trained or frozen, takes part in all of its outputs."""
    rng = np.random.default_rng(1)
    weights = [weight.value for weight in model.weights if "float" in str(weight.dtype)]
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(weights)
        outputs = model(images, training=False)
        sums = {name: tf.reduce_sum(_random(rng, outputs[name]) * outputs[name]) for name in HEADS}
    for weight in weights:
        gradients = [tape.gradient(sums[name], weight) for name in HEADS]
        if any(gradient is None for gradient in gradients):
            continue
        moves = [np.asarray(tf.convert_to_tensor(gradient)) != 0 for gradient in gradients]
        if bool(np.logical_and.reduce(moves).any()):
            return True
    return False


def _random(rng: np.random.Generator, output: tf.Tensor) -> tf.Tensor:
    return tf.cast(rng.normal(size=output.shape), output.dtype)


@question(
    "1.2",
    hints=[
        "`compile` takes a dictionary of losses and one of metrics. Their keys are those of the outputs.",
        "A softmax head with integer targets: sparse_categorical_crossentropy. A sigmoid head: binary_crossentropy.",
        "Then fit(data.batches(images_train, targets_train).repeat(), steps_per_epoch=300, epochs=5).",
    ],
    seconds=60,
)
def three_heads_trained(answer: object) -> str:
    """The compiled and trained model, and the digits."""
    right_kind = isinstance(answer, tuple | list) and len(answer) == 2 and isinstance(answer[1], Digits)
    require(right_kind, "the check needs your model and the digits: lambda: (model, digits)")
    model, digits = as_model(answer[0], "the model", compiled=True), answer[1]
    count = min(2000, len(digits.y_test))
    images, labels = digits.x_test[:count].reshape(-1, 784), digits.y_test[:count]
    truth = {"digit": labels, "odd": labels % 2, "loop": digit_attributes(labels)["has_loop"]}
    outputs = outputs_of(model, images, HEADS)
    # On other targets too, on which accuracy, precision and recall are far apart.
    others = _other_targets(outputs)
    scores, also = _scores(model, images, truth), _scores(model, images, others)
    for name in HEADS:
        accuracy, loss = _accuracy(outputs[name], truth[name]), _cross_entropy(outputs[name], truth[name])
        found = scores.get(f"{name}_loss", np.nan)
        require(
            bool(np.isfinite(found)), f"Keras reports no finite loss for the head {name}: did `compile` give it one?"
        )
        message = f"the loss of the head {name} should be its cross-entropy, {loss:.3f}, and Keras reports {found:.3f}"
        mean_or_sum = np.isclose([found, found / count], loss, rtol=0.01, atol=1e-3).any()
        require(bool(mean_or_sum), message)
        metrics = [key for key in scores if key.startswith(f"{name}_") and key != f"{name}_loss"]
        pairs = [(scores[key], also[key]) for key in metrics]
        wanted = accuracy, _accuracy(outputs[name], others[name])
        measured = any(np.allclose(pair, wanted, atol=2e-3) for pair in pairs)
        require(measured, f"no metric of the head {name} reports its accuracy, {accuracy:.1%}: give `compile` one")
        right = f"the head {name} is right on {accuracy:.1%} of the test images"
        guess = 0.2 if name == "digit" else 0.65
        require(accuracy > guess, f"{right}, no better than a guess: is it trained, and on its own targets?")
        require(accuracy > 0.9, f"{right}: train it for longer")
    return f"On the test images the three losses add up to {sum(scores[f'{name}_loss'] for name in HEADS):.2f}."


def _scores(model: keras.Model, images: np.ndarray, targets: dict[str, np.ndarray]) -> dict[str, float]:
    """Return what `evaluate` does for one batch; without compiling it, unless something is wrong."""
    try:
        model.reset_metrics()
        batch = keras.tree.map_structure(tf.constant, (images, targets))
        return {key: float(value) for key, value in model.test_step(batch).items()}
    except Exception:
        with blaming("your model"):  # in the words that the learner's own `fit` would use
            return model.evaluate(images, targets, batch_size=len(images), verbose=0, return_dict=True)


def _other_targets(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return targets on which each head is right on about two thirds, and more often where it predicts yes."""
    rng = np.random.default_rng(0)
    count = len(outputs["digit"])
    digit = np.where(rng.random(count) < 0.6, outputs["digit"].argmax(axis=1), rng.integers(10, size=count))
    yes_no = {
        name: (rng.random(count) < np.where(outputs[name][:, 0] > 0.5, 0.9, 0.6)).astype("int64")
        for name in ("odd", "loop")
    }
    return {"digit": digit, **yes_no}


def _accuracy(output: np.ndarray, truth: np.ndarray) -> float:
    predicted = output.argmax(axis=1) if output.shape[1] > 1 else output[:, 0] > 0.5
    return float(np.mean(predicted == truth))


def _cross_entropy(output: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean of -log p(truth), with probabilities kept 1e-7 away from 0 and 1 as Keras does."""
    both = output if output.shape[1] > 1 else np.concatenate([1 - output, output], axis=1)
    return float(-np.log(both[np.arange(len(truth)), truth].clip(1e-7, 1 - 1e-7)).mean())


def _says_odd(predictions: dict[str, np.ndarray]) -> np.ndarray:
    return predictions["odd"][:, 0] > 0.5


def _contradict(predictions: dict[str, np.ndarray]) -> np.ndarray:
    return (predictions["digit"].argmax(axis=1) % 2 == 1) != _says_odd(predictions)


def _predictions(seed: int, count: int) -> dict[str, np.ndarray]:
    """Return what `predict` could give for `count` images, one in ten of them with exactly 0.5 for odd."""
    rng = np.random.default_rng(seed)
    odd = rng.uniform(size=(count, 1)).astype("float32")
    odd[rng.permutation(count)[: -(-count // 10)]] = 0.5
    return {"digit": rng.dirichlet(np.full(10, 0.3), size=count).astype("float32"), "odd": odd}


def _cases_of_two_heads() -> list[dict]:
    cases = [_predictions(seed, count) for seed, count in enumerate([40, 1, 10])]
    # As the exercise's last cell has it: with the third head, and in another order.
    cases.append({"loop": cases[0]["odd"][::-1], "odd": cases[0]["odd"][1:31], "digit": cases[0]["digit"][7:37]})
    return [{"predictions": predictions} for predictions in cases]


def _read_decisions(value: object, case: dict) -> np.ndarray:
    count = len(case["predictions"]["digit"])
    found = np.asarray(value)
    if found.dtype == object:
        found = as_array(value, "the result")
    crossed = "shapes (n,) and (n, 1) were compared, each image with every other: the result has shape (n, n)"
    require(count == 1 or found.shape != (count, count), crossed)
    require(found.ndim > 0, "your function should return one True or False for each image, and it returns one number")
    found = as_array(found, "the result", shape=(count,))
    both = "the result should hold True and False, and yours holds other numbers"
    require(bool(np.isin(found, [0, 1]).all()), both)
    return found.astype(bool)


def _first_wrong_image(case: dict, found: np.ndarray, wanted: np.ndarray) -> str:
    predictions, i = case["predictions"], int(np.argmax(found != wanted))
    likeliest, odd = predictions["digit"][i].argmax(), predictions["odd"][i, 0]
    heads = f"where the likeliest digit is {likeliest} and the odd head predicts {odd:.2f}"
    return f"{heads}, your function should give {bool(wanted[i])}, and it gives {bool(found[i])}"


function_question(
    "1.3",
    "A function from predictions to an array of True and False.",
    hints=[
        "First turn each head's output into an answer: which digit is likeliest, and is `odd` above 0.5?",
        '`predictions["odd"]` has shape (n, 1). `[:, 0]` makes it (n,), like the digits.',
        "The likeliest digit is odd where `argmax(axis=1) % 2 == 1`.",
    ],
    right=_contradict,
    cases=_cases_of_two_heads,
    read=_read_decisions,
    mistakes={
        "it gives True where the heads agree: turn it round": lambda predictions: ~_contradict(predictions),
        "it adds up the odd digits' probabilities: the question is about the likeliest digit alone": (
            lambda predictions: _says_odd(predictions) != (_odd_sum(predictions["digit"]) > 0.5)
        ),
    },
    show=_first_wrong_image,
)


def _odd_sum(digit: np.ndarray) -> np.ndarray:
    return digit[:, 1::2].sum(axis=1, dtype="float64")


def _cases_of_digits() -> list[dict]:
    example = np.zeros((1, 10), "float32")
    example[0, [4, 7, 9]] = 0.4, 0.3, 0.3
    drawn = (_predictions(seed, count)["digit"] for seed, count in enumerate([40, 1, 10]))
    return [{"digit": digit} for digit in (example, *drawn)]


def _read_probabilities(value: object, case: dict) -> np.ndarray:
    require(np.ndim(value) > 0, "your function should return one probability for each image: sum along axis 1")
    found = as_array(value, "the result", shape=(len(case["digit"]),))
    require(found.dtype.kind != "b", "it gives True or False: return the probability itself")
    return found


def _worst_probability(case: dict, found: np.ndarray, wanted: np.ndarray) -> str:
    i = int(np.abs(found - wanted).argmax())
    right, given = told_apart(wanted[i], found[i])
    if np.count_nonzero(case["digit"]) == 3:
        example = "with 0.4 on the 4, 0.3 on the 7 and 0.3 on the 9 it should give"
        return f"{example} {right} for the first image, and it gives {given}"
    *first, last = (f"{probability:.3f}" for probability in case["digit"][i, 1::2])
    return (
        f"for an image whose odd digits have {', '.join(first)} and {last} it should give {right}, and it gives {given}"
    )


function_question(
    "1.4",
    "A function from the digit head's probabilities to the probability of an odd digit.",
    hints=[
        "Being a 1, being a 3, being a 5 ... exclude each other. What is the probability that one of them is true?",
        "Probabilities of things that exclude each other are added.",
        "`digit[:, 1::2]` holds the columns of the odd digits.",
    ],
    right=_odd_sum,
    cases=_cases_of_digits,
    read=_read_probabilities,
    mistakes={
        "it gives 0 or 1, by the likeliest digit alone: use the other digits' probabilities too": (
            lambda digit: digit.argmax(axis=1) % 2
        ),
        "it gives 0 or 1, by whether the digit is more likely odd: return the probability itself": (
            lambda digit: (_odd_sum(digit) > 0.5).astype(int)
        ),
        "it gives the probability that the digit is even": lambda digit: digit[:, ::2].sum(axis=1),
        "it gives the probability of the likeliest digit, odd or even: add up those of the odd digits": (
            lambda digit: digit.max(axis=1)
        ),
        "it gives the mean of the odd digits' probabilities: a probability of one or another is a sum": (
            lambda digit: digit[:, 1::2].mean(axis=1)
        ),
    },
    show=_worst_probability,
)
