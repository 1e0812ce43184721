"""Fonts: text as glyph ids while drawing, one embedded subset when the file is assembled.

A font is a Type 0 font with Identity-H encoding (ISO 32000-1, 9.7): a string is two bytes a glyph, so
any page can be drawn before anybody knows which glyphs the document needs. What a segment used is
reported as characters; the tail embeds one subset of their union, glyph ids retained.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from fontTools.ttLib import TTFont

from .objects import Stream, name

DEFAULT = "files/NotoSans[wdth,wght].ttf"
# Variation, layout and hinting tables: the default instance is drawn, unshaped and unhinted.
_DROPPED = ["fvar", "gvar", "avar", "HVAR", "MVAR", "VVAR", "STAT", "GSUB", "GPOS", "GDEF", "kern", "DSIG",
            "cvt ", "fpgm", "prep", "gasp", "meta", "name", "post", "OS/2", "cmap"]  # fmt: skip


class Face:
    """A font file, ready to measure and spell text. Sizes are in points, widths in 1/1000 of the size."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        with TTFont(io.BytesIO(data), lazy=True) as font:
            scale = 1000 / font["head"].unitsPerEm
            advances = font["hmtx"].metrics
            glyph_id = font.getReverseGlyphMap()
            cmap = font.getBestCmap()
            self.ascent = round(font["hhea"].ascent * scale)
            self.descent = round(font["hhea"].descent * scale)
            self.cap_height = round(getattr(font["OS/2"], "sCapHeight", 700) * scale)
            head = font["head"]
            self.box = [round(v * scale) for v in (head.xMin, head.yMin, head.xMax, head.yMax)]
            self.name = font["name"].getDebugName(6) or "Font"
            self._ids = {code: glyph_id[glyph] for code, glyph in cmap.items()}
            self._widths = {chr(code): advances[glyph][0] * scale for code, glyph in cmap.items()}
            self._missing_width = advances[font.getGlyphName(0)][0] * scale
        # str.translate looks each code point up in C. Two bytes a glyph, as Latin-1, escaped (7.3.4.2).
        self._spelling = _Spelling({code: _escaped(gid) for code, gid in self._ids.items()})
        self._low = self._low_bytes()

    def has(self, character: str) -> bool:
        """Whether the font can draw a character."""
        return ord(character) in self._ids

    def width(self, text: str, size: float) -> float:
        """Points that a text takes."""
        widths, missing = self._widths, self._missing_width
        total: float = sum([widths.get(c, missing) for c in text])
        return total * size / 1000

    def spell(self, text: str) -> bytes:
        """A text as a literal string of glyph ids, for Tj: half as long as a hexadecimal one."""
        return b"(" + text.translate(self._spelling).encode("latin-1") + b")"

    def spell_all(self, texts: Sequence[str]) -> list[bytes]:
        """The insides of literal strings, one a text. ASCII is spelled in one go, ten times as fast."""
        joined = "\n".join(texts)
        if self._low is None or not joined.isascii():
            spelling = self._spelling
            return [text.translate(spelling).encode("latin-1") for text in texts]
        low = joined.encode().translate(self._low)
        pairs = bytearray(2 * len(low))
        pairs[1::2] = low
        for plain, escaped in _ESCAPES:
            pairs = pairs.replace(plain, escaped)
        return bytes(pairs).split(b"\0\xff")

    def fit(self, text: str, size: float, width: float) -> str:
        """The text itself, or as much of it as fits with an ellipsis."""
        if self.width(text, size) <= width:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(text[:middle].rstrip() + "…", size) <= width:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip() + "…"

    def wrap(self, text: str, size: float, width: float, lines: int) -> list[str]:
        """The text in at most `lines` lines, broken at spaces; the last one ends in … when it is cut."""
        found: list[str] = []
        words = text.split()
        while words and len(found) < lines - 1:
            count = 1
            while count < len(words) and self.width(" ".join(words[: count + 1]), size) <= width:
                count += 1
            found.append(self.fit(" ".join(words[:count]), size, width))
            words = words[count:]
        return [*found, self.fit(" ".join(words), size, width)] if words else found

    def _low_bytes(self) -> bytes | None:
        """ASCII to the low bytes of glyph ids, the line break to 255; None when they are not below it."""
        table = bytearray(256)
        table[10] = 255
        for code in range(32, 127):
            gid = self._ids.get(code, 0)
            if not 0 < gid < 255:
                return None
            table[code] = gid
        return bytes(table)

    def embed(self, characters: str, first: int) -> list[tuple[int, bytes | Stream]]:
        """The font's objects for these characters, numbered from `first`; the Type 0 font stands first.

        9.7.6.1 (Type 0), 9.7.4 (CIDFont), 9.8 (descriptor), 9.10.3 (ToUnicode). First comes what goes
        into the reserved number, so its own number is 0 here.
        """
        used = {self._ids.get(ord(c), 0): c for c in sorted(characters, reverse=True)}
        program = self._subset(set(used) | {0})
        base = name(_tag(program) + "+" + self.name)
        widths = b" ".join(b"%d [%d]" % (gid, round(self._widths[used[gid]])) for gid in sorted(used) if gid)
        file, descriptor, descendant, unicode = range(first, first + 4)
        return [
            (0, b"<</Type/Font/Subtype/Type0/BaseFont%s/Encoding/Identity-H/DescendantFonts[%d 0 R]"
                b"/ToUnicode %d 0 R>>" % (base, descendant, unicode)),
            (file, _deflated(program, b"/Length1 %d" % len(program))),
            (descriptor, b"<</Type/FontDescriptor/FontName%s/Flags 4/FontBBox[%s]/ItalicAngle 0/Ascent %d"
                b"/Descent %d/CapHeight %d/StemV 80/FontFile2 %d 0 R>>" % (
                    base, b" ".join(b"%d" % v for v in self.box), self.ascent, self.descent,
                    self.cap_height, file)),
            (descendant, b"<</Type/Font/Subtype/CIDFontType2/BaseFont%s/CIDSystemInfo<</Registry(Adobe)"
                b"/Ordering(Identity)/Supplement 0>>/FontDescriptor %d 0 R/DW %d/W[%s]"
                b"/CIDToGIDMap/Identity>>" % (base, descriptor, round(self._missing_width), widths)),
            (unicode, _deflated(_to_unicode(used))),
        ]  # fmt: skip

    def _subset(self, glyphs: set[int]) -> bytes:
        from fontTools import subset  # 14 MB, wanted by an assembly alone

        options = subset.Options(retain_gids=True, hinting=False, notdef_outline=True, layout_features=[])
        with TTFont(io.BytesIO(self._data), recalcTimestamp=False) as font:
            for tag in _DROPPED:  # before the cut: it would read them all, which took 95 % of its time
                if tag in font:
                    del font[tag]
            cutter = subset.Subsetter(options)
            cutter.populate(gids=glyphs)
            cutter.subset(font)
            out = io.BytesIO()
            font.save(out, reorderTables=None)
        return out.getvalue()


class _Spelling(dict[int, str]):
    """Glyph 0 for what the font has not."""

    def __missing__(self, code: int) -> str:
        return "\0\0"


@cache
def default_face() -> Face:
    """The font that comes with the program: Noto Sans, read once a process."""
    return Face((files("fontpkg_noto_sans") / DEFAULT).read_bytes())


_ESCAPES = ((b"\0\\", b"\0\\\\"), (b"\0(", b"\0\\("), (b"\0)", b"\0\\)"), (b"\0\r", b"\0\\r"))
"""Backslash first. Every glyph's high byte is 0 and no low one is, so pairs are found at pairs only."""


def _escaped(gid: int) -> str:
    text = gid.to_bytes(2, "big").decode("latin-1")
    return "".join({"(": "\\(", ")": "\\)", "\\": "\\\\", "\r": "\\r"}.get(c, c) for c in text)


def _tag(data: bytes) -> str:
    """Six capital letters that mark a subset (9.6.4), the same for the same subset."""
    value = int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
    return "".join(chr(65 + value // 26**i % 26) for i in range(6))


def _deflated(data: bytes, entries: bytes = b"") -> Stream:
    return Stream.of(entries + b"/Filter/FlateDecode", zlib.compress(data, 9))


def _to_unicode(used: dict[int, str]) -> bytes:
    lines = [b"<%04X> <%s>" % (gid, used[gid].encode("utf-16-be").hex().encode()) for gid in sorted(used) if gid]
    groups = [lines[i : i + 100] for i in range(0, len(lines), 100)]
    body = b"\n".join(b"%d beginbfchar\n%s\nendbfchar" % (len(g), b"\n".join(g)) for g in groups)
    return (
        b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        b"/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        b"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        b"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n" + body + b"\n"
        b"endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    )
