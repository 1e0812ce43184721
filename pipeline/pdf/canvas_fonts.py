"""TrueType fonts of reportlab's canvases: embedded once a segment, however many canvases draw with them.

reportlab embeds a subset of each font in each of its documents, and numbers characters in the order in which they
are drawn. Here a character has the same code on every page, so pages do not depend on the cut and share a font.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, cast

from pypdf.generic import DictionaryObject
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfdoc import PDFDictionary, PDFName
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from .adopt.values import FONT_KEY, ObjectCopy
from .reader import open_pdf
from .segment_body import SegmentBody

_FIRST = 33  # 32 is the space in every subset, for the space between words; lower codes are free above subset 0
_COUNT = 256 - _FIRST
_WINDOWS = {ord(text): code for code in range(128, 160) if (text := bytes([code]).decode("cp1252", "ignore"))}
_SUBSETS = (0x110000 + 160) // _COUNT + 2


def code_of(character: int) -> int:
    """Return the subset of a code point (high bits) and its code there (low byte).

    Subset 0 is Windows-1252, which has what most texts in Western languages need; the others are blocks of Unicode.
    """
    if character < 128 or 160 <= character < 256:
        return character
    if character in _WINDOWS:
        return _WINDOWS[character]
    block, place = divmod(character - 256 if character >= 256 else character + 0x110000, _COUNT)
    return (block + 1) << 8 | _FIRST + place


class _Codes(dict[int, int]):
    """What reportlab looks codes up in; notes the characters that were drawn."""

    def __init__(self, characters: Mapping[int, Any]) -> None:
        super().__init__()
        self._characters = characters

    def __contains__(self, character: object) -> bool:
        return character in self._characters

    def __missing__(self, character: int) -> int:
        self[character] = code_of(character)
        return self[character]


class _Subsets:
    """reportlab asks only whether a subset exists."""

    def __len__(self) -> int:
        return _SUBSETS


class FixedCodes:
    """Stands for reportlab's TTFont.State: the codes of one font in one document."""

    namePrefix = "F"  # noqa: N815  # reportlab's names
    nextCode = 0  # noqa: N815
    frozen = 0

    def __init__(self, font: TTFont) -> None:
        self.assignments = _Codes(font.face.charToGlyph)
        self.subsets = _Subsets()
        self.internalName: str | None = None

    def used(self) -> dict[int, list[int]]:
        """Return the code points that were drawn, by subset; subset 0 is always there."""
        found: dict[int, list[int]] = {}
        for character, code in self.assignments.items():
            found.setdefault(code >> 8, []).append(character)
        return {0: [], **found}


def install(document: Any) -> None:
    """Give every registered TrueType font its fixed codes in a reportlab document."""
    for name in pdfmetrics.getRegisteredFontNames():
        font = pdfmetrics.getFont(name)
        if isinstance(font, TTFont) and document not in font.state and not getattr(font.face, "_full_font", None):
            font.state[document] = FixedCodes(font)


class PlaceOfFont:
    """Stands for a font when a document is written: an entry that names it, in place of the font itself."""

    def __init__(self, codes: FixedCodes) -> None:
        self._codes = codes

    def addObjects(self, document: Any) -> None:  # noqa: N802  # reportlab's name
        """Add the entries of all subsets."""
        names = document.idToObject["BasicFonts"].dict
        for subset in self._codes.used():
            name = f"{self._codes.internalName}+{subset}"
            names[name] = PDFDictionary({"Type": PDFName("Font"), FONT_KEY[1:]: PDFName(name)})


def take_fonts(document: Any) -> list[tuple[TTFont, FixedCodes]]:
    """Return the fonts that a document uses with fixed codes, and let it write their names only."""
    fonts = [(font, font.state[document]) for font in document.delayedFonts]
    own = [(font, state) for font, state in fonts if isinstance(state, FixedCodes)]
    document.delayedFonts = [PlaceOfFont(state) if isinstance(state, FixedCodes) else font for font, state in fonts]
    return own


class CanvasFonts:
    """The fonts of a segment's canvases: object number and characters of each subset."""

    def __init__(self, out: SegmentBody) -> None:
        self._out = out
        self._numbers: dict[tuple[TTFont, int], int] = {}
        self._used: dict[tuple[TTFont, int], dict[int, int]] = {}  # a code point, and the slot at its first use

    def add(self, fonts: list[tuple[TTFont, FixedCodes]]) -> dict[str, int]:
        """Add what a document used. Returns the object number of each of its fonts, by name in the document."""
        found = {}
        slot = self._out.slots
        for font, codes in fonts:
            for subset, characters in codes.used().items():
                key = font, subset
                if key not in self._numbers:
                    self._numbers[key] = self._out.reserve()
                found[f"/{codes.internalName}+{subset}"] = self._numbers[key]
                used = self._used.setdefault(key, {})
                for character in characters:
                    used.setdefault(character, slot)
        return found

    def roll_back(self, slots: int) -> None:
        """Forget what was first used from a slot on."""
        for key, used in list(self._used.items()):
            self._used[key] = {character: slot for character, slot in used.items() if slot < slots}
            if self._out.slot(self._numbers[key]) >= slots:
                del self._used[key], self._numbers[key]

    def write(self) -> None:
        """Write all fonts."""
        for font in dict.fromkeys(font for font, _ in self._numbers):
            subsets = {subset: self._used[font, subset] for each, subset in self._numbers if each is font}
            with open_pdf(_embedded(font, [_character_list(used) for used in subsets.values()])) as pdf:
                objects = ObjectCopy(pdf, self._out, {})
                fonts = cast(DictionaryObject, cast(DictionaryObject, pdf.pages[0]["/Resources"])["/Font"])
                for i, subset in enumerate(subsets):
                    value = cast(DictionaryObject, fonts[f"/F+{i}"])
                    self._out.add(b"<<%s>>" % objects.entries(value), self._numbers[font, subset])
                objects.write_waiting()


def _character_list(used: Mapping[int, int]) -> list[int]:
    """Return the code point of each code of a subset, 0 for those that are not used."""
    codes = {code_of(character) & 0xFF: character for character in used}
    return [codes.get(code, 32 if code == 32 else 0) for code in range(max(codes, default=32) + 1)]


def _embedded(font: TTFont, subsets: list[list[int]]) -> io.BytesIO:
    """Return a PDF in which reportlab embeds subsets of a font."""
    file = io.BytesIO()
    canvas = Canvas(file, pageCompression=1, invariant=1)
    state = TTFont.State()
    state.subsets, state.internalName = subsets, "F"
    font.state[canvas._doc] = state
    canvas._doc.delayedFonts.append(font)
    canvas.showPage()
    canvas.save()
    return file
