"""The constraint in NumPy, for any graph, on the probabilities of any model: one cell that stands alone.

From lesson 13. What if a class has two parents?
It needs numpy, and nothing else.
"""

import graphlib

import numpy as np


def coherent(probabilities, classes, parents):
    """Return a copy of probabilities in which no class is less probable than one below it.

    Their shape is (n, classes). classes: the names of the columns, in their order; parents: for
    each class that has parents, the list of their names.
    """
    classes, result = list(classes), np.array(probabilities, dtype="float64")
    if result.ndim != 2 or result.shape[1] != len(set(classes)):
        wanted = f"(n, {len(set(classes))}), a column for each different name in classes"
        raise ValueError(f"probabilities must have shape {wanted}, not {result.shape}.")
    if not isinstance(parents, dict):
        raise TypeError(f"parents must be a dictionary, not {type(parents).__name__}.")
    for name, above in parents.items():
        if isinstance(above, str):
            raise TypeError(f"parents[{name!r}] must be a list of names, not {above!r}.")
        for other in {name, *above} - set(classes):
            raise ValueError(f"parents names {other!r}, which is not in classes: {classes}.")
    try:
        order = list(graphlib.TopologicalSorter(parents).static_order())
    except graphlib.CycleError as error:
        raise ValueError(f"parents must not go round in a cycle: {error.args[1]}.") from None
    for name in reversed(order):  # children come before their parents
        for parent in parents.get(name, []):
            child, above = classes.index(name), classes.index(parent)
            result[:, above] = np.maximum(result[:, above], result[:, child])
    return result


below = {"infection": ["disease"], "flu": ["infection", "seasonal"]}
coherent([[0.2, 0.6, 0.1, 0.7]], ["disease", "infection", "seasonal", "flu"], below)
