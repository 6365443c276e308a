"""A layer between the networks of several tasks: each task goes on with a mixture of the features of all."""

import keras

from mos_helpers.arguments import check_number, check_type


@keras.saving.register_keras_serializable("mos_helpers")
class CrossStitch(keras.layers.Layer):
    """Mix the features of several tasks, with a table of learned numbers.

    With x_j the features of task j, task i goes on with the sum over j of `mixing[i, j]` times x_j. The table has one
    row and one column for each task, in alphabetical order. It begins with `own` on its diagonal, and the rest of 1 is
    shared out equally; nothing keeps its rows at a total of 1 afterwards. With the table of ones on the diagonal the
    tasks share nothing.

    Input: a dictionary with the features of at least two tasks, all of one shape (batch, ..., units).
    Output: a dictionary with the same keys and shapes.

    Source: Misra, Shrivastava, Gupta and Hebert (2016), "Cross-stitch networks for multi-task learning".

    Args:
        own: the part of a task's own features at the beginning, in [0, 1].
    """

    def __init__(self, own: float = 0.9, **kwargs: object) -> None:
        super().__init__(**kwargs)
        check_number("own", own, 0, 1)
        self.own = float(own)

    def build(self, input_shape: dict[str, tuple]) -> None:
        """Make the table."""
        check_type("The input", input_shape, dict, "a dict of features, one entry for each task")
        if len(input_shape) < 2 or len({tuple(shape) for shape in input_shape.values()}) > 1:
            raise ValueError(f"The input must be two or more features of one shape, not {dict(input_shape)}.")
        self.tasks = sorted(input_shape)
        others = (1 - self.own) / (len(self.tasks) - 1)

        def start(shape: tuple, dtype: str | None = None) -> keras.KerasTensor:
            return keras.ops.eye(shape[0], dtype=dtype) * (self.own - others) + others

        self.mixing = self.add_weight(shape=(len(self.tasks),) * 2, initializer=start, name="mixing")

    def call(self, inputs: dict[str, keras.KerasTensor]) -> dict[str, keras.KerasTensor]:
        """Return the mixed features of each task."""
        stacked = keras.ops.stack([inputs[task] for task in self.tasks])  # task, batch, ..., units
        mixed = keras.ops.tensordot(self.mixing, stacked, axes=1)
        return {task: mixed[row] for row, task in enumerate(self.tasks)}

    def compute_output_shape(self, input_shape: dict[str, tuple]) -> dict[str, tuple]:
        """Return the shapes of the input."""
        return dict(input_shape)

    def get_config(self) -> dict:
        """Return what `from_config` needs."""
        return {**super().get_config(), "own": self.own}
