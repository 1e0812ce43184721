"""The Heroku CLI understands every command that the documentation and the program name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from ..heroku_cli import complaints, require_cli

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = sorted((ROOT / "pipeline").rglob("*.py"))
NAMES = r"(?:[a-z]+:[a-z:-]+|run|config|logs|info|ps|apps|open|create)"


def in_documents(text: str) -> Iterator[str]:
    """Commands in code blocks and in code spans of Markdown."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`(heroku [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    for line in [line for block in blocks for line in block.replace("\\\n", " ").splitlines()] + spans:
        for part in [*re.findall(r"[$<]\(([^()]*)\)", line), re.sub(r"[$<]\([^()]*\)", "x", line)]:
            yield from (each.strip() for each in re.split(r"&&|\||;", part) if each.strip().startswith("heroku "))


def in_code(text: str) -> Iterator[str]:
    """Commands in the words that the program says: up to a sentence's end, a quote or a bracket."""
    for found in re.findall(rf"heroku {NAMES}(?: [^\"`).{{]*)?", text):
        yield found.strip()


def commands() -> dict[str, str]:
    """Each command, and a file that names it."""
    found = {line: path.name for path in DOCS for line in in_documents(path.read_text())}
    return found | {line: path.name for path in CODE for line in in_code(path.read_text())}


def test_every_command_is_found() -> None:
    found = commands()
    assert len(found) > 15
    for wanted in ("heroku apps:info --shell", "heroku redis:maxmemory -p noeviction", "heroku run"):
        assert wanted in found


def test_the_cli_takes_every_command() -> None:
    require_cli()
    found = commands()
    said = complaints([shlex.split(line, comments=True)[1:] for line in found])
    assert not [
        f"{path}: {line}: {words}" for (line, path), words in zip(found.items(), said, strict=True) if words
    ]


def test_the_parser_refuses_what_the_cli_refuses() -> None:
    require_cli()
    wrong = [["run", "python", "-m", "pipeline"], ["ps:scales"], ["addons:create", "--quickly", "a"]]
    assert all(complaints(wrong))


def test_a_command_waits_for_the_addon_that_the_next_one_needs() -> None:
    lines = [line for line in commands() if line.startswith("heroku addons:create")]
    assert lines
    assert not [line for line in lines if "--wait" not in line.split()]
