"""Figures that say in words what they show, and a quiet one-line progress for ``fit``.

| name           | answers                                            |
|----------------|----------------------------------------------------|
| `images`       | What do these images look like?                    |
| `architecture` | Which layers are shared, and which are heads?      |
| `history`      | How did each head learn?                           |
| `confusion`    | Which classes are taken for which?                 |
| `comparison`   | Do these designs differ by more than their runs?   |
| `curves`       | How does a score change with a number?             |
| `trade_off`    | What does a better score of one head cost another? |
| `landscape`    | Where does a way to go down get to, from where?    |
| `tree`         | Where in a hierarchy of classes is a model weak?   |
| `Progress`     | How far is ``fit``? (a callback, one line of text) |

Each function stands in the module of its name, and returns a `Figure`. As the last line of a notebook cell it shows
itself, with its alt text.
"""

from mos_helpers.plots.architecture import architecture
from mos_helpers.plots.comparison import comparison
from mos_helpers.plots.confusion import confusion
from mos_helpers.plots.curves import curves
from mos_helpers.plots.figures import Figure
from mos_helpers.plots.history import history
from mos_helpers.plots.images import images
from mos_helpers.plots.landscape import landscape
from mos_helpers.plots.progress import Progress
from mos_helpers.plots.trade_off import trade_off
from mos_helpers.plots.tree import tree
