"""The checks of exercise 11: build a tree, count contradictions, decide group first, and multiply along paths."""

import itertools
from collections.abc import Callable

import numpy as np

from mos_checks import apart, as_array, as_dict, as_number, describe, function_question, require, told_apart
from mos_helpers.hierarchy import Tree

Pairs = list[tuple[str, str]]

# In no tree do the leaves of a group stand together, and only those of the digits are numbered alphabetically.
LOOKS = {"loops": ["0", "6", "8", "9"], "strokes": ["1", "4", "7"], "curves": ["2", "3", "5"]}
KINGDOMS = {
    "animal": ["dog", "cat"],
    "plant": ["tree", "flower"],
    "flower": ["rose", "aster"],
    "dog": ["poodle", "beagle", "collie"],
    "cat": ["siamese"],
    "tree": ["oak", "elm"],
}
KINDS = ["oak", "poodle", "rose", "beagle", "siamese", "elm", "collie", "aster"]
FOUR = {"p": ["a"], "q": ["b"], "a": ["c"], "b": ["d", "e"], "c": ["f", "g"], "d": ["h"], "e": ["i", "j"]}
BIRDS = {"water": ["swan", "duck", "coot"], "song": ["wren", "lark"], "night": ["owl"], "air": ["swift", "kite"]}
BIRDS_IN_ORDER = ["swift", "duck", "lark", "owl", "coot", "kite", "wren", "swan"]


def _trees() -> list[Tree]:
    return [
        Tree(LOOKS, leaves=list("0123456789")),
        Tree({"b": ["y", "z"], "a": ["x", "w", "v"]}, leaves=list("xzvyw")),
        Tree(BIRDS, leaves=BIRDS_IN_ORDER),
    ]


# --- 11.1

LOOKS_OF_TEN = ["round", "straight", "two", "bows", "hook", "bows", "round", "straight", "bows", "hook"]
TABLES = [
    # Lines of a group stand together or apart; a group of one leaf is there or not. The first has nothing special.
    [("wren", "song"), ("lark", "song"), ("robin", "song"), ("owl", "night"), ("nightjar", "night")],
    [("poodle", "dog"), ("oak", "plant"), ("beagle", "dog"), ("rose", "plant"), ("siamese", "cat")],
    [(str(digit), "odd" if digit % 2 else "even") for digit in range(10)],
    [("z", "one"), ("a", "two"), ("m", "one"), ("b", "one"), ("y", "two")],
    [("only", "group"), ("other", "group")],
    [("poodle", "dog"), ("oak", "plant"), ("beagle", "dog"), ("rose", "plant")],
    [("oak", "plant"), ("rose", "plant"), ("elm", "plant"), ("poodle", "dog"), ("beagle", "dog")],
    [("wren", "song"), ("lark", "song"), ("owl", "night")],
    [(str(digit), look) for digit, look in enumerate(LOOKS_OF_TEN)],
]


def _tree(pairs: Pairs) -> Tree:
    held = {group: [leaf for leaf, other in pairs if other == group] for _, group in pairs}
    return Tree(held, leaves=[leaf for leaf, _ in pairs])


def _read_tree(result: object, case: dict) -> Tree:
    """Return the tree; one of two levels with its groups in the order of its leaves."""
    require(issubclass(type(result), Tree), f"the result should be a Tree, and yours is {describe(result)}")
    return _tree([(leaf, result.group_of(leaf)) for leaf in result.leaves]) if len(result.levels) == 2 else result


def _neighbours(pairs: Pairs) -> Tree:
    """Return the tree of those lines of each group that stand together, the last of them."""
    runs = {group: list(lines) for group, lines in itertools.groupby(pairs, lambda pair: pair[1])}
    return _tree([pair for lines in runs.values() for pair in lines])


def _groups_of_several(pairs: Pairs) -> Tree:
    groups = [group for _, group in pairs]
    return _tree([(leaf, group) for leaf, group in pairs if groups.count(group) > 1])


LEFT = "is left from the call before: begin with an empty dictionary inside the function"
APART = "lines of a group need not stand together"
ALONE = "a group may hold one leaf"


def _no_tree(case: dict, words: str) -> str:
    """Say more on an error of `Tree` about the argument `leaves`."""
    groups = dict(case["pairs"])
    for leaf in sorted({leaf for pairs in TABLES for leaf, _ in pairs}):
        if leaf not in groups and f"but {leaf!r} is missing" in words:
            return f"the leaf {leaf!r} {LEFT}"
        if leaf in groups and f"not {leaf!r}, which it does not have" in words:
            fault = f"`leaves=` names {leaf!r}, which no group holds"
            reason = ALONE if list(groups.values()).count(groups[leaf]) == 1 else APART
            return fault if case["pairs"] == TABLES[0] else f"{fault}: {reason}"
    return words


def _refuse_the_same(found: list[Tree], cases: list[dict]) -> None:
    alike = len(found) > 1 and all(tree == found[0] for tree in found)
    require(not alike, "your function gives the same tree for every table: use its argument, and no other variable")


def _refuse_leaves_of_before(found: list[Tree], cases: list[dict]) -> None:
    place = next(place for place, tree in enumerate(found) if tree != _tree(**cases[place]))
    earlier = {leaf for case in cases[:place] for leaf, _ in case["pairs"]}
    left = [leaf for leaf in found[place].leaves if leaf in earlier - {leaf for leaf, _ in cases[place]["pairs"]}]
    require(not left, f"the leaf {left[0] if left else ''!r} {LEFT}")


def _fault(case: dict, found: Tree) -> str:
    """Return what is wrong with the tree of a table."""
    leaves, groups = [leaf for leaf, _ in case["pairs"]], dict(case["pairs"])
    if set(found.levels[0]) == set(leaves):
        return "the leaves stand above the groups: the dictionary goes from each group to its leaves"
    if len(found.levels) != 2:
        return f"the tree should have two levels, and yours has {len(found.levels)}"
    if set(leaves).isdisjoint(found.leaves):
        return f"the leaves of your tree are {', '.join(found.leaves)}: they should have the names of the table"
    if lost := [leaf for leaf in leaves if leaf not in found.leaves]:
        return f"the leaf {lost[0]!r} is lost"
    if more := [leaf for leaf in found.leaves if leaf not in leaves]:
        return f"the leaf {more[0]!r} is not in the table"
    for leaf in leaves:
        if found.group_of(leaf) != groups[leaf]:
            return f"{leaf!r} belongs to {groups[leaf]!r}, and in your tree to {found.group_of(leaf)!r}"
    order = f"the leaves are numbered {', '.join(found.leaves)}, and in the table {', '.join(leaves)}"
    return f"{order}: use `leaves=`"


function_question(
    "11.1",
    "A function from a list of pairs (leaf, group) to a tree.",
    hints=[
        "`Tree` wants a dictionary from each group to the list of what it holds. Build it line by line.",
        "`children.setdefault(group, []).append(leaf)` begins a list for a new group and adds to it.",
        "The second argument, `leaves=`, gives the order in which the leaves are numbered: that of the table.",
    ],
    right=_tree,
    cases=lambda: [{"pairs": pairs} for pairs in TABLES],
    read=_read_tree,
    mistakes={
        APART: _neighbours,
        ALONE: _groups_of_several,
        "a group may hold several leaves": lambda pairs: _tree(
            [(leaf, group) for group, leaf in {group: leaf for leaf, group in pairs}.items()]
        ),
    },
    otherwise=[_refuse_the_same, _refuse_leaves_of_before],
    say=lambda words, case, found: f"{_fault(case, found)}: {words}",
    show=lambda case, found, wanted: _fault(case, found),
    failed=_no_tree,
)


# --- 11.2


def _heads(tree: Tree, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities of a fine and of a coarse head that agree now and then."""
    rng = np.random.default_rng(seed)
    fine = rng.dirichlet(np.full(len(tree.leaves), 0.5), size=count)
    noise = rng.dirichlet(np.full(len(tree.levels[0]), 0.5), size=count)
    return fine.astype("float32"), (0.5 * fine @ tree.matrix() + 0.5 * noise).astype("float32")


def _rate_cases() -> list[dict]:
    cases = [(_heads(tree, seed, count), tree) for seed, tree in enumerate(_trees()) for count in (397, 83, 1)]
    return [{"fine": fine, "coarse": coarse, "tree": tree} for (fine, coarse), tree in cases]


def _rate(fine: np.ndarray, coarse: np.ndarray, tree: Tree, groups: np.ndarray | None = None) -> float:
    """Return the share of contradictions; `groups` takes the place of the group of each leaf."""
    groups = tree.groups_of_leaves() if groups is None else groups
    return float(np.mean(groups[fine.argmax(axis=1)] != coarse.argmax(axis=1)))


def _in_order(tree: Tree, leaves: list[str], groups: list[str]) -> np.ndarray:
    """Return the group of each leaf, if leaves and groups were numbered in this order."""
    return np.array([groups.index(tree.group_of(leaf)) for leaf in leaves])


def _sums(fine: np.ndarray, tree: Tree) -> np.ndarray:
    return (fine @ tree.matrix()).argmax(axis=1)


def _require_share(found: list[float], cases: list[dict]) -> None:
    for share in found:
        require(0 <= share <= 1, f"a share lies between 0 and 1, and yours is {share:.3g}")


def _wrong_rate(case: dict, found: float, wanted: float) -> str:
    count, leaves = len(case["fine"]), ", ".join(case["tree"].leaves)
    got, should = told_apart(found, wanted)
    images = f"{count} images" if count > 1 else "one image"
    return f"for {images} and leaves {leaves} it gives {got}, and {should} is right"


function_question(
    "11.2",
    "A function from the probabilities of two heads and a tree to the share of contradictions.",
    hints=[
        "Decide twice: the likeliest leaf and the likeliest group of each image, with argmax(axis=1).",
        "A leaf's number is not a group's number. `tree.groups_of_leaves()[leaf]` turns one into the other.",
        "Compare the two arrays of group numbers with `!=`, and take the mean.",
    ],
    right=_rate,
    cases=_rate_cases,
    read=lambda result, case: as_number(result, "the result"),
    tolerance=6e-4,
    decimals=3,
    mistakes={
        "that is the share on which they agree": lambda f, c, t: 1 - _rate(f, c, t),
        "that is the number of images, not their share": lambda f, c, t: _rate(f, c, t) * len(f),
        "that is in percent; give a share from 0 to 1": lambda f, c, t: 100 * _rate(f, c, t),
        "it finds no contradiction: take the likeliest of all leaves, not only of the decided group": (
            lambda f, c, t: 0.0
        ),
        "it compares the number of a leaf with the number of a group": lambda f, c, t: np.mean(
            f.argmax(1) != c.argmax(1)
        ),
        "you added up the leaves of each group first: the question is about the likeliest leaf": (
            lambda f, c, t: np.mean(_sums(f, t) != c.argmax(1))
        ),
        "that compares the likeliest leaf with the sums of its own head: use the coarse head": (
            lambda f, c, t: np.mean(_sums(f, t) != t.groups_of_leaves()[f.argmax(1)])
        ),
        "the leaves are not numbered alphabetically: their order is that of tree.leaves": lambda f, c, t: _rate(
            f, c, t, _in_order(t, sorted(t.leaves), list(t.levels[0]))
        ),
        "the groups are not numbered alphabetically: their order is that of tree.levels[0]": lambda f, c, t: _rate(
            f, c, t, _in_order(t, list(t.leaves), sorted(t.levels[0]))
        ),
        "neither leaves nor groups are numbered alphabetically: use tree.groups_of_leaves()": lambda f, c, t: _rate(
            f, c, t, _in_order(t, sorted(t.leaves), sorted(t.levels[0]))
        ),
        "the leaves are not numbered group by group: their order is that of tree.leaves": lambda f, c, t: _rate(
            f, c, t, _in_order(t, list(Tree(t.children).leaves), list(t.levels[0]))
        ),
        "it takes the least likely of all: use argmax": lambda f, c, t: _rate(-f, -c, t),
    },
    otherwise=[_require_share],
    show=_wrong_rate,
    also=lambda function, found: f"Here the heads contradicted each other on {found[0]:.0%} of the images",
)


# --- 11.3


def _decision_cases() -> list[dict]:
    """Return many images, one, and some for which all leaves of the likeliest group have the probability 0."""
    cases = []
    for seed, tree in enumerate(_trees()):
        fine, coarse = _heads(tree, seed, 60)
        groups = tree.groups_of_leaves()
        zero = np.arange(50, 60)
        wanted_group = groups[fine.argmax(axis=1)] + 1
        coarse[zero] = np.eye(len(tree.levels[0]), dtype="float32")[wanted_group[zero] % len(tree.levels[0])]
        fine[zero] *= coarse[zero][:, groups] == 0
        for rows in (np.arange(50), np.arange(1), zero):
            cases.append({"fine": fine[rows], "coarse": coarse[rows], "tree": tree})
    return cases


def _in_group(coarse: np.ndarray, tree: Tree) -> np.ndarray:
    """Return for each image and each leaf whether the leaf belongs to the decided group."""
    return tree.groups_of_leaves() == coarse.argmax(axis=1)[:, None]


def _group_first(fine: np.ndarray, coarse: np.ndarray, tree: Tree) -> dict[str, np.ndarray]:
    return {"coarse": coarse.argmax(axis=1), "fine": np.where(_in_group(coarse, tree), fine, -1).argmax(axis=1)}


def _decisions(result: object, case: dict) -> dict[str, np.ndarray]:
    """Return the decisions as whole numbers; where leaves of the group are equally likely, each of them will do."""
    fine, coarse, tree = case.values()
    count, result = len(tree.leaves), as_dict(result, ["coarse", "fine"], "the result")
    for name in ("coarse", "fine"):
        decision = as_array(result[name], f"the answer {name}")
        whole = f"the answer {name} holds probabilities: give the number of one class for each image"
        require(decision.ndim != 2 or decision.shape[1] == 1, whole)
        as_array(decision, f"the answer {name}", shape=(len(fine),))
        numbers = f"the answer {name} should hold whole numbers, the numbers of classes"
        require(bool((decision == np.floor(decision)).all()), numbers)
        result[name] = decision.astype(int)
    chosen, right = result["fine"], _group_first(fine, coarse, tree)
    in_range = bool(((chosen >= 0) & (chosen < count)).all())
    require(in_range, f"the answer fine should count leaves from 0 to {count - 1}")
    images = np.arange(len(fine))
    ties = np.isclose(fine[images, chosen], fine[images, right["fine"]], rtol=3e-3)
    ties &= _in_group(coarse, tree)[images, chosen] & (result["coarse"] == right["coarse"])
    return {"coarse": result["coarse"], "fine": np.where(ties, right["fine"], chosen)}


def _counted_in_group(fine: np.ndarray, coarse: np.ndarray, tree: Tree) -> np.ndarray:
    best = _group_first(fine, coarse, tree)["fine"]
    return np.array([row[:leaf].sum() for row, leaf in zip(_in_group(coarse, tree), best, strict=True)])


def _wrong_decision(case: dict, found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> str:
    if (found["coarse"] != wanted["coarse"]).any():
        return "the answer coarse is not the likeliest group of the coarse head"
    count, chosen = len(wanted["fine"]), found["fine"]
    outside = count - int(_in_group(case["coarse"], case["tree"])[np.arange(count), chosen].sum())
    if outside:
        return f"{outside} of {count} leaves do not belong to the group that was decided"
    return f"{int((chosen != wanted['fine']).sum())} of {count} leaves are not the likeliest of their group"


function_question(
    "11.3",
    "A function from the probabilities of two heads and a tree to decisions, group first.",
    hints=[
        "The group is the likeliest one of the coarse head. Then compare only the leaves that belong to it.",
        "`tree.groups_of_leaves() == group[:, None]` has shape (n, leaves): True where a leaf is in the decided group.",
        "`np.where(inside, fine, -1)` leaves no leaf from outside a chance. Then take argmax(axis=1).",
    ],
    right=_group_first,
    cases=_decision_cases,
    read=_decisions,
    mistakes={
        None: {
            "coarse and fine are swapped": lambda f, c, t: dict(
                zip(("fine", "coarse"), _group_first(f, c, t).values(), strict=True)
            ),
        },
        "coarse": {
            "that is leaf first: the group is read off the likeliest leaf, not off the coarse head": (
                lambda f, c, t: t.groups_of_leaves()[f.argmax(axis=1)]
            ),
        },
        "fine": {
            "the answer fine is the likeliest of all leaves: only those of the decided group may win": (
                lambda f, c, t: f.argmax(axis=1)
            ),
            "a leaf from outside the group wins where all leaves of the group have the probability 0: outside needs "
            "less": lambda f, c, t: (f * _in_group(c, t)).argmax(axis=1),
            "the answer fine counts the leaves within the group: give the number that the leaf has in the tree": (
                _counted_in_group
            ),
            "the answer fine is the least likely leaf of the group": lambda f, c, t: np.where(
                _in_group(c, t), f, 2
            ).argmin(axis=1),
            "the answer fine weighs the leaf by its group, so that a leaf of another group can win: decide group "
            "first": lambda f, c, t: (f * c[:, t.groups_of_leaves()]).argmax(axis=1),
        },
    },
    show=_wrong_decision,
)


# --- 11.4


def _deep_trees() -> list[Tree]:
    two, _, birds = _trees()
    return [two, Tree(KINGDOMS, leaves=KINDS), Tree(FOUR, leaves=list("jfhgi")), birds, _deep(6), _deep(13)]


def _deep(levels: int) -> Tree:
    """Return a tree of so many levels in which one class of each level splits, with its leaves in another order."""
    letters, children = "mdzaqxgbycwehtf", {}
    for level in range(1, levels):
        children |= {f"{letter}{level - 1}": [f"{letter}{level}"] for letter in letters[: level + 1]}
        children[f"{letters[level]}{level - 1}"].append(f"{letters[level + 1]}{level}")
    leaves = [f"{letter}{levels - 1}" for letter in letters[: levels + 1]]
    return Tree(children, leaves=np.random.default_rng(levels).permutation(leaves).tolist())


def _conditionals(tree: Tree, rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Return random probabilities of the classes of each level, given the class above."""
    levels = []
    for names in tree.levels:
        above = [tree.group_of(name) for name in names]
        weights = rng.gamma(1.0, size=(count, len(names))) + 0.01
        totals = np.stack([weights[:, [other == name for other in above]].sum(axis=1) for name in above], axis=1)
        levels.append((weights / totals).astype("float32"))
    return levels


def _product_cases() -> list[dict]:
    return [
        {"conditionals": _conditionals(tree, np.random.default_rng(seed), count), "tree": tree}
        for seed, tree in enumerate(_deep_trees())
        for count in (40, 1)
    ]


def _factors(conditionals: list[np.ndarray], tree: Tree) -> list[np.ndarray]:
    """Return the factors of each leaf, one array for each level."""
    return [level[:, tree.groups_of_leaves(k)].astype("float64") for k, level in enumerate(conditionals)]


def _of_factors(function: Callable) -> Callable:
    return lambda conditionals, tree: function(_factors(conditionals, tree))


def _levels(case: dict) -> str:
    return f"with {len(case['conditionals'])} levels"


def _read_product(result: object, case: dict) -> np.ndarray:
    found, wanted = as_array(result, "the result"), (len(case["conditionals"][0]), len(case["tree"].leaves))
    shape = f"{_levels(case)} the result should have shape {wanted}, and yours has {found.shape}"
    require(found.shape == wanted, f"{shape}: one column for each leaf")
    return found.astype("float64")


def _wrong_product(case: dict, found: np.ndarray, wanted: np.ndarray) -> str:
    given = _levels(case)
    if np.allclose(np.sort(found, axis=1), np.sort(wanted, axis=1), atol=1e-5):
        return f"{given} the numbers are right and the columns are not: the leaves stand in the order of tree.leaves"
    totals = found.sum(axis=1)
    if not np.allclose(totals, 1, atol=1e-2):
        off = f"{given} the probabilities of an image sum to {totals[0]:.3g} and not to 1"
        return f"{off}: does each leaf meet its own group?"
    row, column = np.unravel_index(np.abs(found - wanted).argmax(), wanted.shape)
    got, should = apart(found[row, column], wanted[row, column])
    leaf = case["tree"].leaves[column]
    return f"{given} the leaf {leaf!r} of image {row} should have {should}, and yours has {got}"


PRODUCT_MISTAKES = {
    "these are the last level's probabilities as they are: multiply by those of the levels above": lambda f: f[-1],
    "these are the top level's probabilities: multiply by those of the levels below": lambda f: f[0],
    "the levels are added: the chain rule multiplies": lambda f: np.sum(f, axis=0),
    "the levels are averaged: the chain rule multiplies": lambda f: np.mean(f, axis=0),
    "these are logarithms: take the exponential at the end": lambda f: np.sum(np.log(f), axis=0),
    "a level is missing between the top and the leaves": lambda f: f[0] * f[-1],
    "the level of the groups of the leaves is multiplied by the leaves, and no level above": lambda f: f[-2] * f[-1],
    "the top level is missing": lambda f: np.prod(f[1:], axis=0),
    "the last level is missing: multiply by the array of the leaves too": lambda f: np.prod(f[:-1], axis=0),
    "the last level is multiplied twice": lambda f: np.prod(f, axis=0) * f[-1],
    "the top level is multiplied twice": lambda f: np.prod(f, axis=0) * f[0],
    "the root of the product is taken: the chain rule multiplies only": lambda f: np.prod(f, axis=0) ** (1 / len(f)),
    "the smallest factor is taken: the chain rule multiplies": lambda f: np.min(f, axis=0),
    **{
        f"only the first {levels} levels are multiplied: a tree may have more": (
            lambda f, levels=levels: np.prod(f[:levels], axis=0)
        )
        for levels in range(2, 13)
    },
    **{
        f"only the last {levels} levels are multiplied: a tree may have more": (
            lambda f, levels=levels: np.prod(f[-levels:], axis=0)
        )
        for levels in range(3, 13)
    },
}

function_question(
    "11.4",
    "A function from conditional probabilities on all levels to those of the leaves.",
    hints=[
        "For each level, which column belongs to which leaf? `tree.groups_of_leaves(level)` says it.",
        "`conditional[:, tree.groups_of_leaves(level)]` has shape (n, leaves): this level's factor of each leaf.",
        "Multiply the factors of all levels: begin with 1 and loop over `enumerate(conditionals)`.",
    ],
    right=_of_factors(lambda factors: np.prod(factors, axis=0)),
    cases=_product_cases,
    read=_read_product,
    tolerance=2e-5,
    decimals=5,
    mistakes={words: _of_factors(mistake) for words, mistake in PRODUCT_MISTAKES.items()},
    say=lambda words, case, found: f"{_levels(case)} {words}",
    show=_wrong_product,
    failed=lambda case, words: f"{_levels(case)} {words}",
)
