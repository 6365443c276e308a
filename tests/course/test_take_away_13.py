"""The cell to take away from lesson 13 works alone, on other graphs, and refuses what is wrong."""

import itertools

import numpy as np
import pytest
from take_away import take_away

PARENTS = {"flu": ["virus", "lung"], "cold": ["virus"], "virus": ["illness"], "lung": ["illness"]}
CLASSES = ["cold", "illness", "lung", "flu", "virus"]


@pytest.fixture(scope="module")
def coherent():
    return take_away("13_hierarchy_graphs")["coherent"]


def test_no_class_is_less_probable_than_one_below_it(coherent):
    given = [[0.1, 0.2, 0.3, 0.9, 0.4], [0.8, 0.1, 0.5, 0.2, 0.3]]
    found = coherent(given, CLASSES, PARENTS)
    np.testing.assert_allclose(found, [[0.1, 0.9, 0.9, 0.9, 0.9], [0.8, 0.8, 0.5, 0.2, 0.8]])


def test_the_given_array_stays_as_it_is_and_a_long_chain_is_followed(coherent):
    names = [f"class {number}" for number in np.random.default_rng(0).permutation(30)]
    parents = {below: [above] for above, below in itertools.pairwise(names)}
    given = np.linspace(0, 1, 30, dtype="float32")[None]
    before = given.copy()
    np.testing.assert_array_equal(coherent(given, names, parents), np.ones((1, 30)))
    np.testing.assert_array_equal(given, before)


def test_classes_without_parents_need_no_entry(coherent):
    np.testing.assert_array_equal(coherent([[0, 1]], ("a", "b"), {}), [[0, 1]])
    np.testing.assert_array_equal(coherent([[0, 1]], ("a", "b"), {"b": ["a"], "a": []}), [[1, 1]])


@pytest.mark.parametrize(
    ("probabilities", "classes", "parents", "error", "words"),
    [
        (
            [[0.1, 0.2]],
            ["a", "b"],
            {"b": ["disease"]},
            ValueError,
            r"parents names 'disease', which is not in classes: \['a', 'b'\]",
        ),
        ([[0.1, 0.2]], ["a", "b"], {"c": ["a"]}, ValueError, "parents names 'c', which is not in classes"),
        ([[0.1, 0.2]], ["a", "b"], {"b": "a"}, TypeError, r"parents\['b'\] must be a list of names, not 'a'"),
        ([[0.1, 0.2]], ["a", "b"], [("b", ["a"])], TypeError, "parents must be a dictionary, not list"),
        ([[0.1, 0.2]], ["a", "b"], {"b": ["a"], "a": ["b"]}, ValueError, "parents must not go round in a cycle"),
        ([0.1, 0.2], ["a", "b"], {}, ValueError, r"probabilities must have shape \(n, 2\), .*, not \(2,\)"),
        ([[0.1, 0.2, 0.3]], ["a", "b"], {}, ValueError, r"probabilities must have shape \(n, 2\), .*, not \(1, 3\)"),
        ([[0.1, 0.2]], ["a", "a"], {}, ValueError, "a column for each different name in classes"),
    ],
)
def test_what_is_wrong_is_refused(coherent, probabilities, classes, parents, error, words):
    with pytest.raises(error, match=words):
        coherent(probabilities, classes, parents)
