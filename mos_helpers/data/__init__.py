"""The course's digits: load them, derive targets and new images from them, and feed them to Keras in fast batches.

`load_digits` gives images and labels, and all else is made of them: targets (`digit_attributes`, `pixel_targets`), new
images (`two_digits`, `several_digits`, `posed_digits`, `in_light`, `write_pictures`), gaps (`hide_labels`), `batches`.
"""

from mos_helpers.data.batching import batches
from mos_helpers.data.loading import Digits, load_digits
from mos_helpers.data.pictures import in_light, write_pictures
from mos_helpers.data.posed_digits import posed_digits
from mos_helpers.data.several_digits import several_digits
from mos_helpers.data.targets import digit_attributes, hide_labels, pixel_targets
from mos_helpers.data.two_digits import two_digits
