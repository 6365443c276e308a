"""The course's digits: load them, derive targets and new images from them, and feed them to Keras in fast batches.

| name               | gives                                                                    |
|--------------------|--------------------------------------------------------------------------|
| `load_digits`      | MNIST where it can be had, else the 1,797 digits bundled with scikit-learn |
| `digit_attributes` | yes/no facts about digits                                                |
| `pixel_targets`    | targets measured on the images: where the ink is, how it leans, ...      |
| `two_digits`       | images with two overlapping digits                                       |
| `several_digits`   | images with several digits apart, labels that come together or are rare  |
| `posed_digits`     | images with a digit turned, shifted and scaled by known amounts          |
| `in_light`         | images as pictures in uneven light, with noise                           |
| `write_pictures`   | a folder of picture files and a list of labels with gaps                 |
| `hide_labels`      | which labels stay known when the others are hidden                       |
| `batches`          | a fast dataset of batches for `fit`                                      |
"""

from mos_helpers.data.batching import batches
from mos_helpers.data.loading import Digits, load_digits
from mos_helpers.data.pictures import in_light, write_pictures
from mos_helpers.data.posed_digits import posed_digits
from mos_helpers.data.several_digits import several_digits
from mos_helpers.data.targets import digit_attributes, hide_labels, pixel_targets
from mos_helpers.data.two_digits import two_digits
