"""Rows that were skimmed are as long and as high as rows that were read."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline import documents
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.table import Table, fast_rows
from pipeline.documents.table.broken_cells import broken_cell
from pipeline.documents.table.detect import detect
from pipeline.documents.table.fast_rows import FastRows
from pipeline.documents.table.fits import fitting
from pipeline.documents.table.lines import BadLine
from pipeline.documents.table.params import Column, TableParams
from pipeline.documents.table.read_rows import Batch, BatchReader
from pipeline.documents.table.row_texts import BATCH
from pipeline.documents.table.rows import InputFormat, RowReader
from pipeline.documents.table.setup import TableSetup, measure_columns, table_setup
from pipeline.errors import InvalidRequest
from pipeline.pdf.tally import Remarks
from pipeline.settings import Settings

Rows = tuple[list[int], list[int], list[tuple[int, str]]]  # their lengths and heights, and what was noted


@pytest.fixture(scope="module", autouse=True)
def known_documents() -> None:
    documents.load(Settings.from_env({}).documents)


def seen(data: bytes, columns: int) -> tuple[InputFormat, TableSetup]:
    """How a small page with a few rows looks; the widths come from the first row."""
    params = TableParams(page_mm=(50.0 * columns, 60.0), margin=5, page_numbers=False)
    format = detect(data, "csv", ",", "utf-8", Remarks())
    sample = [row for row, _ in RowReader([b"x" * 9 + b",12.50" * (columns - 1)], 0, format).take(1)]
    return format, table_setup(params, format, measure_columns(params, format, sample))


def blocks(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def joined(batches: Iterable[Batch]) -> Rows:
    lengths: list[int] = []
    heights: list[int] = []
    noted: list[tuple[int, str]] = []
    for batch in batches:
        noted += sorted((len(lengths) + row, words) for row, words in batch.noted)
        lengths += batch.lengths
        heights += batch.heights
    return lengths, heights, noted


def skimmed(data: bytes, format: InputFormat, look: TableSetup, size: int = 1000) -> Rows:
    return joined(FastRows(blocks(data[format.begin :], size), format.begin, format, look))


def read(data: bytes, format: InputFormat, look: TableSetup) -> Rows:
    return joined(BatchReader([data[format.begin :]], format.begin, format, look))


plain_cell = st.text("abcWm 1.-", max_size=9)
any_cell = st.one_of(
    plain_cell,
    plain_cell,
    plain_cell,
    st.text("mW", min_size=8, max_size=60),
    st.sampled_from(
        ['"a,b"', '"a\nb"', '"', '""', '"x""y"', 'a"b', "é", "日本", "a\tb", "\u0301x", "1,2", "\r", ""]
    ),
)
row = st.lists(any_cell, min_size=1, max_size=4).map(",".join)
ends = st.sampled_from(["\n", "\n", "\r\n", "\n\n"])


@given(st.integers(1, 3), st.lists(st.tuples(row, ends), max_size=60), st.sampled_from([7, 100, 4000]))
@settings(deadline=None)
@example(1, [("", "\n"), ('""', "\n")] * 9, 7)
def test_rows_are_those_that_are_found_when_every_cell_is_read(
    columns: int, rows: list[tuple[str, str]], size: int
) -> None:
    titles = ",".join("abc"[:columns])
    data = "\n".join([titles, "".join(text + end for text, end in rows)]).encode()
    format, look = seen(data, columns)
    assert look.plain
    try:
        wanted = read(data, format, look)
    except BadLine as error:
        with pytest.raises(BadLine) as caught:
            skimmed(data, format, look, size)
        assert (caught.value.at, caught.value.words) == (error.at, error.words)
    else:
        assert skimmed(data, format, look, size) == wanted


@pytest.mark.parametrize(
    ("delimiter", "encoding", "data"),
    [
        ("→", "cp1252", "a\n" + "x\n" * 50),  # cannot be met
        ("ソ", "shift_jis", "aソb\n" + "xソy\n" * 50),  # ends in a backslash
    ],
)
def test_rows_are_found_whatever_the_delimiter(tmp_path: Path, delimiter: str, encoding: str, data: str) -> None:
    params = TableParams(page_mm=(60, 60), delimiter=delimiter, encoding=encoding)
    (tmp_path / "rows.csv").write_bytes(data.encode(encoding))
    survey = Table().survey(params, str(tmp_path / "rows.csv"), FolderInputs(tmp_path))
    format = detect(data.encode(encoding), "csv", delimiter, encoding, Remarks())
    sample = [row for row, _ in RowReader([data.encode(encoding)[format.begin :]], 0, format).take(1000)]
    look = table_setup(params, format, measure_columns(params, format, sample))
    lengths, _, noted = read(data.encode(encoding), format, look)
    assert (survey.records, survey.end) == (len(lengths), format.begin + sum(lengths))
    assert len(survey.warnings) == len({words for _, words in noted})


def test_bytes_that_mean_something_else_after_an_escape_are_read(tmp_path: Path) -> None:
    # behind the sample, which is read at any rate
    (tmp_path / "rows.csv").write_bytes(b"a\n" + b"x\n" * 150_000 + b"\x1b$B0!\n" + b"xyz\n" * 500)
    with pytest.raises(InvalidRequest, match="is not iso2022_jp"):
        Table().survey(TableParams(encoding="iso2022_jp"), str(tmp_path / "rows.csv"), FolderInputs(tmp_path))


def test_many_columns_that_are_not_shown_cost_next_to_nothing() -> None:
    titles = [f"c{n}" for n in range(3000)]
    format = detect(",".join(titles).encode() + b"\n", "csv", ",", "utf-8", Remarks())
    params = TableParams(columns=(Column("c1"), Column("c7")))
    look = table_setup(params, format, measure_columns(params, format, [["x"] * 3000]))
    assert len(fast_rows.plain_row(format, look.layout)) < 10_000


def test_carriage_returns_are_not_decoded_again_for_each_batch() -> None:
    format, look = seen(b"a\n", 1)
    asked: list[bytes] = []

    class Counting(FastRows):
        def _slices(self) -> Iterator[bytes]:
            for piece in super()._slices():
                asked.append(piece)
                yield piece

    data = b"x\r" * 50_000
    assert sum(len(batch.lengths) for batch in Counting([data], format.begin, format, look)) == 50_000
    assert sum(map(len, asked)) < 10 * len(data)


def batches_read(data: bytes, format: InputFormat, look: TableSetup) -> list[int]:
    """The numbers of the batches that were read behind the first; the others were skimmed."""
    found = FastRows(blocks(data[format.begin :], 999), format.begin, format, look)
    first, *read = [number for number, batch in enumerate(found) if batch.heights is not fast_rows.ONE_LINE]
    assert first == 0
    return read


def test_only_batches_with_rows_of_several_lines_are_read() -> None:
    row, accented, long = b'Ada,"Rome, Italy",2.50\n', "Zoé,Genève,7\n".encode(), b"A b,c,%s\n" % (b"1 " * 50)
    data = b"a,b,c\n" + (row * 40 + accented) * 30 + long + row * 1007
    format, look = seen(data, 3)
    first, batches = 41 * 30 // BATCH, -(-(41 * 30 + 1001) // BATCH)
    assert batches_read(data, format, look) == [*range(first, first + fast_rows.FIRST_STRETCH), batches - 1]


def test_the_expression_is_not_compiled_for_rows_that_wrap() -> None:
    data = b"a\n" + b"%s\n" % (b"1 " * 50) * 5000
    format, look = seen(data, 1)
    found = FastRows(blocks(data[format.begin :], 999), format.begin, format, look)
    assert sum(len(batch.lengths) for batch in found) == 5000
    assert "_plain" not in vars(found)


def test_what_is_held_does_not_grow_with_the_input() -> None:
    peaks = []
    for rows in (10_000, 160_000):
        format, look = seen(b"a,b\n", 2)
        tracemalloc.start()
        some = b"".join(b"Ada,%s\n" % (b"2 " * (n % 12)) for n in range(500))
        for _ in FastRows((some for _ in range(rows // 500)), format.begin, format, look):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


@pytest.mark.parametrize(("size", "width", "most"), [(4.1, 81.07, 20), (4.4, 66.11, 15), (4.4, 107.25, 25)])
def test_a_text_proved_to_fit_has_one_line_when_measured(size: float, width: float, most: int) -> None:
    """That many of the widest characters fill the column to the last bit, and a little more."""
    _, look = seen(b"a\n", 1)
    layout = replace(look.layout, size=size, places=(replace(look.layout.places[0], width=width),))
    row = ["m" * most]
    texts = replace(look.texts, layout=layout)
    cell = broken_cell(row[0], layout.places[0].inside, layout, formatted=False)
    assert not texts.has_one_line(row) or len(cell.lines) == 1


def test_names_with_few_wide_letters_are_proved_to_fit_and_no_wider_text_is() -> None:
    """In a column as wide as six columns that share a page give to such names."""
    _, look = seen(b"a\n", 1)
    face, size, advances = look.layout.face, look.layout.size, look.layout.advances
    room = 1.42 * face.width("Fischer 9972", size)
    fits = re.compile(fitting(room, advances, advances.keys(), 0, r"\Z"))
    assert fits.match("Fischer 9972")
    assert fits.match("Adams 9972")
    random = Random(1)  # the same texts each time
    texts = [
        "".join(random.choices("WmHn0i ", (1, 2, 2, 9, 9, 3, 3), k=random.randint(6, 16))) for _ in range(5000)
    ]
    proved = [text for text in texts if fits.match(text)]
    assert len(proved) > 500
    assert max(face.width(text, size) for text in proved) <= room


def test_rows_with_accents_greek_and_cyrillic_are_not_read() -> None:
    data = "a,b\n" + "José,Ελένη\nÅsa,Иван\n" * 60
    format, look = seen(data.encode(), 2)
    assert batches_read(data.encode(), format, look) == [120 // BATCH], "the last one is not full"


@pytest.mark.parametrize("bad", [b"Jos\xc3,x\n", b"\xc3\xc3,x\n", b"\xa9a,x\n", b"\xc0\x80,x\n"])
def test_letters_that_are_no_utf_8_are_noticed_when_rows_are_skimmed(bad: bytes) -> None:
    data = b"a,b\n" + "José,x\n".encode() * 100 + bad + "José,x\n".encode() * 100
    format, look = seen(b"a,b\nx,y\n", 2)
    with pytest.raises(BadLine, match="is not utf-8"):
        list(FastRows(blocks(data[format.begin :], 999), format.begin, format, look))
