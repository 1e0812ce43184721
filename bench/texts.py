"""Tables whose text costs more than plain rows: accents, scripts, wrapped notes, formats, groups, JSON lines."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from statistics import median
from typing import Any

from . import inputs, measure
from .figures import Figure
from .registry import find, tool

PLAIN = "plain"
NOTES = "wrapped notes"
ROUNDS = 5
ROWS = 20_000  # of a block
_ACCENTS = ("José", "Zoë", "Müller", "Łódź", "Søren", "Nuñez", "Ågren", "Čapek")
_SCRIPTS = ("Иванов Пётр", "Παπαδόπουλος", "王小明", "김철수", "Сидорова Анна", "Γεωργίου Μαρία", "さくら")
_ARABIC = ("محمد علي", "فاطمة الزهراء", "أحمد حسن", "خالد بن الوليد", "مريم يوسف")
_WORDS = ("the", "parcel", "was", "returned", "because", "customer", "asked", "for", "another", "address", "and",
          "date", "before", "noon", "at", "gate", "two", "please", "call", "again")  # fmt: skip
Row = list[str]


@dataclass(frozen=True)
class Variant:
    """A kind of table: how its rows differ from the plain ones, its parameters, and its bar by the plain table."""

    name: str
    rows: Callable[[Iterator[Row]], Iterable[Row]] = lambda rows: rows
    params: dict[str, Any] = field(default_factory=dict)
    most: float | None = None
    ending: str = "csv"

    def blocks(self, pages: int) -> Iterator[bytes]:
        """The input, a block at a time: as many rows as fill so many plain pages."""
        plain = csv.reader(line for block in inputs.csv_blocks(pages) for line in block.decode().splitlines(True))
        titles = next(plain)
        rows = iter(self.rows(plain))
        if self.ending == "csv":
            rows = chain([titles], rows)
        while some := list(islice(rows, ROWS)):
            text = io.StringIO()
            if self.ending == "csv":
                csv.writer(text, lineterminator="\n").writerows(some)
            else:
                text.writelines(json.dumps(dict(zip(titles, row, strict=True))) + "\n" for row in some)
            yield text.getvalue().encode()

    def source(self, folder: Path, pages: int) -> Path:
        """The input as a file."""

        def write(path: Path) -> None:
            with path.open("wb") as file:
                file.writelines(self.blocks(pages))

        return inputs.kept(folder / f"{self.name.replace(' ', '-')}-{pages}.{self.ending}", write)


def _customers(names: Callable[[int], str]) -> Callable[[Iterator[Row]], Iterable[Row]]:
    return lambda rows: ([a, b, names(i), *rest] for i, (a, b, _, *rest) in enumerate(rows))


def _script(i: int) -> str:
    """One row in eight is Arabic."""
    name = _ARABIC[i // 8 % len(_ARABIC)] if i % 8 == 0 else _SCRIPTS[i % len(_SCRIPTS)]
    return f"{name} {i % 997}"


def _notes() -> Callable[[int], str]:
    chance = random.Random(1)  # noqa: S311  # the same notes each time
    return lambda _: " ".join(chance.choices(_WORDS, k=chance.randint(1, 25)))


_FORMATS: list[dict[str, Any]] = [
    {"field": "Order"}, {"field": "Date", "format": {"kind": "date"}}, {"field": "Customer"}, {"field": "City"},
    {"field": "Quantity", "format": {"kind": "number"}, "total": True},
    {"field": "Amount", "format": {"kind": "currency", "currency": "EUR"}, "total": True},
]  # fmt: skip
_GROUPS: dict[str, Any] = {
    "group_by": [{"field": "City"}],
    "columns": [{"field": f, "total": f in ("Quantity", "Amount")} for f in inputs.TITLES if f != "City"],
    "carry": True,
    "summary": "back",
}
VARIANTS = {
    variant.name: variant
    for variant in (
        Variant(PLAIN),
        Variant("accents", _customers(lambda i: f"{_ACCENTS[i % 8]} {i % 9973}"), most=1.2),
        Variant("formats", params={"columns": _FORMATS, "locale": "de_DE"}, most=2),
        Variant("groups", lambda rows: sorted(rows, key=lambda row: row[3]), _GROUPS, most=2.2),
        Variant("JSON lines", most=1.8, ending="jsonl"),
        Variant("eight scripts", _customers(_script), most=4),
        Variant(NOTES, lambda rows: _customers(_notes())(rows), most=4),
    )
}


def _enter(variant: Variant) -> None:
    @tool("texts", variant.name, "`python -m pipeline render table`")
    def make(source: Path, out: Path, pages: int) -> None:  # it counts by itself
        from .ours import render

        render("table", source, out, title="Orders", **variant.params)


for _variant in VARIANTS.values():
    _enter(_variant)


def by_the_plain_table(work: Path, pages: int) -> list[Figure]:
    """Processor time a page of each kind of table by that of the plain one: medians of the rounds' ratios."""
    counts = {name: _pages(variant, work, pages) for name, variant in VARIANTS.items()}
    ratios: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(ROUNDS):
        times = {
            name: measure.alone(find("texts", name), variant.source, pages, work, here=True).cpu
            * pages
            / counts[name]
            for name, variant in VARIANTS.items()
        }
        for name, time in times.items():
            ratios[name].append(time / times[PLAIN])
    return [
        Figure(
            f"table, {name}: by the plain table", median(ratios[name]), "×",
            f"processor time a page, {counts[name]} pages", most=variant.most,
        )
        for name, variant in VARIANTS.items() if name != PLAIN
    ]  # fmt: skip


def _pages(variant: Variant, work: Path, pages: int) -> int:
    """How many pages a variant has."""
    import pypdf

    from .ours import render

    out = work / "pages.pdf"
    render("table", variant.source(work, pages), out, title="Orders", **variant.params)
    count = len(pypdf.PdfReader(out).pages)
    out.unlink()
    return count
