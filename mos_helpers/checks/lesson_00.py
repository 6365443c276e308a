"""The check of the example question in the opening notebook."""

import keras

from mos_helpers.checks._engine import as_dict, as_number, describe, question, require


@question("0.1", hints=["How many answers does the head give?", "Softmax lets only one answer be likely at a time."])
def contract(answer: object) -> None:
    """A dict with the units and the activation of a head for seven yes/no questions."""
    parts = as_dict(answer, ["units", "activation"])
    units = as_number(parts["units"], "units")
    require(units == 7, f"each of the seven questions needs a unit of its own, and you gave {units:g}")
    given = parts["activation"]
    name = given if isinstance(given, str) else getattr(given, "__name__", describe(given))
    softmax = "softmax makes the seven answers share a total of 1, so that a yes for one is a no for the others"
    require(name != "softmax", softmax)
    require(name == "sigmoid" or given is keras.activations.sigmoid, f"{name!r} does not give probabilities")
