"""A font file, by HarfBuzz: which glyphs it has, how wide they are, how a run of text becomes glyphs.

The file is mapped, not read: 19 MB of Chinese take as much memory as the glyphs that are looked at.
"""

from __future__ import annotations

import struct
from functools import cache, cached_property
from typing import NamedTuple

import uharfbuzz as hb

from .files import FontFile


class Shaped(NamedTuple):
    """A glyph of a shaped run. `cluster` is the place of the first character it comes from; the rest is in
    1/1000 of the size."""

    id: int
    cluster: int
    advance: float
    dx: float
    dy: float


class Metrics(NamedTuple):
    """What a font descriptor tells (ISO 32000-1, 9.8), in 1/1000 of the size."""

    ascent: int
    descent: int
    cap_height: int
    box: tuple[int, ...]


class Font:
    """A font file, opened when it is first asked for a glyph. Widths in 1/1000 of the size."""

    def __init__(self, file: FontFile) -> None:
        self.file = file

    @property
    def name(self) -> str:
        """Its PostScript name."""
        return self.face.get_name(hb.OTNameIdPredefined.POSTSCRIPT_NAME) or self.file.path.stem

    @cached_property
    def face(self) -> hb.Face:
        """The file as HarfBuzz sees it."""
        return hb.Face(hb.Blob.from_file_path(str(self.file.path)), self.file.index)

    @cached_property
    def metrics(self) -> Metrics:
        """Measures of the whole font."""
        scale = self._scale
        ascent, descent = struct.unpack_from(">hh", self.face.reference_table("hhea").data, 4)
        box = struct.unpack_from(">4h", self.face.reference_table("head").data, 36)
        os2 = self.face.reference_table("OS/2").data
        cap = struct.unpack_from(">h", os2, 88)[0] if len(os2) >= 90 else ascent  # since version 2
        return Metrics(
            round(ascent * scale), round(descent * scale), round(cap * scale), tuple(round(v * scale) for v in box)
        )

    def characters(self) -> dict[int, int]:
        """Every character it has, as code point and glyph."""
        return {code: self._font.get_nominal_glyph(code) or 0 for code in self.face.unicodes}

    def glyph(self, character: str) -> int:
        """The glyph of one character, 0 when there is none."""
        return self._font.get_nominal_glyph(ord(character)) or 0

    def advance(self, glyph: int) -> float:
        """How wide a glyph is."""
        width: int = self._font.get_glyph_h_advance(glyph)
        return width * self._scale

    def shape(self, text: str, backward: bool) -> list[Shaped]:
        """A run of one script and direction as glyphs, from left to right."""
        buffer = hb.Buffer()
        buffer.add_codepoints([ord(c) for c in text])
        buffer.direction = "rtl" if backward else "ltr"
        buffer.language = "und"  # else it is the process's locale, and pages would depend on it
        buffer.flags = hb.BufferFlags.REMOVE_DEFAULT_IGNORABLES
        buffer.cluster_level = hb.BufferClusterLevel.MONOTONE_CHARACTERS  # a mark tells its own character
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
    """The script of a character (ISO 15924), None for what goes with any."""
    buffer = hb.Buffer()
    buffer.add_codepoints([ord(character)])
    buffer.guess_segment_properties()
    found = buffer.script
    return None if found in (None, "Zyyy", "Zinh", "Zzzz") else str(found)
