"""Figures that say in words what they show, and a quiet one-line progress for ``fit``.

Each function returns a `Figure`: as the last line of a notebook cell it shows itself, with its alt text. `figures`
holds the look that they share; `architecture` takes from `model_graph` what it draws, and from `model_layout` where.
"""

from mos_helpers.plots.architecture import architecture
from mos_helpers.plots.confusion import confusion
from mos_helpers.plots.figures import Figure
from mos_helpers.plots.history import history
from mos_helpers.plots.images import images
from mos_helpers.plots.landscape import landscape
from mos_helpers.plots.progress import Progress
from mos_helpers.plots.runs import comparison, curves, trade_off
from mos_helpers.plots.tree import tree
