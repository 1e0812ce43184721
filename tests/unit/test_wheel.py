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


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked. It is built from a copy: a build leaves files beside its sources."""
    (required,) = PYPROJECT["build-system"]["requires"]
    if required != f"setuptools=={version('setuptools')}":
        reason = f"{required} is not installed; run `make`, which installs requirements-dev.txt"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    command = ["-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", "."]
    built = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (file,) = (folder / "dist").glob("*.whl")
    with ZipFile(file) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


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
