"""LICENSE and NOTICE agree with the metadata of what is installed."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

from pipeline.pdf.fonts.files import BUILT_IN, ENDINGS

ROOT = Path(__file__).parents[2]
NOTICE = (ROOT / "NOTICE").read_text()


def named() -> set[str]:
    """The distributions that requirements*.txt and the extras of pyproject.toml name."""
    lines = [line for path in ROOT.glob("requirements*.txt") for line in path.read_text().splitlines()]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines += [requirement for requirements in extras.values() for requirement in requirements]
    return {match[0].lower() for line in lines if (match := re.match(r"[A-Za-z][\w.-]*", line))}


def is_font_wheel(wheel: Distribution) -> bool:
    """True for a wheel that holds fonts and no code but its `__init__.py`."""
    files = wheel.files or []
    code = {file.name for file in files if file.suffix == ".py"}
    return code <= {"__init__.py"} and any(file.suffix.lower() in ENDINGS for file in files)


FONT_WHEELS = sorted(name for name in named() if is_font_wheel(distribution(name)))


def noticed(name: str) -> str:
    """Returns the licence that NOTICE gives for a distribution; the empty string when it does not name it."""
    found = re.search(rf"^{re.escape(name)}: .*\n  Licence: ([\w.-]+)", NOTICE, re.MULTILINE)
    return found[1] if found else ""


def test_the_built_in_fonts_are_font_wheels() -> None:
    assert set(BUILT_IN) <= {name.replace("-", "_") for name in FONT_WHEELS}


@pytest.mark.parametrize("name", FONT_WHEELS)
def test_notice_has_each_font_wheel_with_the_licence_of_its_metadata(name: str) -> None:
    assert noticed(name) == distribution(name).metadata["License-Expression"]


@pytest.mark.parametrize("name", FONT_WHEELS)
def test_notice_keeps_the_copyright_line_of_each_font_licence(name: str) -> None:
    (licence,) = [file for file in distribution(name).files or [] if file.match("*.dist-info/licenses/LICENSE")]
    lines = licence.read_text().splitlines()
    assert not [line for line in lines if line.startswith(("Copyright 2", "Copyright ©")) and line not in NOTICE]


def test_notice_has_the_licences_of_data_as_installed() -> None:
    assert noticed("certifi") == distribution("certifi").metadata["License"]
    (cldr,) = [file for file in distribution("Babel").files or [] if file.name == "LICENSE.unicode"]
    title, _, _, _, copyright_line = cldr.read_text().splitlines()[:5]
    assert (title, noticed("Babel")) == ("UNICODE LICENSE V3", "Unicode-3.0")
    assert copyright_line in NOTICE


def test_notice_and_licence_name_one_holder() -> None:
    holder = re.search(r"^Copyright \(c\) .+$", (ROOT / "LICENSE").read_text(), re.MULTILINE)
    assert holder and holder[0] in NOTICE
