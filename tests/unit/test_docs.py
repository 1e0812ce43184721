"""What the documentation says is there, is there."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from local.formation import parse_procfile

ROOT = Path(__file__).parents[2]
DOCS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def variables() -> set[str]:
    """Every environment variable that the settings read."""
    return set(re.findall(r'env\.[a-z]+\(\s*"([A-Z0-9_]+)"', (ROOT / "pipeline/settings/__init__.py").read_text()))


def test_every_setting_is_documented() -> None:
    documented = (ROOT / "docs/operations.md").read_text()
    assert len(variables()) > 30
    assert not [name for name in variables() if f"`{name}`" not in documented]


def test_app_json_names_real_settings_and_process_types() -> None:
    app = json.loads((ROOT / "app.json").read_text())
    assert set(app["env"]) <= variables() | {"REMAP_SIGTERM"}
    assert set(app["formation"]) <= set(parse_procfile((ROOT / "Procfile").read_text()))
    assert app["formation"]["worker"]["quantity"] == 0


def test_every_process_replaces_its_shell() -> None:
    """Without `exec` the signals that Heroku sends end at bash."""
    for command in parse_procfile((ROOT / "Procfile").read_text()).values():
        assert command.startswith("exec ")


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_between_files_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(((?!https?:)[^)#]+)\)", path.read_text())
    assert not [target for target in targets if not (path.parent / target).exists()]


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_to_a_heading_find_it(path: Path) -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]*)#([^)]+)\)", path.read_text())
    wrong = [
        f"{target}#{anchor}"
        for target, anchor in links
        if anchor not in headings(path.parent / target if target else path)
    ]
    assert not wrong


def headings(path: Path) -> set[str]:
    """The anchors that a reader of Markdown gives the headings of a file."""
    found = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_files_and_tests_that_are_named_exist(path: Path) -> None:
    text = path.read_text()
    named = set(re.findall(r"`((?:tests|pipeline|docs)/[\w/.-]+\.(?:py|md))`", text))
    assert not [name for name in named if not (ROOT / name).exists()]
    tests = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    assert not [name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in tests]


def test_commands_of_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", readme)) <= targets
    shown = subprocess.run([sys.executable, "-m", "pipeline", "--help"], capture_output=True, text=True, cwd=ROOT)
    for command in set(re.findall(r"python -m pipeline ([a-z]+)", readme)):
        assert f"\n  {command} " in shown.stdout


def test_the_package_has_every_file_and_the_extras_that_are_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packaged = project["tool"]["setuptools"]["package-data"]
    found = {
        path
        for name, globs in packaged.items()
        for glob in globs
        for path in (ROOT / name.replace(".", "/")).glob(glob)
    }
    files = {
        path for path in (ROOT / "pipeline").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert found == files
    named = {name for path in DOCS for name in re.findall(r"`pipeline\[(\w+)\]`", path.read_text())}
    assert named
    assert named <= set(project["project"]["optional-dependencies"])


def test_only_the_package_is_installed() -> None:
    """`local`, `bench` and `tests` are for development."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["packages"]["find"]["include"]
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {"local", "bench", "tests"} <= found
    assert {name for name in found if any(fnmatch(name, pattern) for pattern in patterns)} == {"pipeline"}


def test_the_document_of_the_readme_can_be_made(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "register(" in code]
    ast.parse(code)
    (tmp_path / "tickets.py").write_text(code)
    made = subprocess.run(
        [sys.executable, "-m", "pipeline", "render", "tickets", "-o", "out.pdf", "--count", "7"],
        capture_output=True, text=True, cwd=tmp_path,
        env={"DOCUMENTS": "tickets", "PYTHONPATH": f"{ROOT}:{tmp_path}"},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "7 pages" in made.stdout
