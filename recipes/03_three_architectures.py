"""One function for both sides of the comparison, with any number of heads. The cell stands alone.

From lesson 3. Shared trunk, one wide head, or separate networks?
It needs keras, and nothing else.
"""

import re

import keras


def build(classes, inputs, units, share=True):
    """Return a model with a softmax head for each name in `classes`, on one trunk or each on its own."""
    if not isinstance(classes, dict) or not classes:
        raise TypeError(f"classes must be a dictionary, as {{'left': 10}}, not {classes!r}")
    for name, number in classes.items():
        if not isinstance(name, str) or not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]*", name):
            raise ValueError(
                f"classes: a name needs letters, digits and _, without spaces, not {name!r}"
            )
        if not isinstance(number, int) or number < 2:
            raise ValueError(
                f"classes[{name!r}] must be a number of classes, 2 or more, not {number!r}"
            )
    if units < 2:
        raise ValueError(
            f"units must be at least 2, as the second layer has half of them, not {units}"
        )

    def trunk():
        hidden = keras.layers.Dense(units, activation="relu")(image)
        return keras.layers.Dense(units // 2, activation="relu")(hidden)

    image = keras.Input(shape=(inputs,))
    common = trunk() if share else None
    heads = {}
    for name, number in classes.items():
        head = keras.layers.Dense(number, activation="softmax", name=name)
        heads[name] = head(common if share else trunk())
    return keras.Model(image, heads)


classes = {"left": 10, "right": 10}
for share, units in [(True, 96), (False, 52), (False, 96)]:
    size = build(classes, inputs=289, units=units, share=share).count_params()
    print(f"{'shared' if share else 'separate'}, {units} units: {size:,} parameters")
