"""Measure what one update costs when the trunk's gradient is taken for each head on its own.

    python benchmarks/gradient_steps.py
    python benchmarks/gradient_steps.py --heads 2 --methods sum torch-sum torch-pcgrad      needs torch and torchjd

A network like LeNet (two convolutions, 320 to 50 units, a head with 50 and 10 units for each task), images of 28x28
pixels, batches of 256, SGD, one thread or as many as TensorFlow takes. The methods take turns, round after round. The
tables have the medians of the milliseconds of one update, and of the ratios to the first method in the same round.
"""

import importlib.util
from collections.abc import Callable

import numpy as np
from harness import Report, arguments, seconds, whole_number

BATCH, UPDATES = 256, 5
METHODS = ["sum", "pcgrad", "mgda", "gradnorm", "mgda-features", "torch-sum", "torch-pcgrad"]
Step = Callable[[], object]


def batch(heads: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return random images and labels: the time of an update does not depend on them."""
    rng = np.random.default_rng(0)
    images = rng.random((BATCH, 28, 28, 1), dtype="float32")
    return images, {f"head_{number}": rng.integers(10, size=BATCH) for number in range(heads)}


def keras_step(method: str, heads: int) -> Step:
    """Return a function that makes one update with Keras."""
    from mos_helpers import balancing

    import keras  # isort: skip
    import tensorflow as tf  # isort: skip

    kinds = {"sum": keras.Model, "pcgrad": balancing.PCGrad, "mgda": balancing.MGDA, "gradnorm": balancing.GradNorm}
    layers = keras.layers
    image = keras.Input((28, 28, 1))
    hidden = image
    for filters in (10, 20):
        hidden = layers.MaxPooling2D()(layers.Conv2D(filters, 5, activation="relu")(hidden))
    features = layers.Dense(50, activation="relu", name="features")(layers.Flatten()(hidden))
    outputs = {
        f"head_{number}": layers.Dense(10, name=f"head_{number}")(layers.Dense(50, activation="relu")(features))
        for number in range(heads)
    }
    losses = {name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in outputs}
    images, labels = batch(heads)
    data = tf.constant(images), {name: tf.constant(values) for name, values in labels.items()}
    if method == "mgda-features":
        return at_features(keras.Model(image, features), keras.Model(features, outputs), losses, data)
    model = kinds[method](image, outputs, **({"shared": "features"} if method == "gradnorm" else {}))
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss=losses)
    model.optimizer.build(model.trainable_variables)
    update = tf.function(model.train_step)
    return lambda: [value.numpy() for value in update(data).values() if hasattr(value, "numpy")]


def at_features(trunk: object, heads: object, losses: dict, data: tuple) -> Step:
    """Return an update by MGDA from the gradients at the features: one way back through the trunk for all heads."""
    from mos_helpers.balancing import mgda_weights

    import keras  # isort: skip
    import tensorflow as tf  # isort: skip

    optimizer = keras.optimizers.SGD(0.01)
    head_variables = heads.trainable_variables
    optimizer.build(trunk.trainable_variables + head_variables)

    @tf.function
    def update(images: tf.Tensor, labels: dict) -> tf.Tensor:
        with tf.GradientTape() as trunk_tape:
            features = trunk(images, training=True)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(features)
            outputs = heads(features, training=True)
            values = [losses[name](labels[name], outputs[name]) for name in losses]
        found = [tape.gradient(value, [features, *head_variables]) for value in values]
        rows = tf.stack([tf.reshape(parts[0], [-1]) for parts in found])
        weights = mgda_weights(tf.matmul(rows, rows, transpose_b=True))
        mixture = tf.add_n([weight * parts[0] for weight, parts in zip(tf.unstack(weights), found, strict=True)])
        plain = [next(p for p in parts if p is not None) for parts in zip(*[f[1:] for f in found], strict=True)]
        combined = trunk_tape.gradient(features, trunk.trainable_variables, output_gradients=mixture)
        optimizer.apply([*combined, *plain], trunk.trainable_variables + head_variables)
        return tf.add_n(values)

    return lambda: update(*data).numpy()


def torch_step(method: str, heads: int) -> Step:
    """Return a function that makes one update with PyTorch, by the sum or by TorchJD's PCGrad."""
    import torch
    from torchjd.aggregation import PCGrad
    from torchjd.autojac import jac_to_grad, mtl_backward

    nn = torch.nn
    trunk = nn.Sequential(
        *[nn.Conv2d(1, 10, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(10, 20, 5), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Flatten(), nn.Linear(320, 50), nn.ReLU()],
    )
    tops = nn.ModuleList(nn.Sequential(nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 10)) for _ in range(heads))
    optimizer = torch.optim.SGD([*trunk.parameters(), *tops.parameters()], 0.01)
    images, labels = batch(heads)
    images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    targets = [torch.from_numpy(values) for values in labels.values()]
    aggregator = PCGrad()

    def update() -> None:
        optimizer.zero_grad()
        features = trunk(images)
        values = [nn.functional.cross_entropy(top(features), y) for top, y in zip(tops, targets, strict=True)]
        if method == "torch-sum":
            sum(values).backward()
        else:
            mtl_backward(values, features=features)
            jac_to_grad(trunk.parameters(), aggregator)
        optimizer.step()

    return update


def main() -> None:
    """Print a table for each number of heads."""
    parser = arguments(__doc__, rounds=11)
    parser.add_argument("--heads", type=whole_number(2), nargs="+", default=[2, 3, 5, 10], help="numbers of heads")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="the first is the reference")
    options = parser.parse_args()
    methods = list(options.methods)
    missing = [name for name in ("torch", "torchjd") if importlib.util.find_spec(name) is None]
    if missing:
        methods = [name for name in methods if not name.startswith("torch")]
        print(f"the methods of PyTorch are left out: {' and '.join(missing)} not installed")
    elif any(name.startswith("torch") for name in methods):
        importlib.import_module("torchjd.autojac")  # before TensorFlow, or their LLVMs collide
    with Report(options, f"one update of {BATCH} images") as report:
        for heads in options.heads:
            table = report.table(f"{heads} heads", {"ms": "median", "ratio": "median"})
            steps = {m: (torch_step if m.startswith("torch") else keras_step)(m, heads) for m in methods}
            found = seconds(steps, options.rounds, options.machine, UPDATES)
            times = {name: np.array(values) for name, values in found.items()}
            table.row("rule: (1 + 2 x heads) / 3", {"ratio": [(1 + 2 * heads) / 3]})
            for method, values in times.items():
                table.row(method, {"ms": 1000 * values, "ratio": values / times[methods[0]]})


if __name__ == "__main__":
    main()
