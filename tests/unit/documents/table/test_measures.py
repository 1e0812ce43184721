"""Any division of a listing into ranges gives the same plan."""

from __future__ import annotations

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
from pipeline.documents.table.params import TableParams
from pipeline.errors import InvalidRequest, PipelineError
from pipeline.exports.measures import Ranges

GROUPED: dict[str, Any] = {
    "group_by": [{"field": "b"}, {"field": "c", "page_break": True}],
    "columns": [{"field": "a"}, {"field": "d", "format": {"kind": "number", "decimals": 2}, "total": True}],
    "carry": True,
    "summary": "back",
}
SUMMED: dict[str, Any] = {"columns": [{"field": "a"}, {"field": "d", "total": True}]}
TABLES: dict[str, dict[str, Any]] = {"plain": {}, "grouped": GROUPED, "summed": SUMMED}
SIZES = [1, 3, 17, 60, 400, 5000]

texts = st.one_of(
    st.sampled_from(["", "x", "word", "a longer text that has several lines in a narrow column " * 3]),
    st.sampled_from(["a\nb", "\n", '5" pipe', '"', "a,b", "\r\n", "Genève", "Ελένη", "日本語", "x\n" * 30]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
)
numbers = st.one_of(
    st.decimals(-(10**6), 10**6, places=2).map(str), st.sampled_from(["", "n/a", "1e3", "7", "9" * 40])
)
rows = st.lists(st.tuples(texts, st.sampled_from("AAB"), st.sampled_from("XXXY"), numbers), min_size=1, max_size=60)
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
    params = msgspec.convert({**TABLES[kind], **more, "page_mm": [70, 60], "margin": 5}, TableParams)
    with TemporaryDirectory() as folder:
        (Path(folder) / "rows.csv").write_bytes(data)
        params = msgspec.structs.replace(params, listing=str(Path(folder) / "rows.csv"))
        inputs = FolderInputs(Path(folder))
        at_once = outcome(Table().survey, params, params.listing, inputs)
        assert outcome(divided, params, params.listing, inputs, size, saving) == at_once
    return at_once


@pytest.mark.parametrize("kind", sorted(TABLES))
@settings(deadline=None, max_examples=60)
@given(rows=rows, end=line_ends, always=st.booleans(), size=st.sampled_from(SIZES), saving=st.booleans())
@example(rows=[("x\ny\n", "A", "X", "1.5")] * 9, end="\n", always=True, size=3, saving=True)
def test_any_division_gives_the_same_plan(
    kind: str, rows: list[tuple[str, str, str, str]], end: str, always: bool, size: int, saving: bool
) -> None:
    check(as_csv(rows, end, always).encode(), kind, size, saving)
