"""What `pip install ./client` installs beside any app."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from manypages import element_path
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

CLIENT = Path(__file__).parents[3] / "client"
PROJECT = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
DJANGO = CLIENT / "manypages/django"
MODULES = sorted((CLIENT / "manypages").rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def test_it_needs_requests_alone_in_a_wide_range() -> None:
    (needed,) = map(Requirement, PROJECT["dependencies"])
    assert needed.name == "requests"
    assert needed.specifier.contains("2.28.0") and needed.specifier.contains("2.34.2")
    names = {name.split(".")[0] for path in MODULES if DJANGO not in path.parents for name in imported(path)}
    assert names - sys.stdlib_module_names == {"requests"}


def test_the_django_app_needs_django_and_only_its_task_celery() -> None:
    names = {name.split(".")[0]: path for path in DJANGO.rglob("*.py") for name in imported(path)}
    assert names.keys() - sys.stdlib_module_names == {"django", "celery"}
    assert names["celery"].name == "tasks.py"
    extras = {name: Requirement(needed) for name, (needed,) in PROJECT["optional-dependencies"].items()}
    assert all(extras["django"].specifier.contains(version) for version in ("4.2", "5.2.19", "6.0.1"))
    assert extras["celery"].name == "django-celery-beat"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(CLIENT).as_posix())
def test_python_3_9_can_read_it(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))
    written = path.read_text()  # types are written as in 3.10
    assert "from __future__ import annotations" in written or not re.search(
        r"^\s*def |^class .*\(.*Tuple", written, re.M
    )


def test_each_python_from_3_9_to_3_14_is_named() -> None:
    pythons = [f"3.{minor}" for minor in range(9, 15)]
    assert all(SpecifierSet(PROJECT["requires-python"]).contains(python) for python in pythons)
    named = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if ":: Python :: 3." in each]
    assert named == pythons


def test_its_version_and_licence_are_those_of_the_package() -> None:
    init = (CLIENT / "manypages/__init__.py").read_text()
    assert f'__version__ = "{PROJECT["version"]}"' in init
    assert (CLIENT / "LICENSE").read_bytes() == (CLIENT.parent / "LICENSE").read_bytes()


def test_the_wheel_is_small_and_typed(tmp_path: Path) -> None:
    shutil.copytree(CLIENT, tmp_path / "client", ignore=shutil.ignore_patterns("__pycache__"))
    command = ["-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", "."]
    built = subprocess.run([sys.executable, *command], cwd=tmp_path / "client", capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "client/dist").glob("manypages-*-py3-none-any.whl")
    assert wheel.stat().st_size < 100_000
    with ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if not name.startswith("manypages-")}
    there = {
        path for path in (CLIENT / "manypages").rglob("*") if path.is_file() and path.suffix not in (".pyc", ".po")
    }
    assert files == {path.relative_to(CLIENT).as_posix() for path in there}
    assert {"manypages/py.typed", element_path().relative_to(CLIENT).as_posix()} <= files


def test_the_readme_has_examples_that_compile() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        ast.parse(block, feature_version=(3, 9))
