"""Let `fit` make the variables of losses, metrics and optimizer before TensorFlow compiles its step.

Keras makes them within the step unless a distribution strategy is set, and TensorFlow traces a function that makes
variables twice. Made before, as under a strategy, they are the same, and a short training takes little more than half
of the time.

    python -m early_builds MODULE ARGUMENTS  what python -m MODULE ARGUMENTS does, with short trainings made fast
"""

import runpy
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache

import keras
import tensorflow as tf
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
from tensorflow.python.util import tf_stack

LATE = TensorFlowTrainer._maybe_symbolic_build


def build(model: keras.Model, iterator: object = None, data_batch: object = None) -> None:
    """Build what `compile` was given, if it can be done: else Keras does it later, and says what is wrong.

    A model whose last `fit` failed is left as it is: the next one fails too, which a lesson shows.
    """
    if iterator is None or model.run_eagerly or model._distribute_strategy is not None:
        LATE(model, iterator, data_batch)
    elif model.train_function is model.test_function is None and all(layer.built for layer in model._flatten_layers()):
        with suppress(Exception):
            spec = iterator._distributed_dataset.element_spec
            batch = keras.tree.map_structure(lambda part: keras.KerasTensor(part.shape, part.dtype.name), spec)
            model._symbolic_build(data_batch=batch)


def use(setting: Callable = setattr) -> None:
    """Have every model built so from now on, and all operations take the first one's stack for where they were made.

    TensorFlow walks through the stack for each operation of each graph, for messages that tests do not show.
    """
    setting(TensorFlowTrainer, "_maybe_symbolic_build", build)
    setting(tf_stack, "extract_stack", cache(tf_stack.extract_stack))


if __name__ == "__main__":
    use()
    # TensorFlow rewrites each graph to make it faster, which takes longer than a short training gains by it.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
