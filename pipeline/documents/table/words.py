"""The few words that a table says by itself."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Word = Annotated[str, Meta(max_length=60)]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left empty is said in the language of the locale; English where there is none."""

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
}  # fmt: skip


def words(given: Words, language: str) -> Words:
    """The words of a language, with those that were given in their place."""
    known = msgspec.structs.asdict(LANGUAGES.get(language, ENGLISH))
    chosen = {name: word for name, word in msgspec.structs.asdict(given).items() if word}
    return Words(**known | chosen)
