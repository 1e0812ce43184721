"""One font, read by HarfBuzz: its glyphs, their widths, and shaping.

The file is memory-mapped: a Chinese font of 19 MB takes as much memory as the glyphs that are used.
"""

from __future__ import annotations

import struct
from functools import cache, cached_property
from typing import NamedTuple

import uharfbuzz as hb

from .files import FontFile


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
    """A font, opened at the first use of a glyph. Widths are in 1/1000 of the size."""

    def __init__(self, file: FontFile) -> None:
        self.file = file

    @property
    def name(self) -> str:
        """The PostScript name."""
        return self.face.get_name(hb.OTNameIdPredefined.POSTSCRIPT_NAME) or self.file.path.stem

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

    def characters(self) -> dict[int, int]:
        """Return the glyph of each character that the font has, by code point."""
        return {code: self._font.get_nominal_glyph(code) or 0 for code in self.face.unicodes}

    def glyph(self, character: str) -> int:
        """Return the glyph of one character, 0 when the font lacks it."""
        return self._font.get_nominal_glyph(ord(character)) or 0

    def advance(self, glyph: int) -> float:
        """Return the width of a glyph."""
        width: int = self._font.get_glyph_h_advance(glyph)
        return width * self._scale

    def shape(self, text: str, backward: bool) -> list[Shaped]:
        """Return the glyphs of a run of one script and direction, from left to right."""
        buffer = hb.Buffer()
        buffer.add_codepoints([ord(c) for c in text])
        buffer.direction = "rtl" if backward else "ltr"
        buffer.language = "und"  # the default is the process's locale, and pages would depend on it
        buffer.flags = hb.BufferFlags.REMOVE_DEFAULT_IGNORABLES
        buffer.cluster_level = hb.BufferClusterLevel.MONOTONE_CHARACTERS  # a mark keeps its own character
        buffer.guess_segment_properties()
        hb.shape(self._font, buffer)
        s = self._scale
        return [
            Shaped(info.codepoint, info.cluster, place.x_advance * s, place.x_offset * s, place.y_offset * s)
            for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
        ]

    @cached_property
    def _font(self) -> hb.Font:
        return hb.Font(self.face)

    @property
    def _scale(self) -> float:
        units: int = self.face.upem
        return 1000 / units


@cache
def script(character: str) -> str | None:
    """Return the script of a character (ISO 15924); None when it goes with any script."""
    buffer = hb.Buffer()
    buffer.add_codepoints([ord(character)])
    buffer.guess_segment_properties()
    found = buffer.script
    return None if found in (None, "Zyyy", "Zinh", "Zzzz") else str(found)
