"""The line breaking classes of characters (Unicode Standard Annex 14, Unicode 16), one letter each. Pure.

They cover the scripts that the fonts are made for: Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Chinese,
Japanese and Korean. Any other character counts as a letter.
"""

# ruff: noqa: RUF001  # quotes, dashes, East Asian signs
from __future__ import annotations

import re
from functools import cache

from .characters import is_mark

LETTER, SPACE, MARK = "A", " ", "m"
_RANGES = {
    "N": "0-9\u0600-\u0605\u0660-\u0669\u066b\u066c\u06dd\u06f0-\u06f9\u0890\u0891\u08e2\u0966-\u096f",  # NU
    "(": "(\\[{¡¿‚„⁅⁽₍⌈⌊❨❪❬❮❰❲❴⟅⟦⟨⟪⟬⟮⦃⦅⸘⸢⸤⸦⸨⹂﴿",  # OP
    "o": "〈《「『【〔〖〘〚〝︗︵︷︹︻︽︿﹁﹃﹇﹙﹛﹝（［｛｟｢",  # OP, East Asian
    ")": ")\\]",  # CP
    "]": "}⁆⁾₎⌉⌋❩❫❭❯❱❳❵⟆⟧⟩⟫⟭⟯⦄⦆⸣⸥⸧⸩﴾",  # CL
    "c": "、。〉》」』】〕〗〙〛〞〟︐︑︒︘︶︸︺︼︾﹀﹂﹄﹈﹐﹒﹚﹜﹞），．］｝｠｡｣､",  # CL, East Asian
    "!": "!?\u05c6\u061b\u061d-\u061f\u06d4❢❣⸮",  # EX
    "x": "！？﹖﹗︕︖",  # EX, East Asian
    ",": ",.:;\u037e\u0589\u060c\u060d⁄",  # IS
    "/": "/",  # SY
    "n": "‼‽⁇⁈⁉々〜〻〼ぁぃぅぇぉっゃゅょゎゕゖ゛-ゞ゠ァィゥェォッャュョヮヵヶ・-ヾㇰ-ㇿ﹔﹕：；･ｧ-ｰﾞﾟ",  # NS, CJ
    ".": "‥…․⋯︙",  # IN
    "-": "-",  # HY
    "h": "\u2010",
    "b": "\\|\xad\u058a\u05be\u0964\u0965\u1400\u2000-\u2006\u2008-\u200a\u2012\u2013"
    "‧⁖⁘-⁛⁝-\u205f\u3000\u2e0e-\u2e15\u2e17\u2e19\u2e2a-\u2e31\u2e33\u2e34\u2e3c-\u2e4f\u2e5d",  # BA
    "B": "\xb4ˈˌ˟",  # BB
    "D": "—⸺⸻",  # B2
    "<": "«‘“‛‟‹",  # QU, opening
    ">": "»’”›",  # QU, closing
    '"': "\"'❛-❠",  # QU
    "$": "$+\\\\£-¥±\u058f₠-₦₨-₵₷-₺₼₽₿№\u2212∓﹩＄￡￥￦",  # PR
    "%": "%¢°؉-؋٪‰-‷⁗₧₶₻₾⃀℃℉﷼﹪％￠",  # PO
    "g": "\xa0\u034f\u035c-\u0362\u2007\u2011\u202f\u2060\ufeff",  # GL, WJ
    "L": "\u05d0-\u05ea\u05ef-\u05f2\ufb1d\ufb1f-\ufb28\ufb2a-\ufb4f",  # HL
    "H": "\u1100-\u115f\ua960-\ua97c가-힣",  # H2, H3, JL
    "m": "\u1160-\u11ff\ud7b0-\ud7fb\u200c-\u200f\U0001f3fb-\U0001f3ff",  # JV, JT, ZWJ, EM; and all marks (CM)
    "I": "⌚⌛⏰-⏳☀-☃☔☕☘☚-☟☹-☻♨♿⚽-⛈⛍⛏-⛑⛓⛔⛘⛙⛜⛟-⛡⛪⛱-⛵⛷-⛺⛽-✄✈-✍❤\u2e80-\u3247\u3250-\ua48c"  # ID
    "\ua490-\ua4c6\uf900-\ufaff\ufe30-\ufe6f\uff01-\uffe6\ufffc\U0001b000-\U0001b2ff"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f16d-\U0001f16f\U0001f1ad-\U0001f1e5\U0001f200-\U0001f3fa"
    "\U0001f400-\U0001f64f\U0001f680-\U0001f6ff\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f90c-\U0001faff"
    "\U00020000-\U0003fffd",
    " ": " ",
}  # fmt: skip


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return a pattern for each class. They are compiled for the first text that is not plain: it takes 5 ms."""
    return [(re.compile(f"[{ranges}]"), letter) for letter, ranges in _RANGES.items()]


class _Classes(dict[str, str]):
    """The class of each character met; characters by the thousand, so their number is bounded."""

    def __missing__(self, character: str) -> str:
        found = (letter for pattern, letter in _patterns() if pattern.match(character))
        self[character] = MARK if is_mark(character) else next(found, LETTER)
        return self[character]


_known = _Classes()


def classes(text: str) -> str:
    """Return the class of each character of a text."""
    return "".join(map(_known.__getitem__, text))
