"""The checks of the opening notebook: its example question, and whether a learner is ready for the course."""

import keras
import numpy as np

from mos_checks import NotAnswered, as_array, as_dict, as_number, call, describe, question, require

NUMBERS = np.array([[-3, 2, -1, 0.5, 4, 0, 1], [1, -2, 5, 0, -0.5, 3, -4]], "float32")


@question("0.1", hints=["How many answers does the head give?", "Softmax lets only one answer be likely at a time."])
def contract(answer: object) -> None:
    """A dict with the units and the activation of a head for seven yes/no questions."""
    parts = as_dict(answer, ["units", "activation"])
    units = as_number(parts["units"], "units")
    require(units == 7, f"each of the seven questions needs a unit of its own, and you gave {units:g}")
    name, found = _applied(parts["activation"])
    softmax = "softmax makes the seven answers share a total of 1, so that a yes for one is a no for the others"
    require(not np.allclose(found.sum(axis=1), 1, atol=1e-3), softmax)
    inside = bool(((found >= 0) & (found <= 1)).all())
    require(inside, f"{name} does not give probabilities: of the number 2 it makes {found[0, 1]:.3g}")
    wanted = 1 / (1 + np.exp(-NUMBERS))
    other = f"{name} is no sigmoid: of the number 2 it makes {found[0, 1]:.3f}, and a sigmoid {wanted[0, 1]:.3f}"
    require(np.allclose(found, wanted, atol=1e-3), other)


def _applied(given: object) -> tuple[str, np.ndarray]:
    """Return what to call an activation, and what it makes of some numbers."""
    if given is None:
        return "an activation of None", NUMBERS
    if issubclass(type(given), str):
        try:
            return repr(given), as_array(keras.activations.get(given)(NUMBERS))
        except (TypeError, ValueError):
            require(False, f"Keras has no activation {describe(given)}: its names are lower-case, as in 'relu'")
    require(callable(given) and not issubclass(type(given), type), f"{describe(given)} is no activation")
    return "your activation", as_array(call(given, NUMBERS), "what the activation makes of numbers", shape=(2, 7))


NUMPY = "the guide `NumPy: the absolute basics for beginners`, in NumPy's documentation"
TRAINING = "the tutorial `Basic classification: Classify images of clothing`, in TensorFlow's documentation"
RIGHT = {1: "b", 2: "a", 3: "c", 4: "b", 5: "a"}
TO_READ = {1: NUMPY, 2: NUMPY, 3: TRAINING, 4: TRAINING, 5: TRAINING}


@question(
    "0.2", hints=["Each question has one right letter.", "Try 1 and 2 in a new cell, with np.zeros((100, 28, 28))."]
)
def letters(answer: object) -> str:
    """A dict from the numbers 1 to 5 to the letters a, b or c."""
    wrong_keys = (
        "the letters should be a dict with the keys 1, 2, 3, 4 and 5: change only what stands behind the colons"
    )
    require(issubclass(type(answer), dict) and set(answer) == set(RIGHT), wrong_keys)
    if any(letter is None for letter in answer.values()):
        raise NotAnswered("Put a letter in place of each None, and run the cell again")
    for number, letter in answer.items():
        known = issubclass(type(letter), str) and letter.strip().lower() in ("a", "b", "c")
        require(known, f"the answer to {number} should be 'a', 'b' or 'c', and yours is {describe(letter)}")
    wrong = [number for number in RIGHT if answer[number].strip().lower() != RIGHT[number]]
    reading = " and ".join(dict.fromkeys(TO_READ[number] for number in wrong))
    said = f"of your five answers {len(wrong)} are not right: {', '.join(map(str, wrong))}. Read first: {reading}"
    require(not wrong, said.replace("1 are", "1 is"))
    return "You are ready"
