"""What a contributor is told and what CI runs agree with the project."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLASSIFIER = "Programming Language :: Python :: 3."
CI = ROOT / ".ci/run"
WORKFLOW = (ROOT / ".github/workflows/test.yml").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def pythons() -> list[str]:
    """The versions of Python that pyproject.toml names."""
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    return [line.rpartition(" ")[2] for line in classifiers if line.startswith(CLASSIFIER)]


def yaml_values(key: str) -> list[str]:
    """What stands after `key:` in the workflow, wherever it occurs. No YAML parser is installed."""
    return re.findall(rf"^ *(?:- )?{key}: (.+)$", WORKFLOW, re.MULTILINE)


def test_the_workflow_is_made_of_the_plain_yaml_that_is_read_here() -> None:
    """Keys, lists of one line and comments, indented by two spaces, each block below a key without a value."""
    opened = [0]  # the depths at which a key may stand
    for line in filter(None, WORKFLOW.splitlines()):
        if line.startswith("#"):
            continue
        matched = re.fullmatch(r"((?:  )*)(- )?[a-z_-]+:( [^\s#].*)?", line)
        assert matched, line
        depth = len(matched[1])
        assert depth in opened, line
        opened = [known for known in opened if known <= depth]
        if not matched[3] or matched[2]:
            opened.append(depth + 2)


def test_the_workflow_runs_what_ci_runs() -> None:
    assert yaml_values("run") == [".ci/run"]
    assert os.access(CI, os.X_OK)
    script = CI.read_text()
    assert script.splitlines()[-1] == "exec make test"
    installed = set(re.findall(r"apt-get install .*?([\w-]+) >", script))
    assert installed == {"chromium-headless-shell", "postgresql", "prometheus"}


def test_the_workflow_runs_on_each_python_that_the_project_names() -> None:
    (matrix,) = yaml_values("python")
    assert re.findall(r'"([\d.]+)"', matrix) == pythons()
    (container,) = yaml_values("container")
    assert container == "python:${{ matrix.python }}-bookworm"  # Debian, for apt-get in .ci/run


def test_contributors_are_told_the_same_pythons() -> None:
    (told,) = re.findall(r"You need Python ([\d.]+(?: or [\d.]+)*),", CONTRIBUTING)
    assert told.split(" or ") == pythons()


@pytest.mark.parametrize("line", re.findall(r"^make ([a-z ]+?)  ", CONTRIBUTING, re.MULTILINE))
def test_the_make_targets_that_contributors_are_told_exist(line: str) -> None:
    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(line.split()) <= targets


def test_contributing_leads_to_the_full_check() -> None:
    assert re.search(r"^make test ", CONTRIBUTING, re.MULTILINE)
