"""One font, read by HarfBuzz: its glyphs, their widths, and shaping.

The file is memory-mapped: a Chinese font of 19 MB takes as much memory as the glyphs that are used.
"""

from __future__ import annotations

import re
import struct
from functools import cache, cached_property
from itertools import pairwise
from typing import NamedTuple

import uharfbuzz as hb

from .files import BOLD, FontFile

# Most documents need none of these patterns: each is compiled when it is first used, which takes up to 2 ms.
_ARABIC = "[\u0620-\u064a\u066e-\u06d3\u06d5\u06ee-\u06ff\u0750-\u077f\u08a0-\u08c9]+"
_LAM_ALEF = "\u0644[\u0622\u0623\u0625\u0627\u0671]"
_LOCAL = "[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
_MARKS = "[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u08ca-\u08ff\u200c-\u200f]"


class Shaped(NamedTuple):
    """A glyph of a shaped run. `cluster` is the index of the first character it comes from.

    Advance and offsets are in 1/1000 of the size.
    """

    id: int
    cluster: int
    advance: float
    dx: float
    dy: float


class Metrics(NamedTuple):
    """The numbers of a font descriptor (ISO 32000-1, 9.8), in 1/1000 of the size."""

    ascent: int
    descent: int
    cap_height: int
    box: tuple[int, ...]


class Font:
    """A font, opened at the first use of a glyph. Widths are in 1/1000 of the size.

    `language` (RFC 5646) chooses among the shapes of an ideograph: Korean, Chinese and Japanese ones differ.
    """

    def __init__(self, file: FontFile, language: str = "") -> None:
        self.file = file
        self._language = language

    @property
    def name(self) -> str:
        """The PostScript name."""
        found = self.face.get_name(hb.OTNameIdPredefined.POSTSCRIPT_NAME) or self.file.path.stem
        return found.removesuffix("-Regular") + "-Bold" if self.file.weight == BOLD else found

    @cached_property
    def face(self) -> hb.Face:
        """The font as HarfBuzz sees it."""
        return hb.Face(hb.Blob.from_file_path(str(self.file.path)), self.file.index)

    @cached_property
    def metrics(self) -> Metrics:
        """The measures of the whole font."""
        scale = self._scale
        ascent, descent = struct.unpack_from(">hh", self.face.reference_table("hhea").data, 4)
        box = struct.unpack_from(">4h", self.face.reference_table("head").data, 36)
        os2 = self.face.reference_table("OS/2").data
        cap = struct.unpack_from(">h", os2, 88)[0] if len(os2) >= 90 else ascent  # from version 2 on
        return Metrics(
            round(ascent * scale), round(descent * scale), round(cap * scale), tuple(round(v * scale) for v in box)
        )

    @property
    def characters(self) -> str:
        """The characters that the font has."""
        return "".join(map(chr, self.face.unicodes))

    def glyph(self, character: str) -> int:
        """Return the glyph of one character in the font's language, 0 when the font lacks it."""
        found = self._font.get_nominal_glyph(ord(character)) or 0
        if found and self._language and re.match(_LOCAL, character):
            (glyph, *more) = self._shape(character, False, [])
            return found if more else glyph.id
        return found

    def advance(self, glyph: int) -> float:
        """Return the width of a glyph."""
        width: int = self._font.get_glyph_h_advance(glyph)
        return width * self._scale

    def shape(self, text: str, backward: bool) -> list[Shaped]:
        """Return the glyphs of a run of one script and direction, from left to right.

        Arabic letters get a glyph each, apart from lam with alef: readers copy and search other ligatures
        letter by letter in the wrong order, or not at all.
        """
        apart: list[tuple[int, int]] = []
        while True:
            found = self._shape(text, backward, apart)
            more = [pair for pair in _ligatures(found, text) if pair not in apart]
            if not more:
                return found
            apart += more

    def _shape(self, text: str, backward: bool, apart: list[tuple[int, int]]) -> list[Shaped]:
        """Shape a run without ligatures in the parts `apart`, by start and stop."""
        buffer = hb.Buffer()
        buffer.add_codepoints([ord(c) for c in text])
        buffer.direction = "rtl" if backward else "ltr"
        buffer.language = self._language or "und"  # the default is that of the process: pages would depend on it
        buffer.flags = hb.BufferFlags.REMOVE_DEFAULT_IGNORABLES
        buffer.cluster_level = hb.BufferClusterLevel.MONOTONE_CHARACTERS  # a mark keeps its own character
        buffer.guess_segment_properties()
        off = [(start, stop, False) for start, stop in apart]
        hb.shape(self._font, buffer, {"rlig": off, "liga": off} if off else {})
        s = self._scale
        return [
            Shaped(info.codepoint, info.cluster, place.x_advance * s, place.x_offset * s, place.y_offset * s)
            for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
        ]

    @cached_property
    def _font(self) -> hb.Font:
        font = hb.Font(self.face)
        if self.file.weight:
            font.set_variations({"wght": self.file.weight})
        return font

    @cached_property
    def _scale(self) -> float:
        units: int = self.face.upem
        return 1000 / units


def _ligatures(found: list[Shaped], text: str) -> list[tuple[int, int]]:
    """Return start and stop of the letters of each Arabic ligature apart from lam with alef."""
    starts = sorted({glyph.cluster for glyph in found})
    return [
        (start, stop)
        for start, stop in pairwise([*starts, len(text)])
        if stop - start > 1
        and len(letters := re.sub(_MARKS, "", text[start:stop])) > 1
        and re.fullmatch(_ARABIC, letters)
        and not re.fullmatch(_LAM_ALEF, letters)
    ]


@cache
def script(character: str) -> str | None:
    """Return the script of a character (ISO 15924); None when it goes with any script."""
    buffer = hb.Buffer()
    buffer.add_codepoints([ord(character)])
    buffer.guess_segment_properties()
    found = buffer.script
    return None if found in (None, "Zyyy", "Zinh", "Zzzz") else str(found)
