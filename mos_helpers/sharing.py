"""Trunks that tasks share in part: layers that learn how much to share."""

from collections.abc import Sequence

import keras

from mos_helpers.arguments import check_names, check_number, check_type


@keras.saving.register_keras_serializable("mos_helpers")
class CrossStitch(keras.layers.Layer):
    """Mix the features of several tasks, with a table of learned numbers.

    With x_j the features of task j, task i goes on with the sum over j of `mixing[i, j]` times x_j. The table has one
    row and one column for each task, in alphabetical order. It begins with `own`, from 0 to 1, on its diagonal, and the
    rest of 1 is shared out equally; nothing keeps its rows at a total of 1 afterwards. With the table of ones on the
    diagonal the tasks share nothing.

    Input: a dictionary with the features of at least two tasks, all of one shape (batch, ..., units).
    Output: a dictionary with the same keys and shapes.
    Source: Misra, Shrivastava, Gupta and Hebert (2016), "Cross-stitch networks for multi-task learning".
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

    def get_config(self) -> dict:
        """Return what `from_config` needs."""
        return super().get_config() | {"own": self.own}


@keras.saving.register_keras_serializable("mos_helpers")
class ExpertsWithGates(keras.layers.Layer):
    """Mix several experts, for each task with weights of its own (a multi-gate mixture of experts, MMoE).

    An expert is one hidden layer with a bias and ReLU. The gate of a task is a linear layer without a bias, and a
    softmax over the experts: for each row its weights are positive and have a total of 1. The features of a task are
    the sum of its weights times the outputs of the experts. With one expert, all tasks share one hidden layer.

    Input: numbers of shape (batch, inputs). Output: a dictionary with one array of shape (batch, units) for each task.
    Source: Ma, Zhao, Yi, Chen, Hong and Chi (2018), "Modeling task relationships in multi-task learning with
    multi-gate mixture-of-experts".
    """

    def __init__(self, tasks: Sequence[str], experts: int, units: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        check_names("tasks", tasks)
        if not tasks or len(set(tasks)) < len(tasks):
            raise ValueError(f"tasks must be different names, at least one, not {list(tasks)}.")
        check_number("experts", experts, 1, whole=True)
        check_number("units", units, 1, whole=True)
        self.tasks, self.experts, self.units = list(tasks), int(experts), int(units)

    def build(self, input_shape: tuple) -> None:
        """Make the weights of the experts and of the gates."""
        inputs = input_shape[-1]
        self.kernel = self._kernel("kernel", inputs, (self.experts, self.units))
        self.bias = self.add_weight(shape=(self.experts, self.units), initializer="zeros", name="bias")
        self.gate_kernel = self._kernel("gate_kernel", inputs, (len(self.tasks), self.experts))

    def _kernel(self, name: str, inputs: int, shape: tuple[int, int]) -> keras.Variable:
        """Make several kernels, each of which begins as that of a Dense layer of its own would.

        Keras's own initializer miscounts the inputs of a kernel with three axes.
        """
        limit = (6 / (inputs + shape[1])) ** 0.5
        uniform = keras.initializers.RandomUniform(-limit, limit)
        return self.add_weight(shape=(inputs, *shape), initializer=uniform, name=name)

    def gates(self, inputs: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        """Return the weights of the experts, shape (batch, experts), for each task."""
        logits = keras.ops.tensordot(inputs, self.gate_kernel, axes=1)  # batch, task, expert
        # A softmax, written out because Keras's own warns if there is one expert only.
        weights = keras.ops.exp(logits - keras.ops.logsumexp(logits, axis=-1, keepdims=True))
        return {task: weights[:, row] for row, task in enumerate(self.tasks)}

    def call(self, inputs: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        """Return the features of each task, shape (batch, units)."""
        outputs = keras.ops.relu(keras.ops.tensordot(inputs, self.kernel, axes=1) + self.bias)  # batch, expert, unit
        gates = self.gates(inputs)
        return {task: keras.ops.sum(gates[task][..., None] * outputs, axis=1) for task in self.tasks}

    def get_config(self) -> dict:
        """Return what `from_config` needs."""
        return super().get_config() | {"tasks": self.tasks, "experts": self.experts, "units": self.units}
