"""What is compared: a tool is a function that makes a file from inputs, and what has to be said about it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OURS = "this"
SUBJECTS = ("tables", "wrapped", "photos", "joining")

Make = Callable[[Path, Path, int], None]
"""(source, file to write, pages)."""


@dataclass(frozen=True)
class Tool:
    """One way to make a subject's file.

    `packages` are named with their versions in the report. A slow tool makes `share` of the pages only;
    what counts is the cost of a page.
    """

    subject: str
    name: str
    make: Make
    settings: str
    packages: tuple[str, ...]
    share: float

    @property
    def ours(self) -> bool:
        """It runs in the project's environment, the others in theirs."""
        return self.name == OURS

    def pages(self, pages: int) -> int:
        """How many pages it makes when others make so many."""
        return max(2, round(pages * self.share))


_tools: dict[tuple[str, str], Tool] = {}


def tool(
    subject: str, name: str, settings: str, packages: tuple[str, ...] = (), share: float = 1
) -> Callable[[Make], Make]:
    """Enter a function into the comparison. It imports its library itself: not every one is everywhere."""

    def entered(make: Make) -> Make:
        _tools[subject, name] = Tool(subject, name, make, settings, packages, share)
        return make

    return entered


def tools(subject: str) -> list[Tool]:
    """All tools of a subject, as they stand in its module."""
    importlib.import_module(f"bench.{subject}")
    return [tool for tool in _tools.values() if tool.subject == subject]


def find(subject: str, name: str) -> Tool:
    """One of them; KeyError when there is none."""
    importlib.import_module(f"bench.{subject}")
    return _tools[subject, name]
