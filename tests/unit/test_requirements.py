"""What is installed: the pins of the app, in requirements.txt."""

from __future__ import annotations

from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def pins(file: str) -> dict[str, str]:
    """The versions that a requirements file pins, by canonical name."""
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line and not line.startswith("-r ")]
    return {canonicalize_name(it.name): str(it.specifier).removeprefix("==") for it in requirements}


def test_the_app_is_pinned_with_all_that_its_requirements_need() -> None:
    app = pins("requirements.txt")
    needed = {
        canonicalize_name(requirement.name)
        for name in app
        for requirement in map(Requirement, requires(name) or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }
    assert not needed - app.keys()
