"""The checks of exercise 13: close, count, constrain and credit."""

from collections.abc import Callable, Iterable
from graphlib import TopologicalSorter
from itertools import pairwise

import numpy as np

from mos_checks import as_array, as_number, describe, function_question, require

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
# Three and four parents.
WIDE = {
    "mint": ["tea", "cold", "shade", "herb"],
    "tea": [],
    "herb": ["plot"],
    "cold": [],
    "shade": ["plot", "tea"],
    "plot": [],
    "balm": ["mint", "cold", "plot"],
}
FOOD = {
    "apple pie": ["cake", "fruit dish"],
    "cake": ["sweet"],
    "fruit dish": ["vegan"],
    "sweet": [],
    "vegan": [],
    "fruit tea": ["vegan", "drink"],
    "drink": [],
}


def _long(length: int) -> tuple[Parents, list[str], list[str]]:
    """Return two chains, and each from its top down: one is stated from the top, and one from the bottom."""
    names = [f"no. {number}" for number in np.random.default_rng(7).permutation(2 * length)]
    one, other = names[:length], names[length:]
    above = {below: [name] for chain in (one, other) for name, below in pairwise(chain)}
    return {name: above.get(name, []) for pair in zip(one, other[::-1], strict=True) for name in pair}, one, other


# So that a fixed number of generations, or of passes over the dictionary in any order, ends too early.
LONG, ONE, OTHER = _long(25)
STEPS = (1, 2, 3, 4, 5, 6, 9, 10, 12, 20)


def _random_parents(rng: np.random.Generator, classes: int) -> Parents:
    """Return a graph with a chain of four classes, stated in any order."""
    names = [f"class {number}" for number in range(classes)]
    parents = {name: [] for name in names}
    for number in range(1, classes):
        chosen = set(rng.choice(number, size=min(number, rng.integers(0, 4)), replace=False).tolist())
        chosen |= {number - 1} if number < 4 else set()
        parents[names[number]] = [names[other] for other in rng.permutation(sorted(chosen))]
    return {names[number]: parents[names[number]] for number in rng.permutation(classes)}


def _closed(names: Iterable[str], parents: Parents) -> set[str]:
    closed, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in closed:
            closed.add(name)
            waiting += parents[name]
    return closed


def _once_for_each_graph(function: Callable) -> Callable:
    """Return the function with a memory: the same few graphs are asked about again and again."""
    known: dict[tuple, np.ndarray] = {}

    def remembered(parents: Parents, *others: int) -> np.ndarray:
        key = (tuple((name, tuple(above)) for name, above in parents.items()), *others)
        if key not in known:
            known[key] = function(parents, *others)
        return known[key]

    return remembered


@_once_for_each_graph
def _below(parents: Parents) -> np.ndarray:
    """Return a table: row a, column d is True if class d is class a or lies below it."""
    above = {name: _closed({name}, parents) for name in parents}
    return np.array([[name in above[other] for other in parents] for name in parents])


@_once_for_each_graph
def _children(parents: Parents) -> np.ndarray:
    """Return a table: row a, column d is True if class a is a parent of class d."""
    return np.array([[name in parents[other] for other in parents] for name in parents])


@_once_for_each_graph
def _near(parents: Parents, steps: int) -> np.ndarray:
    """Return the table of `_below`, without what lies more than so many steps below."""
    table = np.eye(len(parents), dtype=int)
    for _ in range(steps):
        table = ((table + _children(parents) @ table) > 0).astype(int)
    return table > 0


def _too_few(passes: int) -> str:
    said = "one pass over the dictionary is" if passes == 1 else f"{passes} passes over the dictionary are"
    return f"{said} not enough: a class may stand before its parents or after them, so repeat until nothing new comes"


def _more_than(count: int, so: str) -> str:
    return f"a class may have more than {['one parent', 'two parents', 'three parents'][count - 1]}: {so}"


def _cut(parents: Parents, count: int) -> Parents:
    return {name: above[:count] for name, above in parents.items()}


# --- 13.1


def _close_cases() -> list[dict]:
    cases = [
        ({"dog rose", "tool"}, PLANTS),
        ({"moss rose"}, PLANTS),
        ({"garden"}, PLANTS),
        (set(), PLANTS),
        ({"balm"}, WIDE),
        ({"mint"}, WIDE),
        ({"vegan"}, FOOD),
        ({"apple pie", "drink"}, FOOD),
        ({ONE[-1], OTHER[0]}, LONG),
        ({OTHER[-1]}, LONG),
    ]
    for seed in range(12):
        rng = np.random.default_rng(seed)
        parents = _random_parents(rng, 7)
        cases.append(({name for name in parents if rng.random() < 0.3}, parents))
    return [{"names": names, "parents": parents} for names, parents in cases]


def _set_of_names(result: object, case: dict) -> set[str]:
    is_set = issubclass(type(result), set | frozenset)
    require(is_set, f"the result should be a set, and yours is {describe(result)}")
    texts = all(issubclass(type(name), str) for name in result)
    require(texts, "the result should hold names, and yours holds something else")
    return {str(name) for name in result}


def _tops(names: set[str], parents: Parents) -> set[str]:
    return {name for name in _closed(names, parents) if not parents[name]}


def _generations(names: set[str], parents: Parents, steps: int) -> set[str]:
    found = set(names)
    for _ in range(steps):
        found = found.union(*(parents[name] for name in found))
    return found


def _passes(names: set[str], parents: Parents, steps: int, turn: int) -> set[str]:
    """Return what so many passes over the dictionary find, forward or backward."""
    found = set(names)
    for _ in range(steps):
        for name in list(parents)[::turn]:
            if name in found:
                found.update(parents[name])
    return found


def _table(names: set[str], parents: Parents, turn: int) -> set[str]:
    """Return what a table of ancestors holds that was filled in one pass, forward or backward."""
    above: dict[str, set[str]] = {}
    for name in list(parents)[::turn]:
        above[name] = set(parents[name]).union(*(above.get(parent, set()) for parent in parents[name]))
    return names.union(*(above[name] for name in names))


def _close_mistakes() -> dict[str, list[Callable]]:
    """Return the mistakes of those who stop too early."""
    mistakes = {}
    for count in (1, 2, 3):
        words = _more_than(count, "follow all of them")
        mistakes[words] = [lambda names, parents, count=count: _closed(names, _cut(parents, count))]
    mistakes[_too_few(1)] = [lambda names, parents, turn=turn: _table(names, parents, turn) for turn in (1, -1)]
    for steps in STEPS[1:]:
        words = f"{steps} generations are not enough: go on until nothing new comes"
        mistakes[words] = [lambda names, parents, steps=steps: _generations(names, parents, steps)]
    for steps in STEPS:
        mistakes[_too_few(steps)] = [
            *mistakes.get(_too_few(steps), []),
            *(lambda names, parents, s=steps, turn=turn: _passes(names, parents, s, turn) for turn in (1, -1)),
        ]
    return mistakes


def _given_set(case: dict, found: set[str]) -> str:
    shown = [sorted(names) for names in (case["names"], found)]
    given, result = (", ".join(names if len(names) < 12 else [*names[:10], "..."]) for names in shown)
    return f"for {{{given}}} it gives {{{result}}}"


def _refuse_names_of_before(found: list[set[str]], cases: list[dict]) -> None:
    """Refuse sets that grow from call to call."""
    right = [_closed(**case) for case in cases]
    grown = found == [set().union(*right[: place + 1]) for place in range(len(right))]
    place = next(place for place in range(len(found)) if found[place] != right[place])
    kept = "names of an earlier call are still in it. Does a default argument or a global variable keep them?"
    require(not grown, f"{_given_set(cases[place], found[place])}: {kept}")


def _wrong_set(case: dict, found: set[str], wanted: set[str]) -> str:
    if missing := sorted(wanted - found):
        return f"{_given_set(case, found)}, and {missing[0]!r} is missing"
    return f"{_given_set(case, found)}, and {min(found - wanted)!r} lies above none of them"


function_question(
    "13.1",
    "A function from a set of names and the parents to the set with all ancestors added.",
    hints=[
        "Begin with the given names. As long as there is a class whose parents you have not looked at, look at them.",
        "Keep a list of the names that wait, and a set of those that are done. Add parents with `waiting += ...`.",
        "Begin with `closed, waiting = set(), list(names)`, and loop `while waiting:` with `name = waiting.pop()`.",
    ],
    right=_closed,
    cases=_close_cases,
    read=_set_of_names,
    mistakes={
        "the names themselves belong to the closed set too": lambda names, parents: _closed(names, parents) - names,
        "the parents' parents belong to it too, and theirs": lambda names, parents: _generations(names, parents, 1),
        "this is closed downward: go to the parents": lambda names, parents: {
            name for name in parents if names & _closed({name}, parents)
        },
        "the classes on the way up belong to it too, and not only those without parents": [
            _tops,
            lambda names, parents: names | _tops(names, parents),
        ],
        **_close_mistakes(),
    },
    otherwise=[_refuse_names_of_before],
    say=lambda words, case, found: f"{_given_set(case, found)}: {words}",
    show=_wrong_set,
)


# --- 13.2


def _incoherent_cases() -> list[dict]:
    flat = {"a": [], "b": []}
    graphs = [(PLANTS, 400), (PLANTS, 1), (flat, 20), ({"a": ["b"], "b": []}, 100), (WIDE, 300), (FOOD, 1), (LONG, 40)]
    graphs += [(_random_parents(np.random.default_rng(seed), 6), 300) for seed in range(6)]
    cases = [
        {"labels": _label_sets(parents, rows, seed), "parents": parents} for seed, (parents, rows) in enumerate(graphs)
    ]
    return sorted(cases, key=lambda case: len(case["labels"]))


def _label_sets(parents: Parents, rows: int, seed: int) -> np.ndarray:
    """Return label sets of which about a third are coherent, and as many lack a single class."""
    rng = np.random.default_rng(seed)
    labels = rng.random((rows, len(parents))) < rng.uniform(0.1, 0.7, size=(rows, 1))
    closed = labels @ _below(parents).T
    one = np.eye(len(parents), dtype=bool)[rng.integers(len(parents), size=rows)]
    kind = rng.permutation(np.arange(rows) % 3)[:, None] if rows > 1 else np.array([[1]])
    return np.where(kind == 0, labels, np.where(kind == 1, closed & ~one, closed))


def _broken(labels: np.ndarray, parents: Parents) -> np.ndarray:
    """Return for each row and each edge whether the row holds the child without the parent."""
    parent, child = np.nonzero(_children(parents))
    return labels[:, child] & ~labels[:, parent]


def _count(labels: np.ndarray, parents: Parents) -> int:
    return int(_broken(labels, parents).any(axis=1).sum())


def _of_all_pairs(labels: np.ndarray, parents: Parents) -> int:
    above, below = np.nonzero(_below(parents))
    return int((labels[:, below] & ~labels[:, above]).sum())


def _classes_without_parents(labels: np.ndarray, parents: Parents) -> int:
    """Return how many classes of all rows lack a parent."""
    broken, child = _broken(labels, parents), np.nonzero(_children(parents))[1]
    return sum(int(broken[:, child == number].any(axis=1).sum()) for number in set(child.tolist()))


def _missing_classes(labels: np.ndarray, parents: Parents) -> int:
    return int(((labels @ _below(parents).T) & ~labels).sum())


def _turned(labels: np.ndarray, parents: Parents) -> int:
    parent, child = np.nonzero(_children(parents))
    return int((labels[:, parent] & ~labels[:, child]).any(axis=1).sum())


def _all_missing(labels: np.ndarray, parents: Parents) -> int:
    """Return how many rows hold a class without any of its parents."""
    number = {name: column for column, name in enumerate(parents)}
    lonely = [
        labels[:, number[name]] & ~labels[:, [number[one] for one in above]].any(axis=1)
        for name, above in parents.items()
        if above
    ]
    return int(np.any(lonely or [[False]], axis=0).sum())


def _with_columns(order: Callable) -> Callable:
    """Return a function that counts as if the columns were in another order."""
    return lambda labels, parents: _count(labels, {name: parents[name] for name in order(parents)})


def _given_count(case: dict, found: float) -> str:
    rows = len(case["labels"])
    return f"for {rows} rows it gives {found:g}" if rows > 1 else f"for one row it gives {found:g}"


def _require_whole(found: list[float], cases: list[dict]) -> None:
    for count, case in zip(found, cases, strict=True):
        require(count == int(count), f"{_given_count(case, count)}, which is no whole number")


ALL_PARENTS = "look at all parents of a class, and not at the"

function_question(
    "13.2",
    "A function that counts the label sets that hold a class without one of its parents.",
    hints=[
        "For each class and each of its parents: in which rows is the class True and the parent False?",
        "`labels[:, child] & ~labels[:, parent]` is True in these rows. Combine the edges with `|`.",
        "Begin with `wrong = np.zeros(len(labels), dtype=bool)`, use `wrong |= ...`, and return `wrong.sum()`.",
    ],
    right=_count,
    cases=_incoherent_cases,
    read=lambda result, case: as_number(result, "the result"),
    tolerance=1e-6,
    mistakes={
        "that is the share of rows: return how many": lambda labels, parents: _count(labels, parents) / len(labels),
        "that is the number of coherent rows: count the others": lambda labels, parents: (
            len(labels) - _count(labels, parents)
        ),
        "each row counts once, no matter how many violations it has": [
            lambda labels, parents: int(_broken(labels, parents).sum()),
            _of_all_pairs,
            _classes_without_parents,
            _missing_classes,
        ],
        "a parent without its child is no violation: it is the child that needs its parents": _turned,
        "one parent that is missing is enough, also if the class has others": _all_missing,
        f"{ALL_PARENTS} first only": lambda labels, parents: _count(labels, _cut(parents, 1)),
        f"{ALL_PARENTS} first two only": lambda labels, parents: _count(labels, _cut(parents, 2)),
        f"{ALL_PARENTS} first three only": lambda labels, parents: _count(labels, _cut(parents, 3)),
        f"{ALL_PARENTS} last only": lambda labels, parents: _count(
            labels, {name: above[-1:] for name, above in parents.items()}
        ),
        "which column is which class? Their order is that of the dictionary: neither sort the names nor the parents "
        "first": [
            _with_columns(order)
            for order in (
                sorted,
                lambda parents: sorted(parents, reverse=True),
                lambda parents: list(parents)[::-1],
                lambda parents: list(TopologicalSorter(parents).static_order()),
                lambda parents: list(TopologicalSorter(parents).static_order())[::-1],
            )
        ],
    },
    otherwise=[_require_whole],
    say=lambda words, case, found: f"{_given_count(case, found)}: {words}",
    show=lambda case, found, wanted: f"{_given_count(case, found)}, and {wanted} of them violate the graph",
)


# --- 13.3


def _constrain_cases() -> list[dict]:
    graphs = [(PLANTS, 30), (PLANTS, 1), ({"a": ["b"], "b": []}, 10), ({"a": [], "b": []}, 5), (WIDE, 20), (FOOD, 1)]
    graphs += [*((_random_parents(np.random.default_rng(seed), 7), 20) for seed in range(6)), (LONG, 20)]
    cases = [
        {"probabilities": _probabilities(parents, rows, seed), "parents": parents}
        for seed, (parents, rows) in enumerate(graphs)
    ]
    far = cases[-1]["probabilities"]
    far[:8, [list(LONG).index(chain[-1]) for chain in (ONE, OTHER)]] = 0.99  # the largest value comes from the bottom
    return cases


def _probabilities(parents: Parents, rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.02, 0.98, size=(rows, len(parents)))


def _largest(values: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return for each class the largest value of the columns that are True in its row; 0 if there are none."""
    return np.where(below, values[:, None, :], 0).max(axis=2)


def _constrained(values: np.ndarray, parents: Parents) -> np.ndarray:
    return _largest(values, _below(parents))


def _others(parents: Parents) -> np.ndarray:
    return _below(parents) & ~np.eye(len(parents), dtype=bool)


def _others_or_itself(parents: Parents) -> np.ndarray:
    """Return the table of `_below`, in which a class counts itself only where nothing lies below it."""
    others = _others(parents)
    return others | (np.eye(len(parents), dtype=bool) & ~others.any(axis=1)[:, None])


def _raised_in_passes(values: np.ndarray, parents: Parents, steps: int, turn: int) -> np.ndarray:
    number = {name: column for column, name in enumerate(parents)}
    result = np.array(values)
    for _ in range(steps):
        for name in list(parents)[::turn]:
            for parent in parents[name]:
                result[:, number[parent]] = np.maximum(result[:, number[parent]], result[:, number[name]])
    return result


def _independent(values: np.ndarray, parents: Parents) -> np.ndarray:
    return 1 - np.where(_below(parents), 1 - values[:, None, :], 1).prod(axis=2)


def _constrain_mistakes() -> dict[str, list[Callable]]:
    """Return the mistakes of those who do not go far enough."""
    mistakes = {}
    for count in (1, 2, 3):
        words = _more_than(count, "raise all of them")
        mistakes[words] = [lambda values, parents, count=count: _constrained(values, _cut(parents, count))]
    for steps in STEPS[1:]:
        words = f"{steps} generations are not enough: the largest value may come from far below"
        mistakes[words] = [lambda values, parents, steps=steps: _largest(values, _near(parents, steps))]
    for steps in STEPS:
        mistakes[_too_few(steps)] = [
            lambda values, parents, steps=steps, turn=turn: _raised_in_passes(values, parents, steps, turn)
            for turn in (1, -1)
        ]
    return mistakes


def _wrong_constraint(case: dict, found: np.ndarray, wanted: np.ndarray) -> str:
    names = list(case["parents"])
    lower = np.argwhere((found[:, :, None] < found[:, None, :] - 1e-5) & _below(case["parents"]))
    if len(lower):
        return f"{names[lower[0][1]]!r} is less probable than {names[lower[0][2]]!r}, which lies below it"
    away = f"the values are up to {np.abs(found - wanted).max():.2g} away from the largest ones"
    return f"no class is less probable than a descendant, but {away}"


ITSELF = "the class itself counts too"

function_question(
    "13.3",
    "A function from probabilities and the parents to probabilities that respect the graph.",
    hints=[
        "Which columns lie below a class? Your answer to 13.1 tells it: the class is in their closed set.",
        "For each class make a list of True and False, one for each column, and take the maximum of these columns.",
        "`probabilities[:, below].max(axis=1)`, `below` being `[name in close({one}, parents) for one in parents]`.",
    ],
    right=_constrained,
    cases=_constrain_cases,
    read=lambda result, case: as_array(result, "the result", shape=case["probabilities"].shape),
    decimals=5,
    mistakes={
        "nothing is changed": lambda values, parents: values,
        "it looks at the children only: the descendants further below count too": lambda values, parents: _largest(
            values, _near(parents, 1)
        ),
        ITSELF: lambda values, parents: _largest(values, _others(parents)),
        f"{ITSELF}, also if classes lie below it": lambda values, parents: _largest(values, _others_or_itself(parents)),
        "it is turned round: a class gets the largest value of its ancestors": lambda values, parents: _largest(
            values, _below(parents).T
        ),
        "it lowers each class to the smallest value of its ancestors: raise the parents instead": (
            lambda values, parents: np.where(_below(parents).T, values[:, None, :], 1).min(axis=2)
        ),
        "it adds the values below: take the largest": [
            lambda values, parents: values @ _below(parents).T,
            lambda values, parents: np.minimum(values @ _below(parents).T, 1),
        ],
        "it takes the mean of the values below: take the largest": lambda values, parents: (
            values @ _below(parents).T / _below(parents).sum(axis=1)
        ),
        "it multiplies as if the classes were independent": _independent,
        "it gives decisions: give probabilities": lambda values, parents: _constrained(values, parents) > 0.5,
        **_constrain_mistakes(),
    },
    show=_wrong_constraint,
    failed=lambda case, words: (
        "a class without descendants has no columns in your code: the class itself counts too"
        if "zero-size array" in words
        else words
    ),
)


# --- 13.4


def _slopes_cases() -> list[dict]:
    cases = [(labels, [0.3, 0.4], {"A": [], "B": ["A"]}) for labels in ([1, 0], [1, 1], [0, 0])]
    for seed in range(18):
        rng = np.random.default_rng(seed)
        parents = PLANTS if seed < 4 else WIDE if seed < 8 else FOOD if seed < 10 else _random_parents(rng, 7)
        chosen = _closed({name for name in parents if rng.random() < 0.2}, parents)
        values = (rng.permutation(len(parents)) + rng.uniform(0.3, 0.7, len(parents))) / len(parents)
        cases.append((_as_labels(chosen, parents), values, parents))
    cases += [_far_below(chosen) for chosen in ([ONE[-1]], [], [OTHER[-1], ONE[12]])]
    cases = [{"labels": np.array(y), "values": np.array(v), "parents": parents} for y, v, parents in cases]
    return sorted(cases, key=lambda case: len(case["values"]))


def _as_labels(chosen: Iterable[str], parents: Parents) -> np.ndarray:
    closed = _closed(chosen, parents)
    return np.array([int(name in closed) for name in parents])


def _far_below(chosen: list[str]) -> tuple[np.ndarray, np.ndarray, Parents]:
    """Return a case of two long chains, whose classes at the bottom have the largest values."""
    rng = np.random.default_rng(len(chosen))
    order = {name: place for place, name in enumerate(rng.permutation(list(LONG)))}
    order |= {ONE[-1]: len(LONG), OTHER[-1]: len(LONG) + 1}
    values = np.array([(order[name] + rng.uniform(0.3, 0.7)) / (len(LONG) + 2) for name in LONG])
    return _as_labels(chosen, LONG), values, LONG


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


def _right_slopes(labels: np.ndarray, values: np.ndarray, parents: Parents) -> np.ndarray:
    return _slopes(labels, values, _below(parents) & (labels == 1), _below(parents))


def _with_itself(labels: np.ndarray, values: np.ndarray, parents: Parents, *, true: bool, false: bool) -> np.ndarray:
    """Return slopes in which true classes, or those that are not, or both, take only their own value."""
    below, itself = _below(parents), np.eye(len(parents), dtype=bool)
    return _slopes(labels, values, itself if true else below & (labels == 1), itself if false else below)


def _given_slope(case: dict, found: np.ndarray, wanted: np.ndarray) -> str:
    column = int(np.abs(found - wanted).argmax())
    slope = f"with {len(found)} classes, the slope of {list(case['parents'])[column]!r}"
    return f"{slope} should be {wanted[column]:.3g}, and yours is {found[column]:.3g}"


function_question(
    "13.4",
    "A function that returns the derivative of the max-constraint loss with respect to each value.",
    hints=[
        "Each class adds one term to the loss, and each term depends on one value. Which one?",
        "For the label 1 the slope of -log(v) is -1/v; for the label 0 that of -log(1 - v) is 1/(1 - v).",
        "Find the place of that value with `np.where(candidates, values, -1).argmax()`, and add the slope there.",
    ],
    right=_right_slopes,
    cases=_slopes_cases,
    read=lambda result, case: as_array(result, "the result", shape=case["values"].shape),
    tolerance=1e-3,
    decimals=3,
    mistakes={
        "a true class is credited through classes that are not true": (
            lambda y, v, p: _slopes(y, v, _below(p), _below(p))
        ),
        "one value can serve several terms: add their slopes": lambda y, v, p: _slopes(
            y, v, _below(p) & (y == 1), _below(p), once=True
        ),
        "these are the slopes of the sum: the loss is the mean over classes": lambda y, v, p: (
            _right_slopes(y, v, p) * len(v)
        ),
        "the signs are turned: the slope is negative where more makes the loss smaller": lambda y, v, p: (
            -_right_slopes(y, v, p)
        ),
        "these are slopes without the constraint": lambda y, v, p: _with_itself(y, v, p, true=True, false=True),
        "a class with the label 0 is charged for all that lies below it": lambda y, v, p: _with_itself(
            y, v, p, true=False, false=True
        ),
        "a true class is credited through the true classes below it, too": lambda y, v, p: _with_itself(
            y, v, p, true=True, false=False
        ),
        "it looks at the ancestors: look at what lies below": lambda y, v, p: _slopes(
            y, v, _below(p).T & (y == 1), _below(p).T
        ),
        "these are slopes with respect to the logits: take those of the values": lambda y, v, p: (
            _right_slopes(y, v, p) * v * (1 - v)
        ),
        **{
            f"it looks at {'the children' if steps == 1 else f'{steps} generations'} only, and not further below": (
                lambda y, v, p, steps=steps: _slopes(y, v, _near(p, steps) & (y == 1), _near(p, steps))
            )
            for steps in STEPS
        },
        **{
            _more_than(count, "each of them gets a part"): (
                lambda y, v, p, count=count: _right_slopes(y, v, _cut(p, count))
            )
            for count in (1, 2, 3)
        },
    },
    say=lambda words, case, found: f"with {len(found)} classes, {words}",
    show=_given_slope,
)
