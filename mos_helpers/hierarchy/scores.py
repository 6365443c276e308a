"""How well decisions respect a hierarchy, and how well label sets in it are predicted."""

import numpy as np

from mos_helpers.arguments import as_labels, check_type
from mos_helpers.hierarchy.classes import ClassGraph, Tree


def contradictions(leaf: np.ndarray, group: np.ndarray, tree: Tree, level: int = 0) -> np.ndarray:
    """Return for each image whether the decided group is not the one that holds the decided leaf.

    `leaf` and `group` are numbers of leaves, and of classes of the level (0 is the top level), integers of shape (n,).
    The result is True or False, shape (n,); its mean is the share of contradictions.
    """
    check_type("tree", tree, Tree, "a mos_helpers.hierarchy.Tree")
    groups_of_leaves = tree.groups_of_leaves(level)
    leaf, group = as_labels("leaf", leaf, len(tree.leaves)), as_labels("group", group, len(tree.levels[level]))
    if len(leaf) != len(group):
        raise ValueError(f"leaf and group must have one number per image, not {len(leaf)} and {len(group)}.")
    return groups_of_leaves[leaf] != group


def hierarchical_scores(true: np.ndarray, predicted: np.ndarray, graph: ClassGraph) -> dict[str, float]:
    """Return hierarchical precision, recall and F of predicted label sets.

    Each set is closed upward first: all ancestors of its classes are added. Then, with sums over all images and
    classes ("micro"):

        precision = classes in both sets / classes in the predicted sets
        recall    = classes in both sets / classes in the true sets
        F         = 2 * precision * recall / (precision + recall)

    Source: Kiritchenko, Matwin, Nock and Famili (2006), "Learning and evaluation in the presence of class
    hierarchies". The root, which every set would hold, must not be a class of the graph.

    Both are label sets, 0 and 1 of shape (n, classes). The scores "precision", "recall" and "f" are from 0 to 1; one
    is 0 where its denominator is 0, as when nothing is predicted.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape or true.ndim != 2:
        raise ValueError(
            f"true and predicted must have the same shape (n, classes), not {true.shape} and {predicted.shape}."
        )
    true, predicted = graph.close(true) == 1, graph.close(predicted) == 1
    both = int((true & predicted).sum())
    precision = both / max(1, int(predicted.sum()))
    recall = both / max(1, int(true.sum()))
    f = 2 * precision * recall / (precision + recall) if both else 0.0
    return {"precision": precision, "recall": recall, "f": f}
