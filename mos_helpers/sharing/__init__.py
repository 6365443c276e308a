"""Trunks that tasks share in part: layers that learn how much to share.

| name               | gives                                                                            |
|--------------------|----------------------------------------------------------------------------------|
| `CrossStitch`      | for each task a mixture of the features of all tasks                             |
| `ExpertsWithGates` | for each task a mixture of the same experts, with weights that depend on the row |
"""

from mos_helpers.sharing.cross_stitch import CrossStitch
from mos_helpers.sharing.experts import ExpertsWithGates

__all__ = ["CrossStitch", "ExpertsWithGates"]
