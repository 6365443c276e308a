"""The checks of exercise 11: build a tree, count contradictions, decide group first, and multiply along paths.

A mistake is named only if it explains what the function gives for all cases.
"""

import itertools
from collections.abc import Callable

import numpy as np

from mos_checks import NotYet, apart, as_array, as_dict, as_function, as_number, call_kept, describe, question, require
from mos_helpers.hierarchy import Tree

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


LOOKS_OF_TEN = ["round", "straight", "two", "bows", "hook", "bows", "round", "straight", "bows", "hook"]
TABLES = [
    # Lines of a group stand together or apart; a group of one leaf is there or not.
    [("poodle", "dog"), ("oak", "plant"), ("beagle", "dog"), ("rose", "plant"), ("siamese", "cat")],
    [(str(digit), "odd" if digit % 2 else "even") for digit in range(10)],
    [("z", "one"), ("a", "two"), ("m", "one"), ("b", "one"), ("y", "two")],
    [("only", "group")],
    [("poodle", "dog"), ("oak", "plant"), ("beagle", "dog"), ("rose", "plant")],
    [("oak", "plant"), ("rose", "plant"), ("elm", "plant"), ("poodle", "dog"), ("beagle", "dog")],
    [("wren", "song"), ("lark", "song"), ("owl", "night")],
    [(str(digit), look) for digit, look in enumerate(LOOKS_OF_TEN)],
]


LEFT = "is left from the call before: begin with an empty dictionary inside the function"


def _apart(pairs: list[tuple[str, str]]) -> bool:
    """Return whether the lines of some group do not stand together."""
    groups = [group for _, group in pairs]
    return 1 + sum(a != b for a, b in itertools.pairwise(groups)) > len(set(groups))


def _single(pairs: list[tuple[str, str]]) -> bool:
    """Return whether some group holds one leaf."""
    groups = [group for _, group in pairs]
    return 1 in map(groups.count, groups)


@question(
    "11.1",
    hints=[
        "`Tree` wants a dictionary from each group to the list of what it holds. Build it line by line.",
        "`children.setdefault(group, []).append(leaf)` begins a list for a new group and adds to it.",
        "The second argument, `leaves=`, gives the order in which the leaves are numbered: that of the table.",
    ],
)
def tree_from_pairs(answer: object) -> None:
    """A function from a list of pairs (leaf, group) to a tree."""
    function = as_function(answer)
    found = [_built(function, pairs) for pairs in TABLES]
    wrong = [isinstance(tree, NotYet) or _fault(tree, pairs) != "" for tree, pairs in zip(found, TABLES, strict=True)]
    if not any(wrong):
        return
    trees = [tree for tree in found if isinstance(tree, Tree)]
    alike = len(trees) == len(found) and all(tree == trees[0] for tree in trees)
    require(not alike, "your function gives the same tree for every table: use its argument, and no other variable")
    place = wrong.index(True)
    tree, pairs = found[place], TABLES[place]
    earlier = {leaf for table in TABLES[:place] for leaf, _ in table} - {leaf for leaf, _ in pairs}
    if isinstance(tree, NotYet):
        missing = [leaf for leaf, _ in pairs if f"not {leaf!r}, which it does not have" in str(tree)]
        named = [leaf for leaf in earlier if f"but {leaf!r} is missing" in str(tree)]
        require(not named, f"the leaf {named[0] if named else ''!r} {LEFT}")
        if not missing:
            raise tree
        fault, lost = f"`leaves=` names {missing[0]!r}, which no group holds", True
    else:
        fault, lost = _fault(tree, pairs), any(leaf not in tree.leaves for leaf, _ in pairs)
    reasons = {
        "lines of a group need not stand together": _apart,
        "a group may hold one leaf": _single,
    }
    for reason, applies in reasons.items():
        explained = all(applies(table) == is_wrong for table, is_wrong in zip(TABLES, wrong, strict=True))
        require(not (lost and explained), f"{fault}: {reason}")
    alone = len(trees) == len(found) and all(len(each.levels[0]) == len(each.leaves) for each in trees)
    require(not (lost and alone), f"{fault}: a group may hold several leaves")
    left = [leaf for leaf in (tree.leaves if isinstance(tree, Tree) else ()) if leaf in earlier]
    require(not left, f"the leaf {left[0] if left else ''!r} {LEFT}")
    require(False, fault)


def _built(function: Callable, pairs: list[tuple[str, str]]) -> object:
    """Return what the function makes of the table, or why it makes nothing."""
    try:
        found = call_kept(function, pairs=list(pairs))
    except NotYet as error:
        return error
    require(issubclass(type(found), Tree), f"the result should be a Tree, and yours is {describe(found)}")
    return found


def _fault(found: Tree, pairs: list[tuple[str, str]]) -> str:
    """Return what is wrong with the tree of a table, or nothing."""
    leaves, groups = [leaf for leaf, _ in pairs], dict(pairs)
    if set(found.levels[0]) == set(leaves) and set(leaves) != set(groups.values()):
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
    if list(found.leaves) != leaves:
        order = f"the leaves are numbered {', '.join(found.leaves)}, and in the table {', '.join(leaves)}"
        return f"{order}: use `leaves=`"
    return ""


def _heads(tree: Tree, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities of a fine and of a coarse head that agree now and then."""
    rng = np.random.default_rng(seed)
    fine = rng.dirichlet(np.full(len(tree.leaves), 0.5), size=count)
    noise = rng.dirichlet(np.full(len(tree.levels[0]), 0.5), size=count)
    return fine.astype("float32"), (0.5 * fine @ tree.matrix() + 0.5 * noise).astype("float32")


@question(
    "11.2",
    hints=[
        "Decide twice: the likeliest leaf and the likeliest group of each image, with argmax(axis=1).",
        "A leaf's number is not a group's number. `tree.groups_of_leaves()[leaf]` turns one into the other.",
        "Compare the two arrays of group numbers with `!=`, and take the mean.",
    ],
)
def contradiction_rate(answer: object) -> str:
    """A function from the probabilities of two heads and a tree to the share of contradictions."""
    function = as_function(answer)
    cases = [(*_heads(tree, seed, count), tree) for seed, tree in enumerate(_trees()) for count in (397, 83, 1)]
    found = [
        as_number(call_kept(function, fine=fine, coarse=coarse, tree=tree), "the result")
        for fine, coarse, tree in cases
    ]
    wanted = [_rate(*case) for case in cases]

    def same(values: list[float]) -> list[bool]:
        return [
            abs(number - value) < 0.4 / len(case[0]) and abs(number - value) < 3e-3
            for number, value, case in zip(found, values, cases, strict=True)
        ]

    right = same(wanted)
    if all(right):
        return f"Here the heads contradicted each other on {wanted[0]:.0%} of the images"
    for message, mistake in RATE_MISTAKES.items():
        require(not all(same([mistake(*case) for case in cases])), message)
    outside = [number for number in found if not 0 <= number <= 1]
    require(not outside, f"a share lies between 0 and 1, and yours is {outside[0] if outside else 0:.3g}")
    place = max((place for place, ok in enumerate(right) if not ok), key=lambda place: (len(cases[place][0]), -place))
    got, should = _digits(found[place], wanted[place])
    fine, _, tree = cases[place]
    images = f"{len(fine)} images" if len(fine) > 1 else "one image"
    require(False, f"for {images} and leaves {', '.join(tree.leaves)} it gives {got}, and {should} is right")
    return ""


def _digits(found: float, wanted: float) -> tuple[str, str]:
    """Return two numbers with as many digits as it takes to tell them apart."""
    pairs = [(f"{found:.{digits}f}", f"{wanted:.{digits}f}") for digits in range(3, 17)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def _rate(fine: np.ndarray, coarse: np.ndarray, tree: Tree, groups: np.ndarray | None = None) -> float:
    """Return the share of contradictions; `groups` takes the place of the group of each leaf."""
    groups = tree.groups_of_leaves() if groups is None else groups
    return float(np.mean(groups[fine.argmax(axis=1)] != coarse.argmax(axis=1)))


def _in_order(tree: Tree, leaves: list[str], groups: list[str]) -> np.ndarray:
    """Return the group of each leaf, if leaves and groups were numbered in this order."""
    return np.array([groups.index(tree.group_of(leaf)) for leaf in leaves])


def _sums(fine: np.ndarray, tree: Tree) -> np.ndarray:
    return (fine @ tree.matrix()).argmax(axis=1)


RATE_MISTAKES = {
    "that is the share on which they agree": lambda f, c, t: 1 - _rate(f, c, t),
    "that is the number of images, not their share": lambda f, c, t: _rate(f, c, t) * len(f),
    "that is in percent; give a share from 0 to 1": lambda f, c, t: 100 * _rate(f, c, t),
    "it finds no contradiction: take the likeliest of all leaves, not only of the decided group": lambda f, c, t: 0.0,
    "it compares the number of a leaf with the number of a group": lambda f, c, t: np.mean(f.argmax(1) != c.argmax(1)),
    "you added up the leaves of each group first: the question is about the likeliest leaf": lambda f, c, t: np.mean(
        _sums(f, t) != c.argmax(1)
    ),
    "that compares the likeliest leaf with the sums of its own head: use the coarse head": lambda f, c, t: np.mean(
        _sums(f, t) != t.groups_of_leaves()[f.argmax(1)]
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
    "it is rounded: give all its digits": lambda f, c, t: round(_rate(f, c, t), 2),
    "it is rounded to one decimal: give all its digits": lambda f, c, t: round(_rate(f, c, t), 1),
    "it takes the least likely of all: use argmax": lambda f, c, t: _rate(-f, -c, t),
}


@question(
    "11.3",
    hints=[
        "The group is the likeliest one of the coarse head. Then compare only the leaves that belong to it.",
        "`tree.groups_of_leaves() == group[:, None]` has shape (n, leaves): True where a leaf is in the decided group.",
        "`np.where(inside, fine, -1)` leaves no leaf from outside a chance. Then take argmax(axis=1).",
    ],
)
def group_first(answer: object) -> None:
    """A function from the probabilities of two heads and a tree to decisions, group first."""
    function = as_function(answer)
    for seed, tree in enumerate(_trees()):
        fine, coarse = _heads(tree, seed, 60)
        groups = tree.groups_of_leaves()
        zero = np.arange(50, 60)  # rows where the coarse head wants a group whose leaves all have the probability 0
        wanted_group = groups[fine.argmax(axis=1)] + 1
        coarse[zero] = np.eye(len(tree.levels[0]), dtype="float32")[wanted_group[zero] % len(tree.levels[0])]
        fine[zero] *= coarse[zero][:, groups] == 0
        for rows in (np.arange(50), np.arange(1), zero):
            _require_group_first(function, fine[rows], coarse[rows], tree)


def _require_group_first(function: object, fine: np.ndarray, coarse: np.ndarray, tree: Tree) -> None:
    """Say what is wrong with the decisions for some images."""
    result = as_dict(call_kept(function, fine=fine, coarse=coarse, tree=tree), ["coarse", "fine"], "the result")
    groups, group, leaf = tree.groups_of_leaves(), coarse.argmax(axis=1), fine.argmax(axis=1)
    found = {name: as_array(result[name], f"the answer {name}") for name in ("coarse", "fine")}
    for name, decision in found.items():
        whole = f"the answer {name} holds probabilities: give the number of one class for each image"
        require(decision.ndim != 2 or decision.shape[1] == 1, whole)
        as_array(decision, f"the answer {name}", shape=(len(fine),))
        numbers = f"the answer {name} should hold whole numbers, the numbers of classes"
        require(bool((decision == np.floor(decision)).all()), numbers)
    chosen, within = found["coarse"].astype(int), found["fine"].astype(int)
    right = bool((chosen == group).all())
    if not right:
        swapped = bool((within == group).all())
        require(not swapped, "coarse and fine are swapped")
        leaf_first = bool((chosen == groups[leaf]).all())
        require(not leaf_first, "that is leaf first: the group is read off the likeliest leaf, not off the coarse head")
        require(False, "the answer coarse is not the likeliest group of the coarse head")
    inside = groups == group[:, None]
    wanted = np.where(inside, fine, -1)
    count = len(tree.leaves)
    require(
        bool(((within >= 0) & (within < count)).all()), f"the answer fine should count leaves from 0 to {count - 1}"
    )
    ties = np.isclose(wanted[np.arange(len(fine)), within], wanted.max(axis=1), rtol=3e-3)
    if ties.all():
        return
    free = "the answer fine is the likeliest of all leaves: only those of the decided group may win"
    require(not (within == leaf).all(), free)
    empty = (wanted.max(axis=1) == 0).all()
    zeros = (
        "a leaf from outside the group wins where all leaves of the group have the probability 0: outside needs less"
    )
    require(not empty, zeros)
    local = np.array(
        [np.flatnonzero(row).tolist().index(best) for row, best in zip(inside, wanted.argmax(1), strict=True)]
    )
    counted = "the answer fine counts the leaves within the group: give the number that the leaf has in the tree"
    require(not (within == local).all(), counted)
    least = np.where(inside, fine, 2).argmin(axis=1)
    require(not (within == least).all(), "the answer fine is the least likely leaf of the group")
    product = (fine * coarse[:, groups]).argmax(axis=1)
    weighed = (
        "the answer fine weighs the leaf by its group, so that a leaf of another group can win: decide group first"
    )
    require(not (within == product).all(), weighed)
    outside = int((~inside[np.arange(len(fine)), within]).sum())
    require(outside == 0, f"{outside} of {len(fine)} leaves do not belong to the group that was decided")
    require(False, f"{int((~ties).sum())} of {len(fine)} leaves are not the likeliest of their group")


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


@question(
    "11.4",
    hints=[
        "For each level, which column belongs to which leaf? `tree.groups_of_leaves(level)` says it.",
        "`conditional[:, tree.groups_of_leaves(level)]` has shape (n, leaves): this level's factor of each leaf.",
        "Multiply the factors of all levels: begin with 1 and loop over `enumerate(conditionals)`.",
    ],
)
def leaf_probabilities(answer: object) -> None:
    """A function from conditional probabilities on all levels to those of the leaves."""
    function = as_function(answer)
    cases, found, limits = [], [], []
    for seed, tree in enumerate(_deep_trees()):
        for count in (40, 1):
            levels = _conditionals(tree, np.random.default_rng(seed), count)
            result = _product_of(function, levels, tree)
            array = as_array(result, "the result")
            factors = [level[:, tree.groups_of_leaves(k)].astype("float64") for k, level in enumerate(levels)]
            shape = f"with {len(levels)} levels the result should have shape {factors[0].shape}"
            require(array.shape == factors[0].shape, f"{shape}, and yours has {array.shape}: one column for each leaf")
            kind = "bfloat16" if "bfloat16" in str(getattr(result, "dtype", "")) else array.dtype.name
            cases.append((factors, tree))
            found.append(array.astype("float64"))
            limits.append({"bfloat16": 4e-2, "float16": 5e-3}.get(kind, 2e-5))
    _require_products(found, cases, limits)


def _product_of(function: Callable, levels: list[np.ndarray], tree: Tree) -> object:
    """Return what the function makes of the levels; an error comes with the number of levels that led to it."""
    try:
        return call_kept(function, conditionals=levels, tree=tree)
    except NotYet as error:
        raise NotYet(f"with {len(levels)} levels {error}") from None


def _require_products(found: list[np.ndarray], cases: list[tuple[list[np.ndarray], Tree]], limits: list[float]) -> None:
    """Say what is wrong with probabilities that should be the products of these factors."""

    def same(values: list[np.ndarray]) -> list[bool]:
        parts = zip(found, values, limits, strict=True)
        return [np.allclose(number, value, rtol=limit, atol=limit) for number, value, limit in parts]

    right = same([np.prod(factors, axis=0) for factors, _ in cases])
    if all(right):
        return
    place = right.index(False)
    factors, tree = cases[place]
    case = f"with {len(factors)} levels"
    for message, mistake in PRODUCT_MISTAKES.items():
        with np.errstate(all="ignore"):
            require(not all(same([mistake(*each) for each in cases])), f"{case} {message}")
    totals = found[place].sum(axis=1)
    wanted = np.prod(factors, axis=0)
    reordered = np.allclose(np.sort(found[place], axis=1), np.sort(wanted, axis=1), atol=1e-5)
    order = f"{case} the numbers are right and the columns are not: the leaves stand in the order of tree.leaves"
    require(not reordered, order)
    off = (
        f"{case} the probabilities of an image sum to {totals[0]:.3g} and not to 1: does each leaf meet its own group?"
    )
    require(np.allclose(totals, 1, atol=1e-2), off)
    row, column = np.unravel_index(np.abs(found[place] - wanted).argmax(), wanted.shape)
    got, should = apart(found[place][row, column], wanted[row, column])
    require(False, f"{case} the leaf {tree.leaves[column]!r} of image {row} should have {should}, and yours has {got}")


def _at_most(levels: int) -> Callable:
    return lambda factors, tree: np.prod(factors[:levels], axis=0)


PRODUCT_MISTAKES = {
    "these are the last level's probabilities as they are: multiply by those of the levels above": lambda f, t: f[-1],
    "these are the top level's probabilities: multiply by those of the levels below": lambda f, t: f[0],
    "the levels are added: the chain rule multiplies": lambda f, t: np.sum(f, axis=0),
    "the levels are averaged: the chain rule multiplies": lambda f, t: np.mean(f, axis=0),
    "these are logarithms: take the exponential at the end": lambda f, t: np.sum(np.log(f), axis=0),
    "a level is missing between the top and the leaves": lambda f, t: f[0] * f[-1],
    "the level of the groups of the leaves is multiplied by the leaves, and no level above": lambda f, t: f[-2] * f[-1],
    "the top level is missing": lambda f, t: np.prod(f[1:], axis=0),
    "the last level is missing: multiply by the array of the leaves too": lambda f, t: np.prod(f[:-1], axis=0),
    "the last level is multiplied twice": lambda f, t: np.prod(f, axis=0) * f[-1],
    "the top level is multiplied twice": lambda f, t: np.prod(f, axis=0) * f[0],
    "the root of the product is taken: the chain rule multiplies only": lambda f, t: np.prod(f, axis=0) ** (1 / len(f)),
    "the smallest factor is taken: the chain rule multiplies": lambda f, t: np.min(f, axis=0),
    **{
        f"the product is rounded to {digits} decimals: give all its digits": (
            lambda f, t, digits=digits: np.prod(f, axis=0).round(digits)
        )
        for digits in (1, 2, 3, 4)
    },
    **{
        f"only the first {levels} levels are multiplied: a tree may have more": _at_most(levels)
        for levels in range(2, 13)
    },
    **{
        f"only the last {levels} levels are multiplied: a tree may have more": (
            lambda f, t, levels=levels: np.prod(f[-levels:], axis=0)
        )
        for levels in range(3, 13)
    },
}
