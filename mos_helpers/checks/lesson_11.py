"""The checks of exercise 11: build a tree, count contradictions, decide group first, and multiply along paths."""

from collections.abc import Callable

import numpy as np

from mos_helpers.checks._engine import (
    NotYet,
    as_array,
    as_dict,
    as_function,
    as_number,
    call,
    call_kept,
    describe,
    question,
    require,
)
from mos_helpers.hierarchy import Tree

# In neither tree do the leaves of a group stand together, so that their order matters.
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


def _trees() -> list[Tree]:
    return [
        Tree(LOOKS, leaves=list("0123456789")),
        Tree({"b": ["y", "z"], "a": ["x", "w", "v"]}, leaves=list("vwxyz")),
    ]


TABLES = [
    [("poodle", "dog"), ("oak", "plant"), ("beagle", "dog"), ("rose", "plant"), ("siamese", "cat")],
    [(str(digit), "odd" if digit % 2 else "even") for digit in range(10)],
    [("z", "one"), ("a", "two"), ("m", "one"), ("b", "one"), ("y", "two")],
    [("only", "group")],
]


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
    for pairs in TABLES:
        found = _built(function, pairs)
        require(issubclass(type(found), Tree), f"the result should be a Tree, and yours is {describe(found)}")
        leaves, groups = [leaf for leaf, _ in pairs], dict(pairs)
        turned = set(found.levels[0]) == set(leaves) and set(leaves) != set(groups.values())
        require(not turned, "the leaves stand above the groups: the dictionary goes from each group to its leaves")
        levels = f"the tree should have two levels, and yours has {len(found.levels)}"
        require(len(found.levels) == 2, levels)
        others = f"the leaves of your tree are {', '.join(found.leaves)}: they should have the names of the table"
        require(not set(leaves).isdisjoint(found.leaves), others)
        lost = [leaf for leaf in leaves if leaf not in found.leaves]
        require(not lost, f"the leaf {lost[0] if lost else ''!r} is lost: lines of a group need not stand together")
        more = [leaf for leaf in found.leaves if leaf not in leaves]
        require(not more, f"the leaf {more[0] if more else ''!r} is not in the table")
        for leaf in leaves:
            group = found.group_of(leaf)
            require(group == groups[leaf], f"{leaf!r} belongs to {groups[leaf]!r}, and in your tree to {group!r}")
        order = (
            f"the leaves are numbered {', '.join(found.leaves)}, and in the table {', '.join(leaves)}: use `leaves=`"
        )
        require(list(found.leaves) == leaves, order)


def _built(function: Callable, pairs: list[tuple[str, str]]) -> object:
    """Return what the function makes of the table; where a group has lost lines, say so."""
    try:
        return call(function, list(pairs))
    except NotYet as error:
        missing = [leaf for leaf, _ in pairs if f"not {leaf!r}, which it does not have" in str(error)]
        if not missing:
            raise
        lost = f"`leaves=` names {missing[0]!r}, which no group holds: lines of a group need not stand together"
        raise NotYet(lost) from None


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
    first = None
    for seed, tree in enumerate(_trees()):
        for count in (397, 83):
            fine, coarse = _heads(tree, seed, count)
            found = as_number(call_kept(function, fine=fine, coarse=coarse, tree=tree), "the result")
            leaf, group, groups = fine.argmax(axis=1), coarse.argmax(axis=1), tree.groups_of_leaves()
            wanted = float(np.mean(groups[leaf] != group))
            first = wanted if first is None else first
            if np.isclose(found, wanted, atol=1e-5):
                continue
            mistakes = {
                "that is the share on which they agree": 1 - wanted,
                "that is the number of images, not their share": wanted * count,
                "that is in percent; give a share from 0 to 1": 100 * wanted,
                "it finds no contradiction: take the likeliest of all leaves, not only of the decided group": 0,
                "it compares the number of a leaf with the number of a group": np.mean(leaf != group),
                "you added up the leaves of each group first: the question is about the likeliest leaf": np.mean(
                    (fine @ tree.matrix()).argmax(axis=1) != group
                ),
                "that compares the likeliest leaf with the sums of its own head: use the coarse head": np.mean(
                    (fine @ tree.matrix()).argmax(axis=1) != groups[leaf]
                ),
            }
            for message, value in mistakes.items():
                require(not np.isclose(found, float(value), atol=1e-5), message)
            require(0 <= found <= 1, f"a share lies between 0 and 1, and yours is {found:.3g}")
            require(False, f"for {count} images it gives {found:.3f}, and {wanted:.3f} is right")
    return f"Here the heads contradicted each other on {first:.0%} of the images"


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
    ties = np.isclose(wanted[np.arange(len(fine)), within], wanted.max(axis=1))
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
    return [_trees()[0], Tree(KINGDOMS, leaves=KINDS), Tree(FOUR, leaves=list("jfhgi"))]


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
    for seed, tree in enumerate(_deep_trees()):
        for count in (40, 1):
            levels = _conditionals(tree, np.random.default_rng(seed), count)
            found = as_array(_product_of(function, levels, tree), "the result").astype("float64")
            factors = [level[:, tree.groups_of_leaves(k)].astype("float64") for k, level in enumerate(levels)]
            _require_product(found, factors, levels, tree)


def _product_of(function: Callable, levels: list[np.ndarray], tree: Tree) -> object:
    """Return what the function makes of the levels; an error comes with the number of levels that led to it."""
    try:
        return call_kept(function, conditionals=levels, tree=tree)
    except NotYet as error:
        raise NotYet(f"with {len(levels)} levels {error}") from None


def _require_product(found: np.ndarray, factors: list[np.ndarray], levels: list[np.ndarray], tree: Tree) -> None:
    """Say what is wrong with probabilities that should be the product of these factors."""
    case = f"with {len(factors)} levels"
    classes = f"{case} the result should have shape {factors[0].shape}, and yours has {found.shape}"
    require(found.shape == factors[0].shape, f"{classes}: one column for each leaf")
    wanted = np.prod(factors, axis=0)
    if np.allclose(found, wanted, atol=1e-5):
        return
    mistakes = {
        "these are the last level's probabilities as they are: multiply by those of the levels above": factors[-1],
        "the levels are added: the chain rule multiplies": np.sum(factors, axis=0),
        "the levels are averaged: the chain rule multiplies": np.mean(factors, axis=0),
        "these are logarithms: take the exponential at the end": np.log(wanted),
        "a level is missing between the top and the leaves": factors[0] * factors[-1],
        "the top level is missing": np.prod(factors[1:], axis=0),
        "the last level is missing: multiply by the array of the leaves too": np.prod(factors[:-1], axis=0),
    }
    for message, wrong in mistakes.items():
        require(not np.allclose(found, wrong, atol=1e-5), f"{case} {message}")
    totals = found.sum(axis=1)
    off = (
        f"{case} the probabilities of an image sum to {totals[0]:.3g} and not to 1: does each leaf meet its own group?"
    )
    require(np.allclose(totals, 1, atol=1e-3), off)
    reordered = np.allclose(np.sort(found, axis=1), np.sort(wanted, axis=1), atol=1e-5)
    order = f"{case} the numbers are right and the columns are not: the leaves stand in the order of tree.leaves"
    require(not reordered, order)
    difference = float(np.abs(found - wanted).max())
    require(False, f"{case} the result differs from the right probabilities by up to {difference:.2g}")
