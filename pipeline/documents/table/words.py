"""The words that a table prints by itself, in eight languages."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from .formats import known_locale

Word = Annotated[str, Meta(max_length=60)]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words that a table prints. Empty ones are in the language of the locale, or else in English."""

    total: Word = ""
    carried: Word = ""
    brought: Word = ""
    continued: Word = ""
    summary: Word = ""
    group: Word = ""
    rows: Word = ""
    page: Word = ""
    of: Word = ""
    more: Word = ""


ENGLISH = Words(
    "Total", "Carried forward", "Brought forward", "continued", "Summary", "Group", "Rows", "Page",
    "of", "groups more, not listed here",
)  # fmt: skip
LANGUAGES = {
    "de": Words(
        "Summe", "Übertrag", "Übertrag von der vorigen Seite", "Fortsetzung", "Zusammenfassung", "Gruppe", "Zeilen",
        "Seite", "von", "weitere Gruppen, hier nicht aufgeführt",
    ),
    "fr": Words(
        "Total", "À reporter", "Report", "suite", "Récapitulatif", "Groupe", "Lignes", "Page",
        "sur", "autres groupes, non repris ici",
    ),
    "es": Words(
        "Total", "Suma y sigue", "Suma anterior", "continuación", "Resumen", "Grupo", "Filas", "Página",
        "de", "grupos más, que no figuran aquí",
    ),
    "ko": Words(
        "합계", "다음 쪽으로 이월", "앞쪽에서 이월", "계속", "요약", "그룹", "행", "페이지",
        "/", "개 그룹이 더 있으며 여기에는 표시하지 않음",
    ),
    "ja": Words(
        "合計", "次頁へ繰越", "前頁より繰越", "続き", "集計", "グループ", "行", "ページ",
        "/", "件のグループは省略",
    ),
    "zh": Words(
        "合计", "转下页", "承前页", "续", "汇总", "分组", "行数", "页",
        "/", "个分组未在此列出",
    ),
    "zh_Hant": Words(
        "合計", "轉下頁", "承前頁", "續", "彙總", "群組", "列數", "頁",
        "/", "個群組未在此列出",
    ),
}  # fmt: skip


def words(given: Words, locale: str) -> Words:
    """Return the words of a known locale, with the given ones in their place."""
    language = re.split("[-_]", locale.lower())[0]
    if language == "zh" and known_locale(locale).script == "Hant":
        language = "zh_Hant"
    known = msgspec.structs.asdict(LANGUAGES.get(language, ENGLISH))
    chosen = {name: word for name, word in msgspec.structs.asdict(given).items() if word}
    return Words(**known | chosen)
