"""The checks of exercise 1: two heads, and a third."""

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.checks._answers import blaming
from mos_helpers.checks._engine import as_array, as_function, as_model, call, outputs_of, question, require
from mos_helpers.data import Digits, digit_attributes

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
    # Small and large inputs: an output without an activation leaves the range of a probability on the large ones.
    images = np.random.default_rng(0).normal(size=(64, 784)) * np.repeat([0.3, 10.0], 32)[:, None]
    images = images.astype("float32")
    outputs = outputs_of(model, images, HEADS)
    require(isinstance(model(images, training=False), dict), "your model should return a dict, and it returns a list")
    for name, output in outputs.items():
        inside = bool(((output >= 0) & (output <= 1)).all())
        require(inside, f"the output {name} leaves the range from 0 to 1: which activation gives probabilities?")
        constant = f"the output {name} is the same for every image: is it a softmax over one unit, which is always 1?"
        require(bool(np.ptp(output, axis=0).max() > 0), constant)
    total = outputs["digit"].sum(axis=1)
    require(
        np.allclose(total, 1, atol=1e-3), "the ten probabilities of the digit should have a total of 1: use softmax"
    )
    names = list(getattr(model, "output_names", None) or sorted(HEADS))
    for key, name in zip(sorted(HEADS), names, strict=True):
        require(
            key == name, f"each head's layer should have the name of its key: {key} comes from a layer named {name}"
        )
    require(_shared_variables(model, images), "the three heads share no layer with weights: put them on one trunk")
    return f"Three heads, and {model.count_params():,} weights."


def _shared_variables(model: keras.Model, images: np.ndarray) -> bool:
    """Return whether some variable of the model takes part in all of its outputs."""
    with tf.GradientTape(persistent=True) as tape:
        outputs = model(images[:2], training=False)
    gradients = [tape.gradient(outputs[name], model.trainable_weights) for name in HEADS]
    return any(all(gradient is not None for gradient in row) for row in zip(*gradients, strict=True))


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
    right_kind = isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], Digits)
    require(right_kind, "the check needs your model and the digits: lambda: (model, digits)")
    model, digits = as_model(answer[0], "the model", compiled=True), answer[1]
    count = min(2000, len(digits.y_test))
    images, labels = digits.x_test[:count].reshape(-1, 784), digits.y_test[:count]
    truth = {"digit": labels, "odd": labels % 2, "loop": digit_attributes(labels)["has_loop"]}
    outputs = outputs_of(model, images, HEADS)
    # One batch: Keras averages a head's loss over batches as if all were of the same size.
    with blaming("your model"):
        scores = model.evaluate(images, truth, batch_size=count, verbose=0, return_dict=True)
    for name in HEADS:
        accuracy, loss = _accuracy(outputs[name], truth[name]), _cross_entropy(outputs[name], truth[name])
        found = scores.get(f"{name}_loss", np.nan)
        require(
            bool(np.isfinite(found)), f"Keras reports no finite loss for the head {name}: did `compile` give it one?"
        )
        message = f"the loss of the head {name} should be its cross-entropy, {loss:.3f}, and Keras reports {found:.3f}"
        require(bool(np.isclose(found, loss, rtol=0.01, atol=1e-3)), message)
        metrics = [score for key, score in scores.items() if key.startswith(f"{name}_") and key != f"{name}_loss"]
        measured = bool(np.isclose(metrics, accuracy, atol=2e-3).any())
        require(measured, f"no metric of the head {name} reports its accuracy, {accuracy:.1%}: give `compile` one")
        right = f"the head {name} is right on {accuracy:.1%} of the test images"
        guess = 0.2 if name == "digit" else 0.65
        require(accuracy > guess, f"{right}, no better than a guess: is it trained, and on its own targets?")
        require(accuracy > 0.9, f"{right}: train it for longer")
    return f"On the test images the three losses add up to {sum(scores[f'{name}_loss'] for name in HEADS):.2f}."


def _accuracy(output: np.ndarray, truth: np.ndarray) -> float:
    says = output.argmax(axis=1) if output.shape[1] > 1 else output[:, 0] > 0.5
    return float(np.mean(says == truth))


def _cross_entropy(output: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean of -log p(truth), with probabilities kept 1e-7 away from 0 and 1 as Keras does."""
    both = output if output.shape[1] > 1 else np.concatenate([1 - output, output], axis=1)
    return float(-np.log(both[np.arange(len(truth)), truth].clip(1e-7, 1 - 1e-7)).mean())


@question(
    "1.3",
    hints=[
        "First turn each head's output into an answer: which digit is likeliest, and is `odd` above 0.5?",
        '`predictions["odd"]` has shape (n, 1). `[:, 0]` makes it (n,), like the digits.',
        "The likeliest digit is odd where `argmax(axis=1) % 2 == 1`.",
    ],
)
def contradictions(answer: object) -> None:
    """A function from predictions to an array of True and False."""
    function = as_function(answer)
    for seed, count in enumerate([40, 1, 10]):
        predictions = _predictions(seed, count)
        expected = (predictions["digit"].argmax(axis=1) % 2 == 1) != (predictions["odd"][:, 0] > 0.5)
        found = np.asarray(call(function, predictions))
        crossed = "shapes (n,) and (n, 1) were compared, each image with every other: the result has shape (n, n)"
        require(count == 1 or found.shape != (count, count), crossed)
        one_number = "your function should return one True or False for each image, and it returns one number"
        require(found.ndim > 0, one_number)
        found = as_array(found, "the result", shape=(count,))
        both = "the result should hold True and False, and yours holds other numbers"
        require(bool(np.isin(found, [0, 1]).all()), both)
        require(not (found == ~expected).all(), "it says True where the heads agree: turn it round")
        require(bool((found == expected).all()), _first_difference(predictions, found, expected))


def _first_difference(predictions: dict[str, np.ndarray], found: np.ndarray, expected: np.ndarray) -> str:
    """Describe the first image on which a learner's function is wrong."""
    i = int(np.argmax(found != expected))
    likeliest, odd = predictions["digit"][i].argmax(), predictions["odd"][i, 0]
    heads = f"where the likeliest digit is {likeliest} and the odd head says {odd:.2f}"
    return f"{heads}, your function should give {bool(expected[i])}, and it gives {bool(found[i])}"


def _predictions(seed: int, count: int) -> dict[str, np.ndarray]:
    """Return what `predict` could give for `count` images, one of them with exactly 0.5 for odd."""
    rng = np.random.default_rng(seed)
    odd = rng.uniform(size=(count, 1)).astype("float32")
    odd[0] = 0.5
    return {"digit": rng.dirichlet(np.full(10, 0.3), size=count).astype("float32"), "odd": odd}


@question(
    "1.4",
    hints=[
        "Being a 1, being a 3, being a 5 ... exclude each other. What is the probability that one of them is true?",
        "Probabilities of things that exclude each other are added.",
        "`digit[:, 1::2]` holds the columns of the odd digits.",
    ],
)
def odd_probability(answer: object) -> None:
    """A function from the digit head's probabilities to the probability of an odd digit."""
    function = as_function(answer)
    example = np.zeros((1, 10), "float32")
    example[0, [4, 7, 9]] = 0.4, 0.3, 0.3
    for digit in [example, *(_predictions(seed, count)["digit"] for seed, count in enumerate([40, 1, 10]))]:
        expected = digit[:, 1::2].sum(axis=1)
        found = call(function, digit)
        require(np.ndim(found) > 0, "your function should return one probability for each image: sum along axis 1")
        found = as_array(found, "the result", shape=(len(digit),))
        require(found.dtype.kind != "b", "it gives True or False: return the probability itself")
        found = found.astype("float64")
        only = "it gives 0 or 1, by the likeliest digit alone: use the other digits' probabilities too"
        require(not np.array_equal(found, digit.argmax(axis=1) % 2), only)
        require(not np.allclose(found, 1 - expected, atol=1e-3), "it gives the probability that the digit is even")
        share = "it gives the mean of the odd digits' probabilities: a probability of one or another is a sum"
        require(not np.allclose(found, expected / 5, atol=1e-3), share)
        which = "with 0.4 on the 4, 0.3 on the 7 and 0.3 on the 9" if digit is example else "on other probabilities"
        message = f"{which} it should give {expected[0]:.3f} for the first image, and it gives {found[0]:.3f}"
        require(np.allclose(found, expected, atol=1e-4), message)
