"""A tree says which class belongs to which group, and refuses what is no tree."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from mos_helpers.hierarchy import Tree

LOOKS = {"loops": ["0", "6", "8", "9"], "strokes": ["1", "4", "7"], "curves": ["2", "3", "5"]}
THREE = {"animal": ["dog", "cat"], "dog": ["poodle", "beagle"], "cat": ["siamese"], "plant": ["tree"], "tree": ["oak"]}


@st.composite
def trees(draw):
    """Return a tree of 1 to 4 levels, with the true path of each leaf."""
    depth = draw(st.integers(2, 4))
    paths = [(f"0.{number}",) for number in range(draw(st.integers(1, 3)))]
    children = {}
    for level in range(1, depth):
        longer = []
        for path in paths:
            names = [f"{level}.{path[-1]}.{number}" for number in range(draw(st.integers(1, 3)))]
            children[path[-1]] = names
            longer += [(*path, name) for name in names]
        paths = longer
    order = draw(st.permutations(list(children)))
    leaves = draw(st.permutations([path[-1] for path in paths]))
    return Tree({name: children[name] for name in order}, leaves=leaves), {path[-1]: path for path in paths}


@hypothesis.given(trees())
@hypothesis.settings(max_examples=60)
def test_matrices_and_numbers_say_what_the_paths_say(case):
    tree, paths = case
    assert set(tree.leaves) == set(paths)
    for level, names in enumerate(tree.levels):
        numbers, matrix = tree.groups_of_leaves(level), tree.matrix(level)
        assert matrix.shape == (len(tree.leaves), len(names))
        assert matrix.dtype == np.float32
        assert numbers.dtype == np.int64
        for leaf, number, row in zip(tree.leaves, numbers, matrix, strict=True):
            assert names[number] == paths[leaf][level]
            assert row.tolist() == [float(name == paths[leaf][level]) for name in names]
    for leaf, path in paths.items():
        for above, name in zip((None, *path), path, strict=False):
            assert tree.group_of(name) == above, leaf


@hypothesis.given(trees())
@hypothesis.settings(max_examples=30)
def test_a_tree_can_be_made_again(case):
    tree, _ = case
    again = Tree(**tree.get_config())
    assert again == tree
    assert hash(again) == hash(tree)
    assert again.levels == tree.levels


@hypothesis.given(trees(), st.integers(0, 1000))
@hypothesis.settings(max_examples=30)
def test_leaf_probabilities_sum_to_those_of_the_groups(case, seed):
    tree, paths = case
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(len(tree.leaves)), size=3)
    for level, names in enumerate(tree.levels):
        summed = probabilities @ tree.matrix(level)
        np.testing.assert_allclose(summed.sum(axis=1), 1, atol=1e-6)
        for place, name in enumerate(names):
            inside = [number for number, leaf in enumerate(tree.leaves) if paths[leaf][level] == name]
            np.testing.assert_allclose(summed[:, place], probabilities[:, inside].sum(axis=1), atol=1e-6)


def test_the_digits():
    tree = Tree(LOOKS, leaves=list("0123456789"))
    assert tree.levels == (("loops", "strokes", "curves"), tuple("0123456789"))
    assert tree.groups_of_leaves().tolist() == [0, 1, 2, 2, 1, 2, 0, 1, 0, 0]
    assert tree.group_of("6") == "loops"
    assert tree.group_of("loops") is None
    assert repr(tree) == "Tree with 2 levels of 3, 10 classes"
    np.testing.assert_array_equal(tree.matrix(-1), np.eye(10))


def test_trees_differ_by_structure_and_by_order():
    tree = Tree(LOOKS)
    assert tree == Tree(dict(LOOKS))
    assert tree != Tree(LOOKS, leaves=list("0123456789"))
    assert tree != Tree(dict(reversed(LOOKS.items())), leaves=tree.leaves)
    assert tree != Tree({"loops": ["0", "6", "8", "1"], "strokes": ["9", "4", "7"], "curves": ["2", "3", "5"]})
    assert tree != LOOKS


def test_the_given_dictionary_is_not_kept():
    children = {"a": ["x"], "b": ["y"]}
    tree = Tree(children)
    children["a"].append("z")
    assert tree.leaves == ("x", "y")


@pytest.mark.parametrize(
    ("children", "error", "message"),
    [
        ([("a", ["x"])], TypeError, "children must be a dictionary from each name to a list of names, not list"),
        ({}, ValueError, "children must have at least one entry"),
        ({"a": "xy"}, TypeError, r"children\['a'\] must be a list of names, not 'xy'"),
        ({"a": {"x": 1}}, TypeError, r"children\['a'\] must be a list of names"),
        ({"a": []}, ValueError, r"children\['a'\] must have at least one member"),
        ({"a": [3]}, TypeError, "must hold names .strings., not 3"),
        ({3: ["x"]}, TypeError, "must hold names .strings., not 3"),
        ({"a": [" "]}, ValueError, "names that are not empty, not ' '"),
        ({"": ["x"]}, ValueError, "names that are not empty"),
        ({"a": ["x"], "b": ["x"]}, ValueError, "once, but 'x' belongs to 'a' and 'b'"),
        ({"a": ["x", "x"]}, ValueError, "once, but 'x' belongs to 'a' and 'a'"),
        ({"a": ["a"]}, ValueError, "cycle, but these do: 'a' -> 'a'"),
        ({"a": ["b"], "b": ["a"]}, ValueError, "cycle, but these do: '[ab]' -> '[ab]' -> '[ab]'"),
        (
            {"r": ["s"], "p": ["q"], "q": ["p", "r"], "x": ["y"]},
            ValueError,
            "these do: '[pq]' -> '[pq]' -> '[pq]'",
        ),
        ({"a": ["b", "x"], "b": ["y"]}, ValueError, "equally deep, but 'x' holds nothing: put it into a group"),
    ],
)
def test_what_is_no_tree_is_refused(children, error, message):
    with pytest.raises(error, match=message):
        Tree(children)


@pytest.mark.parametrize(
    ("leaves", "error", "message"),
    [
        ("oak", TypeError, "leaves must be a list of names, not 'oak'"),
        (3, TypeError, "leaves must be a list"),
        (
            ["poodle", "beagle", "siamese", "oak", "rose"],
            ValueError,
            "leaves must be the leaves .* not 'rose', which it does not have",
        ),
        (
            ["poodle", "beagle", "siamese", "tree"],
            ValueError,
            "leaves must be the leaves .* not 'tree', which it does not have",
        ),
        (["poodle", "beagle", "siamese"], ValueError, "once, but 'oak' is missing or named twice"),
        (["poodle", "beagle", "siamese", "oak", "oak"], ValueError, "once, but 'oak' is missing or named twice"),
    ],
)
def test_wrong_leaves_are_refused(leaves, error, message):
    with pytest.raises(error, match=message):
        Tree(THREE, leaves=leaves)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (
            lambda tree: tree.group_of("rose"),
            ValueError,
            "name must be a class of the tree, not 'rose'; it has 'animal'",
        ),
        (lambda tree: tree.matrix(3), ValueError, "level must be a whole number from -3 to 2, not 3"),
        (lambda tree: tree.matrix(-4), ValueError, "level must be a whole number from -3 to 2, not -4"),
        (
            lambda tree: tree.groups_of_leaves("leaves"),
            TypeError,
            "level must be a whole number .* not 'leaves'",
        ),
        (lambda tree: tree.matrix(True), TypeError, "level must be a whole number .* not True"),
    ],
)
def test_wrong_questions_are_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask(Tree(THREE))
