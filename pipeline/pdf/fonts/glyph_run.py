"""A line of text as positioned glyphs, and the operators that draw it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, groupby, pairwise, starmap
from typing import NamedTuple

import msgspec

from ..objects import number
from .actual_text import Span


class Glyph(NamedTuple):
    """A glyph that a segment used and that no single character stands for: font index, glyph id, and its text."""

    font: int
    id: int
    text: str


class Placed(NamedTuple):
    """A glyph on a line, in 1/1000 of the size; id 0 draws nothing.

    `width` is the font's, `advance` the distance to the next glyph, `dx` and `dy` shift this one. `text` is what
    a shaped glyph stands for. `span` is for text that its glyphs do not tell one by one.
    """

    font: int
    id: int
    width: int
    advance: float
    dx: float = 0.0
    dy: float = 0.0
    shaped: bool = False
    text: str = ""
    span: Span | None = None


class Run(NamedTuple):
    """Glyphs of one font, height and span, with the operator that draws them."""

    font: int
    rise: int
    span: Span | None
    operator: bytes


class SetRun(NamedTuple):
    """Glyphs of one direction, ready to be shown alone; `lone` are the characters that were placed one by one."""

    glyphs: tuple[Placed, ...]
    lone: str
    width: float
    runs: tuple[Run, ...]
    shaped: frozenset[Glyph]


class Line(msgspec.Struct, frozen=True):
    """A line that is not plain (see `FontChain`). `width` is in 1/1000 of the size.

    `characters` were drawn one by one; `shaped` are the other glyphs. `missing` are the characters that no font
    has, each as often as it occurs. `first` is the font that is set before and after it.
    """

    first: int
    width: float
    runs: tuple[Run, ...]
    characters: str
    shaped: tuple[Glyph, ...]
    missing: str

    def show(self, size: float) -> bytes:
        """Return the operators that draw the line from the current point on, from and to the first font."""
        parts: list[bytes] = []
        font, rise, span = self.first, 0, None
        for run in (*self.runs, Run(self.first, 0, None, b"")):
            if run.span != span:
                parts += span.end if span else []
                parts += run.span.begin if run.span else []
            if run.font != font:
                parts.append(b"/F%d %s Tf" % (run.font + 1, number(size)))
            if run.rise != rise:
                parts.append(b"%s Ts" % number(run.rise * size / 1000))
            font, rise, span = run.font, run.rise, run.span
            parts.append(run.operator)
        return b" ".join(parts).rstrip()


def set_glyphs(glyphs: Sequence[Placed], lone: str) -> SetRun:
    """Return a run of glyphs from left to right; `lone` are the characters that were placed one by one."""
    runs = tuple(
        Run(*key, _operator(list(group)))
        for key, group in groupby(glyphs, lambda glyph: (glyph.font, round(glyph.dy), glyph.span))
    )
    shaped = {Glyph(glyph.font, glyph.id, glyph.text) for glyph in glyphs if glyph.shaped}
    return SetRun(tuple(glyphs), lone, sum(glyph.advance for glyph in glyphs), runs, frozenset(shaped))


def make_line(first: int, parts: Sequence[SetRun], characters: str, missing: str) -> Line:
    """Return a line of these parts from left to right, of which `characters` were placed one by one.

    Parts are joined as they are, unless one goes on in the font of the one before it, or has spans: these count
    from the start of the line.
    """
    if len(parts) > 1 and not all(starmap(_stand_apart, pairwise(parts))):
        glyphs: list[Placed] = []
        for part in parts:
            glyphs += moved(part.glyphs, len(glyphs))
        parts = [set_glyphs(glyphs, "")]
    shaped = frozenset[Glyph]().union(*[part.shaped for part in parts])
    runs = tuple(chain.from_iterable([part.runs for part in parts]))
    return Line(first, sum([part.width for part in parts]), runs, characters, tuple(sorted(shaped)), missing)


def _stand_apart(one: SetRun, other: SetRun) -> bool:
    before, behind = one.runs[-1:], other.runs[:1]
    ends = before and behind and before[0].font != behind[0].font
    return bool(ends) and not any(run.span for run in other.runs)


def moved(glyphs: Sequence[Placed], at: int) -> Iterator[Placed]:
    """Yield glyphs with their spans counted from the start of the line, where the first stands at `at`."""
    return (g._replace(span=g.span._replace(start=at + g.span.start)) if g.span else g for g in glyphs)


@cache
def escaped(glyph: int) -> str:
    """Return a glyph id in a literal string: two bytes, as Latin-1 (7.3.4.2)."""
    text = glyph.to_bytes(2, "big").decode("latin-1")
    return "".join({"(": "\\(", ")": "\\)", "\\": "\\\\", "\r": "\\r"}.get(c, c) for c in text)


def _operator(glyphs: Sequence[Placed]) -> bytes:
    """Return Tj, or TJ with the numbers that move the next glyph to its place."""
    parts: list[bytes] = []
    waiting = ""
    cursor = 0.0  # where the next glyph should be
    pen = 0  # where a reader would draw it
    for glyph in glyphs:
        if glyph.id:
            if gap := round(cursor + glyph.dx) - pen:
                parts += [_literal(waiting), b"%d" % -gap]
                waiting = ""
            waiting += escaped(glyph.id)
            pen += gap + glyph.width
        cursor += glyph.advance
    parts.append(_literal(waiting))
    if gap := round(cursor) - pen:
        parts.append(b"%d" % -gap)
    return parts[0] + b"Tj" if len(parts) == 1 else b"[%s]TJ" % b"".join(parts)


def _literal(text: str) -> bytes:
    return b"(%s)" % text.encode("latin-1") if text else b""
