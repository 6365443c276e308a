"""Classes that contain other classes: the hierarchy as data.

| name                   | holds                                                               |
|------------------------|---------------------------------------------------------------------|
| `Tree`                 | classes in levels, each with one parent (and no cycle)              |
| `ConditionalHead`      | a layer: features to probabilities of the leaves, by the chain rule |
| `GroupSum`             | a layer: probabilities of the leaves to those of their groups       |
| `contradictions`       | where the decided group does not hold the decided leaf              |
| `ClassGraph`           | classes with any number of parents (and no cycle)                   |
| `MarginalCrossentropy` | a loss: the label names a leaf, or only a group                     |
| `MaxConstraint`        | a layer: no class is less probable than one below it                |
| `MaxConstraintLoss`    | the loss that goes with it                                          |
| `hierarchical_scores`  | hierarchical precision, recall and F                                |
"""

from mos_helpers.hierarchy.class_graph import ClassGraph
from mos_helpers.hierarchy.class_tree import Tree
from mos_helpers.hierarchy.conditional import ConditionalHead, GroupSum, contradictions
from mos_helpers.hierarchy.marginal import MarginalCrossentropy
from mos_helpers.hierarchy.max_constraint import MaxConstraint, MaxConstraintLoss
from mos_helpers.hierarchy.scores import hierarchical_scores
