"""Classes that contain other classes: the hierarchy as data.

| name   | holds                                                      |
|--------|------------------------------------------------------------|
| `Tree` | classes in levels, each with one parent (and no cycle)     |
"""

from mos_helpers.hierarchy.tree import Tree

__all__ = ["Tree"]
