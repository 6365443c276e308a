"""Classes that contain other classes: the hierarchy as data, the layers and losses that respect it, and its scores.

In a `Tree` each class has one parent, as `ConditionalHead`, `GroupSum` and `contradictions` want it. In a `ClassGraph`
it has any number of them, as `MaxConstraint`, `MaxConstraintLoss` and `hierarchical_scores` want it.
`MarginalCrossentropy` is a loss for labels that name a leaf, or only a group.
"""

from mos_helpers.hierarchy.classes import ClassGraph, Tree
from mos_helpers.hierarchy.layers_and_losses import (
    ConditionalHead,
    GroupSum,
    MarginalCrossentropy,
    MaxConstraint,
    MaxConstraintLoss,
)
from mos_helpers.hierarchy.scores import contradictions, hierarchical_scores
