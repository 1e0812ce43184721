"""What went in is read in the PDF, cell by cell, or named in the result."""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from pipeline.documents.job import spool_to_disk
from pipeline.exports.plan import Plan
from pipeline.pdf.fonts import default_chain
from pipeline.pdf.fonts.characters import draws_nothing, printable
from pipeline.pdf.fonts.shaping import COMPLEX

from ....examples import examples
from ....readback import DrawnPage, drawn_pages
from .test_table import as_csv, job, made

FIELDS = ("a", "b", "c")
FAULT = re.compile(r"(?:Cells of|Numbers in) column '(.)' .*?\((?:([\d,]+) times: )?(row \d+(?:, row \d+)*)")

odd = st.sampled_from("\t\n\r\x07\x1b\x1f\x7f\x85\xa0\xad\u200b\u2028\ue001\ufeff中é😀€ ")
letters = odd | st.characters(codec="utf-8", exclude_characters="\0").filter(lambda c: not COMPLEX.match(c))
digits = st.integers(1, 12).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=3 * n))
numbers = st.one_of(
    digits,
    digits.map(lambda d: f"{int(d):,}.50"),
    digits.map(lambda d: f"{int(d[:24]):,} €".replace(",", " ")),
    digits.map(lambda d: f"-CHF {int(d):,}"),
    st.datetimes().map(lambda value: value.strftime("%Y-%m-%d")),
    digits.map(lambda d: f"INV-2024-{d[:20]}"),
)
embedded = st.tuples(
    st.sampled_from(["ab" * 30, "abc" * 25, "https://a.example/" * 4]), digits.map(lambda d: d[:12])
).map("".join)
texts = st.one_of(
    st.text(letters, max_size=40),
    st.text("abc mW€. ", max_size=200),
    st.lists(st.text(letters, max_size=9) | numbers, max_size=30).map(" ".join),
)
rows = st.lists(st.tuples(texts, numbers, texts | numbers).map(list), min_size=1, max_size=30)
widths = st.tuples(*[st.sampled_from([4, 8, 15, 90])] * 3)
looks = st.fixed_dictionaries(
    {
        "columns": widths.map(lambda wide: [{"field": f, "width": w} for f, w in zip(FIELDS, wide, strict=True)])
        | st.just([]),
        "font_size": st.sampled_from([4, 8, 11, 18]),
        "page_mm": st.sampled_from([[150, 100], [100, 90], [400, 300]]),
        "margin": st.sampled_from([5, 12]),
    }
)


def cells_of(page: DrawnPage, places: Sequence[Any]) -> Iterator[list[list[str]]]:
    """Yield the lines of each cell of each row of a page; the first rule is the one below the titles."""
    edges = sorted(set(page.rules), reverse=True)
    for top, bottom in pairwise(edges):
        inside = sorted((line for line in page.lines if bottom < line.y < top), key=lambda line: -line.y)
        yield [[line.text for line in inside if p["x"] <= line.x <= p["x"] + p["width"]] for p in places]


def glyphs(text: str) -> list[tuple[int, int]]:
    """Two characters may have one glyph; then the PDF names one of them."""
    face = default_chain()
    drawn = [c for c in text if c != " " and (face.has(c) or not draws_nothing(c))]
    return [face.placed(c)[:2] for c in drawn]


def faults(warnings: Sequence[str]) -> dict[str, tuple[int, set[int]]]:
    """How many cells of each column are named, and the first rows of them."""
    found: dict[str, tuple[int, set[int]]] = defaultdict(lambda: (0, set()))
    for warning in warnings:
        if named := FAULT.match(warning):
            times, first = found[named[1]]
            more = int((named[2] or "1").replace(",", ""))
            found[named[1]] = times + more, first | {int(n) for n in re.findall(r"\d+", named[3])}
    return found


def as_parquet(records: list[dict[str, str]]) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(records), out)
    return out.getvalue()


def written(rows: list[list[str]], listing: str) -> tuple[bytes, dict[str, str]]:
    """Rows as a listing of some kind, and the parameters that it needs."""
    records = [dict(zip(FIELDS, row, strict=True)) for row in rows]
    match listing:
        case "csv":
            return as_csv([list(FIELDS), *rows]), {"format": "csv", "delimiter": ",", "encoding": "utf-8"}
        case "jsonl":
            return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode(), {}
        case "array":
            return json.dumps(records, indent=1).encode("utf-16"), {}
    return as_parquet(records), {}


def read_back(
    rows: list[list[str]], folder: Path, chunk_pages: int, listing: str = "csv", **look: Any
) -> tuple[list[Any], Any, Plan]:
    data, needed = written(rows, listing)
    with spool_to_disk() as spool:
        wanted = job(folder, data, **needed, **look).snapshot(spool)
        _, result, plan = made(wanted, folder, chunk_pages)
    pages = drawn_pages(folder / f"{chunk_pages}.pdf")
    return [cells for page in pages for cells in cells_of(page, plan.found["places"])], result, plan


@examples(30)
@given(
    rows=rows,
    look=looks,
    chunk_pages=st.integers(1, 4),
    listing=st.sampled_from(["csv", "jsonl", "array", "parquet"]),
)
def test_every_cell_is_read_in_the_file_or_named(
    rows: list[list[str]], look: dict[str, Any], chunk_pages: int, listing: str
) -> None:
    with TemporaryDirectory() as name:
        seen, result, _ = read_back(rows, Path(name), chunk_pages, listing, **look)
    assert len(seen) == len(rows) == result.drawn
    named = faults(result.warnings)
    whole = ""
    for i, field in enumerate(FIELDS):
        lacking = set()
        for number, (row, cells) in enumerate(zip(rows, seen, strict=True), 1):
            if glyphs(printable(row[i])) == glyphs("".join(cells[i])):
                whole += printable(row[i])
            else:
                lacking.add(number)
        times, first = named[field]
        assert len(lacking) == times
        assert first <= lacking
    if any(not default_chain().has(c) and not draws_nothing(c) for c in set(whole)):
        assert any(warning.startswith(("No font has", "Control characters")) for warning in result.warnings)


@examples(30)
@given(rows=st.lists(st.tuples(numbers, numbers, embedded).map(list), min_size=1, max_size=4), look=looks)
def test_no_piece_of_a_number_stands_alone(rows: list[list[str]], look: dict[str, Any]) -> None:
    with TemporaryDirectory() as name:
        seen, _, _ = read_back(rows, Path(name), 2, **look)
    for row, cells in zip(rows, seen, strict=True):
        for text, lines in zip(row, cells, strict=True):
            digits = re.sub(r"\D", "", text)
            assert all(re.sub(r"\D", "", line) in ("", digits) for line in lines)
