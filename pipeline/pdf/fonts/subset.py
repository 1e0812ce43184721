"""A font as PDF objects: a subset that keeps its glyph ids (ISO 32000-1, 9.7 to 9.9)."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping

import uharfbuzz as hb

from ...errors import ExportFailed
from ..objects import Stream, name
from .font import Font

# Tables that a PDF reader does not use. Variable fonts become their default instance.
_DROPPED = ("BASE", "DSIG", "GDEF", "GPOS", "GSUB", "OS/2", "STAT", "VORG", "cmap", "gasp", "kern", "meta", "name",
            "post", "vhea", "vmtx")  # fmt: skip
_FLAGS = (
    hb.SubsetFlags.RETAIN_GIDS
    | hb.SubsetFlags.NO_HINTING
    | hb.SubsetFlags.NOTDEF_OUTLINE
    | hb.SubsetFlags.CFF_IDENTITY_CHARSET  # glyphs of a CID-keyed font are found by CID (9.7.4.2)
    | hb.SubsetFlags.DOWNGRADE_CFF2
)


def embed(font: Font, used: Mapping[int, str], first: int) -> list[tuple[int, bytes | Stream]]:
    """Return the font's objects for these glyphs and their texts, numbered from `first`.

    The first one goes under a reserved number (9.7.6.1), so its number is 0 here. Raises ExportFailed when the
    outlines are broken.
    """
    glyphs = sorted(glyph for glyph in used if glyph)
    program = _subset(font, glyphs)
    base = name(_tag(program) + "+" + font.name)
    metrics = font.metrics
    widths = b" ".join(b"%d [%d]" % (glyph, round(font.advance(glyph))) for glyph in glyphs)
    file, descriptor, descendant, unicode = range(first, first + 4)
    kind, key, entries = (
        (b"2", b"FontFile2", b"/Length1 %d" % len(program))
        if font.file.outlines == "glyf"
        else (b"0", b"FontFile3", b"/Subtype/OpenType")
    )
    mapped = b"/CIDToGIDMap/Identity" if kind == b"2" else b""
    return [
        (0, b"<</Type/Font/Subtype/Type0/BaseFont%s/Encoding/Identity-H/DescendantFonts[%d 0 R]"
            b"/ToUnicode %d 0 R>>" % (base, descendant, unicode)),
        (file, _deflated(program, entries)),
        (descriptor, b"<</Type/FontDescriptor/FontName%s/Flags 4/FontBBox[%s]/ItalicAngle 0/Ascent %d"
            b"/Descent %d/CapHeight %d/StemV 80/%s %d 0 R>>" % (
                base, b" ".join(b"%d" % v for v in metrics.box), metrics.ascent, metrics.descent,
                metrics.cap_height, key, file)),
        (descendant, b"<</Type/Font/Subtype/CIDFontType%s/BaseFont%s/CIDSystemInfo<</Registry(Adobe)"
            b"/Ordering(Identity)/Supplement 0>>/FontDescriptor %d 0 R/DW %d/W[%s]%s>>" % (
                kind, base, descriptor, round(font.advance(0)), widths, mapped)),
        (unicode, _deflated(_to_unicode({glyph: used[glyph] for glyph in glyphs}))),
    ]  # fmt: skip


def _subset(font: Font, glyphs: list[int]) -> bytes:
    wanted = hb.SubsetInput()
    wanted.flags = _FLAGS
    wanted.sets(hb.SubsetInputSets.GLYPH_INDEX).update(glyphs)
    wanted.sets(hb.SubsetInputSets.DROP_TABLE_TAG).update(int.from_bytes(tag.encode()) for tag in _DROPPED)
    if font.face.has_var_data:
        wanted.pin_all_axes_to_default(font.face)
        if font.file.weight:
            wanted.pin_axis_location(font.face, "wght", font.file.weight)
    try:
        program: bytes = hb.subset(font.face, wanted).blob.data
    except RuntimeError as error:
        raise ExportFailed(
            f"The font {font.name} cannot be embedded: its outlines seem to be broken.",
            advice="Remove it from FONTS.",
        ) from error
    return program


def _tag(data: bytes) -> str:
    """Return the six capital letters that mark a subset (9.6.4), equal for equal subsets."""
    value = int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
    return "".join(chr(65 + value // 26**i % 26) for i in range(6))


def _deflated(data: bytes, entries: bytes = b"") -> Stream:
    return Stream.from_bytes(entries + b"/Filter/FlateDecode", zlib.compress(data, 9))


def _to_unicode(used: Mapping[int, str]) -> bytes:
    """Return a CMap from glyphs to text, several characters for a ligature (9.10.3)."""
    lines = [b"<%04X> <%s>" % (glyph, text.encode("utf-16-be").hex().encode()) for glyph, text in used.items()]
    groups = [lines[i : i + 100] for i in range(0, len(lines), 100)]
    body = b"\n".join(b"%d beginbfchar\n%s\nendbfchar" % (len(g), b"\n".join(g)) for g in groups)
    return (
        b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        b"/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        b"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        b"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n" + body + b"\n"
        b"endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    )
