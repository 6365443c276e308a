"""A layer that turns one representation into several named outputs."""

import keras


@keras.saving.register_keras_serializable(package="mos_helpers")
class MultiOutput(keras.layers.Layer):
    """Apply several heads to the same input, and return their outputs in a dictionary.

    `MultiOutput({"digit": Dense(10, "softmax"), "odd": Dense(1, "sigmoid")})(trunk)` gives a dictionary with the keys
    "digit" and "odd". Losses, metrics, targets and weights use these keys, and the logs say `digit_loss`.

    A head is any layer or model with one input. It is renamed to its key, so that its weights have paths such as
    `multi_output/digit/kernel`. Only `model.output_names` does not know the keys: it repeats the name of this layer.

    Raises:
        TypeError: heads is not a dict, or holds something that is not a layer.
        ValueError: a key that is no name, or is "loss" or "val", or one layer under two keys.
    """

    def __init__(self, heads: dict[str, keras.layers.Layer], **kwargs: object) -> None:
        super().__init__(**kwargs)
        _check(heads)
        for key, head in heads.items():
            head.name = key
        self.heads = dict(heads)
        self.supports_masking = True

    def build(self, input_shape: tuple) -> None:
        """Let the heads make their weights, by calling them on a placeholder."""
        self.compute_output_spec(keras.KerasTensor(input_shape))

    def call(self, inputs: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        """Return one output for each head. Keras itself hands `training` and the mask on to them."""
        return {key: head(inputs) for key, head in self.heads.items()}

    def compute_output_spec(self, inputs: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        """Return shapes and types: each head has its own type, such as float32 in a model of mixed precision."""
        return keras.Operation.compute_output_spec(self, inputs)

    def compute_output_shape(self, input_shape: tuple) -> dict[str, tuple]:
        """Return one shape for each head."""
        return {key: head.compute_output_shape(input_shape) for key, head in self.heads.items()}

    def compute_mask(self, inputs: keras.KerasTensor, previous_mask: object) -> dict[str, object]:
        """Return the mask of each head's output."""
        return {
            key: head.compute_mask(inputs, previous_mask) if head.supports_masking else None
            for key, head in self.heads.items()
        }

    def get_config(self) -> dict:
        """Return what `from_config` needs to make the same layer again, without its weights."""
        heads = {key: keras.saving.serialize_keras_object(head) for key, head in self.heads.items()}
        for head in heads.values():
            head.pop("build_config", None)  # built within this layer, the weights get the same paths again
        return {**super().get_config(), "heads": heads}

    @classmethod
    def from_config(cls, config: dict) -> "MultiOutput":
        """Make a layer from what `get_config` returned."""
        heads = {key: keras.saving.deserialize_keras_object(head) for key, head in config["heads"].items()}
        return cls(**{**config, "heads": heads})


def _check(heads: dict[str, keras.layers.Layer]) -> None:
    if not isinstance(heads, dict) or not heads:
        wanted = 'a dict of at least one layer, such as {"digit": Dense(10)}'
        raise TypeError(f"heads must be {wanted}, not {heads!r:.60}.")
    for key, head in heads.items():
        if not isinstance(key, str) or not key.isidentifier() or not key.isascii() or key in ("loss", "val"):
            raise ValueError(f'A key of heads must be a name such as "digit", but not "loss" or "val": not {key!r}.')
        if isinstance(head, type):
            raise TypeError(f"heads[{key!r}] must be a layer, such as {head.__name__}(...), not the class itself.")
        if not isinstance(head, keras.layers.Layer):
            raise TypeError(f"heads[{key!r}] must be a Keras layer, not {head!r:.60}.")
        first = next(other for other in heads if heads[other] is head)
        if first != key:
            raise ValueError(f"heads[{key!r}] must be a layer of its own, not the same as heads[{first!r}].")
