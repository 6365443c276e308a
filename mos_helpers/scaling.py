"""Train a saved model as one worker of several. Which one, the environment says.

    python -m mos_helpers.scaling model.keras rows.npz results --steps 20

Run it with the same arguments on each machine. Each needs its own TF_CONFIG, which schedulers of clusters set:

    TF_CONFIG='{"cluster": {"worker": ["host_a:5000", "host_b:5000"]}, "task": {"type": "worker", "index": 0}}'

Without TF_CONFIG it trains alone. The result is the same, but for rounding.
"""

import argparse
import json
import os
import time
from pathlib import Path

import mos_helpers.heads
import mos_helpers.hierarchy  # noqa: F401 (both register their layers, so that load_model knows them)

import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip


def strategy_of_environment() -> tf.distribute.Strategy:
    """Return the strategy for all workers that TF_CONFIG names, or the default one; call it before anything else."""
    if "TF_CONFIG" not in os.environ:
        return tf.distribute.get_strategy()
    return tf.distribute.MultiWorkerMirroredStrategy()


def shares(model: keras.Model, rows: str | Path, batch_size: int, strategy: tf.distribute.Strategy) -> tf.data.Dataset:
    """Return an endless dataset in which this worker finds its equal share of each global batch.

    The model has one input and a dictionary of outputs. Their names are those of the arrays in the npz file `rows`,
    which have one row for each image; KeyError if one is missing. `batch_size` counts the rows of all workers together,
    and is a multiple of their number. The strategy knows how many there are, and which one this is.
    """
    with np.load(rows) as arrays:
        x = arrays[model.input.name]
        y = {name: arrays[name] for name in model.output}

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        workers, index = context.num_input_pipelines, context.input_pipeline_id
        if batch_size % workers or batch_size > len(x):
            wanted = f"a multiple of {workers}, the number of workers, and at most {len(x)}, the number of rows"
            raise ValueError(f"batch_size must be {wanted}, not {batch_size}.")
        steps = len(x) // batch_size
        order = np.random.default_rng(0).permutation(len(x))[: steps * batch_size]  # the same for all workers
        mine = order.reshape(steps, workers, -1)[:, index].ravel()
        dataset = tf.data.Dataset.from_tensor_slices((x[mine], {name: label[mine] for name, label in y.items()}))
        return dataset.batch(batch_size // workers, drop_remainder=True).repeat()

    return strategy.distribute_datasets_from_function(of_worker)


def train(
    model_file: str | Path, rows: str | Path, steps: int, batch_size: int, strategy: tf.distribute.Strategy
) -> tuple[keras.Model, dict]:
    """Return the trained model, and the number of workers, the mean global loss, and the seconds of a step.

    The seconds leave out the first step, which compiles.
    """
    with strategy.scope():  # so that the weights and what the optimizer remembers have a copy in each worker
        model = keras.models.load_model(model_file)
        model.optimizer.build(model.trainable_variables)
    batches = iter(shares(model, rows, batch_size, strategy))

    @tf.function
    def run(count: tf.Tensor) -> tf.Tensor:
        loss = tf.constant(0.0)
        for _ in tf.range(count):
            logs = strategy.run(model.train_step, args=(next(batches),))  # it adds up the gradients of all workers
            loss = logs["loss"]
        return strategy.reduce("MEAN", loss, axis=None)

    loss = float(run(tf.constant(1)))
    start = time.perf_counter()
    if steps > 1:
        loss = float(run(tf.constant(steps - 1)))
    seconds = (time.perf_counter() - start) / max(1, steps - 1)
    return model, {"workers": strategy.num_replicas_in_sync, "loss": loss, "seconds": seconds}


def main() -> None:
    """Train, save the model as worker_0.keras (or 1, 2, ...), and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a compiled model, saved as .keras")
    parser.add_argument("rows", type=Path, help="an npz file: an array for the input and one for each head")
    parser.add_argument("results", type=Path, help="the folder in which to save the trained model")
    parser.add_argument("--steps", type=int, default=20, help="updates (default: 20)")
    parser.add_argument("--batch-size", type=int, default=128, help="rows in a global batch (default: 128)")
    options = parser.parse_args()
    if options.steps < 1:
        parser.error(f"--steps must be at least 1, not {options.steps}")

    strategy = strategy_of_environment()
    model, scores = train(options.model, options.rows, options.steps, options.batch_size, strategy)
    index = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {}).get("index", 0)
    model.save(options.results / f"worker_{index}.keras")
    print(json.dumps({"worker": index, **scores}))


if __name__ == "__main__":
    main()
