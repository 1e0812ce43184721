"""The drawing surface of the built-in documents: a content stream, written directly.

Units are points; the origin is at the bottom left (ISO 32000-1, 8.3.2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from .fonts import FontChain, default_chain
from .fonts.characters import printable
from .fonts.line_breaking import is_cut
from .fonts.usage import FontUsage
from .numbering import FONT
from .objects import Stream, name, number, reference
from .tally import Tally

if TYPE_CHECKING:
    from .images import Picture

Align = Literal["left", "center", "right"]
Colour = tuple[float, float, float]
BLACK: Colour = (0, 0, 0)


class Label(msgspec.Struct, frozen=True):
    """Where "x of y" stands on a page, for when y is known only at the end. Points."""

    x: float
    y: float
    size: float
    align: Align


class PageBookmark(msgspec.Struct, frozen=True):
    """A bookmark to a page that has no object number yet."""

    level: int
    top: float
    title: str


class Page:
    """One page. Operators are kept in memory until it is finished."""

    def __init__(
        self,
        width: float,
        height: float,
        add: Callable[[bytes | Stream], int],
        add_once: Callable[[Stream], int],
        tally: Tally,
        language: str = "",
    ) -> None:
        self.width = width
        self.height = height
        self.usage = FontUsage()
        self.bookmarks: list[PageBookmark] = []
        self.label: Label | None = None
        self._add = add
        self._add_once = add_once
        self._tally = tally
        self._language = language
        self._operators: list[bytes] = []
        self._xobjects: dict[str, int] = {}

    @property
    def box(self) -> bytes:
        """Width and height as the MediaBox needs them."""
        return numbers(self.width, self.height)

    @property
    def face(self) -> FontChain:
        """The fonts of regular text."""
        return default_chain(language=self._language)

    @property
    def bold(self) -> FontChain:
        """The fonts of bold text; those without a bold face are regular."""
        return default_chain(bold=True, language=self._language)

    def text(
        self, x: float, y: float, size: float, text: str, *, align: Align = "left", colour: Colour = BLACK,
        bold: bool = False,
    ) -> None:  # fmt: skip
        """Draw one line with its baseline at y. What no font has is drawn as U+FFFD, and named in the result."""
        shown, face = printable(text), self.bold if bold else self.face
        if shown:
            self.write(text_operators(face, x, y, size, shown, align, colour), [shown], face)

    def rectangle(
        self, x: float, y: float, width: float, height: float, *, stroke: Colour | None = None,
        fill: Colour | None = None, line: float = 0.5
    ) -> None:  # fmt: skip
        """Draw a rectangle, filled, stroked or both; `line` is the stroke's width in points."""
        paint = b"B" if stroke and fill else b"f" if fill else b"S"
        colours = b"%s rg " % numbers(*fill) if fill else b""
        colours += b"%s RG %s w " % (numbers(*stroke), number(line)) if stroke else b""
        self._operators.append(b"q %s%s re %s Q" % (colours, numbers(x, y, width, height), paint))

    def picture(
        self, picture: Picture, x: float, y: float, width: float, height: float, *, fill: bool = False
    ) -> float:
        """Draw a picture upright in the middle of a box: scaled to fit inside, or to fill the box and be clipped.

        Returns the y of its lower edge.
        """
        wide, high = picture.size
        scale = (max if fill else min)(width / wide, height / high)
        w, h = wide * scale, high * scale
        matrix = picture.placement(x + (width - w) / 2, y + (height - h) / 2, w, h)
        key = f"I{len(self._xobjects)}"
        self._xobjects[key] = self._add_picture(picture)
        clip = b"%s re W n " % numbers(x, y, width, height) if fill else b""
        self._operators.append(b"q %s%s cm %s Do Q" % (clip, numbers(*matrix), name(key)))
        return max(y, y + (height - h) / 2)

    def write(self, operators: bytes, texts: Iterable[str], face: FontChain | None = None) -> None:
        """Add operators of your own; `texts` are the lines they show in the fonts `face`, regular ones if None."""
        self._operators.append(operators)
        if missing := self.usage.add(texts, face or self.face):
            self._tally.miss(missing)

    def write_again(self, operators: bytes, usage: FontUsage) -> None:
        """Add operators that many pages have; `usage` is what they use, and no font lacks any of it."""
        self._operators.append(operators)
        self.usage.add_usage(usage)

    def fit(self, text: str, size: float, width: float, what: str, *, bold: bool = False) -> str:
        """Return the text as one line, cut with … if it is wider than `width` points.

        A cut is named in the result; `what` is the plural of what the text is, such as "Captions".
        """
        line = printable(text)
        shown = (self.bold if bold else self.face).fit(line, size, width)
        if shown != line:
            self.warn(f"{what} are too long and end with …")
        return shown

    def wrap(self, text: str, size: float, width: float, lines: int, what: str) -> list[str]:
        """Return the text in at most `lines` lines; if that cuts it, the result names it as `fit` does."""
        line = printable(text)
        found = self.face.wrap(line, size, width, lines)
        if is_cut(line, found):
            self.warn(f"{what} are too long and end with …")
        return found

    def warn(self, words: str) -> None:
        """Name in the result what was guessed, cut or left out here. `words` as in Remarks."""
        self._tally.warn(words, self._tally.place)

    def bookmark(self, title: str, level: int = 1, top: float | None = None) -> None:
        """Add an outline entry that leads here; `top` is in points, the page's upper edge by default."""
        self.bookmarks.append(PageBookmark(level, self.height if top is None else top, printable(title) or "-"))

    def number_later(self, x: float, y: float, size: float, align: Align = "left") -> None:
        """Leave a place for "x of y", which the tail fills in when all pages are counted."""
        self.label = Label(x, y, size, align)
        self._operators.append(b"/Label Do")

    def use(self, key: str, obj: int) -> None:
        """Name an XObject that the page's operators draw."""
        self._xobjects[key] = obj

    def finish(self) -> tuple[bytes, bytes]:
        """Return the content stream, and the entries of the resource dictionary apart from fonts."""
        entries = b"".join(name(key) + b" " + reference(obj) for key, obj in self._xobjects.items())
        return b"\n".join(self._operators), b"/XObject<<%s>>" % entries if entries else b""

    def _add_picture(self, picture: Picture) -> int:
        image = picture.image
        extra = b""
        if picture.mask:
            extra += b"/SMask " + reference(self._add(picture.mask))
        if picture.profile:
            extra += b"/ColorSpace[/ICCBased %s]" % reference(self._add_once(picture.profile))
        return self._add(Stream(image.entries + extra, image.length, image.read))


def text_operators(
    chain: FontChain, x: float, y: float, size: float, text: str, align: Align, colour: Colour = BLACK
) -> bytes:
    """Return the operators of one line of text, aligned to x."""
    if align != "left":
        x -= chain.width(text, size) / (1 if align == "right" else 2)
    fill = b"%s rg " % numbers(*colour) if colour != BLACK else b""
    font = b"/F%d %s Tf" % (chain.first + 1, number(size))
    body = b"BT %s%s %s Td %s ET" % (fill, font, numbers(x, y), chain.show(text, size))
    return b"q %s Q" % body if fill else body


def form_of_text(box: bytes, texts: Iterable[str], operators: bytes) -> Stream:
    """Return a form XObject (8.10) whose operators show these lines of text; `box` is its /BBox."""
    usage = FontUsage()
    usage.add(texts, default_chain())
    fonts = font_resources(usage.fonts(default_chain()))
    return Stream.from_bytes(b"/Type/XObject/Subtype/Form/BBox[%s]/Resources<<%s>>" % (box, fonts), operators)


def font_resources(places: Sequence[int]) -> bytes:
    """Return the /Font entry of a resource dictionary; the font at index 0 is named F1."""
    entries = b"".join(b"/F%d %s" % (place + 1, reference(FONT + place)) for place in places)
    return b"/Font<<%s>>" % entries if entries else b""


def numbers(*values: float) -> bytes:
    """Return numbers separated by spaces."""
    return b" ".join([number(value) for value in values])
