"""What every error of the program has."""

from __future__ import annotations

import inspect
import re

import pytest

from pipeline import errors
from pipeline.errors import PipelineError

CLASSES = [
    each for _, each in inspect.getmembers(errors, inspect.isclass) if each.__module__.startswith(errors.__name__)
]


def tree(root: type[PipelineError]) -> list[str]:
    """Draw a class and all below it, in the order of their definition; those with none below them on one line."""
    lines, below = [root.__name__], [each for each in root.__subclasses__() if each in CLASSES]
    if below and not any(each.__subclasses__() for each in below):
        return [f"{root.__name__}: {', '.join(each.__name__ for each in below)}"]
    for each in below:
        last = each is below[-1]
        first, *rest = tree(each)
        lines.append(("└── " if last else "├── ") + first)
        lines += [("    " if last else "│   ") + line for line in rest]
    return lines


@pytest.mark.parametrize("error", CLASSES, ids=lambda each: each.__name__)
def test_every_error_says_what_it_means(error: type[PipelineError]) -> None:
    words = error.__dict__.get("__doc__") or ""
    assert re.fullmatch(r"[A-Z][^\n]+\.", words)
    assert not error.advice or (error.advice[0].isupper() and error.advice.endswith((".", ")")))


def test_the_tree_names_exactly_the_classes() -> None:
    drawn = re.search(r"^PipelineError\n(?:[│├└ ].*\n)+", errors.__doc__ or "", re.MULTILINE)
    assert drawn and drawn[0].splitlines() == tree(PipelineError)
    assert len(CLASSES) == len(re.findall(r"\w+", drawn[0]))
