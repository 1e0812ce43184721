"""Any division of a listing into ranges gives the same plan."""

from __future__ import annotations

import gc
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.documents import InputRange, Survey
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.table import Table
from pipeline.documents.table.layout import Layout
from pipeline.documents.table.measures import RowMeasure
from pipeline.documents.table.paging import TableFacts, TablePages
from pipeline.documents.table.params import TableParams
from pipeline.errors import InvalidRequest, PipelineError
from pipeline.exports import plan
from pipeline.exports.measures import Ranges

GROUPED: dict[str, Any] = {
    "group_by": [{"field": "b"}, {"field": "c", "page_break": True}],
    "columns": [{"field": "a"}, {"field": "d", "format": {"kind": "number", "decimals": 2}, "total": True}],
    "carry": True,
    "summary": "back",
}
SUMMED: dict[str, Any] = {"columns": [{"field": "a"}, {"field": "d", "total": True}]}
TABLES: dict[str, dict[str, Any]] = {"plain": {}, "grouped": GROUPED, "summed": SUMMED}
SIZES = [5, 17, 60, 400, 5000]

texts = st.one_of(
    st.sampled_from(["", "x", "word", "a longer text that has several lines in a narrow column " * 3]),
    st.sampled_from(["a\nb", "\n", '5" pipe', '"', "a,b", "\r\n", "Genève", "Ελένη", "日本語", "x\n" * 30]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
)
numbers = st.one_of(
    st.decimals(-(10**6), 10**6, places=2).map(str), st.sampled_from(["", "n/a", "1e3", "7", "9" * 40])
)
rows = st.lists(st.tuples(texts, st.sampled_from("AAB"), st.sampled_from("XXXY"), numbers), min_size=1, max_size=50)
line_ends = st.sampled_from(["\n", "\r\n", "\n\n"])


def quoted(text: str, always: bool) -> str:
    special = always or any(sign in text for sign in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if special else text


def as_csv(rows: list[tuple[str, str, str, str]], end: str, always: bool) -> str:
    return "".join(",".join(quoted(text, always) for text in row) + end for row in [("a", "b", "c", "d"), *rows])


def divided(params: TableParams, listing: str, inputs: FolderInputs, size: int, saving: bool) -> Survey:
    """The survey from ranges of `size` bytes, measured last to first, as the steps use them."""
    table, found = Table(), inputs.find(listing)
    assert found
    facts = msgspec.json.decode(msgspec.json.encode(table.sample(params, listing, inputs)))
    ranges, measured = Ranges(found, size), dict[int, tuple[int, bytes]]()

    def measure(at: int, known: bool) -> None:
        part = InputRange(at, ranges.stop(ranges.number(at)), known)
        for each in table.measure(params, listing, facts, part, inputs):
            measured[each.start] = each.stop, each.data

    for number in reversed(range(ranges.count)):
        try:
            measure(number * size, known=not number)
        except InvalidRequest:
            assert number or found.size
    at, pages = 0, table.pages(params, listing, facts)
    while at < found.size:
        if at not in measured:
            measure(at, known=True)
        at, data = measured[at]
        pages.add(data)
        if saving:
            pages = table.pages(params, listing, facts, pages.save())
    return pages.survey()


def outcome(call: Any, *given: Any) -> object:
    try:
        return msgspec.to_builtins(call(*given))
    except PipelineError as error:
        return error.message


def check(data: bytes, kind: str, size: int, saving: bool, **more: Any) -> object:
    params = msgspec.convert({**TABLES[kind], **more, "page_mm": [90, 110], "margin": 5}, TableParams)
    with TemporaryDirectory() as folder:
        (Path(folder) / "rows.csv").write_bytes(data)
        params = msgspec.structs.replace(params, listing=str(Path(folder) / "rows.csv"))
        inputs = FolderInputs(Path(folder))
        at_once = outcome(Table().survey, params, params.listing, inputs)
        assert outcome(divided, params, params.listing, inputs, size, saving) == at_once
    return at_once


@pytest.mark.parametrize("kind", sorted(TABLES))
@settings(deadline=None, max_examples=25)
@given(rows=rows, end=line_ends, always=st.booleans(), size=st.sampled_from(SIZES), saving=st.booleans())
@example(rows=[("x\ny\n", "A", "X", "1.5")] * 9, end="\n", always=True, size=3, saving=True)
def test_any_division_gives_the_same_plan(
    kind: str, rows: list[tuple[str, str, str, str]], end: str, always: bool, size: int, saving: bool
) -> None:
    check(as_csv(rows, end, always).encode(), kind, size, saving)


@pytest.mark.parametrize("kind", sorted(TABLES))
@settings(deadline=None, max_examples=10)
@given(rows=rows, size=st.sampled_from(SIZES))
def test_any_division_of_json_lines_does(kind: str, rows: list[tuple[str, str, str, str]], size: int) -> None:
    lines = (msgspec.json.encode(dict(zip("abcd", row, strict=True))) for row in rows)
    check(b"\n \n".join(lines), kind, size, saving=False)


WORDS = {
    "utf-8": "Zoë Ελένη Иван 日本語 한국어",
    "cp1252": "Zoë naïve façade",
    "cp1250": "Łódź žluťoučký",
    "iso8859_2": "Łódź žluťoučký",
    "cp1251": "Иван Петров",
    "koi8_r": "Иван Петров",
    "cp1253": "Ελένη",
    "cp1254": "İstanbul",
    "cp1255": "שלום",
    "cp1256": "سلام",
    "cp874": "สวัสดี",
    "cp949": "한국어 사람",
    "gb18030": "中文 𠀀",
    "euc_jp": "日本語 カナ",
    "shift_jis": "ソ表 日本語",
    "big5": "中文 許功蓋",
}


@pytest.mark.parametrize("encoding", sorted(WORDS))
def test_a_character_that_is_cut_by_a_border_stays_whole(encoding: str) -> None:
    """Also a line feed in quotes, in every encoding that is read."""
    words = WORDS[encoding]
    rows = [(f"{words} {n}", "A", f'"{words}"\n{n}', f"{n}.50") for n in range(12)]
    data = as_csv(rows, "\r\n", always=False).encode(encoding)
    for size in (3, 7, 64):
        assert isinstance(check(data, "grouped", size, saving=False, encoding=encoding), dict)


def test_many_ranges_have_next_to_no_wrong_begin() -> None:
    """Cells hold line feeds, quotes and delimiters; a wrong begin would be measured again, by one process."""
    rows = [(f'He said "no,\nnever", {n}', "A,\n\n,B", f'5" pipe, {n}\n', str(n)) for n in range(4000)]
    data = as_csv(rows, "\n", always=False)
    params = TableParams()
    with TemporaryDirectory() as folder:
        (Path(folder) / "rows.csv").write_text(data, newline="")
        listing, inputs = str(Path(folder) / "rows.csv"), FolderInputs(Path(folder))
        facts = Table().sample(params, listing, inputs)
        whole = Table().measure(params, listing, facts, InputRange(0, 10**9), inputs)
        ends, at = set(), msgspec.convert(facts, TableFacts).format.begin
        for each in whole:
            for length in memoryview(RowMeasure.decode(each.data).lengths).cast("I"):
                at += length
                ends.add(at)
        guessed = []
        for start in range(5000, len(data.encode()) - 5000, 4501):
            part = InputRange(start, start + 4501, known=False)
            guessed += [next(Table().measure(params, listing, facts, part, inputs)).start]
    assert len(guessed) > 30
    assert not set(guessed) - ends


@pytest.mark.parametrize("rows", [1, 40, 5000])
def test_plain_pages_that_are_found_at_once_are_those_found_one_by_one(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With few marks, so that there are many pages between two of them."""
    monkeypatch.setattr(plan, "MAX_MARKS", 8)
    params = msgspec.convert({"title": "Rows", "page_mm": [90, 110], "margin": 5}, TableParams)
    data = b"a,b\n" + b"".join(b"%d,%s\n" % (n, b"x" * (n % 7)) for n in range(rows))
    with TemporaryDirectory() as folder:
        (path := Path(folder) / "rows.csv").write_bytes(data)
        params = msgspec.structs.replace(params, listing=str(path))
        given = params, str(path), FolderInputs(Path(folder)), 3000, True
        found = divided(*given)
        monkeypatch.setattr(TablePages, "_even_pages", lambda *_: 0)
        assert msgspec.to_builtins(found) == msgspec.to_builtins(divided(*given))
        assert rows < 5000 or found.pages > 8 * found.marks.stride / 2


@pytest.mark.parametrize("params", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("note", ["a word", "a text of several lines in a narrow column " * 3])
def test_a_measured_range_leaves_nothing_to_the_garbage_collector(
    params: dict[str, Any], note: str, tmp_path: Path
) -> None:
    """The caches of a table are some megabytes; in a cycle they stay while a process measures dozens of ranges."""
    listing = str(tmp_path / "rows.csv")
    Path(listing).write_text(as_csv([(note, "A", "X", f"{row}") for row in range(5000)], "\n", False))
    table, inputs = Table(), FolderInputs(tmp_path)
    decoded = msgspec.convert({"listing": listing, **params}, TableParams)
    facts = table.sample(decoded, listing, inputs)
    gc.collect()
    before = layouts()
    gc.disable()
    try:
        for each in table.measure(decoded, listing, facts, InputRange(0, inf, known=True), inputs):
            assert each.data
        del each
        assert layouts() == before
    finally:
        gc.enable()


def layouts() -> int:
    return sum(isinstance(each, Layout) for each in gc.get_objects())
