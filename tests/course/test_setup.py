"""pyproject.toml, requirements.txt and environment.yml describe the same environment."""

import re
import shutil
import subprocess
import tomllib
import warnings
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXPORT = ["uv", "export", "--frozen", "--no-hashes", "--no-header", "--no-annotate", "--no-emit-project"]


COURSE = PROJECT["project"]["optional-dependencies"]["course"]
DIRECT = [*PROJECT["project"]["dependencies"], *COURSE, *PROJECT["dependency-groups"]["dev"]]
DIRECT.remove("mos_helpers[course]")


def requirements():
    return (ROOT / "requirements.txt").read_text(encoding="utf-8")


def pinned():
    return [Requirement(line) for line in requirements().splitlines()]


def test_requirements_are_pinned_and_free_of_addresses():
    assert not re.search(r"://|--hash|^-", requirements(), re.MULTILINE)
    for requirement in pinned():
        assert [spec.operator for spec in requirement.specifier] == ["=="], requirement


@pytest.mark.parametrize("line", DIRECT)
def test_every_dependency_is_pinned_inside_its_bounds(line):
    wanted = Requirement(line)
    assert [spec.operator for spec in wanted.specifier] == [">="], f"{line} needs a lower bound"
    versions = [
        next(iter(found.specifier)).version
        for found in pinned()
        if canonicalize_name(found.name) == canonicalize_name(wanted.name)
    ]
    assert versions, f"{wanted.name} is not in requirements.txt"
    assert all(version in wanted.specifier for version in versions)


@pytest.mark.skipif(not (shutil.which("uv") and (ROOT / "uv.lock").exists()), reason="needs uv and the lock it writes")
def test_requirements_are_what_uv_exports():
    exported = subprocess.run(EXPORT, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pairs = list(zip((Requirement(line) for line in exported.splitlines()), pinned(), strict=True))
    assert all((new.name, str(new.marker)) == (old.name, str(old.marker)) for new, old in pairs)
    changed = {new.name: f"{new} for {old}" for new, old in pairs if new != old}
    assert not changed.keys() & {Requirement(line).name for line in DIRECT}, changed
    if changed:  # when a release is withdrawn or put back, `exclude-newer` gives another version from that day on
        warnings.warn(f"requirements.txt can be exported again: uv now gives {changed}", stacklevel=1)


def test_environment_yml_installs_python_and_the_requirements():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    *conda, pip = yaml.safe_load(text)["dependencies"]
    python = next(line.partition("=")[2] for line in conda if line.startswith("python="))
    assert f"{python}.0" in SpecifierSet(PROJECT["project"]["requires-python"])
    assert "pip" in conda
    assert pip == {"pip": ["-r requirements.txt", "-e ."]}
    bare = [line for line in text.splitlines() if "#" not in line]
    assert bare == ["channels:", "dependencies:", "  - pip:"], "each line but the headings says what it is for"
