"""One cell, which needs NumPy only: what a flat head needs to answer on two levels without contradicting itself. It takes the
probabilities of the leaves and, for each leaf, the number of its group.

From lesson 11. How do heads respect a hierarchy?
It needs numpy, and nothing else.
"""

import numpy as np


def answer(leaf_probabilities, group_of_leaf):
    """Decide once on the leaf; derive the group, and the probability of each group."""
    leaves, groups = np.asarray(leaf_probabilities), np.asarray(group_of_leaf)
    if leaves.ndim != 2 or leaves.dtype.kind != "f":
        given = f"{leaves.dtype} of shape {leaves.shape}"
        raise ValueError(f"leaf_probabilities must be floats of shape (n, leaves), not {given}")
    if groups.dtype.kind not in "iu" or groups.shape != leaves.shape[1:]:
        wanted = f"{leaves.shape[1]} whole numbers, the group of each leaf"
        raise ValueError(f"group_of_leaf must be {wanted}, not {group_of_leaf!r:.80}")
    if set(groups.tolist()) != set(range(groups.max() + 1)):
        raise ValueError(f"group_of_leaf must number the groups 0, 1, 2, ..., not {groups}")
    if not (leaves >= 0).all() or not np.allclose(
        leaves.sum(axis=1, dtype=float), 1, atol=0.02
    ):
        wanted = "at least 0 with a sum of 1 in each row; logits need a softmax first"
        raise ValueError(f"leaf_probabilities must be {wanted}")
    leaf, belongs = leaves.argmax(axis=1), np.eye(groups.max() + 1)[groups]
    return {"leaf": leaf, "group": groups[leaf], "group_probabilities": leaves @ belongs}


answer([[0.4, 0.3, 0.3], [0.1, 0.2, 0.7]], group_of_leaf=[0, 1, 1])
