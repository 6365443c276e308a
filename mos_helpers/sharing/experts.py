"""Experts that several tasks share, and a gate for each task."""

from collections.abc import Sequence

import keras

from mos_helpers.arguments import check_names, check_whole_number


@keras.saving.register_keras_serializable("mos_helpers")
class ExpertsWithGates(keras.layers.Layer):
    """Mix several experts, for each task with weights of its own (a multi-gate mixture of experts, MMoE).

    An expert is one hidden layer (with a bias). The gate of a task is a linear layer without a bias and a softmax over
    the experts, so for each row its weights are positive and have a total of 1. The features of a task are the sum of
    its weights times the outputs of the experts. With one expert, all tasks get the output of one shared hidden layer.

    Input: numbers of shape (batch, inputs). Output: a dictionary with one array of shape (batch, units) for each task.

    Source: Ma, Zhao, Yi, Chen, Hong and Chi (2018), "Modeling task relationships in multi-task learning with
    multi-gate mixture-of-experts".

    Args:
        tasks: their names, at least one, all different.
        experts: how many experts, at least 1.
        units: the units of each expert, at least 1.
        activation: the activation of the experts, a name or a function that Keras can save.
    """

    def __init__(
        self, tasks: Sequence[str], experts: int, units: int, activation: str = "relu", **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        check_names("tasks", tasks)
        if not tasks or len(set(tasks)) < len(tasks):
            raise ValueError(f"tasks must be different names, at least one, not {list(tasks)}.")
        check_whole_number("experts", experts, 1)
        check_whole_number("units", units, 1)
        self.tasks, self.experts, self.units = list(tasks), int(experts), int(units)
        self.activation = keras.activations.get(activation)

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
        outputs = self.activation(keras.ops.tensordot(inputs, self.kernel, axes=1) + self.bias)  # batch, expert, unit
        return {
            task: keras.ops.sum(weights[..., None] * outputs, axis=1) for task, weights in self.gates(inputs).items()
        }

    def compute_output_shape(self, input_shape: tuple) -> dict[str, tuple]:
        """Return the shape of each task's features."""
        return dict.fromkeys(self.tasks, (input_shape[0], self.units))

    def get_config(self) -> dict:
        """Return what `from_config` needs."""
        own = {"tasks": self.tasks, "experts": self.experts, "units": self.units}
        return {**super().get_config(), **own, "activation": keras.activations.serialize(self.activation)}
