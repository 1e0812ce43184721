"""Form fields without a picture, drawn by what they say (ISO 32000-1, 12.7.3.3 and 12.7.4): in our own fonts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pypdf.generic import ByteStringObject, DictionaryObject, NameObject, TextStringObject

from ..fonts import default_chain
from ..fonts.characters import printable
from ..objects import Matrix
from ..page import Align, numbers, text_operators
from ..reader import Box, ForeignPdf
from .looks import inherited

USUAL = 12.0  # points, where the field says 0: a size that fits
SMALLEST = 4.0
_MOST = 10_000  # characters of a line; more fit no paper
LEADING = 1.2
_CAPITALS = 0.714  # the height of capitals, of the size
_MULTILINE, _PASSWORD, _RADIO, _PUSH, _COMBO, _COMB = (1 << bit for bit in (12, 13, 15, 16, 17, 24))
_SIZE = re.compile(rb"(?<!\S)(\d{1,5}(?:\.\d*)?|\.\d+)\s+Tf\b")
_COLOUR = re.compile(rb"(?<!\S)((?:\d*\.?\d+\s+){1,4})(g|rg|k)(?!\S)")
_PAINTS = {1: b"g", 3: b"rg", 4: b"k"}
_ALIGNMENTS: tuple[Align, ...] = ("left", "center", "right")
# Marks of buttons, by their codes in ZapfDingbats, in a square of 1
_MARKS = {
    "4": b".14 w .05 .5 m .38 .15 l .95 .9 l S",
    "8": b".14 w .08 .08 m .92 .92 l .08 .92 m .92 .08 l S",
    "n": b".1 .1 .8 .8 re f",
    "u": b".5 0 m 1 .5 l .5 1 l 0 .5 l f",
    "l": b".5 0 m .776 0 1 .224 1 .5 c 1 .776 .776 1 .5 1 c .224 1 0 .776 0 .5 c 0 .224 .224 0 .5 0 c f",
}


@dataclass(frozen=True)
class DrawnField:
    """What a field shows: operators in a box that begins at 0, its width and height, and how it stands on the page.

    `texts` are the lines of text in it, and `cut` says whether some did not fit.
    """

    operators: bytes
    texts: tuple[str, ...]
    cut: bool
    width: float
    height: float
    matrix: Matrix


def draw_field(pdf: ForeignPdf, widget: DictionaryObject, box: Box) -> DrawnField | None:
    """Return what a widget shows; None when it is of a kind that is not drawn here: lists and signatures."""
    field = _Field(pdf, widget, box)
    match field.kind:
        case "/Tx":
            shown = field.text()
        case "/Ch" if field.flags & _COMBO:
            shown = field.choice()
        case "/Btn":
            shown = field.button()
        case _:
            return None
    return shown and field.finished(*shown)


Shown = tuple[bytes, tuple[str, ...], bool]  # operators, texts, and whether text was cut
_NOTHING: Shown = b"", (), False


class _Field:
    def __init__(self, pdf: ForeignPdf, widget: DictionaryObject, box: Box) -> None:
        self._pdf = pdf
        self._widget = widget
        self._box = box
        self._look = pdf.dictionary(widget.get("/MK"))
        turned = pdf.resolve(self._look.get("/R"))
        self._turned = turned % 360 if isinstance(turned, int) and turned % 90 == 0 else 0
        sides = box[2] - box[0], box[3] - box[1]
        self._width, self._height = sides if self._turned % 180 == 0 else sides[::-1]
        self.kind = inherited(pdf, widget, "/FT")
        flags = inherited(pdf, widget, "/Ff")
        self.flags = flags if isinstance(flags, int) else 0
        style = pdf.dictionary(widget.get("/BS"))
        line = pdf.resolve(style.get("/W", 1))
        self._line = float(line) if isinstance(line, int | float) and 0 <= line < 100 else 1.0
        self._size, self._colour = self._defaults()

    def _defaults(self) -> tuple[float, bytes]:
        """Return size and colour of the default appearance (12.7.3.3); size 0 stands for one that fits."""
        said = inherited(self._pdf, self._widget, "/DA")
        if said is None:
            said = self._pdf.resolve(self._pdf.dictionary(self._pdf.catalog.get("/AcroForm")).get("/DA"))
        data = said.original_bytes if isinstance(said, TextStringObject | ByteStringObject) else b""
        size, colour = _SIZE.findall(data), _COLOUR.findall(data)
        points = float(size[-1]) if size else 0.0
        paint = b"%s %s" % (colour[-1][0].strip(), colour[-1][1]) if colour else b"0 g"
        return (points if 0 < points < 1000 else 0.0), paint

    def text(self) -> Shown | None:
        value = inherited(self._pdf, self._widget, "/V")
        if value is None:
            return _NOTHING
        if not isinstance(value, TextStringObject | ByteStringObject):
            return None  # a stream
        text = "*" * len(value) if self.flags & _PASSWORD else _text(value)
        most = inherited(self._pdf, self._widget, "/MaxLen")
        if self.flags & _COMB and isinstance(most, int) and 0 < most <= 1000:
            return self._comb(printable(text), most)
        return self._lines(text) if self.flags & _MULTILINE else self._line_of(printable(text))

    def choice(self) -> Shown | None:
        value = inherited(self._pdf, self._widget, "/V")
        if value is None:
            return _NOTHING
        if not isinstance(value, TextStringObject | ByteStringObject):
            return None
        for each in self._pdf.array(inherited(self._pdf, self._widget, "/Opt")):
            pair = self._pdf.array(each)
            if len(pair) == 2 and self._pdf.resolve(pair[0]) == value:
                return self._line_of(printable(_text(self._pdf.resolve(pair[1]))))
        return self._line_of(printable(_text(value)))

    def button(self) -> Shown:
        caption = _text(self._pdf.resolve(self._look.get("/CA")))
        if self.flags & _PUSH:
            return self._line_of(printable(caption), "center")
        state = self._pdf.resolve(self._widget.get("/AS"))
        if state is None and not self.flags & _RADIO:
            state = inherited(self._pdf, self._widget, "/V")
        if not isinstance(state, NameObject) or state == "/Off":
            return _NOTHING
        side = 0.7 * max(0.0, min(self._width, self._height) - 2 * self._line)
        place = numbers(side, 0, 0, side, (self._width - side) / 2, (self._height - side) / 2)
        mark = _MARKS.get(caption, _MARKS["l" if self.flags & _RADIO else "4"])
        return b"%s %s %s cm %s" % (self._colour, self._colour.upper(), place, mark), (), False

    def _line_of(self, text: str, align: Align | None = None) -> Shown:
        """One line, smaller where it is too wide or too high."""
        if not text:
            return _NOTHING
        face, room = default_chain(), max(1.0, self._width - 2 * self._padding)
        size = self._size or max(SMALLEST, min(USUAL, (self._height - 2 * self._line) / LEADING))
        if (wide := face.width(text[:_MOST], size)) > room:
            size = max(min(SMALLEST, size), size * room / wide)
        shown = face.fit(text[:_MOST], size, room * 1.001)
        y = (self._height - _CAPITALS * size) / 2
        return self._at(y, size, shown, align or self._align), (shown,), shown != text

    def _lines(self, text: str) -> Shown:
        """Several lines from the top, smaller where they do not fit."""
        paragraphs = [printable(each) for each in re.split(r"\r\n|\r|\n", text)]
        face, room = default_chain(), max(1.0, self._width - 2 * self._padding)
        size = self._size or USUAL
        while True:
            most = max(1, int((self._height - 2 * self._padding) / (LEADING * size)))
            lines: list[str] = []
            for each in paragraphs:
                lines += face.wrap(each, size, room, most + 1 - len(lines)) or [""]
                if len(lines) > most:
                    break
            if len(lines) <= most or size <= SMALLEST:
                break
            size = max(SMALLEST, size - 0.5)
        cut = len(lines) > most
        top = self._height - self._padding - size
        drawn = [self._at(top - i * LEADING * size, size, line, self._align) for i, line in enumerate(lines[:most])]
        return b"\n".join(drawn), tuple(lines[:most]), cut

    def _comb(self, text: str, most: int) -> Shown:
        """Each character in a cell of its own."""
        cell = self._width / most
        size = min(self._size or min(USUAL, self._height / LEADING), 1.4 * cell)
        face, shown, y = default_chain(), text[:most], (self._height - _CAPITALS * size) / 2
        before = {"left": 0, "center": (most - len(shown)) // 2, "right": most - len(shown)}[self._align]
        places = [(before + i + 0.5) * cell for i in range(len(shown))]
        drawn = [text_operators(face, x, y, size, sign, "center") for x, sign in zip(places, shown, strict=True)]
        return b"%s %s" % (self._colour, b"\n".join(drawn)), tuple(shown), len(text) > most

    def _at(self, y: float, size: float, text: str, align: Align) -> bytes:
        x = {"left": self._padding, "center": self._width / 2, "right": self._width - self._padding}[align]
        return b"%s %s" % (self._colour, text_operators(default_chain(), x, y, size, text, align)) if text else b""

    @property
    def _padding(self) -> float:
        return 2 * max(1.0, self._line)

    @property
    def _align(self) -> Align:
        said = inherited(self._pdf, self._widget, "/Q")
        return _ALIGNMENTS[said] if isinstance(said, int) and 0 <= said < 3 else "left"

    def finished(self, operators: bytes, texts: tuple[str, ...], cut: bool) -> DrawnField:
        """Return the field with its background and border, turned as it says."""
        frame = self._frame()
        drawn = frame + (b"q %s Q" % operators if operators else b"")
        return DrawnField(drawn, texts, cut, self._width, self._height, self._matrix())

    def _frame(self) -> bytes:
        fill, stroke = (self._paint(key) for key in ("/BG", "/BC"))
        inset = self._line / 2 if stroke else 0.0
        stroke = b"%s %s w" % (stroke.upper(), numbers(self._line)) if stroke and self._line else b""
        if not fill and not stroke:
            return b""
        paint = b"B" if fill and stroke else b"f" if fill else b"S"
        wide, high = self._width - 2 * inset, self._height - 2 * inset
        if self.flags & _RADIO and self.kind == "/Btn":
            side = min(wide, high)
            place = numbers(side, 0, 0, side, (self._width - side) / 2, (self._height - side) / 2)
            circle = _MARKS["l"].removesuffix(b"f") + paint
            stroke = stroke and b"%s %s w" % (self._paint("/BC").upper(), numbers(self._line / max(side, 1.0)))
            return b"q %s %s %s cm %s Q\n" % (fill, stroke, place, circle)
        return b"q %s %s %s re %s Q\n" % (fill, stroke, numbers(inset, inset, wide, high), paint)

    def _paint(self, key: str) -> bytes:
        """Return the operator that sets a colour of the background or the border; empty when it has none."""
        values = self._pdf.numbers(self._look.get(key))
        return b"%s %s" % (numbers(*values), _PAINTS[len(values)]) if len(values) in _PAINTS else b""

    def _matrix(self) -> Matrix:
        left, bottom, right, top = self._box
        turns: dict[int, Matrix] = {
            0: (1, 0, 0, 1, left, bottom),
            90: (0, 1, -1, 0, right, bottom),
            180: (-1, 0, 0, -1, right, top),
            270: (0, -1, 1, 0, left, top),
        }
        return turns[self._turned]


def _text(value: object) -> str:
    """Return a text string; one whose encoding is not known as Latin-1."""
    if isinstance(value, ByteStringObject):
        return value.original_bytes.decode("latin-1")
    return str(value) if isinstance(value, TextStringObject) else ""
