"""The checks of exercise 17: a list and its folder, turned targets, maps with gaps, and moving statistics."""

from collections.abc import Callable, Sequence

import numpy as np

from mos_checks import function_question

Pose = dict[str, np.ndarray]


# --- 17.1


def _names_cases() -> list[dict]:
    cases = [{"listed": ["a.png", "b.png", "b.png"], "on_disk": ["a.png", "c.png", "d.png"]}]
    for seed in range(6):
        rng = np.random.default_rng(seed)
        names = [f"{number:02}.png" for number in range(30)]
        listed = [str(name) for name in rng.choice(names[:20], 12 + 3 * seed)]
        listed += [listed[0]] * 2
        cases.append({"listed": listed, "on_disk": [str(name) for name in rng.permutation(names[5:])[: 14 + seed]]})
    return cases


def _twice(listed: Sequence[str]) -> list[str]:
    return [name for name in set(listed) if listed.count(name) > 1]


function_question(
    "17.1",
    "A function from the names in a list and the names in a folder to a dictionary of three counts.",
    hints=[
        "A set holds each name once, and `one - other` holds what is in one set and not in the other.",
        '`len(set(listed) - set(on_disk))` counts the names without a file. "no row" is the other way round.',
        "For each name in `set(listed)`, `listed.count(name) > 1` says whether it stands in several rows.",
    ],
    right=lambda listed, on_disk: {
        "no file": len(set(listed) - set(on_disk)),
        "no row": len(set(on_disk) - set(listed)),
        "twice": len(_twice(listed)),
    },
    cases=_names_cases,
    mistakes={
        "no file": {
            "these are rows without a file, and a name in two rows counts once": lambda listed, on_disk: sum(
                name not in on_disk for name in listed
            ),
            "these are files without a row: turn it round": lambda listed, on_disk: len(set(on_disk) - set(listed)),
            "these are the names that have a file": lambda listed, on_disk: len(set(listed) & set(on_disk)),
        },
        "no row": {
            "these are names without a file: turn it round": lambda listed, on_disk: len(set(listed) - set(on_disk)),
            "the difference of two lengths is not enough: a name may be in one place only": [
                lambda listed, on_disk: len(on_disk) - len(set(listed)),
                lambda listed, on_disk: len(on_disk) - len(listed),
            ],
        },
        "twice": {
            "a name in three rows counts too": lambda listed, on_disk: sum(
                listed.count(name) == 2 for name in set(listed)
            ),
            "these are all rows of such names, and each name counts once": lambda listed, on_disk: sum(
                listed.count(name) > 1 for name in listed
            ),
            "these are the rows too many, and a name in three rows counts once": lambda listed, on_disk: (
                len(listed) - len(set(listed))
            ),
            "these are the names in one row only": lambda listed, on_disk: len(set(listed)) - len(_twice(listed)),
            "names without a file count too": lambda listed, on_disk: len(set(_twice(listed)) & set(on_disk)),
        },
    },
)


# --- 17.2


def _pose_cases() -> list[dict]:
    first = {"angle": np.zeros(2), "shift_right": np.array([3.0, 1.0]), "shift_down": np.array([0.0, 2.0])}
    cases = [{"pose": first, "degrees": np.array([90.0, 30.0])}]
    for seed in range(5):
        rng = np.random.default_rng(seed)
        pose = {name: rng.uniform(-8, 8, 5 + seed) for name in rng.permutation(list(first)).tolist()}
        cases.append({"pose": pose, "degrees": rng.uniform(-120, 120, 5 + seed)})
    return cases


def _turned(pose: Pose, degrees: np.ndarray, turn: float = 1, unit: Callable = np.deg2rad) -> Pose:
    a = turn * unit(degrees)
    right, down = pose["shift_right"], pose["shift_down"]
    return {
        "angle": pose["angle"] + degrees,
        "shift_right": right * np.cos(a) + down * np.sin(a),
        "shift_down": down * np.cos(a) - right * np.sin(a),
    }


def _down_of_the_new_right(pose: Pose, degrees: np.ndarray) -> np.ndarray:
    new = _turned(pose, degrees)["shift_right"]
    return _turned({**pose, "shift_right": new}, degrees)["shift_down"]


def _shift_mistakes(name: str) -> dict[str, Callable]:
    return {
        "the place of the digit turns too": lambda pose, degrees: pose[name],
        "this turns clockwise: where is a digit at the right after 90 degrees?": lambda pose, degrees: _turned(
            pose, degrees, turn=-1
        )[name],
        "`np.cos` and `np.sin` want radians: `np.deg2rad(degrees)`": lambda pose, degrees: _turned(
            pose, degrees, unit=lambda values: values
        )[name],
    }


function_question(
    "17.2",
    "A function from a pose and degrees to the pose in the turned picture.",
    hints=[
        "The angle grows by the degrees. The place turns about the centre: both shifts mix.",
        'With a = np.deg2rad(degrees), the new "shift_right" is right * cos(a) + down * sin(a).',
        'The new "shift_down" is down * cos(a) - right * sin(a), with the old `right`.',
    ],
    right=_turned,
    cases=_pose_cases,
    mistakes={
        "angle": {
            "a picture turned counter-clockwise has a larger angle": lambda pose, degrees: pose["angle"] - degrees,
            "the angle of the digit turns with the picture": lambda pose, degrees: pose["angle"],
            "these are the degrees alone, and the digit had an angle before": lambda pose, degrees: degrees,
            "angles are in degrees, also the new one": lambda pose, degrees: pose["angle"] + np.deg2rad(degrees),
        },
        "shift_right": _shift_mistakes("shift_right"),
        "shift_down": {
            **_shift_mistakes("shift_down"),
            "it is computed from the new shift to the right: keep the old one": _down_of_the_new_right,
        },
    },
)


# --- 17.3


def _map_cases() -> list[dict]:
    cases = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        n = 3 + seed
        truth = (rng.random((n, 4, 5)) < rng.uniform(0.1, 0.6, (n, 1, 1))).astype("float32")
        predicted = np.clip(0.3 * truth + rng.uniform(0, 0.7, truth.shape), 0, 1).astype("float32")
        predicted[:, 0, 0] = 0.5  # neither above nor below
        known = np.arange(n) % 3 != 1
        truth[~known] = 0
        cases.append({"truth": truth, "predicted": predicted, "known": rng.permutation(known) if seed > 3 else known})
        cases[-1]["truth"][~cases[-1]["known"]] = 0
    return cases


def _iou(truth: np.ndarray, predicted: np.ndarray, known: np.ndarray) -> float:
    ink, found = truth[known] > 0.5, predicted[known] > 0.5
    return (ink & found).sum() / (ink | found).sum()


def _half_counts(truth: np.ndarray, predicted: np.ndarray, known: np.ndarray) -> float:
    return _iou(truth, np.where(predicted == 0.5, 1, predicted), known)


def _counted_twice(truth: np.ndarray, predicted: np.ndarray, known: np.ndarray) -> float:
    ink, found = truth[known] > 0.5, predicted[known] > 0.5
    return (ink & found).sum() / (ink.sum() + found.sum())


def _each(truth: np.ndarray, predicted: np.ndarray, known: np.ndarray) -> float:
    ink, found = truth[known] > 0.5, predicted[known] > 0.5
    both, one = (ink & found).sum(axis=(1, 2)), (ink | found).sum(axis=(1, 2))
    return float(np.mean(both / np.maximum(one, 1)))


def _dice(truth: np.ndarray, predicted: np.ndarray, known: np.ndarray) -> float:
    ink, found = truth[known] > 0.5, predicted[known] > 0.5
    return 2 * (ink & found).sum() / (ink.sum() + found.sum())


def _soft(truth: np.ndarray, predicted: np.ndarray, known: np.ndarray) -> float:
    ink, found = truth[known], predicted[known]
    return (ink * found).sum() / (ink + found - ink * found).sum()


function_question(
    "17.3",
    "A function from maps, predicted probabilities and which maps are known to one number.",
    hints=[
        "First leave out what is not known: `truth[known]`. Then `> 0.5` makes True and False.",
        "`ink & found` is True where both are, `ink | found` where one is at least.",
        "One sum over all pixels of all known maps, divided by another one.",
    ],
    right=_iou,
    cases=_map_cases,
    mistakes={
        "missing maps count too, and each pixel found there as wrong": lambda truth, predicted, known: _iou(
            truth, predicted, np.ones(len(known), bool)
        ),
        "this is the score of the missing maps": lambda truth, predicted, known: _iou(truth, predicted, ~known),
        "this is the mean of one score for each map: count all pixels together": _each,
        "a probability of exactly 0.5 is not above 0.5": _half_counts,
        "this is in percent: give a share, from 0 to 1": lambda truth, predicted, known: (
            100 * _iou(truth, predicted, known)
        ),
        "pixels that are both are counted twice in the divisor: each pixel counts once": _counted_twice,
        "this is the Dice score (F1): divide by the pixels that are one of the two": _dice,
        "this is the share of right pixels": lambda truth, predicted, known: np.mean(
            (truth[known] > 0.5) == (predicted[known] > 0.5)
        ),
        "this is the share of the ink that was found": lambda truth, predicted, known: (
            ((truth[known] > 0.5) & (predicted[known] > 0.5)).sum() / (truth[known] > 0.5).sum()
        ),
        "this is the share of what was found that is ink": lambda truth, predicted, known: (
            ((truth[known] > 0.5) & (predicted[known] > 0.5)).sum() / (predicted[known] > 0.5).sum()
        ),
        "probabilities were added up: what is above 0.5 counts 1, and the rest 0": _soft,
    },
)


# --- 17.4


def _moving_cases() -> list[dict]:
    cases = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        shape = (2 + seed % 3, 4 + seed, 2 + seed // 2)
        cases.append(
            {
                "moving": rng.normal(0, 1, shape[2]),
                "batches": rng.normal(2, 3, shape),
                "momentum": float(rng.uniform(0.6, 0.95)),
                "trainable": seed % 3 != 1,
            }
        )
    return cases


def _remembered(moving: np.ndarray, batches: np.ndarray, momentum: float, trainable: bool) -> np.ndarray:
    for batch in batches if trainable else []:
        moving = momentum * moving + (1 - momentum) * batch.mean(axis=0)
    return moving


function_question(
    "17.4",
    "A function from moving means, batches, the momentum and whether the layer is trainable to the moving means.",
    hints=[
        "A frozen layer keeps its moving means: return them as they are.",
        "Else go through the batches: `for batch in batches`, and take `batch.mean(axis=0)`.",
        "Each time: `moving = momentum * moving + (1 - momentum) * batch.mean(axis=0)`.",
    ],
    right=_remembered,
    cases=_moving_cases,
    mistakes={
        "a frozen layer keeps its moving means": lambda moving, batches, momentum, trainable: _remembered(
            moving, batches, momentum, True
        ),
        "it is the trainable layer that changes them": lambda moving, batches, momentum, trainable: _remembered(
            moving, batches, momentum, not trainable
        ),
        "no layer changes them here, and a trainable one should": lambda moving, *others: moving,
        "momentum is the part of the old value that is kept": lambda moving, batches, momentum, trainable: _remembered(
            moving, batches, 1 - momentum, trainable
        ),
        "the batches come one after the other, and each changes the moving means": [
            lambda moving, batches, momentum, trainable: _remembered(
                moving, batches.mean(axis=0, keepdims=True), momentum, trainable
            ),
            lambda moving, batches, momentum, trainable: _remembered(moving, batches[:1], momentum, trainable),
            lambda moving, batches, momentum, trainable: _remembered(moving, batches[-1:], momentum, trainable),
        ],
        "the first batch counts most here: go through them from the first to the last": (
            lambda moving, batches, momentum, trainable: _remembered(moving, batches[::-1], momentum, trainable)
        ),
    },
)
