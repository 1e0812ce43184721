"""The wheel that `pip install .` builds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from email.message import Message
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")

pytestmark = pytest.mark.xdist_group("wheel")  # it is built once


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's file. It is built from a copy: a build leaves files beside its sources."""
    (required,) = PYPROJECT["build-system"]["requires"]
    if required != f"setuptools=={version('setuptools')}":
        reason = f"{required} is not installed; run `make`, which installs requirements-dev.txt"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    command = ["-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", "."]
    ended = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    (file,) = (folder / "dist").glob("*.whl")
    return file


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    """The wheel, unpacked."""
    folder = built.parent / "unpacked"
    with ZipFile(built) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def info(wheel: Path) -> Path:
    """The dist-info folder of the wheel."""
    (folder,) = wheel.glob("*.dist-info")
    return folder


@pytest.fixture(scope="session")
def metadata(info: Path) -> Message:
    return Parser().parsestr((info / "METADATA").read_text())


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    packaged = {str(path.relative_to(wheel)) for path in (wheel / "pipeline").rglob("*") if path.is_file()}
    files = [path for path in (ROOT / "pipeline").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert packaged == {str(path.relative_to(ROOT)) for path in files}


def test_the_wheel_holds_the_licence_and_the_notice(info: Path, metadata: Message) -> None:
    assert metadata["License-Expression"] == "MIT"
    for name in ("LICENSE", "NOTICE"):
        assert (info / "licenses" / name).read_text() == (ROOT / name).read_text()


def test_the_wheel_shows_the_readme(metadata: Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert (ROOT / "README.md").read_text().strip() in metadata.get_payload()


def test_the_wheel_pins_nothing(metadata: Message) -> None:
    required = metadata.get_all("Requires-Dist") or []
    assert len(required) >= len(PYPROJECT["project"]["dependencies"])
    assert not [requirement for requirement in required if "==" in requirement.split(";")[0]]


def test_the_wheel_tells_type_checkers_that_it_has_types(wheel: Path) -> None:
    assert (wheel / "pipeline/py.typed").exists()


def test_the_installed_command_says_the_version_of_the_wheel(
    built: Path, metadata: Message, tmp_path: Path
) -> None:
    command = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(tmp_path), str(built)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    shown = subprocess.check_output([tmp_path / "bin/pipeline", "--version"], text=True, env=environ)
    assert shown == f"pipeline {metadata['Version']}\n" == f"pipeline {PYPROJECT['project']['version']}\n"
