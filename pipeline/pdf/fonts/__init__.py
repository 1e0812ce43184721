"""Fonts: text as glyph ids while drawing, one embedded subset of each font when the file is assembled.

A font is a Type 0 font with Identity-H encoding (ISO 32000-1, 9.7): a string is two bytes a glyph, so any
page can be drawn before anybody knows which glyphs the document needs. What a segment used it reports; the
tail embeds one subset of the union for each font, glyph ids retained.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from ...errors import ExportFailed
from .chain import FontChain
from .files import font_files

__all__ = ["FontChain", "check_fonts", "default_chain", "load"]

_names: tuple[str, ...] = ()


def load(names: Iterable[str]) -> None:
    """Take the fonts that FONTS names; InvalidSetting when one cannot be used."""
    global _names
    wanted = tuple(names)
    font_files(wanted)
    if wanted != _names:
        _names = wanted
        default_chain.cache_clear()


@cache
def default_chain() -> FontChain:
    """The typeface of all text, made once a process."""
    return FontChain(font_files(_names))


def check_fonts(fingerprint: str) -> None:
    """ExportFailed when text was measured or drawn with other fonts than this process has."""
    if fingerprint not in ("", default_chain().fingerprint):
        raise ExportFailed(
            "The fonts changed while this export was made (FONTS), so its glyphs do not match.",
            advice="Ask for the export again.",
        )
