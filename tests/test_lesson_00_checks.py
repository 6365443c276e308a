"""The check of the example question: right answers pass, wrong ones hear why not."""

import keras
import pytest
from checking import outcome


@pytest.mark.parametrize("activation", ["sigmoid", keras.activations.sigmoid])
def test_right_answers(activation):
    assert outcome("0.1", {"units": 7, "activation": activation})[0] == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"units": 7, "activation": "softmax"}, "a yes for one is a no for the others"),
        ({"units": 7, "activation": keras.activations.softmax}, "a yes for one is a no for the others"),
        ({"units": 1, "activation": "sigmoid"}, "a unit of its own, and you gave 1"),
        ({"units": 2**7, "activation": "softmax"}, "and you gave 128"),
        ({"units": 7, "activation": None}, "does not give probabilities"),
        ({"units": 7, "activation": "relu"}, "'relu' does not give probabilities"),
        ({"units": 7}, "should be units and activation"),
        ((7, "sigmoid"), "should be a dict"),
    ],
)
def test_wrong_answers(answer, words):
    state, message = outcome("0.1", answer)
    assert state == "not yet"
    assert words in message
