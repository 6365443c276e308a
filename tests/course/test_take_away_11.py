"""What lesson 11 gives to copy decides once, alone, and refuses what are no probabilities of leaves."""

import numpy as np
import pytest
from take_away import source, take_away


def answer(*args, **options):
    return take_away("11_hierarchical_heads")["answer"](*args, **options)


def test_it_runs_alone():
    assert callable(take_away("11_hierarchical_heads")["answer"])
    assert len(source("11_hierarchical_heads").splitlines()) <= 45
    assert "mos_helpers" not in source("11_hierarchical_heads")


def test_it_is_the_example_of_the_lesson():
    found = answer([[0.4, 0.3, 0.3], [0.1, 0.2, 0.7]], group_of_leaf=[0, 1, 1])
    assert found["leaf"].tolist() == [0, 2]
    assert found["group"].tolist() == [0, 1]
    np.testing.assert_allclose(found["group_probabilities"], [[0.4, 0.6], [0.1, 0.9]])


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_other_numbers_of_leaves_and_groups_never_contradict(kind):
    rng = np.random.default_rng(0)
    groups = rng.permutation([0, 1, 1, 2, 3, 3, 3, 2, 1, 4, 4, 0])
    leaves = rng.dirichlet(np.ones(12), size=200).astype(kind)
    before = leaves.copy()
    found = answer(leaves, groups)
    np.testing.assert_array_equal(groups[found["leaf"]], found["group"])
    for group in range(5):
        np.testing.assert_allclose(
            found["group_probabilities"][:, group], leaves[:, groups == group].sum(axis=1, dtype=float), atol=5e-3
        )
    np.testing.assert_array_equal(leaves, before)


def test_one_image_and_one_group():
    found = answer(np.array([[0.25, 0.75]]), [0, 0])
    assert (found["leaf"].tolist(), found["group"].tolist()) == ([1], [0])


@pytest.mark.parametrize(
    ("leaves", "groups", "words"),
    [
        ([[2.0, 1.0, -1.0]], [0, 1, 1], "leaf_probabilities must be at least 0 .* logits need a softmax first"),
        ([[3.0, 1.0, 1.0]], [0, 1, 1], "a sum of 1 in each row"),
        ([[np.nan, 0.5, 0.5]], [0, 1, 1], "leaf_probabilities must be at least 0"),
        ([0.4, 0.3, 0.3], [0, 1, 1], r"leaf_probabilities must be floats of shape \(n, leaves\), not .*\(3,\)"),
        ([[0, 2, 1]], [0, 1, 1], r"leaf_probabilities must be floats of shape \(n, leaves\), not int"),
        ({"fine": [[0.4, 0.6]]}, [0, 1], "leaf_probabilities must be floats"),
        ([["0.4", "0.6"]], [0, 1], "leaf_probabilities must be floats"),
        ([[0.4, 0.3, 0.3]], [0, 1], r"group_of_leaf must be 3 whole numbers, the group of each leaf, not \[0, 1\]"),
        ([[0.4, 0.6]], ["hook", "round"], "group_of_leaf must be 2 whole numbers, the group of each leaf, not .*hook"),
        ([[0.4, 0.6]], {"hook": [0, 1]}, "group_of_leaf must be 2 whole numbers"),
        ([[0.4, 0.6]], [1, 2], "group_of_leaf must number the groups 0, 1, 2"),
        ([[0.4, 0.6]], [-1, 0], "group_of_leaf must number the groups 0, 1, 2"),
    ],
)
def test_bad_input_is_named(leaves, groups, words):
    with pytest.raises((TypeError, ValueError), match=words):
        answer(leaves, groups)
