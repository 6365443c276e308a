"""Questions that ask for a function: what is right, which mistake is named, and what is said of the others."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from checking import HINTS, outcome

from mos_checks import NotYet, as_array, grading
from mos_checks.functions import FunctionQuestion, function_question, questions, require_unrounded, rounding_of, shown

CASES = [{"values": np.array([1.0, 2.0])}, {"values": np.array([3.0, 5.0, 11.5])}, {"values": np.array([-2.0])}]


def mean(values):
    return values.sum() / len(values)


def of_values(right=mean, cases=lambda: CASES, **options):
    """Return a question about a function of some values, by default their mean."""
    return FunctionQuestion(right, cases, **options)


def told(asked, answer):
    """Return why an answer is not right."""
    with pytest.raises(NotYet) as reason:
        asked.judge(answer)
    return str(reason.value)


def other_than(right, case, wrong):
    """Return the right function with another result on one case."""
    return lambda values: wrong if len(values) == len(CASES[case]["values"]) else right(values)


# Right answers


@pytest.mark.parametrize(
    "answer",
    [
        mean,
        np.mean,
        partial(np.mean, axis=0),
        lambda values: float(mean(values)),
        lambda values: np.float32(mean(values)),
        lambda values: np.array(mean(values)),
        lambda values: tf.reduce_mean(values),
        lambda values: keras.ops.mean(keras.ops.convert_to_tensor(values, "float32")),
    ],
)
def test_a_right_answer_may_have_any_form_of_a_number(answer):
    assert of_values().judge(answer) is None


def test_results_may_be_parts_of_any_order_and_kind():
    right = {"mean": 1.5, "pair": (np.array([1.0, 2.0]), 3)}
    asked = of_values(lambda values: right, lambda: CASES[:1])
    for answer in (
        lambda values: {"pair": [tf.constant([1, 2]), 3.0], "mean": np.float32(1.5)},
        lambda values: {"pair": (part for part in ([1, 2], 3)), "mean": 1.5},
    ):
        assert asked.judge(answer) is None
    assert "part 1 of pair should be a number" in told(asked, lambda values: right | {"pair": (right["pair"][0], None)})
    assert "the keys of the result should be mean and pair" in told(asked, lambda values: {"mean": 1.5})


@pytest.mark.parametrize("answer", [42, "mean", keras.Model, keras.layers.Dense])
def test_what_is_no_function_is_refused(answer):
    assert "should be a function" in told(of_values(), answer)


def test_cases_are_made_once():
    made = []
    asked = of_values(cases=lambda: made.append(1) or CASES)
    asked.judge(mean)
    told(asked, np.sum)
    assert made == [1]


def test_what_comes_after_right_results_sees_the_answer_and_them():
    seen = []
    asked = of_values(also=lambda *given: seen.append(given) or "Well done")
    assert asked.judge(mean) == "Well done"
    assert seen == [(mean, [1.5, 6.5, -2.0])]
    told(asked, np.sum)
    assert len(seen) == 1


def test_the_answer_may_be_more_than_the_function_that_is_called():
    asked = of_values(prepare=lambda answer: answer["mean"])
    assert asked.judge({"mean": mean}) is None
    assert "the result should be 1.5" in told(asked, {"mean": np.sum})


def test_results_may_be_objects_that_are_equal_or_not():
    asked = of_values(
        lambda values: {*values}, read=lambda result, case: set(result), mistakes={"empty": lambda v: set()}
    )
    asked.show = lambda case, found, wanted: f"not {len(found)}"
    assert asked.judge(lambda values: frozenset(values)) is None
    assert told(asked, lambda values: []) == "empty"
    assert told(asked, lambda values: values[:1]) == "not 1"


# Mistakes

TOTAL = {"that is the total": np.sum, "that is the largest": [np.max, lambda values: values[-1]]}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.sum, "that is the total"),
        (lambda values: sum(values.tolist()), "that is the total"),
        (np.max, "that is the largest"),
    ],
)
def test_a_mistake_is_named(answer, words):
    assert told(of_values(mistakes=TOTAL), answer) == words


@pytest.mark.parametrize("case", [0, 1])
def test_a_mistake_is_not_named_if_it_does_not_explain_all_results(case):
    wrong = float(np.sum(CASES[case]["values"]))
    message = told(of_values(mistakes=TOTAL), other_than(mean, case, wrong))
    assert message.startswith(f"for values = {CASES[case]['values'].tolist()}: the result should be ")
    assert message.endswith(f", and yours is {wrong:.4g}")


def test_every_function_of_a_mistake_is_tried():
    cases = [{"values": np.array([3.0, 1.0, 2.0])}, *CASES]
    asked = of_values(cases=lambda: cases, mistakes=TOTAL)
    for answer in (np.max, lambda values: values[-1]):
        assert told(asked, answer) == "that is the largest"
    assert "should be" in told(asked, lambda values: values[0])


def test_the_first_mistake_that_explains_all_is_named():
    mistakes = {"that is the total": np.sum, "it is added up": np.sum}
    assert told(of_values(mistakes=mistakes), np.sum) == "that is the total"


def test_what_a_mistake_gives_is_computed_once_for_each_case():
    made = []
    asked = of_values(mistakes={"no": made.append, **TOTAL})
    for _ in range(2):
        assert told(asked, np.sum) == "that is the total"
    assert len(made) == len(CASES)


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_result_that_is_not_finite_hides_no_mistake(lost):
    assert told(of_values(mistakes=TOTAL), other_than(np.sum, 1, lost)) == "that is the total"
    message = told(of_values(mistakes=TOTAL), other_than(mean, 1, lost))
    assert message == f"for values = [3.0, 5.0, 11.5]: the result should be 6.5, and yours is {lost}"


def test_results_that_are_nowhere_finite_may_be_a_mistake_or_right():
    asked = of_values(mistakes={"a division by zero": lambda values: np.inf})
    assert told(asked, lambda values: np.inf) == "a division by zero"
    asked = of_values(lambda values: np.array([np.nan, mean(values)]))
    assert asked.judge(lambda values: [np.nan, mean(values)]) is None
    assert "at index 0 should be nan, and yours is 0" in told(asked, lambda values: [0, mean(values)])


def fails(values):
    raise ValueError


@pytest.mark.parametrize("wrong", [fails, lambda values: {}["a"], lambda values: 1 // 0, lambda values: "a" + 1])
def test_a_mistake_that_fails_explains_nothing(wrong):
    for answer in (lambda values: np.nan, lambda values: 0.0):
        assert "the result should be 1.5" in told(of_values(mistakes={"no": wrong}), answer)


def test_other_reasons_are_asked_if_no_mistake_explains_the_results():
    def refuse_large(found, cases):
        assert list(map(len, (found, cases))) == [3, 3]
        if max(found) > 100:
            raise NotYet("that is too large")

    asked = of_values(mistakes=TOTAL, otherwise=[refuse_large])
    assert told(asked, lambda values: 1000.0) == "that is too large"
    assert told(asked, np.sum) == "that is the total"
    assert told(asked, lambda values: 50.0).endswith("and yours is 50")


def test_a_question_has_words_of_its_own():
    asked = of_values(
        mistakes=TOTAL,
        say=lambda words, case, found: f"{len(case['values'])} values, {found}: {words}",
        show=lambda case, found, wanted: f"{len(case['values'])} values: {found}, not {wanted}",
        failed=lambda case, words: f"{len(case['values'])} values: {words}",
    )
    assert told(asked, np.sum) == "2 values, 3.0: that is the total"
    assert told(asked, other_than(mean, 1, 7.0)) == "3 values: 7.0, not 6.5"
    assert told(asked, lambda values: values[1] and mean(values)).startswith(
        "1 values: your function raised IndexError"
    )


# Parts of a result


def mean_and_total(values):
    return {"mean": mean(values), "total": values.sum()}


PARTS = {
    None: {"they are swapped": lambda values: {"mean": values.sum(), "total": mean(values)}},
    "mean": {"the mean is the largest": np.max},
    "total": {"the total is the largest": np.max, "the total is the mean": mean},
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mean": np.sum, "total": mean}, "they are swapped"),
        ({"total": mean}, "the total is the mean"),
        ({"mean": np.max}, "the mean is the largest"),
        ({"mean": np.max, "total": np.max}, "the mean is the largest"),
        ({"mean": np.min, "total": np.max}, "the total is the largest"),
        ({"mean": np.min}, "for values = [1.0, 2.0]: mean should be 1.5, and yours is 1"),
        ({"total": np.min}, "for values = [1.0, 2.0]: total should be 3, and yours is 1"),
    ],
)
@pytest.mark.parametrize("keys", [("mean", "total"), (0, 1)])
def test_each_part_has_mistakes_of_its_own(changes, words, keys):
    def form(parts):
        return parts if keys == ("mean", "total") else list(parts.values())

    mistakes = {
        None: {"they are swapped": lambda values: form(PARTS[None]["they are swapped"](values))},
        keys[0]: PARTS["mean"],
        keys[1]: PARTS["total"],
    }
    asked = of_values(lambda values: form(mean_and_total(values)), mistakes=mistakes)
    message = told(
        asked, lambda values: form(mean_and_total(values) | {key: part(values) for key, part in changes.items()})
    )
    if keys == (0, 1):
        words = words.replace(": mean", ": part 0 of the result").replace(": total", ": part 1 of the result")
    assert message == words


def test_a_mistake_of_a_part_is_shown_where_that_part_is_wrong():
    def cut_off(values):
        return max(values.sum(), 0.0)

    mistakes = {"mean": {}, "total": {"it is cut off at zero": cut_off}}
    asked = of_values(mean_and_total, mistakes=mistakes, say=lambda words, case, found: f"{case['values'][0]}: {words}")
    parts = {"mean": other_than(mean, 0, 5.0), "total": cut_off}
    message = told(asked, lambda values: {key: part(values) for key, part in parts.items()})
    assert message == "-2.0: it is cut off at zero"


def test_a_mistake_with_other_keys_explains_nothing():
    asked = of_values(lambda values: {"mean": mean(values)}, mistakes={"no": lambda values: {"total": values.sum()}})
    assert "mean should be 1.5, and yours is 3" in told(asked, lambda values: {"mean": values.sum()})


# Differences


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda values: 2 * values, "for values = [1.0, 2.0]: the result at index 1 should be 2, and yours is 4"),
        (lambda values: values[1:], "the result should have shape (2,), and yours has (1,)"),
        (lambda values: 1.5, "the result should be an array"),
        (lambda values: [np.nan, *values[1:]], "the result at index 0 should be 1, and yours is nan"),
        (lambda values: values * 1.0001, "the result at index 1 should be 2, and yours is 2.0002"),
    ],
)
def test_the_first_difference_between_arrays_is_shown(answer, words):
    assert words in told(of_values(lambda values: values), answer)


def test_one_number_is_not_taken_for_an_array_of_it():
    asked = of_values(np.zeros_like)
    assert "should have shape (2,), and yours has (1,)" in told(asked, lambda values: [0.0])


def test_a_wrong_value_on_an_early_case_is_told_before_a_shape_that_is_refused_later():
    def read(result, case):
        return as_array(result, "the result", shape=case["values"].shape)

    asked = of_values(lambda values: values, read=read, mistakes={"that is twice as much": lambda values: 2 * values})
    assert "should be 2, and yours is 8" in told(asked, lambda v: 4 * v if len(v) == 2 else v[1:])
    assert "should be 2, and yours is 4" in told(asked, lambda v: 2 * v if len(v) > 1 else v[1:])
    assert told(asked, lambda v: v if len(v) > 1 else v[1:]) == "the result should have shape (1,), and yours has (0,)"


def test_a_mistake_is_named_before_a_refused_case_only_if_it_is_refused_there_too():
    def read(result, case):
        return as_array(result, "the result", shape=case["values"].shape)

    def cut(values):
        return 2 * values if len(values) > 1 else values[1:]

    def failing(values):
        return 3 * values if len(values) > 1 else values[5]

    mistakes = {"twice, and cut": cut, "three times, and no second place": failing}
    asked = of_values(lambda values: values, read=read, mistakes=mistakes)
    assert told(asked, cut) == "twice, and cut"
    assert told(asked, failing) == "three times, and no second place"
    parts = of_values(lambda v: {"a": v, "b": v}, mistakes={"a": {"a is twice as much": lambda v: 2 * v}, "b": {}})
    assert "a is twice as much" in told(parts, lambda v: {"a": 2 * v, "b": v})
    assert "should be 2, and yours is 4" in told(parts, lambda v: {"a": 2 * v, "b": v} if len(v) > 1 else 0)


def test_an_argument_that_is_changed_is_named():
    def sorting(values):
        values[::-1].sort()
        return mean(values)

    assert told(of_values(), sorting).startswith("your function changes `values` itself")
    assert CASES[0]["values"].tolist() == [1, 2]


def test_arguments_are_shown_if_they_are_small():
    case = {
        "a": np.array([0.5, 1 / 3]),
        "b": np.zeros((3, 4)),
        "c": [1, 2],
        "d": 0.123456,
        "e": {"f": (True,), "g": "h"},
    }
    assert (
        shown(case) == "a = [0.5, 0.3333], b = an array of shape (3, 4), c = [1, 2], d = 0.1235, e = {f: [True], g: h}"
    )


# Tolerances and rounding


@pytest.mark.parametrize(
    ("result", "rounding"),
    [
        (0.5, 0),
        ([0.5, np.float32(0.5)], 0),
        (np.zeros(3), 0),
        (tf.zeros(3, "float16"), 5e-3),
        (keras.Variable([1.0], dtype="bfloat16"), 0.03),
        ({"a": [np.float16(0.5), 0.25]}, 5e-3),
        ((tf.zeros(3, "float16"), tf.zeros(3, "bfloat16")), 0.03),
        ([], 0),
    ],
)
def test_numbers_of_16_bits_may_be_rounded(result, rounding):
    assert rounding_of(result) == rounding


def thirds(values):
    return values / 3


def test_an_answer_of_16_bits_is_right_if_its_numbers_are():
    asked = of_values(thirds)
    for kind in ("float16", "bfloat16"):
        assert asked.judge(lambda values, kind=kind: tf.cast(values / 3, kind)) is None
        assert "should be" in told(asked, lambda values, kind=kind: tf.cast(values / 3 + 0.1, kind))
    assert "should be" in told(asked, lambda values: (values / 3).astype("float16").astype("float64"))


def test_an_answer_of_16_bits_is_not_told_as_rounding():
    large = of_values(thirds, lambda: [{"values": np.array([1000.0, 2000.0])}])
    assert large.judge(lambda values: (values / 3).astype("float16")) is None  # with two decimals


@pytest.mark.parametrize("decimals", [0, 1, 2, 5])
@pytest.mark.parametrize("tolerance", [1e-5, 1e-2])
def test_a_rounded_result_is_told_whether_it_is_near_enough_or_not(decimals, tolerance):
    asked = of_values(thirds, tolerance=tolerance)
    words = f"it is rounded to {decimals} decimals: return the number as it is"
    assert told(asked, lambda values: thirds(values).round(decimals)) == words
    assert told(asked, lambda values: thirds(values).round(decimals).astype("float32")) == words


def test_a_part_that_is_rounded_is_told():
    def parts(values, decimals=9):
        return [values[0] / 3, round(values[0] / 7, decimals)]

    asked = of_values(parts, tolerance=0.1, mistakes={0: {}, 1: {}})
    assert "it is rounded to 1 decimals" in told(asked, lambda values: parts(values, 1))


def test_a_result_may_be_rounded_to_as_many_decimals_as_are_enough():
    assert of_values(thirds).judge(lambda values: thirds(values).round(6)) is None
    asked = of_values(thirds, tolerance=1e-3, decimals=4)
    assert asked.judge(lambda values: thirds(values).round(4)) is None
    assert "it is rounded to 3 decimals" in told(asked, lambda values: thirds(values).round(3))


@pytest.mark.parametrize("tolerance", [1e-5, 1e-2])
def test_rounding_is_not_told_where_no_decimals_are_asked_for(tolerance):
    asked = of_values(thirds, tolerance=tolerance, decimals=0)
    assert asked.judge(lambda values: thirds(values).astype("float32")) is None
    if tolerance == 1e-2:
        assert asked.judge(lambda values: thirds(values).round(2)) is None
    assert "should be 0.6667, and yours is 1" in told(asked, lambda values: thirds(values).round())


def test_one_number_for_all_is_not_told_as_rounding():
    asked = of_values(lambda values: 0.4 / len(values))
    assert "the result should be 0.2, and yours is 0" in told(asked, lambda values: 0.0)
    assert "rounded to 1 decimals" in told(asked, lambda values: round(0.4 / len(values), 1))


def test_only_a_result_that_has_more_decimals_counts_as_rounded():
    assert of_values().judge(lambda values: round(mean(values), 1)) is None
    require_unrounded([{"a": np.array([0.5, 1.0])}, 2.25], [{"a": np.array([0.5, 1.0])}, 2.25])
    require_unrounded([0.3333, 0.123456789], [1 / 3, 0.123456789])
    with pytest.raises(NotYet, match="rounded to 2 decimals"):
        require_unrounded([{"a": np.array([0.33, 1.0])}], [{"a": np.array([1 / 3, 1.0])}])


def test_the_absolute_tolerance_follows_the_size_of_a_case():
    cases = [{"values": np.array([size, -0.999 * size])} for size in (1e-6, 1.0, 1e6)]

    def in_single_precision(values):
        return np.float32(values[0]) + np.float32(values[1])

    asked = of_values(np.sum, lambda: cases)
    assert "for values = [1000000.0" in told(asked, lambda values: in_single_precision(values) + 0.02 * (values[0] > 1))
    scaled = of_values(np.sum, lambda: cases, scale=lambda values: np.abs(values).max())
    assert scaled.judge(in_single_precision) is None
    assert scaled.judge(lambda values: in_single_precision(values) + 0.02 * (values[0] > 1)) is None
    assert asked.judge(lambda values: np.sum(values) + 1e-9) is None
    assert "should be" in told(scaled, lambda values: np.sum(values) + 1e-9)


# Registered


@pytest.fixture
def registered():
    function_question("99.40", "A mean.", hints=HINTS, right=mean, cases=lambda: CASES, mistakes=TOTAL, seconds=5)
    yield "99.40"
    del grading._questions["99.40"], questions["99.40"]


def test_a_question_is_registered_with_its_hints_and_its_words(registered):
    assert outcome(registered, mean) == ("correct", "")
    assert outcome(registered, np.sum) == ("not yet", "that is the total.")
    assert outcome(registered, ...)[1].endswith("Wanted: A mean.")
    found = grading._questions[registered]
    assert (found.hints, found.seconds, found.check.__module__) == (tuple(HINTS), 5, __name__)
    assert questions[registered].right is mean
