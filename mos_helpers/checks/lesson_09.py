"""The checks of exercise 9: measure a conflict, take it out, find the shortest mixture, and find two bugs."""

import itertools

import keras
import numpy as np
import tensorflow as tf

from mos_helpers.checks._engine import as_array, as_function, as_number, call, call_kept, question, require

HEADS = ("left", "right")


def _near(found: np.ndarray | float, wanted: np.ndarray | float, scale: float = 1.0) -> bool:
    return bool(np.allclose(found, wanted, rtol=1e-3, atol=1e-4 * scale))


def _vector(value: object, wanted: np.ndarray) -> np.ndarray:
    return as_array(value, "the result", shape=wanted.shape).astype("float64")


@question(
    "9.1",
    hints=[
        "Use `tf.GradientTape(persistent=True)` once: both losses in it, then `tape.gradient` for each loss outside.",
        'The trunk: `[v for v in model.trainable_variables if v.path.startswith("trunk")]`. A head is no part of it.',
        "Put the gradients of all trunk variables into one long vector for each head: reshape each to one row, and "
        "concatenate. Then a . b / (length of a times length of b).",
    ],
    seconds=60,
)
def trunk_cosine(answer: object) -> str:
    """A function from a model, images and targets to the cosine of two heads' gradients on the trunk."""
    function = as_function(answer)
    for seed, (inputs, units, count) in enumerate([(6, (5, 4), 30), (9, (8,), 7), (4, (3, 6, 2), 64)]):
        rng = np.random.default_rng(seed)
        model = _model(rng, inputs, units)
        images = rng.normal(size=(count, inputs)).astype("float32")
        targets = {name: rng.integers(10, size=count) for name in HEADS}
        trunk, everything = _gradients(model, images, targets)
        before = model.get_weights()
        result = call(function, model, images, targets)
        found = as_number(result, "the cosine")
        _require_cosine(found, trunk, everything)
        kept = all(map(np.array_equal, before, model.get_weights()))
        require(kept, "your function changes the weights of the model: it should only measure")
    return "Unrelated heads, as in this check, have a cosine near 0."


def _model(rng: np.random.Generator, inputs: int, units: tuple[int, ...]) -> keras.Model:
    image = keras.Input((inputs,))
    hidden = image
    for place, number in enumerate(units, 1):
        hidden = keras.layers.Dense(number, activation="tanh", name=f"trunk_{place}")(hidden)
    model = keras.Model(
        image, {name: keras.layers.Dense(10, activation="softmax", name=name)(hidden) for name in HEADS}
    )
    model.set_weights([rng.normal(0, 0.7, size=weight.shape) for weight in model.get_weights()])
    return model


def _gradients(model: keras.Model, images: np.ndarray, targets: dict) -> tuple[list, list]:
    """Return, for each head, the gradients of the trunk's variables, and of all variables."""
    variables = model.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        outputs = model(images, training=True)
        losses = [
            tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(targets[name], outputs[name])) for name in HEADS
        ]
    rows = [tape.gradient(loss, variables) for loss in losses]
    every = [
        [
            np.zeros(v.shape) if part is None else part.numpy().astype("float64")
            for v, part in zip(variables, row, strict=True)
        ]
        for row in rows
    ]
    every = [[part.ravel() for part in row] for row in every]
    is_trunk = [variable.path.startswith("trunk") for variable in variables]
    return [[part for part, inside in zip(row, is_trunk, strict=True) if inside] for row in every], every


def _require_cosine(found: float, trunk: list, everything: list) -> None:
    """Say what is wrong with a cosine."""
    a, b = (np.concatenate(row) for row in trunk)
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    wanted = float(a @ b / length)
    case = f"it gives {found:.4g}"
    if _near(found, wanted):
        return
    require(not _near(found, float(a @ b)), f"{case}, the scalar product: divide it by both lengths")
    require(not _near(found, -wanted), f"{case}: the sign is turned round")
    squared = float(a @ b / length**2)
    require(not _near(found, squared), f"{case}: it is divided by the squared lengths, so it changes with their unit")
    whole = [np.concatenate(row) for row in everything]
    with_heads = float(whole[0] @ whole[1] / (np.linalg.norm(whole[0]) * np.linalg.norm(whole[1])))
    require(not _near(found, with_heads), f"{case}, the cosine over all weights: leave out those of the heads")
    singles = [
        float(u @ v / (np.linalg.norm(u) * np.linalg.norm(v)))
        for u, v in zip(*trunk, strict=True)
        if u.any() and v.any()
    ]
    mean = f"{case}, a mean over the variables' cosines: make one long vector for each head first"
    require(not _near(found, float(np.mean(singles))), mean)
    require(not any(_near(found, one) for one in singles), f"{case}, the cosine on one variable: take the whole trunk")
    require(not _near(found, 1.0), f"{case}: is it the gradient of one head with itself, or of the total twice?")
    require(abs(found) <= 1 + 1e-6, f"{case}, and a cosine lies between -1 and 1")
    require(False, f"{case}, and the cosine of these two gradients is {wanted:.4g}")


def _pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return pairs of gradients: in conflict and not, in several sizes and scales."""
    pairs = [(np.array([3.0, 0.0]), np.array([-1.0, 1.0]))]
    for seed, (size, scale) in enumerate([(3, 1.0), (50, 1e-2), (5, 1e3), (1000, 1.0), (4, 1.0)]):
        rng = np.random.default_rng(seed)
        a = rng.normal(size=size)
        b = 0.7 * rng.normal(size=size)
        b -= (a @ b) / (a @ a) * a  # at a right angle
        pairs.append((scale * a, scale * (b - 0.6 * a)))
        pairs.append((scale * a, scale * (b + 0.4 * a)))
        pairs.append((scale * a, 30 * scale * (b - 0.1 * a)))
    return pairs


def _cleaned(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    return own - min(own @ other, 0) / (other @ other) * other


@question(
    "9.2",
    hints=[
        "Nothing changes if the scalar product of the two is 0 or above: then the step is their sum.",
        "The part of `a` along `b` is `(a @ b) / (b @ b) * b`. In a conflict it is taken out of `a`.",
        "Take the part of the other out of each of them, always with the original other. Then add the two.",
    ],
)
def surgery(answer: object) -> str:
    """A function from two gradients to the step of PCGrad."""
    function = as_function(answer)
    for a, b in _pairs():
        wanted = _cleaned(a, b) + _cleaned(b, a)
        found = _vector(call_kept(function, a=a, b=b), wanted)
        if not _near(found, wanted, np.abs(wanted).max()):
            _refuse_surgery(found, a, b)
    return "Your step works against neither head."


def _refuse_surgery(found: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """Say what is wrong with a step."""
    dot = float(a @ b)
    scale = float(np.abs(a + b).max())
    along = {"a": dot / (b @ b) * b, "b": dot / (a @ a) * a}
    wanted = _cleaned(a, b) + _cleaned(b, a)

    def near(value: np.ndarray) -> bool:
        return _near(found, value, scale)

    case = "in a conflict" if dot < 0 else "without a conflict"
    require(not near(wanted / 2), f"{case} it gives half of the step: PCGrad takes the sum and not the mean")
    require(dot < 0 or not near(a + b - along["a"] - along["b"]), "it takes parts out where there is no conflict")
    require(dot < 0, f"{case} it should give the sum of the two")
    require(not near(a + b), f"{case} it gives the plain sum: take the part along the other out of each")
    only = "gradient is changed: take the part along the original other out of each"
    require(not near(_cleaned(a, b) + b), f"{case} only the first {only}")
    require(not near(a + _cleaned(b, a)), f"{case} only the second {only}")
    require(not near(_cleaned(a, b)) and not near(_cleaned(b, a)), "it gives one of the two parts: add both")
    not_squared = a + b - dot / np.linalg.norm(b) * b - dot / np.linalg.norm(a) * a
    require(not near(not_squared), "it divides by a length: divide by the squared length, `b @ b`")
    own_length = a + b - dot / (a @ a) * b - dot / (b @ b) * a
    require(
        not near(own_length), "it divides by the squared length of the wrong gradient: the part along b has `b @ b`"
    )
    require(not near(a + b + along["a"] + along["b"]), f"{case} it adds the parts: take them out")
    products = f"{a @ found:.3g} and {b @ found:.3g}"
    require(False, f"{case} the step's scalar products with the gradients are {products}: it is not PCGrad's step")


@question(
    "9.3",
    hints=[
        "The share of the first is `(b - a) @ b / ((a - b) @ (a - b))`, cut to lie between 0 and 1.",
        "If both gradients are equal, that is 0 divided by 0. Any share gives the same mixture then.",
        "Return `share * a + (1 - share) * b`.",
    ],
)
def shortest(answer: object) -> str:
    """A function from two gradients to their shortest mixture."""
    function = as_function(answer)
    pairs = _pairs()
    pairs += [(a, 5 * a) for a, _ in pairs[:3]] + [(4 * a, a) for a, _ in pairs[:3]]
    pairs += [(np.array([1.0, 1e-3]), np.array([3.0, -1e-3])), (np.array([1.0, 2.0]), np.array([-1.0, -2.0]))]
    pairs += [(a, a.copy()) for a, _ in pairs[:4]]
    for a, b in pairs:
        apart = (a - b) @ (a - b)
        raw = (b - a) @ b / apart if apart else 0.5
        share = float(np.clip(raw, 0, 1))
        wanted = share * a + (1 - share) * b
        result = call_kept(function, a=a, b=b)
        if apart == 0:
            as_array(result, "the result", shape=a.shape, finite=False)
            equal = "for two equal gradients it gives NaN: then their difference is zero, so do not divide by it"
            require(bool(np.isfinite(np.asarray(result)).all()), equal)
        found = _vector(result, wanted)
        scale = float(max(np.abs(a).max(), np.abs(b).max()))
        if not _near(found, wanted, scale):
            _refuse_mixture(found, a, b, raw, share, scale)
    return "Its scalar product with each of the two is never negative."


def _refuse_mixture(found: np.ndarray, a: np.ndarray, b: np.ndarray, raw: float, share: float, scale: float) -> None:
    """Say what is wrong with a mixture."""

    def near(value: np.ndarray) -> bool:
        return _near(found, value, scale)

    require(not near(raw * a + (1 - raw) * b), f"it gives the first gradient the share {raw:.3g}: cut shares to 0 to 1")
    require(
        not near((1 - share) * a + share * b), "the two shares are swapped: the shorter gradient gets the larger one"
    )
    require(not near((a + b) / 2), "it gives both the share 1/2: the shares depend on the gradients")
    require(not near(a + b), "it gives the sum, and the shares of a mixture have a total of 1")
    require(not near(2 * (share * a + (1 - share) * b)), "it is twice the mixture: the shares have a total of 1")
    length, least = np.linalg.norm(found), np.linalg.norm(share * a + (1 - share) * b)
    lengths = f"it has the length {length:.7g}, and the shortest mixture of these two has the length {least:.7g}"
    require(length > 0.99 * least, f"{lengths}: a shorter one is no mixture of them")
    require(length > 1.01 * least, f"{lengths}: that is close, but compute the share and try no list of shares")
    require(False, lengths)


@question(
    "9.4",
    hints=[
        "`rng.permutation(n)` returns a new order and changes nothing. What happens with what it returns here?",
        "Cut the columns of the trunk out first: `gradients[:, is_trunk]`. Scalar products are taken of these alone.",
        "The other columns get `gradients[:, ~is_trunk].sum(axis=0)`. Put both parts into one array at the end.",
    ],
)
def repaired(answer: object) -> str:
    """A function from all gradients, a mask of the trunk and a random generator to the update of PCGrad."""
    function = as_function(answer)
    for seed, heads in enumerate([2, 2, 3, 3, 1, 4, 3]):
        gradients, is_trunk = _with_heads(seed, heads)

        def update(turn: int, gradients: np.ndarray = gradients, is_trunk: np.ndarray = is_trunk) -> np.ndarray:
            rng = np.random.default_rng(turn)
            result = call_kept(lambda g, trunk: function(g, trunk, rng), gradients=gradients, is_trunk=is_trunk)
            return as_array(result, "the result", shape=is_trunk.shape).astype("float64")

        found = [update(turn) for turn in range(45 if heads == 3 else 20)]
        _require_repaired(found, gradients, is_trunk)
        again = all(_near(update(turn), found[turn]) for turn in range(20))
        require(again, "two calls with equally seeded generators give different results: draw the orders from `rng`")
        if heads == 3:
            _require_orders_of_their_own(found, gradients[:, is_trunk], is_trunk)
    return "Order and heads are both right."


def _with_heads(seed: int, heads: int) -> tuple[np.ndarray, np.ndarray]:
    """Return gradients in conflict, one row for each head, and which columns are the trunk's."""
    rng = np.random.default_rng(seed)
    sizes = [4, *[2] * heads]
    owner = np.repeat(np.arange(-1, heads), sizes)
    gradients = rng.normal(size=(heads, len(owner)))
    middle = gradients[:, owner == -1].mean(axis=0)
    gradients[:, owner == -1] -= 1.3 * middle  # so that most pairs are in conflict
    for head in range(heads):
        gradients[head, (owner >= 0) & (owner != head)] = 0
    order = rng.permutation(len(owner))
    return gradients[:, order], owner[order] == -1


def _projected(gradients: np.ndarray, orders: tuple) -> np.ndarray:
    total = np.zeros(gradients.shape[1])
    for own, order in zip(gradients, orders, strict=True):
        for other in gradients[list(order)]:
            own = own + max(-(own @ other), 0) / (other @ other) * other
        total += own
    return total


def _all_updates(gradients: np.ndarray) -> np.ndarray:
    """Return the update of PCGrad for every order in which the heads can meet, shape (orders, weights)."""
    heads = range(len(gradients))
    choices = [list(itertools.permutations([other for other in heads if other != head])) for head in heads]
    return np.array([_projected(gradients, orders) for orders in itertools.product(*choices)])


def _require_orders_of_their_own(found: list[np.ndarray], rows: np.ndarray, is_trunk: np.ndarray) -> None:
    """Refuse an order that is drawn once for all heads: with three heads, it leaves two of eight combinations out."""
    heads = range(len(rows))
    common = [
        _projected(rows, tuple([other for other in order if other != head] for head in heads))
        for order in itertools.permutations(heads)
    ]

    def is_common(update: np.ndarray) -> bool:
        return any(_near(update, one) for one in common)

    can_tell = not all(map(is_common, _all_updates(rows)))
    one_for_all = can_tell and all(is_common(update[is_trunk]) for update in found)
    require(not one_for_all, "all heads meet the others in one common order: draw a new order for each head")


def _require_repaired(found: list[np.ndarray], gradients: np.ndarray, is_trunk: np.ndarray) -> None:
    """Say what is wrong with the updates of a repaired function."""
    plain = gradients.sum(axis=0)
    one = found[0]
    whole = _all_updates(gradients)
    mixed = any(_near(one, update) for update in whole) and not _near(one[~is_trunk], plain[~is_trunk])
    require(not mixed, "the weights of the heads are projected too: only the trunk's columns may be changed")
    alone = bool(np.abs(one[~is_trunk]).max() < 1e-9)
    require(not alone, "the weights of the heads get zero: they need their plain gradients")
    heads = "the weights of the heads do not get their plain gradients, which are the sum of their columns"
    require(all(_near(update[~is_trunk], plain[~is_trunk]) for update in found), heads)
    right = _all_updates(gradients[:, is_trunk])
    conflict = len(gradients) > 1
    require(
        not conflict or not _near(one[is_trunk], plain[is_trunk]), "the trunk gets the plain sum: no part is taken out"
    )
    with_heads = any(_near(one[is_trunk], update[is_trunk]) for update in whole)
    inside = all(any(_near(update[is_trunk], r) for r in right) for update in found)
    require(inside or not with_heads, "the lengths are taken over all columns: a head's columns must not count in them")
    require(inside, f"with {len(gradients)} heads, the trunk's update fits no order in which the heads could meet")
    different = {tuple(np.round(update, 6)) for update in right}
    seen = {tuple(np.round(update[is_trunk], 6)) for update in found}
    fixed = "the order is the same in each call: use `rng`, and what `rng.permutation` returns"
    require(len(different) == 1 or len(seen) > 1, fixed)
