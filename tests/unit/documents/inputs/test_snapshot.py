"""Parquet, Arrow and UTF-16 become lines once, in bounded memory, and damage is said."""

from __future__ import annotations

import datetime as dt
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from pyarrow import parquet

import pipeline
from pipeline import documents
from pipeline.documents.inputs import snapshot
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.table.params import TableParams
from pipeline.errors import InputChanged, InvalidRequest
from pipeline.settings import MIB
from pipeline.tasks import client

from ....readback import read

ROOT = Path(__file__).parents[4]


def as_parquet(columns: dict[str, pa.Array], **options: Any) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def taken(folder: Path, data: bytes, **params: Any) -> bytes | None:
    """What is written down of a listing, None when it stays as it is."""
    path = folder / "rows"
    path.write_bytes(data)
    inputs = FolderInputs(folder)
    decoded = documents.decode(documents.find("table"), {"listing": "rows", **params})
    made = snapshot.take(decoded, inputs.find(str(path)), inputs)
    return None if made is None else b"".join(made.pieces)


def records(data: bytes | None) -> list[dict[str, Any]]:
    assert data is not None
    return [msgspec.json.decode(line) for line in data.splitlines()]


def test_a_footer_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    data = as_parquet({"id": pa.array(range(1000))}, row_group_size=250)
    places = [at for at in range(len(data)) if data.startswith(b"\xf4\x03", at)]  # 250, as a number of Thrift
    refused = 0
    for at in places:
        spoilt = data[:at] + b"\xf2\x03" + data[at + 2 :]
        counts = parquet.read_metadata(io.BytesIO(spoilt))
        if [counts.row_group(n).num_rows for n in range(4)] != [250] * 4:
            refused += 1
            with pytest.raises(InvalidRequest, match="damaged: its footer says 1,000 rows, its row groups 999"):
                taken(tmp_path, spoilt)
    assert refused == 4


NOON = dt.datetime(2026, 1, 31, 12, 0, 0, 5)
TYPES: list[tuple[pa.Array, Any]] = [
    (pa.array([7], pa.int64()), 7),
    (pa.array([2**64 - 1], pa.uint64()), str(2**64 - 1)),
    (pa.array([0.1], pa.float32()), 0.1),
    (pa.array([0.1], pa.float64()), 0.1),
    (pa.array([True]), True),
    (pa.array([None], pa.string()), None),
    (pa.array(["Grün"], pa.large_string()), "Grün"),
    (pa.array(["a"]).dictionary_encode(), "a"),
    (pa.array([Decimal("12345678901234567890.1200")], pa.decimal128(30, 4)), "12345678901234567890.1200"),
    (pa.array([dt.date(2026, 1, 31)]), "2026-01-31"),
    (pa.array([NOON], pa.timestamp("us")), "2026-01-31T12:00:00.000005"),
    (pa.array([NOON], pa.timestamp("ns")), "2026-01-31T12:00:00.000005"),
    (pa.array([1], pa.timestamp("ns")), "1970-01-01T00:00:00.000000001"),
    (pa.array([NOON], pa.timestamp("us", "UTC")), "2026-01-31T12:00:00.000005Z"),
    (pa.array([dt.time(7, 30)], pa.time64("us")), "07:30:00"),
    (pa.array([90_000], pa.duration("s")), "1 day, 1:00:00"),
    (pa.array([90_000_000_001], pa.duration("ns")), "0:01:30.000000001"),
    (pa.array([1_500_000], pa.duration("us")), "0:00:01.500000"),
    (pa.array([-90_001], pa.duration("s")), "-1 day, -1:00:01"),
    (pa.array([253402300800000000], pa.timestamp("us")), "10000-01-01T00:00:00"),
    (pa.array([253402300799000000], pa.timestamp("us", "Asia/Tokyo")), "10000-01-01T08:59:59+09:00"),
    (pa.array([4_000_000], pa.date32()), "12921-08-18"),
    (pa.array([1], pa.time64("ns")), "00:00:00.000000001"),
    (pa.array([[1], None, []], pa.list_(pa.timestamp("ns"))).slice(0, 1), ["1970-01-01T00:00:00.000000001"]),
    (pa.array([{"t": 1}], pa.struct([("t", pa.duration("ns"))])), {"t": "0:00:00.000000001"}),
    (
        pa.array([[{"t": [1]}]], pa.list_(pa.struct([("t", pa.list_(pa.time64("ns")))]))),
        [{"t": ["00:00:00.000000001"]}],
    ),
    (pa.array([[0.1]], pa.list_(pa.float32(), 1)), [0.1]),
    (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.timestamp("ns"))), [["k", "1970-01-01T00:00:00.000000001"]]),
    (pa.array([None], pa.struct([("t", pa.int8())])), None),
    (pa.array([b"\x00\xff"]), "00ff"),
    (pa.array([[1, 2]]), [1, 2]),
    (pa.array([0.1], pa.float32()).cast(pa.float16()), 0.1),
    (pa.array([65504], pa.float32()).cast(pa.float16()), 65500.0),  # that has the same 16 bits
    (pa.array([float("nan")], pa.float32()).cast(pa.float16()), "NaN"),
    (pa.array([float("inf")], pa.float32()).cast(pa.float16()), "Infinity"),
    (pa.array([[1, 2]], pa.list_view(pa.timestamp("ns"))), ["1970-01-01T00:00:00.00000000" + n for n in "12"]),
    (pa.array([None], pa.large_list_view(pa.int8())), None),
    (
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(15) + b"\5"], pa.binary(16))),
        "00000000-0000-0000-0000-000000000005",
    ),
    (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8())), True),
    (pa.ExtensionArray.from_storage(pa.json_(), pa.array(["1.10"])), "1.10"),
    (pa.array([{"k": Decimal("1.50")}]), {"k": "1.50"}),
]


@pytest.mark.parametrize(
    ("column", "expected"), TYPES, ids=[f"{n}-{column.type}" for n, (column, _) in enumerate(TYPES)]
)
def test_every_type_of_a_parquet_file_has_its_text(tmp_path: Path, column: pa.Array, expected: Any) -> None:
    assert records(taken(tmp_path, as_parquet({"v": column}))) == [{"v": expected}]


def test_a_uuid_of_a_file_without_the_schema_of_arrow_has_its_text(tmp_path: Path) -> None:
    """As other programs write it."""
    ids, out = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(15) + b"\5"], pa.binary(16))), io.BytesIO()
    parquet.write_table(pa.table({"v": ids}), out, store_schema=False)
    assert records(taken(tmp_path, out.getvalue())) == [{"v": "00000000-0000-0000-0000-000000000005"}]


def test_an_arrow_stream_without_rows_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="Arrow gave values in place of rows"):
        list(client.records(pa.chunked_array([[1]])))


def test_null_lists_and_empty_ones_stand_where_they_were(tmp_path: Path) -> None:
    values = [[1, 2], None, [], [None], [3]]
    data = as_parquet({"v": pa.array(values, pa.list_(pa.time64("us")))})
    midnight = "00:00:00.00000"
    expected = [[midnight + "1", midnight + "2"], None, [], [None], [midnight + "3"]]
    assert [record["v"] for record in records(taken(tmp_path, data))] == expected


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([0], pa.timestamp("us", "Mars/Phobos")), "There is no time zone 'Mars/Phobos'"),
        (pa.array([10**15], pa.timestamp("s")), "1000000000000000000 is no time"),
    ],
    ids=["a zone", "a time"],
)
def test_a_value_without_a_text_names_its_column(tmp_path: Path, column: pa.Array, words: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"The column 'v' in the listing rows, of type .*: {words}"):
        taken(tmp_path, as_parquet({"v": column}))


def test_an_interval_of_an_arrow_stream_keeps_its_months() -> None:
    table = pa.table({"v": pa.array([(1, 15, -30)], pa.month_day_nano_interval())})
    assert list(client.records(table)) == [{"v": "1 month, 15 days, -0:00:00.000000030"}]


@pytest.mark.parametrize(
    ("rows", "titles"),
    [(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), ()), ([(1, 2, 3)], ("a", "a", "b"))],
    ids=["Arrow", "tuples"],
)
def test_two_columns_of_one_name_are_refused(rows: Any, titles: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest, match="There are two columns 'a'"):
        list(client.records(rows, titles))


@pytest.mark.parametrize("row", [None, 7, "ab", b"ab", {1, 2}], ids=repr)
def test_a_row_that_has_no_order_of_values_is_refused(row: Any) -> None:
    with pytest.raises(InvalidRequest, match="Row 1 of the given rows does not have one value for each of the 2"):
        list(client.records([row], ["a", "b"]))


def test_many_parquet_batches_and_row_groups_keep_every_row(tmp_path: Path) -> None:
    numbers = list(range(20_000))
    names = pa.array([f"name {n % 7}" for n in numbers])
    data = as_parquet({"n": pa.array(numbers), "name": names}, row_group_size=3000, data_page_size=500)
    assert records(taken(tmp_path, data)) == [{"n": n, "name": f"name {n % 7}"} for n in numbers]


def damaged(whole: bytes) -> Iterator[tuple[str, bytes, str]]:
    yield "cut off", whole[: len(whole) // 2], "its end is missing"
    yield "no rows", as_parquet({"a": pa.array([], pa.int64())}), "no rows"
    yield "two columns", two_columns(), "two columns 'a'"
    yield "a footer of lies", whole[:-200] + b"\xff" * 192 + whole[-8:], "damaged"
    yield "an endless footer", whole[:-8] + b"\xff\xff\xff\x7f" + whole[-4:], "footer of the Parquet file"
    yield "zeros for pages", whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :], "damaged"


def two_columns() -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), out)
    return out.getvalue()


DAMAGED = list(damaged(as_parquet({"a": pa.array([f"text {n}" for n in range(2000)])})))


@pytest.mark.parametrize(("data", "words"), [case[1:] for case in DAMAGED], ids=[case[0] for case in DAMAGED])
def test_a_parquet_file_that_cannot_be_read_is_said_to_be(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        taken(tmp_path, data, format="parquet")
    assert caught.value.field == "listing"


def test_what_begins_like_another_file_and_is_text_is_left_alone(tmp_path: Path) -> None:
    assert taken(tmp_path, b"PAR1,b\n1,2\n3,4\n") is None
    assert taken(tmp_path, b"ORCID,name\n0000-0002-1825-0097,Carberry\n") is None
    assert taken(tmp_path, as_parquet({"a": pa.array([1])}), format="csv") is None
    assert taken(tmp_path, b"") is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be"])
def test_wide_text_with_a_byte_order_mark_becomes_utf_8(tmp_path: Path, encoding: str) -> None:
    text = "Straße\tb\r\n日本\t2\r\n"
    data = ("\ufeff" if encoding.endswith("be") else "") + text
    assert taken(tmp_path, data.encode(encoding), encoding="cp1252") == ("\ufeff" + text).encode()
    with pytest.raises(InvalidRequest, match="its bytes are not"):
        taken(tmp_path, data.encode(encoding)[:-1])


def test_a_file_changed_during_the_snapshot_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(as_parquet({"a": pa.array([1])}))
    inputs = FolderInputs(tmp_path)
    seen = inputs.find(str(path))
    path.write_bytes(as_parquet({"a": pa.array([1, 2])}))
    with pytest.raises(InputChanged, match="was replaced"):
        snapshot.take(TableParams(listing="rows"), seen, inputs)


# rows of a program


ROWS: list[tuple[str, Callable[[], Any], dict[str, Any]]] = [
    ("mappings", lambda: ({"id": n, "name": f"Name {n}"} for n in range(150)), {}),
    ("sequences", lambda: ((n, f"Name {n}") for n in range(150)), {"titles": ["id", "name"]}),
    ("a table", lambda: pa.table({"id": range(150), "name": [f"Name {n}" for n in range(150)]}), {}),
    (
        "a reader",
        lambda: pa.table({"id": range(150), "name": [f"Name {n}" for n in range(150)]}).to_reader(7),
        {},
    ),
]


@pytest.mark.parametrize(("rows", "more"), [case[1:] for case in ROWS], ids=[case[0] for case in ROWS])
def test_rows_of_a_program_become_a_document(tmp_path: Path, rows: Callable[[], Any], more: dict[str, Any]) -> None:
    out = tmp_path / "out.pdf"
    result = pipeline.render("table", out, rows(), params={"title": "Names"}, **more)
    assert (result.records, result.drawn) == (150, 150)
    text = "\n".join(page.text for page in read(out).pages)
    assert "Names" in text
    assert all(f"Name {n}" in text for n in range(150))


def test_rows_of_a_program_become_volumes(tmp_path: Path) -> None:
    result = pipeline.render("table", str(tmp_path / "out.pdf"), [{"id": n} for n in range(300)], volume_pages=2)
    made = [len(read(Path(volume.key)).pages) for volume in result.volumes]
    assert made == [2] * (result.pages // 2) + [1] * (result.pages % 2)
    assert Path(result.key) == tmp_path / "out-index.pdf"
    with pytest.raises(InvalidRequest, match="volume_pages is 0"):
        pipeline.render("table", tmp_path / "none.pdf", [{"id": 1}], volume_pages=0)


@pytest.mark.parametrize("row", [(1, 2, 3), "text"])
def test_a_row_without_a_name_for_each_value_is_refused(tmp_path: Path, row: Any) -> None:
    with pytest.raises(InvalidRequest, match="Row 2 of the given rows"):
        pipeline.render("table", tmp_path / "out.pdf", [(1, 2), row], titles=["a", "b"])


# memory

MEASURE = """
import sys, psutil
from pathlib import Path
from pipeline.documents.inputs import snapshot
from pipeline.documents.table.params import TableParams
from pipeline.documents.inputs.folder import FolderInputs
path = Path(sys.argv[1])
inputs = FolderInputs(path.parent)
made = snapshot.take(TableParams(listing=path.name), inputs.find(str(path)), inputs)
for number, _ in enumerate(made.pieces):
    if number % 1000 == 0:
        print(psutil.Process().memory_info().rss)
"""


def test_a_snapshot_does_not_hold_more_the_longer_it_lasts(tmp_path: Path) -> None:
    """There is one row group, as large as the file, so that it would show if it were held."""
    path = tmp_path / "rows.parquet"
    texts = pa.array([f"{n:0300d}" for n in range(200_000)])
    path.write_bytes(as_parquet({"text": texts}, row_group_size=200_000, compression="none"))
    assert path.stat().st_size > 50 * MIB
    command = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    sizes = [int(line) for line in done.stdout.split()]
    filled = len(sizes) // 4  # all buffers are full after 15 MiB
    assert max(sizes[filled:]) < max(sizes[:filled]) + 8 * MIB


@pytest.mark.parametrize("rows", [[{"a": 1}, {"b": 2}], [{"a": 1}, {1: 2, "1": 3}]])
def test_a_row_is_named_by_a_file_that_people_know(tmp_path: Path, rows: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"Line 2 of rows\.jsonl has the (field|name)"):
        pipeline.render("table", tmp_path / "out.pdf", rows)
