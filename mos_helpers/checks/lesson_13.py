"""The checks of exercise 13: close, count, constrain and credit."""

from collections.abc import Callable
from graphlib import TopologicalSorter

import numpy as np

from mos_helpers.checks._answers import NotYet
from mos_helpers.checks._engine import as_array, as_function, as_number, call_kept, describe, question, require

Parents = dict[str, list[str]]

# A chain, two ways to one ancestor, classes that stand before their parents, and a class without edges.
PLANTS = {
    "moss rose": ["rose"],
    "rose": ["shrub", "ornamental"],
    "shrub": ["plant"],
    "ornamental": ["plant", "garden"],
    "garden": [],
    "plant": [],
    "tool": [],
    "dog rose": ["rose", "medicinal"],
    "medicinal": ["plant"],
}

# Two chains, a to e and p to t, so that one pass over the classes ends too early, in whatever order it goes.
CHAINS = {above: [] for above in "dabcerqpst"} | {
    below: [above] for below, above in zip("abcdpqrs", "bcdeqrst", strict=True)
}


def _random_parents(rng: np.random.Generator, classes: int) -> Parents:
    """Return a graph with a chain of four classes, stated in any order."""
    names = [f"class {number}" for number in range(classes)]
    parents = {name: [] for name in names}
    for number in range(1, classes):
        chosen = set(rng.choice(number, size=min(number, rng.integers(0, 3)), replace=False).tolist())
        chosen |= {number - 1} if number < 4 else set()
        parents[names[number]] = [names[other] for other in sorted(chosen)]
    return {names[number]: parents[names[number]] for number in rng.permutation(classes)}


def _closed(names: set[str], parents: Parents) -> set[str]:
    return set(names).union(*(_closed(set(parents[name]), parents) for name in names))


def _below(parents: Parents) -> np.ndarray:
    """Return a table: row a, column d is True if class d is class a or lies below it."""
    return np.array([[name in _closed({other}, parents) for other in parents] for name in parents])


def _children(parents: Parents) -> np.ndarray:
    """Return a table: row a, column d is True if class a is a parent of class d."""
    return np.array([[name in parents[other] for other in parents] for name in parents])


@question(
    "13.1",
    hints=[
        "Begin with the given names. As long as there is a class whose parents you have not looked at, look at them.",
        "Keep a list of the names that wait, and a set of those that are done. Add parents with `waiting += ...`.",
        "Begin with `closed, waiting = set(), list(names)`, and loop `while waiting:` with `name = waiting.pop()`.",
    ],
)
def close(answer: object) -> None:
    """A function from a set of names and the parents to the set with all ancestors added."""
    function = as_function(answer)
    cases = [
        ({"a", "p"}, CHAINS),
        ({"moss rose"}, PLANTS),
        ({"dog rose", "tool"}, PLANTS),
        ({"garden"}, PLANTS),
        (set(), PLANTS),
    ]
    for seed in range(12):
        rng = np.random.default_rng(seed)
        parents = _random_parents(rng, 7)
        cases.append(({name for name in parents if rng.random() < 0.3}, parents))
    for names, parents in cases:
        _require_closed(function, names, parents)


def _require_closed(function: Callable, names: set[str], parents: Parents) -> None:
    result = call_kept(function, names=names, parents=parents)
    is_set = issubclass(type(result), set | frozenset)
    require(is_set, f"the result should be a set, and yours is {describe(result)}")
    texts = all(issubclass(type(name), str) for name in result)
    require(texts, "the result should hold names, and yours holds something else")
    found, wanted = {str(name) for name in result}, _closed(names, parents)
    case = f"for {_said(names)} it gives {_said(found)}"
    only_parents = names.union(*(parents[name] for name in names))
    for wrong, why in [
        (wanted - names, "the names themselves belong to the closed set too"),
        (only_parents, "the parents' parents belong to it too, and theirs"),
        (_first_only(names, parents), "a class may have more than one parent: follow all of them"),
        ({name for name in parents if names & _closed({name}, parents)}, "this is closed downward: go to the parents"),
        *((wrong, _ANY_ORDER) for wrong in _one_pass(names, parents)),
    ]:
        require(found == wanted or found != wrong, f"{case}: {why}")
    missing, extra = sorted(wanted - found), sorted(found - wanted)
    require(not missing, f"{case}, and {missing[:1]} is missing" if missing else "")
    require(not extra, f"{case}, and {extra[:1]} lies above none of them" if extra else "")


_ANY_ORDER = (
    "one pass over the dictionary is not enough: a class may stand before its parents or after them, so repeat until "
    "nothing new comes"
)


def _one_pass(names: set[str], parents: Parents) -> list[set[str]]:
    """Return what one pass over the dictionary finds, forward, backward, and with a table of ancestors."""
    passes = []
    for order in [list(parents), list(parents)[::-1]]:
        found = set(names)
        above: dict[str, set[str]] = {}
        for name in order:
            found |= set(parents[name]) if name in found else set()
            above[name] = set(parents[name]).union(*(above.get(parent, set()) for parent in parents[name]))
        passes += [found, names.union(*(above[name] for name in names))]
    return passes


def _first_only(names: set[str], parents: Parents) -> set[str]:
    return _closed(names, {name: above[:1] for name, above in parents.items()})


def _said(names: set[str]) -> str:
    return "{" + ", ".join(sorted(names)) + "}"


@question(
    "13.2",
    hints=[
        "For each class and each of its parents: in which rows is the class True and the parent False?",
        "`labels[:, child] & ~labels[:, parent]` is True in these rows. Combine the edges with `|`.",
        "Begin with `wrong = np.zeros(len(labels), dtype=bool)`, use `wrong |= ...`, and return `wrong.sum()`.",
    ],
)
def incoherent(answer: object) -> None:
    """A function that counts the label sets that hold a class without one of its parents."""
    function = as_function(answer)
    flat = {"a": [], "b": []}
    cases = [(PLANTS, 400, 0.6), (PLANTS, 1, 0.6), (flat, 20, 0.5), ({"a": ["b"], "b": []}, 100, 0.5)]
    cases += [(_random_parents(np.random.default_rng(seed), 6), 300, 0.7) for seed in range(6)]
    for seed, (parents, rows, share) in enumerate(cases):
        labels = np.random.default_rng(seed).random((rows, len(parents))) < share
        found = as_number(call_kept(function, labels=labels, parents=parents), "the result")
        _require_count(found, labels, parents)


def _require_count(found: float, labels: np.ndarray, parents: Parents) -> None:
    """Say what is wrong with the number of rows that violate the graph."""
    parent, child = np.nonzero(_children(parents))
    broken = labels[:, child] & ~labels[:, parent]
    other_orders = [sorted(parents), sorted(parents, reverse=True), list(parents)[::-1]]
    sorted_by_parents = list(TopologicalSorter(parents).static_order())
    other_orders += [sorted_by_parents, sorted_by_parents[::-1]]
    wanted = int(broken.any(axis=1).sum())
    if found == wanted:
        return
    above, below = np.nonzero(_below(parents))
    number = {name: column for column, name in enumerate(parents)}
    lonely = [
        labels[:, number[name]] & ~labels[:, [number[one] for one in one_of]].any(axis=1)
        for name, one_of in parents.items()
        if one_of
    ]
    for wrong, why in [
        (wanted / len(labels), "that is the share of rows: return how many"),
        (len(labels) - wanted, "that is the number of coherent rows: count the others"),
        (broken.sum(), "each row counts once, no matter how many violations it has"),
        ((labels[:, below] & ~labels[:, above]).sum(), "each row counts once, no matter how many violations it has"),
        (_classes_without_parents(broken, child), "each row counts once, no matter how many violations it has"),
        (
            (labels[:, parent] & ~labels[:, child]).any(axis=1).sum(),
            "a parent without its child is no violation: it is the child that needs its parents",
        ),
        (
            np.any(lonely, axis=0).sum() if lonely else 0,
            "one parent that is missing is enough, also if the class has others",
        ),
        (_first_missing(labels, parents), "look at all parents of a class, and not at the first only"),
        *((_rows_in_order(labels, parents, order), _COLUMNS) for order in other_orders),
    ]:
        require(found != wrong, f"for {len(labels)} rows it gives {found:g}: {why}")
    require(found == int(found), f"for {len(labels)} rows it gives {found:g}, which is no whole number")
    require(False, f"for {len(labels)} rows it gives {found:g}, and {wanted} of them violate the graph")


_COLUMNS = (
    "which column is which class? Their order is that of the dictionary: neither sort the names nor the parents first"
)


def _rows_in_order(labels: np.ndarray, parents: Parents, order: list[str]) -> int:
    """Return how many rows violate the graph if the columns are taken to be in another order."""
    number = {name: column for column, name in enumerate(order)}
    pairs = [(number[name], number[parent]) for name, above in parents.items() for parent in above]
    return int(np.any([labels[:, child] & ~labels[:, parent] for child, parent in pairs] or [[False]], axis=0).sum())


def _classes_without_parents(broken: np.ndarray, child: np.ndarray) -> int:
    """Return how many classes of all rows lack a parent."""
    return sum(int(broken[:, child == number].any(axis=1).sum()) for number in set(child.tolist()))


def _first_missing(labels: np.ndarray, parents: Parents) -> int:
    """Return how many rows hold a class without its first parent."""
    number = {name: column for column, name in enumerate(parents)}
    pairs = [(number[name], number[above[0]]) for name, above in parents.items() if above]
    return int(np.any([labels[:, child] & ~labels[:, parent] for child, parent in pairs] or [[False]], axis=0).sum())


@question(
    "13.3",
    hints=[
        "Which columns lie below a class? Your answer to 13.1 tells it: the class is in their closed set.",
        "For each class make a list of True and False, one for each column, and take the maximum of these columns.",
        "`probabilities[:, below].max(axis=1)`, `below` being `[name in close({one}, parents) for one in parents]`.",
    ],
)
def constrain(answer: object) -> None:
    """A function from probabilities and the parents to probabilities that respect the graph."""
    function = as_function(answer)
    cases = [(PLANTS, 30), (PLANTS, 1), ({"a": ["b"], "b": []}, 10), ({"a": [], "b": []}, 5)]
    cases += [(_random_parents(np.random.default_rng(seed), 7), 20) for seed in range(6)]
    for seed, (parents, rows) in enumerate(cases):
        values = np.random.default_rng(seed).uniform(0.02, 0.98, size=(rows, len(parents)))
        try:
            result = call_kept(function, probabilities=values, parents=parents)
        except NotYet as reason:
            empty = "zero-size array" in str(reason)
            require(not empty, "a class without descendants has no columns in your code: the class itself counts too")
            raise
        found = as_array(result, "the result", shape=values.shape).astype("float64")
        _require_constrained(found, values, parents)


def _close_to(found: np.ndarray, wanted: np.ndarray) -> bool:
    return bool(np.allclose(found, wanted, atol=1e-5))


def _largest(values: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return for each class the largest value of the columns that are True in its row; 0 if there are none."""
    return np.where(below, values[:, None, :], 0).max(axis=2)


def _require_constrained(found: np.ndarray, values: np.ndarray, parents: Parents) -> None:
    """Say what is wrong with constrained probabilities."""
    below, children = _below(parents), _children(parents)
    itself = np.eye(len(parents), dtype=bool)
    strictly = below & ~(itself & (below.sum(axis=1) > 1)[:, None])  # itself only where nothing lies below
    wanted = _largest(values, below)
    if _close_to(found, wanted):
        return
    lowered = np.where(below.T, values[:, None, :], 1).min(axis=2)
    for wrong, why in [
        (values, "nothing is changed"),
        (_largest(values, children | itself), "it looks at the children only: the descendants further below count too"),
        (_largest(values, below & ~itself), "the class itself counts too"),
        (_largest(values, strictly), "the class itself counts too, also if classes lie below it"),
        (_largest(values, below.T), "it is turned round: a class gets the largest value of its ancestors"),
        (lowered, "it lowers each class to the smallest value of its ancestors: raise the parents instead"),
        (values @ below.T, "it adds the values below: take the largest"),
        (values @ below.T / below.sum(axis=1), "it takes the mean of the values below: take the largest"),
        (
            1 - np.where(below, 1 - values[:, None, :], 1).prod(axis=2),
            "it multiplies as if the classes were independent",
        ),
        (wanted > 0.5, "it gives decisions: give probabilities"),
    ]:
        require(not _close_to(found, wrong), why)
    lower = np.argwhere((found[:, :, None] < found[:, None, :] - 1e-5) & below)
    if len(lower):
        names = list(parents)
        _, one, other = lower[0]
        require(False, f"{names[one]!r} is less probable than {names[other]!r}, which lies below it")
    difference = float(np.abs(found - wanted).max())
    case = f"no class is less probable than a descendant, but the values are up to {difference:.2g} away"
    require(False, f"{case} from the largest ones")


@question(
    "13.4",
    hints=[
        "Each class adds one term to the loss, and each term depends on one value. Which one?",
        "For the label 1 the slope of -log(v) is -1/v; for the label 0 that of -log(1 - v) is 1/(1 - v).",
        "Find the place of that value with `np.where(candidates, values, -1).argmax()`, and add the slope there.",
    ],
)
def slopes(answer: object) -> None:
    """A function that returns the derivative of the max-constraint loss with respect to each value."""
    function = as_function(answer)
    two = {"A": [], "B": ["A"]}
    cases = []  # the large ones first: with two classes, several mistakes give the same numbers
    for seed in range(14):
        rng = np.random.default_rng(seed)
        parents = PLANTS if seed < 4 else _random_parents(rng, 7)
        chosen = _closed({name for name in parents if rng.random() < 0.2}, parents)
        values = (rng.permutation(len(parents)) + rng.uniform(0.3, 0.7, len(parents))) / len(parents)
        cases.append((parents, [int(name in chosen) for name in parents], values))
    cases += [(two, [1, 0], [0.3, 0.4]), (two, [1, 1], [0.3, 0.4]), (two, [0, 0], [0.3, 0.4])]
    for parents, labels, values in cases:
        labels, values = np.array(labels), np.array(values)
        result = call_kept(function, labels=labels, values=values, parents=parents)
        found = as_array(result, "the result", shape=values.shape).astype("float64")
        _require_slopes(found, labels, values, parents)


def _slopes(
    labels: np.ndarray, values: np.ndarray, positive: np.ndarray, negative: np.ndarray, *, once: bool = False
) -> np.ndarray:
    """Return the slopes of a mean of terms, each of which depends on the largest of its candidates (rows).

    With `once` each value serves only one term, the last one.
    """
    result = np.zeros(len(values))
    for number, label in enumerate(labels):
        candidates = positive[number] if label else negative[number]
        largest = np.where(candidates, values, -1).argmax()
        slope = -1 / values[largest] if label else 1 / (1 - values[largest])
        result[largest] = slope if once else result[largest] + slope
    return result / len(values)


def _require_slopes(found: np.ndarray, labels: np.ndarray, values: np.ndarray, parents: Parents) -> None:
    """Say what is wrong with the slopes of the max-constraint loss."""
    below, children = _below(parents), _children(parents)
    itself, true = np.eye(len(parents), dtype=bool), labels == 1
    wanted = _slopes(labels, values, below & true, below)

    def same(other: np.ndarray) -> bool:
        return bool(np.allclose(found, other, rtol=1e-3, atol=1e-3))

    if same(wanted):
        return
    near = children | itself
    case = f"with {len(values)} classes"
    for wrong, why in [
        (_slopes(labels, values, below, below), "a true class is credited through classes that are not true"),
        (
            _slopes(labels, values, below & true, below, once=True),
            "one value can serve several terms: add their slopes",
        ),
        (wanted * len(values), "these are the slopes of the sum: the loss is the mean over classes"),
        (-wanted, "the signs are turned: the slope is negative where more makes the loss smaller"),
        (_slopes(labels, values, itself, itself), "these are slopes without the constraint"),
        (
            _slopes(labels, values, below & true, itself),
            "a class with the label 0 is charged for all that lies below it",
        ),
        (_slopes(labels, values, itself, below), "a true class is credited through the true classes below it, too"),
        (_slopes(labels, values, near & true, near), "it looks at the children only, and not further below"),
        (_slopes(labels, values, below.T & true, below.T), "it looks at the ancestors: look at what lies below"),
        (wanted * values * (1 - values), "these are slopes with respect to the logits: take those of the values"),
    ]:
        require(not same(wrong), f"{case}, {why}")
    place = int(np.abs(found - wanted).argmax())
    name = list(parents)[place]
    require(False, f"{case}, the slope of {name!r} should be {wanted[place]:.3g}, and yours is {found[place]:.3g}")
