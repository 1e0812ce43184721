"""Fonts: text as glyph ids while drawing, one embedded subset of each font when the file is assembled.

A font is a Type 0 font with Identity-H encoding (ISO 32000-1, 9.7): a string is two bytes a glyph, so a page can be
drawn before it is known which glyphs the document needs. A segment reports what it used; the tail embeds one
subset of the union for each font, with the glyph ids retained.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from ...errors import ExportFailed
from ..numbering import MAX_FONTS
from .chain import FontChain
from .files import FontFile, font_files
from .font import Font

__all__ = ["FontChain", "check_fonts", "default_chain", "font_at", "han_language", "load"]

_names: tuple[str, ...] = ()


def load(names: Iterable[str]) -> None:
    """Use the fonts that the setting FONTS names. Raises InvalidSetting when one cannot be used."""
    global _names
    wanted = tuple(names)
    _files(wanted)
    if wanted != _names:
        _names = wanted
        _chain.cache_clear()


def default_chain(*, bold: bool = False, language: str = "") -> FontChain:
    """Return the fonts of all text, made once a process; `language` as `han_language` returns it."""
    return _chain(bold, language)


@cache
def _files(names: tuple[str, ...]) -> list[FontFile]:
    return font_files(names)


@cache
def _chain(bold: bool, language: str) -> FontChain:
    return FontChain(_files(_names), bold, language, _chain(False, "") if bold or language else None)


def font_at(place: int) -> Font:
    """Return the font with a place in a file."""
    return default_chain(bold=place >= MAX_FONTS).fonts[place]


def han_language(tag: str) -> str:
    """Return in which language ideographs are drawn for a tag such as ko-KR; empty where that is up to the font.

    >>> han_language("zh-TW")
    'zh-Hant'
    """
    language, *more = re.split("[-_]", tag)
    if language != "zh":
        return language if language in ("ko", "ja") else ""
    return "zh-HK" if {"HK", "MO"} & set(more) else "zh-Hant" if {"Hant", "TW"} & set(more) else "zh-Hans"


def check_fonts(fingerprint: str) -> None:
    """Raise ExportFailed when text was measured or drawn with other fonts than this process has."""
    if fingerprint not in ("", default_chain().fingerprint):
        raise ExportFailed(
            "The fonts changed while this export was made (FONTS), so its glyphs do not match.",
            advice="Request the export again.",
        )
