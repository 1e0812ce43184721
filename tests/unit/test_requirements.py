"""What is installed: the pins of the app, the ranges of the library, and what the program imports."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
DEPENDENCIES = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = [Requirement(line) for lines in PROJECT["optional-dependencies"].values() for line in lines]


def pins(file: str) -> dict[str, str]:
    """The versions that a requirements file pins, by canonical name."""
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line and not line.startswith("-r ")]
    return {canonicalize_name(it.name): str(it.specifier).removeprefix("==") for it in requirements}


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that is executed: imports for the type checker alone are left out."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    yield tree
    for child in ast.iter_child_nodes(tree):
        yield from statements(child)


def third_party(path: Path) -> Iterator[str]:
    """The top-level modules that a file imports and that are neither ours nor Python's."""
    for node in statements(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        yield from {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"pipeline"}


def test_the_app_is_pinned_with_all_that_its_requirements_need() -> None:
    app = pins("requirements.txt")
    needed = {
        canonicalize_name(requirement.name)
        for name in app
        for requirement in map(Requirement, requires(name) or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }
    assert not needed - app.keys()


@pytest.mark.parametrize(
    ("requirement", "file"),
    [(it, "requirements.txt") for it in DEPENDENCIES] + [(it, "requirements-dev.txt") for it in EXTRAS],
    ids=lambda value: getattr(value, "name", ""),
)
def test_each_pin_lies_in_its_range(requirement: Requirement, file: str) -> None:
    assert requirement.specifier.contains(pins(file)[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("requirement", DEPENDENCIES + EXTRAS, ids=lambda it: it.name)
def test_a_program_that_imports_pipeline_gets_a_range_up_to_a_major_version(requirement: Requirement) -> None:
    bounds = {it.operator: Version(it.version) for it in requirement.specifier}
    assert bounds.keys() == {">=", "<"}
    assert bounds[">="] < bounds["<"] and bounds["<"].release[1:] == ()


def test_each_third_party_import_is_declared() -> None:
    declared = {canonicalize_name(it.name) for it in DEPENDENCIES + EXTRAS}
    distributions = packages_distributions()
    undeclared = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((ROOT / "pipeline").rglob("*.py"))
        for module in third_party(path)
        if not declared & {canonicalize_name(name) for name in distributions.get(module, [])}
    ]
    assert not undeclared


def test_the_wheel_is_built_by_the_pinned_setuptools() -> None:
    assert PYPROJECT["build-system"]["requires"] == [f"setuptools=={pins('requirements-dev.txt')['setuptools']}"]
