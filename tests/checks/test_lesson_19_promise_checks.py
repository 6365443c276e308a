"""The check of the capstone's promise, 19.3: the form of an answer, and scores on the validation slips."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from capstone_answers import by_heart, changed, hidden_slips, network, not_scored, own_scores, report, shown
from checking import outcome, refused
from sklearn.metrics import average_precision_score

from mos_checks import lesson_19
from mos_checks.capstone import AISLE_OF, HEADS, scores


def logits(p):
    return np.log(np.clip(p, 1e-3, 1 - 1e-3) / (1 - np.clip(p, 1e-3, 1 - 1e-3)))


WRONG_FORMS = {
    "swapped heads": (
        {"locker": lambda a: a["aisle"], "aisle": lambda a: a["locker"]},
        "Did you swap locker and aisle",
    ),
    "log-variances": ({"spread": lambda a: 2 * np.log(a["spread"])}, "is it the logarithm of a variance?"),
    "NaN": ({"position": lambda a: a["position"] * np.nan}, "position should hold finite numbers"),
    "logits of services": ({"services": lambda a: logits(a["services"])}, "services should hold probabilities"),
    "logits of void": ({"void": lambda a: logits(a["void"])}, "A sigmoid makes probabilities of them"),
    "probabilities of lockers": ({"locker": lambda a: np.eye(10)[a["locker"]]}, "take the most probable one"),
    "lockers as floats": ({"locker": lambda a: 1.0 * a["locker"]}, "locker should hold whole numbers"),
    "lockers in a column": ({"locker": lambda a: a["locker"][:, None]}, "take the column, `[:, 0]`"),
    "void in a column": ({"void": lambda a: a["void"][:, None]}, "take the column, `[:, 0]`"),
    "aisles by letter": ({"aisle": lambda a: np.array(list("ABCDE"))[a["aisle"]]}, "aisle should hold numbers"),
    "four numbers": (
        {"position": lambda a: np.concatenate([a["position"], a["spread"]], axis=1)},
        "means and stds are two parts, split them",
    ),
    "one service": ({"services": lambda a: a["services"][:, 0]}, "services should have shape"),
}


@pytest.mark.parametrize(("changes", "words"), WRONG_FORMS.values(), ids=WRONG_FORMS)
def test_answers_of_a_wrong_form_are_refused_with_the_promise(oracle, changes, words):
    message = refused("19.3", not_scored(changed(oracle, **changes)), words)
    assert refused("19.4", not_scored(changed(oracle, **changes)), words) == message


def test_answers_of_other_types_are_the_same_answers(oracle, client):
    types = {
        "void": lambda a: a["void"] > 0.5,
        "locker": lambda a: a["locker"].astype("uint8"),
        "aisle": lambda a: a["aisle"].tolist(),
        "position": lambda a: tf.constant(a["position"]),
        "spread": lambda a: a["spread"].astype("float16"),
    }
    answer = changed(oracle, **types)
    made = report(oracle, client)["expected"]
    for question in ("19.3", "19.4"):
        state, message = outcome(question, {"answer": answer, "expected": made})
        assert state == "correct", message


@pytest.mark.parametrize("name", ["services", "void"])
def test_a_probability_may_be_rounded_beyond_1(oracle, client, name):
    answer = changed(oracle, **{name: lambda a: np.where(a[name] > 0.8, np.float32(1.0000001), a[name])})
    state, message = outcome("19.3", report(answer, client))
    assert state == "correct", message
    far = changed(oracle, **{name: lambda a: np.where(a[name] > 0.8, 1.01, a[name])})
    refused("19.3", not_scored(far), f"{name} should hold probabilities, and yours go from")


def depends_on_the_batch(oracle):
    def function(images):
        right = oracle(images)
        position = right["position"]
        return right | {"position": position - position.mean(axis=0) + 10.5}

    return function


def by_the_most_frequent_of_the_batch(oracle):
    def function(images):
        right = oracle(images)
        share = np.bincount(right["locker"], minlength=10) / len(images)
        chance = (0.6 * np.eye(10)[right["locker"]] + 0.04) / np.maximum(share, 1e-3)
        locker = chance.argmax(axis=1)
        return right | {"locker": locker, "aisle": AISLE_OF[locker]}

    return function


def by_dice(oracle):
    rng = np.random.default_rng(0)
    return changed(oracle, void=lambda a: np.clip(a["void"] + rng.normal(0, 0.05, len(a["void"])), 0, 1))


def whitens(oracle):
    def function(images):
        right = oracle(images)
        images -= images.mean()
        return right

    return function


BROKEN_FUNCTIONS = {
    "depends on the batch": (depends_on_the_batch, "depends on the other slips that it is asked about"),
    "lockers by the batch": (by_the_most_frequent_of_the_batch, "that it is asked about (locker)"),
    "by dice": (by_dice, "asked twice about the same slips, it gives two answers: is dropout on?"),
    "changes the images": (whitens, "your function changes `images` itself"),
    "a tuple": (lambda o: lambda images: tuple(o(images).values()), "should be a dict"),
    "no spread": (lambda o: lambda images: {k: v for k, v in o(images).items() if k != "spread"}, "the keys of"),
    "nothing": (lambda o: lambda images: None, "is a `return` missing?"),
    "a model": (lambda o: network(), "should be a function"),
    "answers": (lambda o: o(hidden_slips().images), "should be a function"),
    "an error": (lambda o: lambda images: o(images)["digit"], "your function raised KeyError"),
}


@pytest.mark.parametrize(("make", "words"), BROKEN_FUNCTIONS.values(), ids=BROKEN_FUNCTIONS)
def test_broken_functions(oracle, make, words):
    refused("19.3", not_scored(make(oracle)), words)


def test_the_brief_says_what_the_check_wants():
    brief = (Path(__file__).parents[2] / "source" / "exercises" / "19_capstone.py").read_text(encoding="utf-8")
    lines = {line.split("`")[1].strip('"'): line for line in brief.splitlines() if line.startswith('# | `"')}
    for name in ("locker", "aisle"):
        assert f"at least {lesson_19.AT_LEAST[name]:.0%}" in lines[name]
    for name in ("services", "void"):
        assert f"at least {lesson_19.AT_LEAST[name]:.2f} " in lines[name]
    assert f"at most {lesson_19.POSITION_AT_MOST} mm off" in lines["position"]
    low, high = lesson_19.WITHIN_ONE
    assert (
        f"of each number: {low * 100:.0f} to {high:.0%} of the errors within one standard deviation" in lines["spread"]
    )
    assert f"at least {lesson_19.WITHIN_TWO:.0%} within two" in lines["spread"]
    assert f"at most {lesson_19.SURER_HALF_AT_MOST} times" in lines["spread"]
    allowed = brief.partition("A difference by chance is\n# allowed: ")[2].partition("# %%")[0]
    assert all(f"{value:.2f}" in allowed for value in lesson_19.TOLERANCE.values())
    assert len(lesson_19.TOLERANCE) == 5
    own = {name: value for name, value in lesson_19.OWN_TOLERANCE.items() if name != "position"}
    assert set(own.values()) == {0.03}
    assert lesson_19.OWN_TOLERANCE["position"] == 0.01
    assert "Yours may differ by 0.03 (the position by 0.01 mm)" in brief


def test_an_honest_promise_and_nothing_of_the_hidden_slips(oracle, client):
    state, message = outcome("19.3", report(oracle, client))
    assert state == "correct", message
    own, hidden = own_scores(oracle, client[1]), scores(oracle(hidden_slips().images), hidden_slips().targets)
    assert all(f"{name} {own[name]:.3f}" in message for name in HEADS)
    assert not any(f"{hidden[name]:.3f}" in message for name in HEADS)
    assert "hidden" not in message


def test_the_promise_does_not_ask_about_the_hidden_slips(oracle, client):
    asked = set()

    def answer(images):
        asked.update(oracle.row[shown(image)] for image in images)
        return oracle(images)

    for expected in (own_scores(oracle, client[1]), own_scores(oracle, client[1], locker=0.5)):
        outcome("19.3", {"answer": answer, "expected": expected})
    assert max(asked) < 8000


@pytest.mark.parametrize("seed", range(5))
def test_a_promise_need_not_use_all_validation_slips_nor_all_digits(oracle, client, seed):
    rows = np.random.default_rng(seed).permutation(2000)[:1000]
    half = type(client[1])(client[1].images[rows], {k: v[rows] for k, v in client[1].targets.items()})
    for made in (half, client[1]):
        expected = {name: round(float(score), 2) for name, score in own_scores(oracle, made).items()}
        state, message = outcome("19.3", {"answer": oracle, "expected": expected})
        assert state == "correct", message


def test_aisles_that_follow_from_lockers_may_be_counted(oracle, client):
    table, predicted = client[1].targets, oracle(client[1].images)["aisle"]
    aisle = np.where(table["locker"] >= 0, AISLE_OF[table["locker"]], table["aisle"])
    share = np.mean(predicted[aisle >= 0] == aisle[aisle >= 0])
    assert outcome("19.3", report(oracle, client, aisle=share))[0] == "correct"


def test_scores_of_the_training_slips_are_refused(oracle, client):
    overfitted = by_heart(oracle, slice(6000))
    training = own_scores(overfitted, client[0])
    words = "and you state 1.000: this is the score on the training slips. Use the validation slips"
    refused("19.3", {"answer": overfitted, "expected": training}, words)
    rounded = {name: round(float(score), 2) for name, score in training.items()}
    refused("19.3", {"answer": overfitted, "expected": rounded}, "this is the score on the training slips")
    message = refused("19.3", report(overfitted, client, locker=1.0), "compute it as the table says")
    assert "training" not in message, "one score alone may be like it by chance"


def test_gaps_counted_as_labels_are_refused(oracle, client):
    predicted, table = oracle(client[1].images), client[1].targets
    gaps = {
        "locker": np.mean(predicted["locker"] == table["locker"]),
        "aisle": np.mean(predicted["aisle"] == table["aisle"]),
        "services": average_precision_score(np.nan_to_num(table["services"]), predicted["services"]),
        "position": np.abs(np.nan_to_num(table["position"]) - predicted["position"]).mean(),
    }
    for name, value in gaps.items():
        for stated in (value, round(float(value), 2)):
            refused("19.3", report(oracle, client, **{name: stated}), "this counts the gaps as labels. Leave out the")


def test_the_function_s_own_score_stands_beside_the_stated_one(oracle, client):
    own = own_scores(oracle, client[1])
    words = (
        f"locker: your function scores {own['locker']:.3f} on the validation slips by the client's measure, and you "
    )
    refused("19.3", report(oracle, client, locker=own["locker"] - 0.04), words)
    assert outcome("19.3", report(oracle, client, locker=own["locker"] - 0.02))[0] == "correct"


WRONG_EXPECTED = {
    "percent": ({"locker": 88.0}, "write shares from 0 to 1, not in percent"),
    "too modest": ({"aisle": 0.6}, "compute it as the table says"),
    "a position that is too good": ({"position": 0.05}, "compute it as the table says"),
    "a position in pixels": ({"position": 0.34}, "compute it as the table says"),
    "NaN": ({"void": np.nan}, "the expected score of void should be a finite number"),
    "an array": ({"services": np.ones(4)}, "the expected score of services should be one number"),
    "a text": ({"services": "0.8"}, "the expected score of services should be a number"),
    "another key": ({"spread": 0.7}, "the keys of the part expected should be"),
}


@pytest.mark.parametrize(("changes", "words"), WRONG_EXPECTED.values(), ids=WRONG_EXPECTED)
def test_wrong_expectations(oracle, client, changes, words):
    message = refused("19.3", report(oracle, client, **changes), words)
    assert refused("19.4", report(oracle, client, **changes), words) == message


@pytest.mark.parametrize("question", ["19.3", "19.4"])
def test_a_report_has_two_parts(oracle, client, question):
    refused(question, {"answer": oracle}, "should be answer and expected")
    refused(question, own_scores(oracle, client[1]), "should be answer and expected")
