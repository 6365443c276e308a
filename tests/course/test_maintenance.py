"""What the next maintainer relies on: versions that agree, forms that can be filled in, a workflow that runs it all."""

import re
import subprocess
import tomllib
from datetime import date
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def load(name):
    return yaml.safe_load(read(name))


PROJECT = tomllib.loads(read("pyproject.toml"))["project"]
CITATION = load("CITATION.cff")
WORKFLOW = load(".github/workflows/tests.yml")
JOBS = WORKFLOW["jobs"]
FORMS = [GITHUB / "ISSUE_TEMPLATE" / name for name in ("lesson.yml", "check.yml")]


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


# Versions


def test_the_citation_has_what_its_format_asks_for():
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= CITATION.keys()
    assert all(author.get("name") or author.get("family-names") for author in CITATION["authors"])
    assert CITATION["license"] == PROJECT["license"]


def test_the_citation_and_the_readme_say_the_same():
    line = next(line for line in read("README.md").splitlines() if line.startswith("> "))
    (author,) = CITATION["authors"]
    year = CITATION["date-released"].year
    assert line == f"> {author['name']} ({year}). *{CITATION['title']}.* Version {CITATION['version']}."


def test_the_citation_and_the_changelog_have_the_version_of_the_package():
    entries = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", read("CHANGELOG.md"), re.MULTILINE)
    days = [date.fromisoformat(day) for _, day in entries]
    assert days == sorted(days, reverse=True)
    assert (CITATION["version"], CITATION["date-released"]) == (entries[0][0], days[0])
    assert CITATION["version"] == PROJECT["version"]


# The workflow


def test_the_workflow_runs_on_every_python_that_the_course_supports_and_on_three_systems():
    supported = [f"3.{minor}" for minor in range(30) if f"3.{minor}.0" in SpecifierSet(PROJECT["requires-python"])]
    matrix = JOBS["tests"]["strategy"]["matrix"]
    assert matrix["python"] == supported
    assert [system.partition("-")[0] for system in matrix["system"]] == ["ubuntu", "macos", "windows"]
    others = JOBS["everything"]
    assert matrix["exclude"] == [{"system": others["runs-on"], "python": others["env"]["UV_PYTHON"]}]


def test_the_workflow_runs_on_push_and_pull_request_and_every_week():
    assert {"push", "pull_request", "schedule"} <= WORKFLOW[True].keys()  # YAML reads the key `on` as true
    assert len(WORKFLOW[True]["schedule"][0]["cron"].split()) == 5


def test_the_workflow_runs_the_commands_of_the_readme_and_what_ci_runs():
    assert " && ".join(commands(JOBS["tests"])) == "pip install uv && uv run pytest"
    assert all(f"\n{command}" in read("README.md") for command in ("pip install uv", "uv run pytest"))
    assert commands(JOBS["everything"]) == ["bash .ci/run"]
    for part in ("ruff check .", "ruff format --check .", "build.py --check", "pytest"):
        assert f"uv run {part}" in read(".ci/run").replace("python build", "build")


def test_only_the_job_with_the_newest_releases_may_fail_and_it_says_so():
    assert [name for name, job in JOBS.items() if "continue-on-error" in job] == ["newest"]
    *_, last = JOBS["newest"]["steps"]
    assert last["if"] == "failure()"
    assert "::warning" in last["run"]
    assert all("continue-on-error" not in step for job in JOBS.values() for step in job["steps"])


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_job_ends_in_time_and_may_only_read(job):
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in job
    assert job["timeout-minutes"] <= 120
    assert not job["runs-on"].endswith("-latest")
    actions = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in actions)


# Forms, and what may stand nowhere


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_asks_each_thing_once_and_names_a_command_that_exists(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= form.keys()
    asked = {field["id"]: field["attributes"] for field in form["body"]}
    assert len(asked) == len(form["body"])
    assert "python -m mos_helpers.doctor" in asked["doctor"]["description"]
    assert (ROOT / "mos_helpers" / "doctor.py").is_file()


def test_the_form_for_a_check_asks_for_all_that_is_needed_to_repeat_it():
    form = load(".github/ISSUE_TEMPLATE/check.yml")
    needed = {field["id"] for field in form["body"] if field.get("validations", {}).get("required")}
    assert {"question", "answer", "message", "doctor"} <= needed


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="asks git which files belong to the course")
def test_no_file_names_the_address_of_a_package_registry():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name and not name.endswith(".png")]
    assert len(paths) > 200
    address = re.compile(r"(pypi|pythonhosted|npmjs|anaconda)\.(org|com)|\bindex[-_]url\b|file:/{3}")
    found = [path.name for path in paths if path.is_file() and address.search(path.read_text(encoding="utf-8"))]
    assert not found
