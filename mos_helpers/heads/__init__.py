"""Heads of a model: `check_heads` finds faults in their wiring before training, `MultiOutput` makes several at once."""

from mos_helpers.heads.check import Finding, Report, check_heads
from mos_helpers.heads.multi_output import MultiOutput

__all__ = ["Finding", "MultiOutput", "Report", "check_heads"]
