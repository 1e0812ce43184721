"""Plain words in docstrings, comments, messages, the README and docs/: processes are "it", and no riddles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUFFIXES = {".py", ".html", ".js", ".css", ".md"}
BANNED = re.compile(
    r"""
    \b(?:who(?:m|se)?ever|nobody|somebody|everybody)\b      # say which process, or which person
    | \b(?:worker|process|leader|keeper|dyno|thread|task|server|store)s?,?\ whom?\b  # "that"
    | \bwho\ (?:leads|holds|sends|takes|dies|waits|polls|stands|comes|came|is\ busy|are\ busy)\b
    | \bso\ many\b                                          # "this many", "at most N"
    | \bstrangers?\b                                        # "untrusted input"
    | \b(?:lays|laid|laying)\ (?:it\ |its\ work\ )?down\b   # "pauses"
    | \bstruck?e?\ off\b                                    # "unregister"
    | \bstands?\ (?:beside|behind|there)\b         # "is"
    | \bas\ it\ came\b | \bwithout\ a\ word\b | \bto\ its\ grave\b | \ball\ the\ same\b
    | \bmade\ a\ mistake\b | \bis\ as\ little\b | \bword\ of\ (?:why|its)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)

AREAS = {path.name: path for path in (ROOT / "pipeline").iterdir() if path.suffix in ("", ".py")} | {
    name: ROOT / name for name in ("README.md", "docs", "client")
}


def offenders(area: Path) -> dict[str, list[str]]:
    """The banned words of each file, in whatever form lines are broken."""
    files = [area] if area.is_file() else sorted(path for path in area.rglob("*") if path.suffix in SUFFIXES)
    found = {path: BANNED.findall(joined(path.read_text())) for path in files}
    return {path.relative_to(ROOT).as_posix(): words for path, words in found.items() if words}


def joined(text: str) -> str:
    """The text on one line, without the marks of comments and of strings that go on."""
    return re.sub(r"""\s*["']?\s*\n\s*(?:#|//|\*|f?["'])?\s*""", " ", text)


@pytest.mark.parametrize("area", sorted(AREAS.keys() - {"__pycache__"}))
def test_words_are_plain(area: str) -> None:
    assert not offenders(AREAS[area])


@pytest.mark.parametrize(
    "text",
    [
        "a lease, for whoever asks", "A worker who waits", "the keeper,\n    # who leads", "so\n    many dynos",
        'f"Nobody could"', "what a stranger wrote", '"the file stands "\n        f"beside it"',
    ],
)  # fmt: skip
def test_banned_words_are_found(text: str) -> None:
    assert BANNED.search(joined(text))


@pytest.mark.parametrize("text", ["a user who signs in", "the owner of the export", "it stands for all of them"])
def test_people_may_be_who(text: str) -> None:
    assert not BANNED.search(joined(text))
