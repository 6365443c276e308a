"""Experts that several tasks share, and a gate for each task."""

from collections.abc import Sequence
from numbers import Integral

import keras


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

    Raises:
        TypeError: tasks is not a list of names, or experts or units is not a whole number.
        ValueError: no task, one name twice, or experts or units below 1.
    """

    def __init__(
        self, tasks: Sequence[str], experts: int, units: int, activation: str = "relu", **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        listed = isinstance(tasks, Sequence) and not isinstance(tasks, str)
        if not listed or not all(isinstance(task, str) for task in tasks):
            raise TypeError(f'tasks must be a list of names, such as ["left", "right"], not {tasks!r:.60}.')
        if not tasks or len(set(tasks)) < len(tasks):
            raise ValueError(f"tasks must be different names, at least one, not {list(tasks)}.")
        for name, number in {"experts": experts, "units": units}.items():
            if isinstance(number, bool) or not isinstance(number, Integral):
                raise TypeError(f"{name} must be a whole number, not {number!r:.60}.")
            if number < 1:
                raise ValueError(f"{name} must be at least 1, not {number}.")
        self.tasks, self.experts, self.units = list(tasks), int(experts), int(units)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple) -> None:
        """Make the weights of the experts and of the gates."""
        inputs = input_shape[-1]
        # Each expert begins as a Dense layer of its own would. Keras miscounts the inputs of a kernel with three axes.
        limit = (6 / (inputs + self.units)) ** 0.5
        uniform = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight(shape=(inputs, self.experts, self.units), initializer=uniform, name="kernel")
        self.bias = self.add_weight(shape=(self.experts, self.units), initializer="zeros", name="bias")
        limit = (6 / (inputs + self.experts)) ** 0.5
        uniform = keras.initializers.RandomUniform(-limit, limit)
        shape = (inputs, len(self.tasks), self.experts)
        self.gate_kernel = self.add_weight(shape=shape, initializer=uniform, name="gate_kernel")

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
