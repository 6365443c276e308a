"""Training several heads at once: loss weights that move, and gradients that are combined.

| name                 | does                                                                             |
|----------------------|----------------------------------------------------------------------------------|
| `head_losses`        | the loss of each head of a compiled model on one batch                           |
| `UncertaintyWeights` | a model that learns its loss weights as uncertainties                            |
| `DynamicWeights`     | a callback that sets loss weights by how fast the losses fall                    |
| `dwa_weights`        | the weights that it sets                                                         |
| `GradNorm`           | a model that moves its loss weights until the heads' gradients have fitting norms |
| `TrunkGradients`     | a model that takes each head's gradient on its own; the base of the next two     |
| `PCGrad`             | a model that takes out of each head's gradient what works against another head   |
| `MGDA`               | a model whose trunk follows the heads' mixed gradient of smallest norm           |
| `pcgrad_weights`, `mgda_weights` | the weight that they give to the gradient of each head               |

`mos_helpers.balancing.valleys` holds a problem of two numbers and two losses, to look at what a combination does.
"""

from mos_helpers.balancing.dwa import DynamicWeights, dwa_weights
from mos_helpers.balancing.gradnorm import GradNorm
from mos_helpers.balancing.head_losses import head_losses
from mos_helpers.balancing.mgda import MGDA, mgda_weights
from mos_helpers.balancing.pcgrad import PCGrad, pcgrad_weights
from mos_helpers.balancing.trunk_gradients import TrunkGradients
from mos_helpers.balancing.uncertainty import UncertaintyWeights
