from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import documents
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.job import DocumentJob
from pipeline.errors import InputChanged, InvalidRequest
from pipeline.exports.export import Result
from pipeline.exports.plan import Plan
from pipeline.pdf.catalog import About
from pipeline.pdf.fonts import default_chain
from pipeline.settings import Settings
from pipeline.tasks.inline import render_file

from ....readback import Seen, read

SETTINGS = Settings.from_env({})


def job(folder: Path, data: bytes, **params: Any) -> DocumentJob:
    (folder / "rows").write_bytes(data)
    table = documents.find("table")
    decoded = documents.decode(table, {"listing": "rows", **params})
    return DocumentJob(table, decoded, str(folder / "rows"), FolderInputs(folder))


def made(job: DocumentJob, folder: Path, chunk_pages: int | None = None) -> tuple[Seen, Result, Plan]:
    plan = job.plan(SETTINGS, chunk_pages)
    out = folder / f"{chunk_pages}.pdf"
    result = render_file(job, plan, About("T", 0.0, "id"), out, SETTINGS, lambda pages: None)
    return read(out), result, plan


def as_csv(rows: list[list[str]], **dialect: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out, **dialect).writerows(rows)
    return out.getvalue().encode()


def text_of(seen: Seen) -> str:
    return "\n".join(page.text for page in seen.pages)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
words = st.sampled_from(
    [
        "שלום (עולם)",
        "السلام",
        "عليكم",
        "می‌خواهم",
        "日本語。",
        "नमस्ते",
        "😀",
        "x\u0331y",
        "12,5 ₪",
        "abc",
        "Größe",
        "\u200f",
    ]
)
any_script = st.lists(words, max_size=14).map(" ".join)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(st.lists(cells | any_script, min_size=3, max_size=3), min_size=1, max_size=60),
    chunk_pages=st.integers(1, 4),
    font_size=st.sampled_from([8, 18]),
)
def test_any_cut_gives_the_same_pages_and_no_row_is_lost(
    rows: list[list[str]], chunk_pages: int, font_size: int
) -> None:
    rows = [row for row in rows if row != ["", "", ""]]
    data = as_csv([["a", "b", "c"], *rows]) + b"x,y,z\r\n"
    with TemporaryDirectory() as name:
        wanted = job(Path(name), data, font_size=font_size, page_size="A5", format="csv", delimiter=",")
        whole, all_at_once, _ = made(wanted, Path(name), 1000)
        cut, result, _ = made(wanted, Path(name), chunk_pages)
    assert cut == whole
    assert not whole.complaints
    assert (
        result.records
        == result.drawn
        == all_at_once.records
        == len(list(csv.reader(io.StringIO(data.decode(), newline="")))) - 1
    )


def test_pages_bear_titles_rows_and_numbers(folder: Path) -> None:
    rows = [["Id", "Name"], *([str(i), f"Name {i}"] for i in range(1, 201))]
    seen, result, _ = made(job(folder, as_csv(rows), title="People", bookmark_every=2), folder, 1)
    assert result.pages == len(seen.pages) > 3
    assert all("People" in page.text for page in seen.pages)
    alone, _, _ = made(job(folder, as_csv(rows), title="People", running_head=False), folder, 1)
    assert ["People" in page.text for page in alone.pages] == [True] + [False] * (len(alone.pages) - 1)
    assert all(
        "Name" in page.text and f"{n} of {result.pages}" in page.text for n, page in enumerate(seen.pages, 1)
    )
    assert all(f"Name {i}" in text_of(seen) for i in range(1, 201))
    assert [title for title, *_ in seen.bookmarks] == [f"Page {n}" for n in range(1, result.pages + 1, 2)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a;b\n1;2\n", ["1", "2"]),
        (b"a\tb\n1\t2\n", ["1", "2"]),
        (b"a|b\n1|2\n", ["1", "2"]),
        (b"\xef\xbb\xbfa,b\n1,2\n", ["a", "1", "2"]),
        ("a,b\nGrün,2\n".encode("cp1252"), ["Grün"]),
        (b'a,b\n"line one\nline two",2\n', ["line one", "line two", "2"]),
        (b'a,b\n"line one\n\nline two",2\n', ["line one", "line two", "2"]),
        (b'a,b\n"say ""hi""",2', ['say "hi"', "2"]),
        (b"a,b\r\n1,2\r\n\r\n3,4\r\n", ["1", "2", "3", "4"]),
        (b"a,b\n1\n", ["1"]),
        (b"a,b\n1,2,3,4\n", ["1", "2,3,4"]),  # nothing is lost
        (b'{"a": 1, "b": "x"}\n{"a": 2.5, "b": null}\n', ["1", "x", "2.5"]),
        (b'{"a": true, "b": [1, 2]}\n', ["yes", "[1,2]"]),
    ],
)
def test_what_people_send_is_understood(folder: Path, data: bytes, expected: list[str]) -> None:
    seen, _, _ = made(job(folder, data), folder)
    lines = seen.pages[0].text
    assert all(text in lines for text in expected), lines


@pytest.mark.parametrize(
    ("data", "params", "field", "words"),
    [
        (b"", {}, "listing", "no titles"),
        (b"a\n1\n", {"columns": [{"field": "a", "width": -4}]}, "columns[0].width", "> 0.0"),
        (b"a,b\n", {}, "listing", "no rows"),
        (b"a,b\n\x00\x01\x02", {}, "listing", "Line 2 of rows has a null byte"),
        (b"a,b\n\xff,2\n", {"encoding": "utf-8"}, "encoding", "Line 2 of rows is not utf-8: byte 1 .* is FF"),
        (b"a,b\n1,2\n", {"encoding": "klingon"}, "encoding", "no encoding"),
        (b"a,b\n1,2\n", {"encoding": "cp\0"}, "encoding", "no encoding"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}\n", {}, "listing", "is not a JSON object"),
        (b"a,b\n1,2\n", {"encoding": "utf-16"}, "encoding", "Lines cannot be found in utf-16"),
        (b"a\n\\u000a\n", {"encoding": "raw_unicode_escape"}, "encoding", "Lines cannot be found in raw_unicode"),
        ("a,b\n1,2\n".encode("utf-16-le"), {}, "listing", "Line 1 of rows has a null byte"),
        (b"PAR1\x00\x00", {}, "listing", "Parquet file is cut off"),
        (b'{"a": 1}\n{"b": 2}\n', {}, "listing", "field 'b'"),
        (b'{"a": 1}\nnot json\n', {}, "listing", "not a JSON object"),
        (b"a,b\n1,2\n", {"columns": [{"field": "z"}]}, "columns", "There are: a, b"),
        (",".join(str(i) for i in range(10_000)).encode() + b"\n1\n", {}, "columns", "10000 columns do not fit"),
    ],
)
def test_what_cannot_be_a_table_is_said(
    folder: Path, data: bytes, params: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        made(job(folder, data, **params), folder)
    assert caught.value.field == field


def test_long_cells_wrap_and_one_longer_than_a_page_is_cut(folder: Path) -> None:
    words = " ".join(f"word{i}" for i in range(100))
    endless = " ".join(f"w{i}" for i in range(20_000))
    data = as_csv([["a", "b"], ["1", words], ["2", endless], ["3", "after"]])
    seen, result, _ = made(job(folder, data), folder, 1)
    text = text_of(seen)
    assert all(f"word{i}" in text for i in range(100))
    assert "…" in text
    assert "after" in text
    assert result.records == 3


def test_columns_of_one_name_keep_their_own_values(folder: Path) -> None:
    seen, _, _ = made(job(folder, b"a,a\nfirst,second\n"), folder)
    assert "first" in seen.pages[0].text
    assert "second" in seen.pages[0].text


def test_a_byte_order_mark_overrides_the_given_encoding(folder: Path) -> None:
    seen, _, _ = made(job(folder, "\ufeffa,b\nGrün,2\n".encode(), encoding="cp1252"), folder)
    assert "Grün" in seen.pages[0].text


SHORT = "Rows have fewer fields than titles; the columns behind them are empty (row 3)."


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["1,2,3"], r"Rows have more fields than titles; the extra fields are in the last column \(row 1\)."),
        (["1,2", "", "1,2,3", "4", "1,2,3"], r"Rows have more fields than titles; .* \(2 times: row 2, row 4\)."),
        (["1,2,3"] * 3000, r"Rows have more fields .* \(3,000 times: row 1, row 2, row 3 and others\)."),
    ],
    ids=["one", "two", "many"],
)
def test_rows_with_too_many_fields_are_drawn_and_named(folder: Path, rows: list[str], words: str) -> None:
    data = "\n".join(["a,b", *rows]).encode()
    seen, result, _ = made(job(folder, data), folder, 1)
    assert re.fullmatch(words, result.warnings[0])
    assert result.warnings[1:] == ((SHORT,) if "4" in rows else ())
    assert "2,3" in seen.pages[0].text
    assert result.records == result.drawn == len([row for row in rows if row])


def test_a_listing_changed_between_plan_and_draw_is_noticed(folder: Path) -> None:
    wanted = job(folder, b"a\n1\n2\n")
    plan = wanted.plan(SETTINGS)
    (folder / "rows").write_bytes(b"a\n1\n2\n3\n")
    with pytest.raises(InputChanged, match="was replaced"):
        render_file(wanted, plan, About("T", 0.0, "id"), folder / "out.pdf", SETTINGS, lambda pages: None)


def test_control_characters_are_not_drawn(folder: Path) -> None:
    seen, _, _ = made(job(folder, b"a,b\n\x1b[31mred\x07,2\n"), folder)
    assert "[31mred" in seen.pages[0].text
    assert "\x1b" not in seen.pages[0].text


def test_columns_are_chosen_named_and_aligned(folder: Path) -> None:
    data = as_csv([["a", "b", "c"], ["left out", "12", "text"]])
    columns = [{"field": "c", "title": "Third"}, {"field": "b", "align": "left", "width": 30}]
    seen, _, plan = made(job(folder, data, columns=columns), folder)
    assert "left out" not in seen.pages[0].text
    assert "Third" in seen.pages[0].text
    places = plan.found["places"]
    assert [place["align"] for place in places] == ["left", "left"]
    assert sum(place["width"] for place in places) == pytest.approx(
        places[-1]["x"] + places[-1]["width"] - places[0]["x"]
    )


def test_numbers_stand_at_the_right_to_a_hundredth_of_a_point(folder: Path) -> None:
    data = as_csv([["n"], ["1"], ["1,234.50"], ["-12 %"]])
    _, _, plan = made(job(folder, data), folder)
    (place,) = plan.found["places"]
    assert place["align"] == "right"
    face = default_chain()
    assert len({face.width(digit, 1000) for digit in "0123456789"}) == 1  # what TablePen counts on


def test_rows_of_a_request_become_a_listing(folder: Path) -> None:
    table = documents.find("table")
    params = documents.decode(table, {"rows": [{"a": 1}]})
    table.check(params, FolderInputs(folder))
    with pytest.raises(InvalidRequest, match="no rows"):
        table.check(documents.decode(table, {"rows": []}), FolderInputs(folder))
    assert json.loads(json.dumps(params.rows)) == [{"a": 1}]
