"""What the documentation says is there, is there."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import werkzeug.exceptions

from local.formation import parse_procfile
from pipeline import errors
from pipeline.adapters.redis.messages import QUEUES
from pipeline.tasks.records import StepRecord
from pipeline.tasks.schedules.entries import TASKS

ROOT = Path(__file__).parents[2]
DOCS = [*sorted(ROOT.glob("*.md")), ROOT / "client/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def variables() -> set[str]:
    """Every environment variable that the settings read."""
    text = "".join(path.read_text() for path in (ROOT / "pipeline/settings").glob("*.py"))
    return set(re.findall(r'env\.[a-z]+\(\s*"([A-Z0-9_]+)"', text))


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
    named = spans(path.read_text())
    assert not [name for name in named if is_path(name) and not exists(name)]
    assert not [name for name in named if MODULE.fullmatch(name) and not is_defined(name)]
    tests = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    assert not [name for name in named if re.fullmatch(r"test_\w+", name) and f"def {name}(" not in tests]


def spans(text: str) -> list[str]:
    """What stands in backticks, outside of code blocks; of a command the module that it runs."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [re.sub(r"^python -m ([\w.]+).*", r"\1", span) for span in re.findall(r"`([^`\n]+)`", prose)]


PACKAGES = {path.name for root in (ROOT, ROOT / "pipeline") for path in root.iterdir() if path.is_dir()}
MODULE = re.compile(r"(?:pipeline|local|bench|tests)(?:\.[A-Za-z_]\w*)*")
EXAMPLES = {"tickets.py", "documents.py"}  # what a reader writes


def is_path(span: str) -> bool:
    """True for a Python file, and for any path that begins with a folder of the project or of the package."""
    python = re.fullmatch(r"[\w/-]+\.py", span) is not None and span not in EXAMPLES
    return python or (re.fullmatch(r"[\w.-]+/[\w./-]*", span) is not None and span.split("/")[0] in PACKAGES)


def exists(span: str) -> bool:
    return (ROOT / span).exists() or (ROOT / "pipeline" / span).exists()


def is_defined(name: str) -> bool:
    """True for a module or package; for a name at the top of one, when its text has it; for a task or a queue."""
    if name in (*TASKS, *QUEUES):
        return True
    path = ROOT / name.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").exists():
        return True
    module = path.parent / "__init__.py" if path.parent.is_dir() else path.parent.with_suffix(".py")
    return module.exists() and re.search(rf"\b{path.name}\b", module.read_text()) is not None


@pytest.mark.parametrize(
    ("span", "there"),
    [
        ("tasks/flow.py", True), ("pipeline/tasks/flow.py", True), ("docs/panel.png", True),
        ("tasks/flew.py", False), ("flow.py", False), ("web/nothing/", False),
        ("inputs/orders.csv", None), ("exports/<id>/export.json", None),
    ],
)  # fmt: skip
def test_paths_are_told_from_keys_of_the_bucket(span: str, there: bool | None) -> None:
    assert (exists(span) if is_path(span) else None) is there


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("pipeline.pdf.assembly", True),
        ("pipeline.connect", True),
        ("pipeline.local", False),
        ("bench.report", True),
    ],
)
def test_modules_and_their_names_are_found(name: str, there: bool) -> None:
    assert MODULE.fullmatch(name)
    assert is_defined(name) is there


def test_the_walk_of_an_export_names_no_file_twice() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    walk = text.partition("\n## The walk of one export\n")[2].partition("\n## ")[0]
    files = [span for span in spans(walk) if is_path(span)]
    assert len(files) > 50
    assert sorted(files) == sorted(set(files))


def test_each_file_of_the_package_is_named_in_the_architecture() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(
        r"^\| `([\w/]+)/` \| (.*) \|$", text.partition("\n## The other files\n")[2].partition("\n## ")[0], re.M
    )
    others = {f"{folder}/{name}.py" for folder, names in rows for name in spans(names) if "/" not in name}
    package = ROOT / "pipeline"
    files = {str(path.relative_to(package)) for path in package.rglob("*.py") if not path.name.startswith("__")}
    assert len(others) > 100
    assert not others - files, "these do not exist"
    assert not others & set(spans(text)), "these are named in the walk"
    assert not files - others - set(spans(text)), "name these in docs/architecture.md"


def test_error_codes_of_the_api_are_classes() -> None:
    section = (ROOT / "docs/api.md").read_text().partition("\n## Errors\n")[2]
    codes = {span for span in spans(section) if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", span)}
    assert len(codes) > 15
    known = {*vars(errors), *vars(werkzeug.exceptions), "InternalError"}
    assert codes <= known


def test_fields_of_a_step_are_documented() -> None:
    rows = (ROOT / "docs/operations.md").read_text().partition("\n## Logs\n")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \| [^|]* \|$", rows, re.MULTILINE))
    assert documented == {field.name for field in dataclasses.fields(StepRecord)}


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
