"""The harness of the benchmarks, and the table that says which of them made what."""

import contextlib
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from benchmarks import harness

FOLDER = Path(harness.__file__).parent
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def options(*given, **defaults):
    return harness.arguments("Measure something.", **defaults).parse_args(given)


def run(given, script="benchmarks/tiny.py"):
    """A benchmark of two designs, whose scores are numbers that we know."""
    with harness.Report(given, "accuracy", script=script) as report:
        runs = harness.in_turns(lambda name, seed: [len(name) / 10, seed / 10], ["sum", "PCGrad"], range(given.seeds))
        table = report.table("left and right", {"left": "share", "right": "points"})
        for name, found in runs.items():
            table.row(name, found, remark=f"{name}!")
        table.row("baseline", {"left": 0.1})


def test_a_run_prints_its_table_and_writes_what_it_found(results, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/some/where/benchmarks/tiny.py", "--seeds", "3", "--save"])
    run(options("--seeds", "3", "--save", seeds=10))
    printed = capsys.readouterr().out.splitlines()
    assert re.search(r"PCGrad +60.0% ± 0.0% +\+10.0 ± 10.0 \(2 of 3\) +PCGrad!", "\n".join(printed))
    assert re.search(r"baseline +10.0% +-$", "\n".join(printed), re.MULTILINE)

    stored = json.loads((results / "tiny_digits.json").read_text("utf-8"))
    assert stored["command"] == "python benchmarks/tiny.py --seeds 3 --save"
    assert stored["data"] == "digits"
    assert set(stored["versions"]) == {"python", "numpy", "tensorflow", "keras"}
    assert stored["tables"]["left and right"]["sum"] == {"left": [0.3, 0.3, 0.3], "right": [0.0, 0.1, 0.2]}
    assert harness.Stored("tiny_digits").text("left and right", "sum", "left", "share") == "30.0% ± 0.0%"


def test_nothing_is_written_unasked_or_of_a_run_that_failed(results):
    run(options("--seeds", "2", seeds=10))
    with pytest.raises(ZeroDivisionError), harness.Report(options("--save", seeds=10), "accuracy"):
        _ = 1 / 0
    assert not results.exists()


def test_a_benchmark_of_times_says_whether_the_machine_did_anything_else(results):
    with harness.Report(options("--save", "--machine", "quiet", rounds=5), "times", script="tiny.py") as report:
        report.table("ways", ["ms"], "median").row("one", [[1.0], [2.0], [9.0]])
    assert harness.Stored("tiny").result["machine"] == "quiet"


def test_designs_take_turns_with_each_seed():
    calls = []
    found = harness.in_turns(lambda name, seed: calls.append((name, seed)) or seed, ["a", "b"], [7, 8])
    assert calls == [("a", 7), ("b", 7), ("a", 8), ("b", 8)]
    assert found == {"a": [7, 8], "b": [7, 8]}


def test_ways_are_timed_in_turns_and_the_first_round_does_not_count(monkeypatch):
    clock, calls = [0.0], []
    monkeypatch.setitem(harness.CLOCKS, "quiet", lambda: clock[0])

    def way(name, seconds):
        calls.append(name)
        clock[0] += seconds if len(calls) > 4 else 100

    ways = {"fast": lambda: way("fast", 1), "slow": lambda: way("slow", 3)}
    assert harness.seconds(ways, rounds=2, repeats=2) == {"fast": [1, 1], "slow": [3, 3]}
    assert calls == ["fast", "fast", "slow", "slow"] * 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--seeds", "0"], "--seeds: must be a whole number, at least 1, not 0"),
        (["--seeds", "few"], "--seeds: must be a whole number, at least 1, not few"),
        (["--updates", "150"], "--updates: must be a whole number, at least 100 and a multiple of 100, not 150"),
        (["--rounds", "1"], "--rounds: must be a whole number, at least 3, not 1"),
        (["--data", "letters"], "invalid choice: 'letters'"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_wanted(given, message, capsys):
    with pytest.raises(SystemExit):
        options(*given, seeds=10, updates=400, rounds=7)
    assert message in capsys.readouterr().err


def test_a_number_that_is_not_there_is_a_dash_and_is_not_stored(capsys):
    table = harness.Table("times", ["ms", "ratio"], "median")
    table.row("rule", [[np.nan, 1.67]])
    assert re.search(r"rule +- +1.67", capsys.readouterr().out)
    assert table.rows == {"rule": {"ratio": [1.67]}}


# The table


def named(kind):
    return re.findall(rf"`(\w+\.{kind})`", (FOLDER / "README.md").read_text("utf-8"))


def test_every_script_stands_in_the_table():
    assert sorted(set(named("py"))) == SCRIPTS


def test_every_result_stands_in_the_table_beside_the_script_that_wrote_it():
    rows = (FOLDER / "README.md").read_text("utf-8").splitlines()
    results = sorted(path.name for path in harness.RESULTS.glob("*.json"))
    assert sorted(named("json")) == results
    for name in results:
        script = json.loads((harness.RESULTS / name).read_text("utf-8"))["command"].split()[1].split("/")[1]
        assert any(f"`{script}`" in row and f"`{name}`" in row for row in rows), name


def test_every_benchmark_says_what_it_does_and_how_it_is_run(monkeypatch, capsys):
    monkeypatch.syspath_prepend(FOLDER)
    for name in SCRIPTS:
        monkeypatch.setattr("sys.argv", [name, "--help"])
        with contextlib.suppress(SystemExit):
            runpy.run_path(str(FOLDER / name), run_name="__main__")
            assert name in ("harness.py", "local_cluster.py", "training.py"), f"{name} goes on after --help"
            continue
        assert f"    python benchmarks/{name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("claim", "equal"),
    [("a <= b", True), ("b >= a  # time 2", True), ("a < b", False), ("f(x=1) > 2", False), ("a[b <= c] < 1", False)],
)
def test_a_margin_of_zero_is_enough_only_where_both_sides_may_be_equal(claim, equal, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    margins = runpy.run_path(str(FOLDER / "margins.py"))
    assert margins["may_be_equal"](claim) is equal
    [(sound, _)] = margins["rows"]("00_lesson", "digits", {claim: [0.0, 0.0]})
    assert sound is equal
