"""Groups, totals and summary of a table: the same whatever the cut, and exact."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.documents import Range
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.job import DocumentJob, draw_range
from pipeline.documents.table import warnings
from pipeline.documents.table.setup import TablePlan
from pipeline.errors import InvalidRequest, NotExact
from pipeline.exports.encoding import decode_plan, encode
from pipeline.exports.export import File
from pipeline.exports.plan import Plan
from pipeline.pdf.assembly import Assembly
from pipeline.pdf.catalog import About
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment_index import SegmentIndex
from pipeline.pdf.tail_bound import TailBound
from pipeline.tasks.join import FinishedFile, LeftOut, result

from ....readback import Seen, read
from .test_table import SETTINGS, as_csv, job, made, text_of

FIELDS = ["region", "customer", "amount", "date", "text"]


EURO: dict[str, Any] = {"kind": "currency", "currency": "EUR"}
LIST: dict[str, Any] = {
    "group_by": [{"field": "region"}],
    "columns": [{"field": "text"}, {"field": "amount", "format": EURO, "total": True}],
}

rows = st.lists(
    st.tuples(
        st.sampled_from(["North", "South", "", "x" * 300]),
        st.sampled_from(["A", "B"]),
        st.one_of(st.decimals(-(10**9), 10**9, places=3).map(str), st.sampled_from(["", "n/a", "1e3"])),
        st.one_of(st.dates().map(str), st.just("soon")),
        st.one_of(st.just("word"), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80)),
    ).map(list),
    min_size=1, max_size=70,
)  # fmt: skip


def _possible(wish: dict[str, Any]) -> dict[str, Any]:
    """There must be a total to carry."""
    return wish | {"carry": wish["carry"] and any(column.get("total") for column in wish["columns"])}


wishes = st.fixed_dictionaries(
    {
        "group_by": st.sampled_from(
            [
                [],
                [{"field": "region"}],
                [{"field": "region", "page_break": True}, {"field": "customer", "title": "Customer"}],
                [{"field": "date", "format": {"kind": "date", "pattern": "MMMM y"}}],
            ]
        ),
        "columns": st.sampled_from(
            [
                [{"field": "text"}, {"field": "amount", "total": True}],
                [
                    {"field": "amount", "format": EURO, "total": True},
                    {"field": "date", "format": {"kind": "date"}, "locale": "fr"},
                    {"field": "text", "width": 30},
                ],
                [{"field": "text"}, {"field": "date", "format": {"kind": "date", "pattern": "full"}}],
            ]
        ),
        "carry": st.booleans(),
        "locale": st.sampled_from(["de_DE", "en_US"]),
        "summary": st.sampled_from(["none", "front", "back"]),
        "summary_pages": st.integers(1, 2),
        "font_size": st.sampled_from([8, 16]),
        "text": st.sampled_from([[], ["one line", "another"]]),
        "bookmark_every": st.sampled_from([0, 2]),
    }
).map(_possible)


def in_pieces(job: DocumentJob, plan: Plan, lengths: Iterator[int], out: Path) -> tuple[Seen, tuple[str, ...]]:
    """The file from segments of these lengths: a chunk that is cut goes on in its own lane."""
    pieces: list[tuple[SegmentIndex, bytes]] = []
    for chunk in plan.chunks:
        first, slot, stop = chunk.first_page, 0, chunk.first_page + chunk.pages
        while first < stop:
            most = min(next(lengths), stop - first)
            part = Range(chunk, first, plan.pages, SETTINGS.max_image_pixels, plan.found)
            with TemporaryFile() as file:
                lane = Lane(chunk.number, len(plan.chunks))
                index = draw_range(job, part, lane, slot, file, lambda done, most=most: done >= most)  # type: ignore[misc]
                file.seek(0)
                pieces.append((index, file.read()))
            first, slot = index.stop, index.stop_slot
    indexes = [index for index, _ in pieces]
    assembly = Assembly(lambda: iter(indexes), About("T", 0.0, "id"))
    out.write_bytes(b"".join([*(data for _, data in pieces), *assembly.tail()]))
    inventory, left = TailBound(), LeftOut()
    for index in indexes:
        inventory.add(index)
        left.add(index)
    made = FinishedFile(File("", "", 0, 1, plan.pages), (), ())
    return read(out), result(inventory, [made], None, left, plan.warnings).warnings


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=rows, wish=wishes, chunk_pages=st.integers(1, 4), data=st.data())
def test_any_cut_gives_the_same_pages_of_groups_and_totals(
    rows: list[list[str]], wish: dict[str, Any], chunk_pages: int, data: st.DataObject
) -> None:
    lengths = iter(lambda: data.draw(st.integers(1, 3)), None)
    with TemporaryDirectory() as name:
        wanted = job(Path(name), as_csv([FIELDS, *rows]), page_mm=[150, 200], format="csv", delimiter=",", **wish)
        whole, all_at_once, _ = made(wanted, Path(name), 1000)
        cut, cut_result, _ = made(wanted, Path(name), chunk_pages)
        plan = decode_plan(encode(wanted.plan(SETTINGS, chunk_pages)))
        pieces, warnings = in_pieces(wanted, plan, lengths, Path(name) / "pieces.pdf")
    assert cut == whole
    assert pieces == whole
    assert not whole.complaints
    assert all_at_once.warnings == cut_result.warnings == warnings
    assert cut_result.records == cut_result.drawn == all_at_once.drawn == len(rows)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    amounts=st.lists(
        st.tuples(st.sampled_from("NS"), st.decimals(-(10**6), 10**6, places=2)), min_size=1, max_size=120
    ),
    chunk_pages=st.integers(1, 3),
)
def test_totals_are_exact_and_what_is_carried_is_brought(
    amounts: list[tuple[str, Decimal]], chunk_pages: int
) -> None:
    data = as_csv([["region", "text", "amount"], *([region, "t", str(value)] for region, value in amounts)])
    wish = LIST | {"columns": [{"field": "text"}, {"field": "amount", "total": True}], "carry": True}
    with TemporaryDirectory() as name:
        seen, _, _ = made(job(Path(name), data, page_mm=[120, 110], **wish), Path(name), chunk_pages)
    said = [re.findall(r"^(Total N|Total S|Total|Carried forward|Brought forward)\s+(\S+)$", page.text, re.M)
            for page in seen.pages]  # fmt: skip
    flat = [(words, Decimal(value)) for page in said for words, value in page]
    runs = [(key, sum(value for _, value in run)) for key, run in groupby(amounts, key=lambda item: item[0])]
    assert [item for item in flat if item[0].startswith("Total ")] == [(f"Total {k}", value) for k, value in runs]
    assert flat[-1] == ("Total", sum(value for _, value in amounts))
    carried = [value for words, value in flat if words == "Carried forward"]
    assert carried == [value for words, value in flat if words == "Brought forward"]
    assert len(carried) == len(seen.pages) - 1


def invoices(groups: int, rows: int) -> bytes:
    body = [[f"Group {g}", f"row {g}-{r}", f"{g}.{r:02}"] for g in range(groups) for r in range(rows)]
    return as_csv([["region", "text", "amount"], *body])


def test_a_group_goes_on_under_its_heading_on_the_next_page(folder: Path) -> None:
    seen, result, _ = made(job(folder, invoices(2, 100), **LIST), folder, 1)
    first, second, *_ = seen.pages
    assert "continued" not in first.text
    assert re.search(r"Group 0\s+continued", second.text)
    assert [title for title, *_ in seen.bookmarks] == ["Group 0", "Group 1"]
    assert "Carried forward" not in text_of(seen)
    assert result.drawn == 200


def test_a_group_may_begin_a_page(folder: Path) -> None:
    wish = LIST | {"group_by": [{"field": "region", "page_break": True}]}
    seen, _, _ = made(job(folder, invoices(5, 3), **wish), folder, 2)
    assert [page for _, page, *_ in seen.bookmarks] == list(range(5))


def test_a_heading_never_stands_alone(folder: Path) -> None:
    seen, _, _ = made(job(folder, invoices(150, 1), **LIST), folder)
    for page in seen.pages:
        numbers = re.findall(r"^Group (\d+)$", page.text, re.M)
        assert numbers == re.findall(r"^row (\d+)-0", page.text, re.M)
        assert numbers == re.findall(r"^Total Group (\d+)", page.text, re.M)


@pytest.mark.parametrize("place", ["front", "back"])
def test_the_summary_names_the_groups_and_their_pages(folder: Path, place: str) -> None:
    wish = LIST | {"summary": place, "title": "Sales", "running_head": False}
    seen, _, _ = made(job(folder, invoices(6, 30), **wish), folder, 1)
    summary = seen.pages[0 if place == "front" else -1].text
    assert "Sales" in seen.pages[0].text
    assert "Sales" not in seen.pages[1].text
    assert "Rows 180" in summary
    named = re.findall(r"^(Group \d) (\d+) (\S+) (\d+)$", summary, re.M)
    assert [(title, int(page) - 1) for title, _, _, page in named] == [(t, page) for t, page, *_ in seen.bookmarks]
    assert [total for _, _, total, _ in named] == [f"€{30 * g + Decimal('4.35')}" for g in range(6)]


def test_a_summary_has_a_bound_and_says_what_it_leaves_out(folder: Path) -> None:
    wish = LIST | {"summary": "front", "summary_pages": 1}
    seen, _, plan = made(job(folder, invoices(400, 1), **wish), folder, 2)
    named = len(plan.found["entries"])
    assert 20 < named < 60
    assert f"{400 - named} groups more" in seen.pages[0].text
    assert plan.found["front"] == 1


def test_unreadable_cells_are_counted_and_shown_as_they_are(folder: Path) -> None:
    data = as_csv(
        [["region", "text", "amount"], *([["A", "t", text] for text in ["1", "x", "", "y", "2", "z", "z"]])]
    )
    seen, result, _ = made(job(folder, data, **LIST), folder)
    assert result.warnings == (
        "Cells of column 'amount' that are not numbers are shown as they are and left out of the total "
        "(4 times: row 2, row 4, row 6 and others).",
    )
    assert "€3.00" in seen.pages[0].text
    assert "z" in seen.pages[0].text.split()


def test_a_row_is_counted_once_for_a_column_that_also_makes_groups(folder: Path) -> None:
    data = as_csv([["day", "text"], ["2026-01-01", "t"], ["soon", "t"], ["2026-02-01", "t"]])
    day, month = {"kind": "date"}, {"kind": "date", "pattern": "MMMM y"}
    columns = [{"field": "day", "format": day}, {"field": "text"}]
    _, result, _ = made(job(folder, data, group_by=[{"field": "day", "format": month}], columns=columns), folder)
    assert result.warnings == ("Cells of column 'day' that are not dates are shown as they are (row 2).",)


def test_a_total_is_that_of_its_own_column(folder: Path) -> None:
    """Two columns have one name: places count, not names."""
    data = b"item,amount,amount\nA,1,x\nB,2,20\n"
    columns = [{"field": "item"}, {"field": "amount"}, {"field": "amount", "total": True}]
    _, made_of, plan = made(job(folder, data, columns=columns, summary="back"), folder)
    assert plan.found["totals"] == ("20",)
    assert made_of.warnings == (
        "Cells of column 'amount' that are not numbers are shown as they are and left out of the total (row 1).",
    )


def test_a_second_column_with_the_name_of_a_group_is_shown(folder: Path) -> None:
    data = b"region,region,item\nNorth,First,A\nNorth,Second,B\n"
    seen, _, _ = made(job(folder, data, group_by=[{"field": "region"}]), folder)
    assert all(word in text_of(seen) for word in ("First", "Second", "North"))


def test_groups_that_begin_again_are_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are not sorted: each group begins again and again."""
    data = as_csv([["s", "t", "v"], *([["new", "paid", "sent"][n % 3], "x", str(n)] for n in range(9))])
    words = "Groups begin again after they ended, each time as a group of its own; sort the rows by the columns of "
    found = made(job(folder, data, group_by=[{"field": "s"}]), folder)[1].warnings
    assert found == (words + "group_by (6 times: row 4, row 5, row 6 and others).",)
    assert made(job(folder, data, group_by=[{"field": "t"}]), folder)[1].warnings == ()
    monkeypatch.setattr(warnings, "MAX_KNOWN", 2)
    found = made(job(folder, data, group_by=[{"field": "s"}]), folder)[1].warnings
    assert found == (
        words + "group_by (4 times: row 4, row 5, row 7 and others).",
        "Whether a group begins again was checked for the first 2 groups only.",
    )


def test_names_that_look_the_same_make_one_group(folder: Path) -> None:
    names = ["Bérlin", "Be\u0301rlin", " Bérlin", "Bérlin\u00a0", "\ufeffBérlin", "-", "", " "]
    data = as_csv([["g", "v"], *([name, "1"] for name in names)])
    wish = {"group_by": [{"field": "g"}], "columns": [{"field": "g"}, {"field": "v", "total": True}]}
    _, result, plan = made(job(folder, data, **wish, summary="back"), folder)
    entries = msgspec.convert(plan.found, TablePlan).entries
    assert [(each.words, each.rows, each.sums) for each in entries] == [("Bérlin", 5, ("5",)), ("-", 3, ("3",))]
    assert result.warnings == ()


def test_the_same_group_in_another_one_does_not_begin_again(folder: Path) -> None:
    data = b"a,b,v\nN,x,1\nN,y,2\nS,x,3\nS,y,4\n"
    _, result, _ = made(job(folder, data, group_by=[{"field": "a"}, {"field": "b"}]), folder)
    assert result.warnings == ()


def test_a_cell_longer_than_a_page_is_named(folder: Path) -> None:
    data = as_csv([["a", "b"], ["1", "short"], ["2", " ".join(f"w{i}" for i in range(20_000))]])
    _, result, _ = made(job(folder, data), folder, 1)
    assert result.warnings == ("Cells of column 'b' are too long and end with … (row 2).",)


def test_a_strict_table_fails_where_a_cell_would_be_cut(folder: Path) -> None:
    data = as_csv([["a", "b"], ["1", "short"], ["2", " ".join(f"w{i}" for i in range(20_000))]])
    with pytest.raises(NotExact, match=r"Cells of column 'b' are too long and end with … \(row 2\)"):
        job(folder, data, strict=True).plan(SETTINGS)


def test_the_title_block_stands_on_the_first_page(folder: Path) -> None:
    wish = {"title": "Rechnungen", "subtitle": "offen", "text": ["Zeile eins"], "date": "2026-03-01"}
    seen, _, _ = made(job(folder, invoices(1, 100), locale="de", **wish), folder)
    assert all(text in seen.pages[0].text for text in ["Rechnungen", "offen", "Zeile eins", "1. März 2026"])
    assert all(text in seen.pages[1].text for text in ["Rechnungen", "1. März 2026"])  # the running head
    assert not any(text in seen.pages[1].text for text in ["offen", "Zeile eins"])


def test_words_may_be_ones_own(folder: Path) -> None:
    seen, _, _ = made(job(folder, invoices(1, 1), locale="de", words={"total": "Saldo"}, **LIST), folder)
    assert "Saldo Group 0" in seen.pages[0].text


@pytest.mark.parametrize(
    ("wish", "number", "bookmark"),
    [
        ({}, "2 of 3", "Page 2"),
        ({"locale": "de_AT"}, "2 von 3", "Seite 2"),
        ({"locale": "fr"}, "2 sur 3", "Page 2"),
        ({"locale": "he_IL"}, "2 of 3", "Page 2"),
        ({"locale": "he_IL", "words": {"of": "מתוך", "page": "עמוד"}}, "3 מתוך 2", "עמוד 2"),
        ({"words": {"of": "/"}}, "2 / 3", "Page 2"),
    ],
    ids=["English", "German", "French", "unknown", "right to left", "own"],
)
@pytest.mark.parametrize("chunk_pages", [1, 3])
def test_pages_are_counted_in_the_words_of_the_table(
    folder: Path, wish: dict[str, Any], number: str, bookmark: str, chunk_pages: int
) -> None:
    rows = as_csv([["a"], *[["x"]] * 120])
    seen, result, _ = made(job(folder, rows, bookmark_every=1, **wish), folder, chunk_pages)
    assert result.pages == 3
    assert number in seen.pages[1].text
    assert seen.bookmarks[1][0] == bookmark


@pytest.mark.parametrize(
    ("wish", "field", "words"),
    [
        ({"locale": "xx_YY"}, "locale", "no locale"),
        ({"group_by": [{"field": "nothing"}]}, "group_by", "no column 'nothing'"),
        ({"columns": [{"field": "amount", "total": True}]}, "columns", "need a column without one"),
        ({"columns": [{"field": "text", "format": {"kind": "date"}, "total": True}]}, "columns", "no total"),
        ({"carry": True}, "carry", "no total to carry"),
        ({"page_mm": [100, 200], "landscape": True}, "landscape", "already gives width and height"),
        (LIST | {"page_mm": [200, 50], "margin": 15}, "font_size", "too low"),
        ({"text": ["a line"] * 12, "page_mm": [100, 50]}, "font_size", "too low"),
        ({"summary": "back", "page_mm": [100, 50], "style": "plain"}, "summary", "too low"),
    ],
    ids=["locale", "group", "sums only", "date sum", "carry", "paper", "low page", "high title", "low summary"],
)
def test_what_cannot_be_is_said(folder: Path, wish: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        wanted = job(folder, invoices(2, 2), **wish)
        wanted.document.check(wanted.params, FolderInputs(folder))
        made(wanted, folder)
    assert caught.value.field == field


def test_a_plan_keeps_the_state_of_its_chunks_only(folder: Path) -> None:
    one, many = (made(job(folder, invoices(n, 20), **LIST), folder, 5)[2] for n in (50, 500))
    assert all(len(chunk.state) <= 2 for chunk in many.chunks)
    assert [chunk.after for chunk in many.chunks[:-1]] == [chunk.state for chunk in many.chunks[1:]]
    assert len(encode(many)) / len(many.chunks) < 2 * len(encode(one)) / len(one.chunks)
