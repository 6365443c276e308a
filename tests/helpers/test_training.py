"""After `restart` a model learns exactly what a new model with these weights learns, and nothing is compiled anew."""

import keras
import numpy as np
import pytest

from mos_helpers.training import draw_weights, restart

pytestmark = pytest.mark.usefixtures("early_builds")

BATCHES = 7  # no multiple of the steps of accumulation and of growth: the training ends between two of them


def bare(name):
    return getattr(keras.optimizers, name)


def two_optimizers():
    by_path = {".*hidden.*": keras.optimizers.Adagrad(0.1), "of no weight": keras.optimizers.Adam()}
    return keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.05, momentum=0.9), by_path)
    )


def one_for_each_weight():
    kernels, others = keras.optimizers.Nadam(0.02), keras.optimizers.RMSprop(0.01)
    return keras.optimizers.MultiOptimizer(lambda variable: kernels if variable.name == "kernel" else others)


@keras.saving.register_keras_serializable("test_training")
class Falling(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.05 / (1 + keras.ops.cast(step, "float32"))

    def get_config(self):
        return {}


class NotRegistered(Falling):
    pass


def steady():
    return 0.02


class Remembering(keras.optimizers.SGD):
    """An optimizer of the user's own, which begins with ones."""

    def __init__(self, learning_rate=0.1, **options):
        super().__init__(learning_rate=learning_rate, **options)

    def build(self, variables):
        super().build(variables)
        self.size = self.add_variable((), initializer="ones", name="size")

    def update_step(self, gradient, variable, learning_rate):
        self.assign(self.size, 0.9 * self.size)
        self.assign_add(variable, -learning_rate * self.size * gradient)


CLASSES = [
    name
    for name, found in vars(keras.optimizers).items()
    if isinstance(found, type)
    and issubclass(found, keras.Optimizer)
    and name not in ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")
]
OPTIMIZERS = {name: bare(name) for name in CLASSES} | {
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "amsgrad and clipping": lambda: keras.optimizers.Adam(0.01, amsgrad=True, clipnorm=0.5, weight_decay=0.01),
    "moving average": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.8),
    "accumulation": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=4),
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "own schedule": lambda: keras.optimizers.Adam(NotRegistered()),
    "rate as a function": lambda: keras.optimizers.Adam(steady),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(bare("Adam")(0.01), 8.0, dynamic_growth_steps=3),
    "loss scale of Nadam": lambda: keras.optimizers.LossScaleOptimizer(bare("Nadam")(0.01), 8.0),
    "loss scale of a user's own": lambda: keras.optimizers.LossScaleOptimizer(Remembering(), 4.0, 2),
    "two optimizers": two_optimizers,
    "one for each weight": one_for_each_weight,
    "user's own": Remembering,
}


class Counted:
    """A loss that counts how often it is traced."""

    def __init__(self):
        self.traced = 0
        self.__name__ = "counted"

    def __call__(self, truth, prediction):
        self.traced += 1
        return keras.ops.mean((truth - prediction) ** 2, axis=-1)


def model_with(optimizer, run_eagerly=False):
    image = keras.Input((5,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(4, activation="tanh", name="hidden")(image))
    model = keras.Model(image, {"left": keras.layers.Dense(2)(hidden), "right": keras.layers.Dense(1)(hidden)})
    model.compile(optimizer, loss={"left": Counted(), "right": "mse"}, run_eagerly=run_eagerly)
    return model


def fit(model, seed):
    rng = np.random.default_rng(seed)
    x, left, right = (rng.normal(size=(8 * BATCHES, n)).astype("float32") for n in (5, 2, 1))
    history = model.fit(x, {"left": left, "right": right}, batch_size=8, shuffle=False, verbose=0)
    return history.history["loss"]


def state(model):
    optimizer = getattr(model, "optimizer", None)
    return [v.numpy() for v in [*model.weights, *(optimizer.variables if optimizer is not None else [])]]


def assert_same(some, others):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_an_optimizer_gets_the_state_of_its_beginning(kind):
    model = model_with(OPTIMIZERS[kind]())
    trained, rng = model.trainable_variables, np.random.default_rng(0)
    model.optimizer.build(trained)
    beginning, first = state(model), model.get_weights()
    for _ in range(BATCHES):
        gradients = [keras.ops.convert_to_tensor(rng.normal(size=v.shape), "float32") for v in trained]
        model.optimizer.apply(gradients, trained)
    assert any(
        (one != other).any() for one, other in zip(state(model)[len(first) :], beginning[len(first) :], strict=True)
    )
    restart(model, first)
    assert_same(state(model), beginning)


@pytest.mark.parametrize(
    "kind", ["Adam", "momentum", "moving average", "accumulation", "schedule", "loss scale", "two optimizers"]
)
def test_a_model_learns_again_what_a_new_one_learns_with_the_functions_that_it_has(kind):
    new, used = (model_with(OPTIMIZERS[kind]()) for _ in range(2))
    first = new.get_weights()
    losses = fit(new, seed=1)
    fit(used, seed=2)
    loss, function = used.loss["left"], used.train_function
    traced = loss.traced
    restart(used, first)

    assert fit(used, seed=1) == losses
    assert_same(state(used), state(new))
    assert traced > 0
    assert loss.traced == traced
    assert used.train_function is function


def test_a_model_that_has_learned_nothing_yet_gets_the_weights():
    model, other = (model_with(keras.optimizers.Adam(0.01), run_eagerly=True) for _ in range(2))
    restart(model, other.get_weights())
    assert not model.optimizer.built
    assert fit(model, seed=0) == fit(other, seed=0)
    assert_same(state(model), state(other))


def test_a_learning_rate_that_was_set_stays():
    model = model_with(keras.optimizers.Adam(0.01), run_eagerly=True)
    fit(model, seed=0)
    model.optimizer.learning_rate = 0.3
    restart(model, model.get_weights())
    assert float(model.optimizer.learning_rate) == pytest.approx(0.3)
    model.optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(0.2, 2, 0.5)
    fit(model, seed=0)
    restart(model, model.get_weights())
    assert float(model.optimizer.learning_rate) == pytest.approx(0.2)


def test_what_is_frozen_after_the_first_update_keeps_its_place_in_the_optimizer():
    model, new = (model_with(keras.optimizers.Adam(0.01), run_eagerly=True) for _ in range(2))
    fit(model, seed=0)
    model.get_layer("hidden").trainable = False
    restart(model, new.get_weights())
    assert_same(state(model)[len(new.weights) + 2 :], [0 * value for value in state(model)[len(new.weights) + 2 :]])
    assert model.optimizer.iterations == 0


def test_random_numbers_are_the_same_with_and_without_a_restart():
    drawn = []
    for restarted in (False, True):
        keras.utils.set_random_seed(3)
        model = model_with(keras.optimizers.Adam(0.01), run_eagerly=True)
        fit(model, seed=0)
        if restarted:
            restart(model, model.get_weights())
        drawn.append(keras.random.normal((3,)).numpy())
    assert_same(*drawn)


def refusal(model, weights, error=ValueError):
    """Return what `restart` says, which leaves the model as it was."""
    before = state(model)
    with pytest.raises(error) as caught:
        restart(model, weights)
    assert_same(state(model), before)
    return str(caught.value)


def test_a_model_without_an_optimizer_is_refused():
    bare_model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert "call compile before restart" in refusal(bare_model, bare_model.get_weights())
    bare_model.compile(None, "mse")
    assert "with an optimizer" in refusal(bare_model, bare_model.get_weights())


def test_a_model_without_weights_is_refused():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("adam", "mse")
    assert "model has no weights yet" in refusal(model, [])


def test_weights_of_another_model_are_refused_by_name():
    model = model_with(keras.optimizers.Adam(), run_eagerly=True)
    fit(model, seed=0)
    weights = model.get_weights()
    said = refusal(model, weights[:-1])
    assert f"weights must be {len(weights)} arrays" in said
    assert f"not {len(weights) - 1}" in said
    changed = [*weights[:1], np.zeros(3), *weights[2:]]
    assert "weights[1] must have shape (4,) for hidden/bias, not (3,)" in refusal(model, changed)


def test_weights_are_drawn_with_the_seed_alone():
    def build():
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])

    first, second, again = draw_weights(build, [7, 8, 7])
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first[0], second[0])
    assert [array.shape for array in first] == [(3, 2), (2,)]
