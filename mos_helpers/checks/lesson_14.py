"""The checks of exercise 14: name, correct, compare and add up."""

import numpy as np

from mos_helpers.checks._engine import (
    as_array,
    as_dict,
    as_function,
    as_model,
    as_number,
    call,
    call_kept,
    describe,
    outputs_of,
    question,
    require,
)

import keras  # isort: skip


def _listed_model() -> tuple[keras.Model, list[str]]:
    """Return a model with three outputs in a list, two of one shape, and names that are not in the alphabet's order."""
    image = keras.Input((6,))
    hidden = keras.layers.Dense(5, activation="tanh")(image)
    outputs = [keras.layers.Dense(units)(hidden) for units in (4, 1, 4)]
    return keras.Model(image, outputs), ["place", "odd", "digit"]


@question(
    "14.1",
    hints=[
        "`model.outputs` are tensors. A model can be made of any tensors: nothing is computed again.",
        "Outputs in a dictionary get its keys as names: `keras.Model(model.inputs, {...})`.",
        "`dict(zip(names, model.outputs))` gives each output its name, in the order of the list.",
    ],
)
def named(answer: object) -> None:
    """A function from a model with a list of outputs, and names, to a model with a dictionary of outputs."""
    function = as_function(answer)
    model, names = _listed_model()
    images = np.random.default_rng(0).normal(size=(7, 6)).astype("float32")
    wanted = dict(zip(names, model.predict_on_batch(images), strict=True))
    before = model.get_weights()
    made = as_model(call(function, model, list(names)), "the result")
    require(isinstance(getattr(made, "output", None), dict), "the outputs of the result should be a dictionary")
    answers = as_dict(outputs_of(made, images), names, "what the new model answers")
    for name in names:
        _require_answers(name, answers[name], wanted)
    require(
        all(map(np.array_equal, before, model.get_weights())), "your function changes the weights of the model itself"
    )
    shared = {id(variable) for variable in model.variables} == {id(variable) for variable in made.variables}
    require(shared, "the new model has weights of its own: if the old one learns on, the new one does not notice")


def _require_answers(name: str, found: np.ndarray, wanted: dict[str, np.ndarray]) -> None:
    if found.shape == wanted[name].shape and np.allclose(found, wanted[name], atol=1e-6):
        return
    for other, values in wanted.items():
        same = found.shape == values.shape and np.allclose(found, values, atol=1e-6)
        require(not same, f"under {name!r} stands the answer of {other!r}: the names are in the order of the outputs")
    require(False, f"under {name!r} stands no answer of the old model")


def _probabilities(seed: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities, whose logits are `factor` times the honest ones, and the true classes."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=1.5, size=(2000, 4))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = (rng.random((2000, 1)) > honest.cumsum(axis=1)).sum(axis=1).clip(max=3)
    stated = np.exp(factor * logits)
    return stated / stated.sum(axis=1, keepdims=True), target


def _cross_entropy(probability: np.ndarray, target: np.ndarray, temperature: float) -> float:
    logits = np.log(probability) / temperature
    logits -= logits.max(axis=1, keepdims=True)
    log_share = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -log_share[np.arange(len(target)), target].mean()


@question(
    "14.2",
    hints=[
        "First a function: the cross-entropy for one temperature. The logarithms of the probabilities are logits.",
        "Divide them by the temperature, and apply softmax again: `p ** (1 / t)`, divided by its sum in each row.",
        "Then look for its smallest value, with `scipy.optimize.minimize_scalar(..., bounds=(0.1, 10), "
        'method="bounded")`, or among a few hundred temperatures.',
    ],
)
def temperature(answer: object) -> None:
    """A function from the probabilities of a head and the true classes to the best temperature."""
    function = as_function(answer)
    for seed, factor in [(0, 2.0), (1, 0.5), (2, 1.0), (3, 4.0)]:
        probability, target = _probabilities(seed, factor)
        found = as_number(call_kept(function, probability=probability, target=target), "the temperature")
        case = f"for a head whose logits are {factor:g} times the honest ones it gives {found:.3g}"
        require(found > 0, f"{case}: a temperature is above zero")
        grid = np.geomspace(0.1, 10, 400)
        losses = [_cross_entropy(probability, target, t) for t in grid]
        best = grid[np.argmin(losses)]
        if _cross_entropy(probability, target, found) <= min(losses) + 1e-4:
            continue
        require(not np.isclose(found, 1 / best, rtol=0.05), f"{case}: that is one divided by the temperature")
        require(not np.isclose(found, np.log(best), rtol=0.1), f"{case}: that is the logarithm of the temperature")
        require(
            not (best < 0.95 and np.isclose(found, 1)),
            f"{case}: a head may also be not sure enough, and then the temperature is below 1",
        )
        require(False, f"{case}, and {best:.3g} has a smaller cross-entropy")


def _old_answers(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "left": rng.dirichlet(np.ones(5), size=6),
        "odd": rng.random((6, 1)),
        "size": rng.normal(size=(6, 2)),
    }


@question(
    "14.3",
    hints=[
        "Go through the names in `before`: each of them must still be in `after`, with the same shape.",
        "`np.abs(after - before).max()` must not be above the tolerance.",
        "A comparison with NaN is always False. So ask `np.allclose(..., rtol=0, atol=tolerance)` and count what is "
        "*not* close, or use `np.isfinite`.",
    ],
)
def moved(answer: object) -> None:
    """A function from the answers before and after, and a tolerance, to a list of the heads that moved."""
    function = as_function(answer)
    for before, after, tolerance, wanted, case in _moves():
        result = call_kept(function, before=before, after=after, tolerance=tolerance)
        require(isinstance(result, list | tuple | set), f"a list of names is wanted, and it gives {describe(result)}")
        found = [str(name) for name in result]
        missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
        require(not missing, f"{case}: {' and '.join(missing)} should be in the list")
        require(not extra, f"{case}: {' and '.join(extra)} should not be in the list")
        require(len(found) == len(set(found)), f"{case}: a name stands in the list twice")


def _moves() -> list[tuple]:
    """Return cases: answers before, after, the tolerance, the heads that moved, and what happened in words."""
    cases = []
    for seed in range(3):
        before = _old_answers(seed)
        same = {name: values.copy() for name, values in before.items()}
        new = {"right": np.ones((6, 3)), **same}
        cases.append((before, new, 1e-6, [], "a new head came, and no old answer moved"))
        one = same | {"odd": same["odd"] + np.eye(6, 1, -seed) * 0.01}
        cases.append((before, one, 1e-3, ["odd"], "one answer of odd moved up by 0.01, the tolerance is 0.001"))
        down = same | {"size": same["size"] - np.eye(6, 2, -seed) * 0.01}
        cases.append((before, down, 1e-3, ["size"], "one answer of size moved down by 0.01, the tolerance is 0.001"))
        cases.append((before, one, 0.1, [], "one answer moved by 0.01, and the tolerance is 0.1"))
    swapped = same | {"odd": same["odd"][::-1].copy()}
    cases.append((before, swapped, 1e-3, ["odd"], "the answers of odd came in another order"))
    broken = same | {"left": np.where(np.eye(6, 5) > 0, np.nan, same["left"])}
    cases.append((before, broken, 1e-3, ["left"], "some answers of left are NaN now"))
    cases.append((before, {"odd": same["odd"], "left": same["left"]}, 1e-3, ["size"], "size is gone"))
    flat = same | {"odd": same["odd"][:, 0]}
    cases.append((before, flat, 1e-3, ["odd"], "odd has the shape (6,) now, and had (6, 1)"))
    large = {"size": before["size"] * 1e4}
    cases.append((large, {"size": large["size"] + 0.01}, 1e-3, ["size"], "large answers all moved by 0.01"))
    return cases


def _workers(seed: int, counts: list[int]) -> tuple[list[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Return each worker's mean gradient, NaN without rows, and the mean gradient of all rows."""
    rng = np.random.default_rng(seed)
    rows = {"trunk": rng.normal(size=(sum(counts), 3, 2)), "digit": rng.normal(size=(sum(counts), 4))}
    parts = np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])
    means = [
        {name: g[part].mean(axis=0) if len(part) else np.full(g.shape[1:], np.nan) for name, g in rows.items()}
        for part in parts
    ]
    return means, {name: g.mean(axis=0) for name, g in rows.items()}


@question(
    "14.4",
    hints=[
        "A mean over all rows is the sum over all rows, divided by their number. What is the sum of one worker's rows?",
        "Mean times count. Add these up over the workers, and divide by the count of all.",
        "A worker without rows has a mean of NaN, and NaN times zero is NaN: leave it out.",
    ],
)
def combined(answer: object) -> None:
    """A function from the workers' mean gradients and their numbers of rows to the gradient of the whole batch."""
    function = as_function(answer)
    for seed, counts in enumerate([[4, 4], [5, 2], [1, 6, 3], [3, 0], [2, 5, 0, 1], [7]]):
        gradients, wanted = _workers(seed, counts)
        result = call_kept(function, gradients=gradients, counts=counts)
        found = as_dict(result, wanted, "the result")
        for name, value in wanted.items():
            own = as_array(found[name], f"the gradient of {name}", shape=value.shape, finite=False)
            _require_gradient(name, own, value, [g[name] for g in gradients], counts)


def _require_gradient(
    name: str, found: np.ndarray, wanted: np.ndarray, parts: list[np.ndarray], counts: list[int]
) -> None:
    if np.allclose(found, wanted, rtol=1e-5, atol=1e-8):
        return
    case = f"with {counts} rows, the gradient of {name} is wrong"
    require(bool(np.isfinite(found).all()), f"{case}: a worker without rows has a mean of NaN, so leave it out")
    filled = [np.nan_to_num(part) for part in parts]
    weighted = sum(part * count for part, count in zip(filled, counts, strict=True))
    busy = sum(count > 0 for count in counts)
    mistakes = {
        "a worker with few rows counts as much as one with many": sum(filled) / len(counts),
        "a worker with few rows counts as much as one with many, and those without rows are left out": sum(filled)
        / busy,
        "it is the sum over the workers": sum(filled),
        "it is the sum over the rows: divide by the number of all rows": weighted,
        "divide by the number of all rows, not by the number of workers": weighted / len(counts),
    }
    for message, value in mistakes.items():
        require(not np.allclose(found, value, rtol=1e-5, atol=1e-8), f"{case}: {message}")
    require(False, f"{case}: its first number is {found.flat[0]:.4g}, and should be {wanted.flat[0]:.4g}")
