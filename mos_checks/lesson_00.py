"""The check of the example question in the opening notebook."""

import keras
import numpy as np

from mos_checks import as_array, as_dict, as_number, call, describe, question, require

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
