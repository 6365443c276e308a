"""Training several heads at once: loss weights that move, and gradients that are combined.

`UncertaintyWeights` and `GradNorm` are models that move their loss weights, and `DynamicWeights` is a callback that
does. `PCGrad` and `MGDA` are models whose trunk follows a combination of the heads' gradients; `TrunkGradients` is
their base. `mos_helpers.balancing.valleys` holds a problem of two numbers, to look at what a combination does.
"""

from mos_helpers.balancing.gradients import MGDA, PCGrad, TrunkGradients, mgda_weights, pcgrad_weights
from mos_helpers.balancing.gradnorm import GradNorm
from mos_helpers.balancing.loss_weights import DynamicWeights, UncertaintyWeights, dwa_weights
from mos_helpers.balancing.losses import head_losses
