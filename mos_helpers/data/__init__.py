"""The course's digits: load them, derive targets and new images from them, and feed them to Keras in fast batches.

| name               | gives                                                                    |
|--------------------|--------------------------------------------------------------------------|
| `load_digits`      | MNIST where it can be had, else the 1,797 digits bundled with scikit-learn |
| `digit_attributes` | yes/no facts about digits                                                |
| `two_digits`       | images with two overlapping digits                                       |
| `batches`          | a fast dataset of batches for `fit`                                      |
"""

from mos_helpers.data.batching import batches
from mos_helpers.data.composing import two_digits
from mos_helpers.data.deriving import digit_attributes
from mos_helpers.data.loading import Digits, load_digits

__all__ = ["Digits", "batches", "digit_attributes", "load_digits", "two_digits"]
