"""The order in which a line of mixed directions is displayed (Unicode Standard Annex 9).

Explicit embeddings, overrides and isolates do not occur: `printable` (characters.py) removes them.
"""

# ruff: noqa: RUF001  # brackets of other scripts
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from .characters import direction

LEFT_TO_RIGHT, RIGHT_TO_LEFT = "\u200e", "\u200f"  # marks: draw nothing, count as a letter
_BRACKETS = "()[]{}⁽⁾₍₎〈〉《》「」『』【】〔〕（）［］｛｝｢｣"
_NO_BRACKET = f"[^{re.escape(_BRACKETS)}]"
_CLOSING = dict(zip(_BRACKETS[::2], _BRACKETS[1::2], strict=True))
_SIGNS = _BRACKETS + "<>«»‹›≤≥"
MIRRORED = str.maketrans(_SIGNS, "".join(_SIGNS[i ^ 1] for i in range(len(_SIGNS))))  # for text drawn backward
# A letter for each class that the rules distinguish; the others are neutral (n).
_LETTERS = {"L": "L", "R": "R", "AL": "A", "EN": "e", "AN": "a", "ES": "+", "ET": "%", "CS": ",",
            "NSM": "m", "BN": "m"}  # fmt: skip
_STRONG = re.compile("[LRA]")


LETTERS = 4096  # characters whose class is kept


class LevelRun(NamedTuple):
    """A part of a line that is read in one direction (BD7)."""

    start: int
    stop: int
    level: int

    @property
    def backward(self) -> bool:
        """Whether it is read from right to left."""
        return self.level % 2 == 1


def base_level(text: str) -> int:
    """Return the level of a paragraph: 1 when its first letter is of a right-to-left script, else 0 (P2, P3)."""
    for character in text:
        if (kind := direction(character)) in ("L", "R", "AL"):
            return int(kind != "L")
    return 0


def keep_direction(lines: Sequence[str], paragraph: str) -> list[str]:
    """Return the lines of a paragraph, with a mark in front of each that alone would get another direction."""
    level = base_level(paragraph)
    mark = RIGHT_TO_LEFT if level else LEFT_TO_RIGHT
    return [line if base_level(line) == level else mark + line for line in lines]


def visual_runs(text: str) -> Sequence[LevelRun]:
    """Return the runs of a line in display order, from left to right (L2)."""
    return _visual_runs(_Classes.of(text))


class _Classes(NamedTuple):
    """What the order of a line depends on: a letter for each character, its brackets, and the spaces behind it.

    Names and amounts have few different ones.
    """

    kinds: str
    brackets: str  # with a space for each other character
    bare: int  # length without spaces at the end

    @classmethod
    def of(cls, text: str) -> _Classes:
        return cls("".join(map(_letter, text)), re.sub(_NO_BRACKET, " ", text), len(text.rstrip()))


@lru_cache(LETTERS)
def _visual_runs(classes: _Classes) -> tuple[LevelRun, ...]:
    runs = list(_runs(_levels(classes)))
    for level in range(max((run.level for run in runs), default=0), 0, -1):
        runs = [run for group in _split(runs, level) for run in group]
    return tuple(runs)


def _split(runs: Sequence[LevelRun], least: int) -> Iterator[Iterable[LevelRun]]:
    """Yield runs of level `least` and above grouped and reversed, the others as they are."""
    for high, group in groupby(runs, lambda run: run.level >= least):
        found = list(group)
        yield reversed(found) if high else found


@lru_cache(LETTERS)
def _letter(character: str) -> str:
    return _LETTERS.get(direction(character), "n")


def _levels(classes: _Classes) -> list[int]:
    """Return the level of each character of a line; odd levels are read from right to left."""
    strong = _STRONG.search(classes.kinds)
    level = int(strong is not None and strong[0] != "L")  # as base_level
    side = "LR"[level]
    kinds = _brackets(classes.brackets, _weak(side + classes.kinds), side) + side
    kinds = re.sub(r"(?<=L)n+(?=L)", lambda m: "L" * len(m[0]), kinds)  # N1
    kinds = re.sub(r"(?<=[Rea])n+(?=[Rea])", lambda m: "R" * len(m[0]), kinds)
    depth = {"n": level, "L": level + level % 2, "R": level + 1 - level % 2, "e": 2, "a": 2}  # N2, I1, I2
    found = [depth[kind] for kind in kinds[1:-1]]
    return found[: classes.bare] + [level] * (len(found) - classes.bare)  # L1


def _weak(kinds: str) -> str:
    """Apply W1 to W7. The first letter stands for what is before the line."""
    kinds = re.sub(r"([^m])(m+)", lambda m: m[1] * len(m[0]), kinds)
    kinds = re.sub(r"A[^LRA]*", lambda m: m[0].replace("e", "a"), kinds).replace("A", "R")
    kinds = re.sub(r"(?<=e)[+,](?=e)", "e", kinds)
    kinds = re.sub(r"(?<=a),(?=a)", "a", kinds)
    kinds = re.sub(r"%+(?=e)|(?<=e)%+", lambda m: "e" * len(m[0]), kinds)
    kinds = re.sub(r"[+%,]", "n", kinds)
    return re.sub(r"L[^LR]*", lambda m: m[0].replace("e", "L"), kinds)


def _brackets(text: str, kinds: str, side: str) -> str:
    """Apply N0: both brackets of a pair get one direction."""
    found = list(kinds)
    other = "R" if side == "L" else "L"
    for start, stop in _pairs(text, kinds):
        inside = {_strong(kind) for kind in found[start + 1 : stop]}
        if side in inside:
            found[start] = found[stop] = side
        elif other in inside:
            before = next(s for kind in reversed(found[:start]) if (s := _strong(kind)) != "n")
            found[start] = found[stop] = before
    return "".join(found)


def _pairs(text: str, kinds: str) -> list[tuple[int, int]]:
    """Return where pairs of brackets begin and end in `kinds`, which has one letter before the text (BD16)."""
    waiting: list[tuple[str, int]] = []
    found = []
    for i, character in enumerate(text, 1):
        if kinds[i] == "n" and character in _CLOSING:
            waiting.append((_CLOSING[character], i))
        elif kinds[i] == "n":
            place = next((k for k in reversed(range(len(waiting))) if waiting[k][0] == character), None)
            if place is not None:
                found.append((waiting[place][1], i))
                del waiting[place:]
    return sorted(found)


def _strong(kind: str) -> str:
    return "R" if kind in "Rea" else kind


def _runs(levels: Sequence[int]) -> Iterator[LevelRun]:
    start = 0
    for level, group in groupby(levels):
        stop = start + len(list(group))
        yield LevelRun(start, stop, level)
        start = stop
