"""What the lessons quote from benchmarks is what the benchmarks found.

First the lines of tables, cell by cell, then sentences that summarise. Both name the file in benchmarks/results/ that
they come from. Who measures again sees here which text is to be changed.
"""

import re
from functools import cache
from itertools import product
from pathlib import Path

import jupytext
import numpy as np
import pytest

from benchmarks.harness import KINDS, RESULTS, Stored

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("digits", "mnist")
stored = cache(Stored)

FORMS = {
    "share": KINDS["share"][0],
    "gain": lambda values: f"{100 * values.mean():+.1f} ({(values > 0).sum()} of {len(values)})",
    "mean": lambda values: f"{values.mean():.2f}",
    "spread": lambda values: f"{values.mean():.2f} ± {values.std(ddof=1):.2f}",
    "median": lambda values: f"{np.median(values):.2f}",
}


@cache
def text(number):
    """The text of a lesson, or of an exercise that has none."""
    path = next(path for folder in ("lessons", "exercises") for path in (ROOT / "source" / folder).glob(f"{number}_*"))
    cells = jupytext.read(path, fmt="py:percent").cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def values(file, table, row, column):
    return stored(file).values(table, row, column)


def mean(*place):
    return values(*place).mean()


def cell(form, file, tables, rows, column):
    """A number of a table; of several rows the smallest and the largest mean, if they differ."""
    tables, rows = ([each] if isinstance(each, str) else each for each in (tables, rows))
    tables = tables * len(rows) if len(tables) == 1 else tables
    found = [values(file, table, row, column) for table, row in zip(tables, rows, strict=True)]
    low, high = (FORMS[form](end(found, key=np.mean)) for end in (min, max))
    return low if low == high else f"{low} to {high}"


# Lines of tables


def lesson_08():
    methods = {
        "plain sum, DWA": ["plain sum", "DWA"],
        "uncertainty weighting, $s$ begins at 0": ["uncertainty, speed 25"],
        "GradNorm, weights begin at 1": ["GradNorm"],
        "tuned weight; GradNorm, begun at the first losses": ["tuned weight", "GradNorm, begun"],
        "uncertainty weighting, begun at the optimum; sum of logarithms": ["uncertainty, begun", "sum of logarithms"],
    }
    for label, rows in methods.items():
        cells = []
        for source, factor in product(SOURCES, (1, 100)):
            tables = [f"two digits: {'sweep' if row == 'tuned weight' else f'times {factor}'}" for row in rows]
            cells.append(("mean", f"adaptive_weights_{source}", tables, rows, "mean of both"))
        yield label, cells
    methods = {
        "plain sum, tuned weight, DWA": ["plain sum", "DWA", "tuned weight"],
        "GradNorm, begun at the first losses": ["GradNorm, begun"],
        "uncertainty weighting, begun at the optimum; sum of logarithms": ["uncertainty, begun", "sum of logarithms"],
    }
    for label, rows in methods.items():
        tables = [f"digit and pose: {'sweep' if row == 'tuned weight' else 'times 1'}" for row in rows]
        places = product(SOURCES, ("digit", "pose"))
        yield label, [("mean", f"adaptive_weights_{source}", tables, rows, head) for source, head in places]


def lesson_09():
    for design in ("sum", "PCGrad", "MGDA", "separate networks"):
        places = product(("left and right", "digit and odd"), SOURCES)
        yield design, [("share", f"gradient_conflict_{source}", pair, design, "both") for pair, source in places]
    for heads in (2, 3, 5, 10):
        rows = ("rule: (1 + 2 x heads) / 3", "pcgrad", "mgda")
        yield str(heads), [("median", "gradient_steps", f"{heads} heads", row, "ratio") for row in rows]


def lesson_10():
    for target, labels in product(("prime", "large", "right"), (100, 400, 2000)):
        row = f"{target}, {labels} labels, 64 units"
        label = f"*{target}* | {labels}" if labels == 100 else f"| {labels:,}"
        yield label, [("gain", f"sharing_{source}", "pairs", row, "difference") for source in SOURCES]
    for units, label in ((16, "16"), (64, "64, other random weights"), (256, "256")):
        row = f"right, 400 labels, {units} units"
        yield label, [("gain", f"sharing_{source}", "capacity", row, "difference") for source in SOURCES]
    for design, source in product(("separate", "cross-stitch", "experts with gates", "gates held at a third"), SOURCES):
        label = f"{design} | bundled digits" if source == "digits" else "| MNIST"
        columns = [f"{task}, against hard" for task in ("left", "prime", "right")]
        yield label, [("gain", f"sharing_{source}", "designs, 100 labels", design, column) for column in columns]
    for one, other in (("left", "prime"), ("left", "right"), ("prime", "right")):
        table, row = "experts with gates: what was learned", f"{one} and {other}: distance"
        yield f"*{one}* and *{other}*", [("spread", f"sharing_{source}", table, row, "value") for source in SOURCES]


def capstone(variant, column, table="validation"):
    return [values(f"capstone_{source}", table, variant, column) for source in SOURCES]


def span(numbers, digits=0):
    low, high = (f"{round(end(numbers), digits) + 0.0:.{digits}f}" for end in (min, max))  # + 0.0: no -0
    return low if low == high else f"{low} to {high}"


def both_numbers(variant, column, times=1, digits=0):
    """The means of both numbers of the position on both sources."""
    return span(
        [times * runs.mean() for end in ("right", "down") for runs in capstone(variant, f"{column} {end}")], digits
    )


def changes(variant, head):
    """By how many points the score of a variant differs from that of the solution, on each source."""
    pairs = zip(capstone(variant, head), capstone("solution", head), strict=True)
    return [100 * (runs.mean() - solution.mean()) for runs, solution in pairs]


def lower(variant, head):
    return span([-change for change in changes(variant, head)])


def higher(variant, head):
    return span(changes(variant, head))


def accepted(variant):
    runs = np.concatenate(capstone(variant, "accepted", "accepted"))
    words = {0: "never accepted", len(runs): "accepted"}
    return words.get(runs.sum(), f"accepted in {runs.sum():.0f} runs of {len(runs)}")


def lesson_19():
    name = "std as it is"
    words = f"{accepted(name)}: {both_numbers(name, 'one', 100)}% of the errors within one standard deviation"
    yield "the standard deviations are not corrected", words
    name = "aisles not used"
    words = f"{accepted(name)}: aisle {lower(name, 'aisle')} points lower, and locker {lower(name, 'locker')}"
    yield "the aisle labels are not used", words
    name = "no dropout"
    words = (
        f"{accepted(name)}: services {higher(name, 'services')} points higher, and the position less far off. But the "
    )
    words += "standard deviations tell less about who is sure: the surer half has "
    halves = [both_numbers(variant, "half", digits=2) for variant in (name, "solution")]
    yield name, f"{words}{halves[0]} times the error of the other half, in place of {halves[1]}"
    name = "no dropout, as they are"
    words = f"{accepted(name)}: only {both_numbers(name, 'one', 100)}% of the errors within one standard deviation"
    yield "no dropout, and the standard deviations are not corrected", words
    name = "dense"
    words = f"{accepted(name)}: services {lower(name, 'services')} points lower"
    yield "a dense trunk of 256 and 128 units, 1,500 updates", words
    name = "aisle head of its own"
    words = f"{accepted(name)}: aisle {lower(name, 'aisle')} points lower, locker {lower(name, 'locker')}"
    yield "an aisle head of its own, read top-down", words
    name = "one softmax, weight 9"
    words = f"{accepted(name)}: aisle {lower(name, 'aisle')} points lower"
    yield "one softmax in place of the conditional head, where a known locker weighs 9", words
    for name, label in (
        ("each label one vote", "each label one vote, in place of 3 for a known locker"),
        ("locker loss weight 1", "loss weight 1 for the locker in place of 2"),
    ):
        words = (
            f"{accepted(name)}: locker {lower(name, 'locker')} points lower, services {higher(name, 'services')} higher"
        )
        yield label, words
    name = "constant learning rate"
    ratios = zip(capstone(name, "position"), capstone("solution", "position"), strict=True)
    further = span([100 * (runs.mean() / solution.mean() - 1) for runs, solution in ratios])
    words = (
        f"{accepted(name)}: services {higher(name, 'services')} points *higher*, and the position {further}% further"
    )
    yield "a learning rate that stays at 0.003", f"{words} off"


LINES = {"08": lesson_08, "09": lesson_09, "10": lesson_10, "19": lesson_19}


@pytest.mark.parametrize("lesson", LINES)
def test_each_line_of_a_quoted_table_is_what_was_measured(lesson):
    written = {re.sub(r" +", " ", line) for line in text(lesson).splitlines() if line.startswith("|")}
    for label, cells in LINES[lesson]():
        cells = cells if isinstance(cells, str) else " | ".join(cell(*place) for place in cells)
        assert f"| {label} | {cells} |" in written, f"{lesson}: {label} | {cells}"


# Sentences


SENTENCES = []


def sentence(lesson, words):
    """What is decorated says whether these words of a lesson are true of a data source."""

    def note(holds):
        SENTENCES.append(pytest.param(lesson, words, holds, id=holds.__name__))
        return holds

    return note


def clear(differences):
    """Whether a difference is above 0 by three standard deviations of the runs."""
    return differences.mean() > 3 * differences.std(ddof=1)


@sentence("04", "They differ much less from each other than from side by side")
def orders_of_a_chain_matter_little(source):
    file = f"multi_label_{source}"
    for table in ("labels drawn on their own", "labels that come together"):
        orders, side_by_side = (values(file, table, row, "exact") for row in ("orders", "independent"))
        if not clear(orders - side_by_side[0]):
            return False
    return True


@sentence(
    "04",
    "It finds more rare digits than no weight, too. But it also weights the other labels of these images: "
    "the other labels do worse, and the exact match fell in each of five runs.",
)
def image_weight(source):
    file, table = f"multi_label_{source}", "rare labels"
    differences = {
        column: values(file, table, "image weight 5", column) - values(file, table, "plain", column)
        for column in ("rare recall", "other F1", "exact")
    }
    found_more, others_worse = clear(differences["rare recall"]), clear(-differences["other F1"])
    return found_more and others_worse and (differences["exact"] < 0).sum() == len(differences["exact"]) == 5


@sentence(
    "06",
    "With momentum instead, at a learning rate of 0.1, *left* was far *worse* than with the diluted loss",
)
def momentum_needs_the_diluted_loss(source):
    place = f"missing_labels_{source}", "labels of odd known for 5%"
    diluted, repaired = (values(*place, f"SGD, mean over {over}", "left") for over in ("batch", "labels"))
    return (diluted > repaired).all() and (diluted - repaired).mean() > 0.3


@sentence("06", "With 1,200 updates they bring back a smaller part")
def weights_bring_back_less_later(source):
    def brought_back(updates):
        place = f"missing_labels_{source}", f"90% of odd and 10% of even, {updates} updates"
        rows = ("hidden by class, weights 1", "hidden by class, weights 1/p", "as many hidden at random")
        nothing, weights, everything = (mean(*place, row, "odd") for row in rows)
        return (weights - nothing) / (everything - nothing)

    return brought_back(1200) < brought_back(300) - 0.2


@sentence("07", "different runs choose different weights")
def runs_choose_different_weights(source):
    return len(set(values(f"loss_weights_{source}", "the weight that was tuned", "weight of odd", "weight"))) > 1


@sentence("11", "adds a hidden layer: no better with 60 labels, and most of the loss is made up for with 1,000.")
def a_larger_conditional_head(source):
    def lost(labels, design):
        return -mean(f"hierarchies_{source}", f"by look, {labels} labelled images", design, "against flat")

    few, many = ((lost(labels, "conditional"), lost(labels, "conditional, larger")) for labels in ("60", "1,000"))
    return few[1] > few[0] - 0.005 and many[1] < many[0] / 2


def adaptive(source, pair, factor, method, column="mean of both"):
    return values(f"adaptive_weights_{source}", f"{pair}: times {factor}", method, column)


BEGUN = ("GradNorm, begun", "uncertainty, begun")
METHODS = ("DWA", "sum of logarithms", "uncertainty, speed 25", "GradNorm", *BEGUN)


@sentence(
    "08",
    "Without the factor all are within about 0.01 of the plain sum, and so is the weight from the sweep.",
)
def no_method_matters_without_the_factor(source):
    plain = adaptive(source, "two digits", 1, "plain sum").mean()
    tuned = mean(f"adaptive_weights_{source}", "two digits: sweep", "tuned weight", "mean of both")
    found = [adaptive(source, "two digits", 1, method).mean() for method in METHODS]
    return max(abs(score - plain) for score in [*found, tuned]) < 0.0125


@sentence("08", "standard deviation below 0.03")
def runs_differ_little(source):
    found = [adaptive(source, "two digits", f, m) for f, m in product((1, 100), ("plain sum", *METHODS))]
    heads = product((1,), ("plain sum", *METHODS), ("digit", "pose"))
    found += [adaptive(source, "digit and pose", *place) for place in heads]
    return max(runs.std(ddof=1) for runs in found) < 0.03


@sentence(
    "08",
    "in the last epoch about 9 times (MNIST) or over 20 times (bundled digits) that of the digit",
)
def pose_gets_a_large_weight(source):
    ratio = adaptive(source, "digit and pose", 1, "uncertainty, begun", "weight").mean()
    return 8.5 < ratio < 9.5 if source == "mnist" else ratio > 20


@sentence(
    "08",
    "With the loss of the pose times 100, the plain sum leaves about 0.9 of the digit's error, and the "
    "two last rows stay as they are, to within about 0.01.",
)
def factor_of_the_pose(source):
    def score(factor, method, head):
        return adaptive(source, "digit and pose", factor, method, head).mean()

    moved = [abs(score(100, m, h) - score(1, m, h)) for m, h in product(BEGUN, ("digit", "pose"))]
    return 0.85 < score(100, "plain sum", "digit") < 0.95 and max(moved) < 0.0125


def conflict(source, pair, design, column="both"):
    return mean(f"gradient_conflict_{source}", pair, design, column)


@sentence(
    "09",
    "PCGrad and MGDA are within a point (0.01 of the images) of the sum in all four columns. MGDA is "
    "furthest behind on *digit* and *odd* of MNIST, and the benchmark's full table shows where: in "
    "*digit*, and hardly in *odd*.",
)
def conflicts_cost_a_point_at_most(source):
    pairs = product(("left and right", "digit and odd"), ("PCGrad", "MGDA"))
    within = all(abs(conflict(source, pair, one) - conflict(source, pair, "sum")) <= 0.01 for pair, one in pairs)
    lost = {
        head: conflict("mnist", "digit and odd", "sum", head) - conflict("mnist", "digit and odd", "MGDA", head)
        for head in ("digit", "odd")
    }
    return within and lost["digit"] > 0.005 and abs(lost["odd"]) < 0.003


@sentence(
    "09",
    "ahead on *left* and *right*: by about two points on the bundled digits, and by about four on MNIST",
)
def separate_networks_are_ahead(source):
    gain = conflict(source, "left and right", "separate networks") - conflict(source, "left and right", "sum")
    return abs(gain - {"digits": 0.02, "mnist": 0.04}[source]) < 0.006


@sentence(
    "09",
    "On *digit* and *odd*, with a cosine above 0, separate networks are about a point behind the sum.",
)
def separate_networks_are_behind(source):
    loss = conflict(source, "digit and odd", "sum") - conflict(source, "digit and odd", "separate networks")
    return 0.005 < loss < 0.015


def ratio(heads, method):
    return np.median(values("gradient_steps", f"{heads} heads", method, "ratio"))


HEADS = (2, 3, 5, 10)


@sentence(
    "09",
    "So the rule shows the direction, but it is too high: from 2 to 10 heads, the ratio grew by about 0.5 with each "
    "further head, and not by the rule's 2/3.",
)
def the_rule_is_too_high(_):
    below = [1 < ratio(heads, method) < (1 + 2 * heads) / 3 for heads in HEADS for method in ("pcgrad", "mgda")]
    growth = [(ratio(10, method) - ratio(2, method)) / 8 for method in ("pcgrad", "mgda")]
    return all(below) and all(0.45 < each < 0.55 for each in growth)


@sentence("09", "In the same benchmark they took less than 1.2 times the plain sum, with up to 10 heads.")
def there_are_cheaper_ways(_):
    return all(ratio(heads, method) < 1.2 for heads in HEADS for method in ("gradnorm", "mgda-features"))


def left_helps(source, target, labels):
    return values(f"sharing_{source}", "pairs", f"{target}, {labels} labels, 64 units", "difference") > 0


@sentence(
    "10",
    "With 100 labels, *prime* gains in every run on both sources, *large* in some, and *right* loses in "
    "every run, whatever the number of labels.",
)
def left_helps_prime_alone(source):
    right = [left_helps(source, "right", labels).any() for labels in (100, 400, 2000)]
    return left_helps(source, "prime", 100).all() and left_helps(source, "large", 100).any() and not any(right)


@sentence("10", "With 2,000 labels, *prime* and *large* lose too, in nine or all of the ten runs.")
def many_labels_gain_nothing(source):
    return all(left_helps(source, target, 2000).sum() <= 1 for target in ("prime", "large"))


@sentence("10", "with 256 units *right* still loses in each of the ten runs")
def a_wide_trunk_still_loses(source):
    return (values(f"sharing_{source}", "capacity", "right, 400 labels, 256 units", "difference") < 0).all()


@sentence("10", "the largest weight of an image is 0.68 to 0.82 on average")
def gates_choose(source):
    table = "experts with gates: what was learned"
    rows = [f"{task}: largest weight of an image" for task in ("left", "prime", "right")]
    return all(0.68 <= round(mean(f"sharing_{source}", table, row, "value"), 2) <= 0.82 for row in rows)


@pytest.mark.parametrize(("lesson", "words", "holds"), SENTENCES)
def test_each_sentence_about_a_benchmark_is_written_and_true(lesson, words, holds):
    assert words in " ".join(text(lesson).split())
    assert all(holds(source) for source in SOURCES)


def graphs(source, table, row, column="exact"):
    return values(f"hierarchy_graphs_{source}", table, row, column)


@sentence(
    "13",
    "over the ten runs of the benchmark the standard deviation of exact match was more than twice as large, on both "
    "data sources and with both numbers of canvases",
)
def the_plain_loss_is_less_stable(source):
    for canvases in ("300", "8,000"):
        losses = ("plain loss", "max-constraint loss")
        plain, constraint = (graphs(source, f"two, {canvases} canvases", loss) for loss in losses)
        if len(plain) != 10 or plain.std() < 2 * constraint.std():
            return False
    return True


@sentence(
    "13",
    "With 300 canvases the max-constraint loss has a little more precision hP than the flat model, and a little less "
    "recall hR. With 8,000 these differences are no larger than their standard deviation.",
)
def precision_for_recall(source):
    def sizes(canvases):
        row = f"two, {canvases} canvases: differences", "max-constraint loss - flat"
        found = graphs(source, *row, "hP"), -graphs(source, *row, "hR")
        return [differences.mean() / differences.std(ddof=1) for differences in found]

    return min(sizes("300")) > 1 and max(map(abs, sizes("8,000"))) < 1


@sentence(
    "13",
    "Where all ten digits have a class of their own, it is as stable as the max-constraint loss, and scores no worse.",
)
def the_plain_loss_in_another_graph(source):
    for canvases in ("300", "8,000"):
        losses = ("plain loss", "max-constraint loss")
        plain, constraint = (graphs(source, f"all, {canvases} canvases", loss) for loss in losses)
        if plain.std() > 1.25 * constraint.std() or plain.mean() < constraint.mean() - 0.005:
            return False
    return True


@sentence(
    "14",
    "So LiteRT is usually the fastest, then come the SavedModel and the `tf.function`, then `predict_on_batch`, then a "
    "call, and `predict` is last by far. `benchmarks/serving.py` measures 256 images too.",
)
def predict_is_last(_):
    forms = ("LiteRT", "SavedModel", "tf.function", "predict_on_batch", "model(image)", "predict")
    times = [np.median(values("serving", "1 image", form, "ratio")) for form in forms]
    return times == sorted(times) and times[-1] > 10 * times[-2] and "256 images" in stored("serving").result["tables"]


@sentence("14", "In our run ONNX came between LiteRT and the SavedModel in time")
def onnx_comes_second(_):
    return (
        np.median(values("serving", "1 image", "LiteRT", "ratio"))
        < np.median(values("serving", "1 image", "ONNX", "ratio"))
        < 1
    )


@sentence(
    "15",
    "`batches` alone gained nothing, 32 updates in one call alone made it 1.4 to 2 times as fast, and both together "
    "more than twice",
)
def many_updates_in_a_call_save_work(_):
    alone, arrays, both = (
        values("input_pipeline", "fit on", way, "speed")
        for way in ("batches", "arrays, 32 updates in one call", "batches, 32 updates in one call")
    )
    return alone.max() < 1 and arrays.min() > 1.35 and arrays.max() < 2.05 and both.min() > 2


@sentence(
    "15",
    "Even with 32 updates in one call, these files needed 1.0 to 2.4 times what plain `fit` on arrays needs, and about "
    "three times if they are read one after the other",
)
def files_cost_work(_):
    ways = ("side by side", "image by image")
    side, single = (1 / values("input_pipeline", "fit on", f"files, {way}, 32", "speed") for way in ways)
    return side.min() > 0.95 and side.max() < 2.45 and single.min() > 2.7 and single.max() < 3.3


@sentence(
    "15",
    "Two workers on one machine needed more than three times the processor time of one process for the same updates",
)
def workers_on_one_machine_gain_nothing(_):
    return values("scaling", "form", "two workers", "ratio").min() > 3


@sentence("15", "Eight networks of 300 updates took two processes more than twice the processor time of one")
def a_sweep_of_short_tasks_costs(_):
    assert "8 networks by 2 processes, 300 updates" in stored("sweep").result["about"]
    return all(np.median(values("sweep", "way", way, "ratio")) > 2 for way in ("joblib", "dask"))


def never(variant, *conditions):
    """Whether no run of a variant meets any of the conditions, on any source."""
    return not any(runs.any() for condition in conditions for runs in capstone(variant, condition, "accepted"))


@sentence("19", "The client accepts all ten on both.")
def the_solution_is_accepted(_):
    return all(len(runs) == 10 and runs.all() for runs in capstone("solution", "accepted", "accepted"))


@sentence(
    "19",
    "never accepted: position and void go more than two thirds of the way to the baseline. Locker and aisle change by "
    "two points at the most",
)
def gaps_are_no_labels(source):
    name, file = "gaps counted as labels", f"capstone_{source}"
    ways = []
    for head in ("position", "void"):
        solution, wrong = (mean(file, "validation", variant, head) for variant in ("solution", name))
        ways.append((wrong - solution) / (mean(file, "hidden", "baseline", head) - solution))
    moved = max(abs(change) for head in ("locker", "aisle") for change in changes(name, head))
    return never(name, "accepted", "position", "void") and min(ways) > 2 / 3 and moved <= 2


@sentence("19", "never accepted: none of the five scores is good enough")
def complete_slips_are_too_few(_):
    return never("complete slips only", "accepted", "locker", "aisle", "services", "position", "void")


@sentence("19", "never accepted: locker, aisle and services are not good enough")
def a_small_network_is_too_small(_):
    return never("small", "accepted", "locker", "aisle", "services")


# Scripts


def test_every_benchmark_that_a_lesson_names_has_a_stored_result():
    pages = [*(ROOT / "source").glob("*/*.py"), ROOT / "README.md"]
    named = {name for page in pages for name in re.findall(r"benchmarks/(\w+)\.py", page.read_text("utf-8"))}
    found = {re.sub(r"_(digits|mnist)$", "", path.stem) for path in RESULTS.glob("*.json")}
    assert named
    assert named <= found
