"""Frozen listings in a real bucket: written once, read by what planned them, removed at the end."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import pipeline
from pipeline.adapters.bucket import Bucket
from pipeline.documents.inputs import sql
from pipeline.documents.inputs.sql import Query
from pipeline.errors import InputChanged, InvalidRequest, KeyReused, PipelineError, ReadFailed, StoreDown
from pipeline.exports.export import State
from pipeline.exports.request import ExportRequest
from pipeline.exports.views import moment, summary
from pipeline.services import Services, open_services
from pipeline.settings import Settings
from pipeline.tasks import flow
from pipeline.tasks.outcomes import Again
from pipeline.tasks.plan import job_of
from pipeline.tasks.submit import submit

from ... import steps
from ...conftest import SentMessages

CSV = b"id,name\n" + b"".join(b"%d,Name %d\n" % (n, n) for n in range(300))


def never() -> bool:
    return False


def planned(services: Services, **params: object) -> str:
    export_id = submit(services, ExportRequest("table", params, "shop", chunk_pages=2)).export.id
    steps.plan(services, export_id)
    return export_id


def finished(services: Services, export_id: str) -> None:
    for chunk in services.exports.plan(export_id).chunks:
        steps.render(services, export_id, chunk.number)
    steps.assemble(services, export_id)
    steps.deliver(services, export_id)


def frozen(store: Bucket, export_id: str) -> list[str]:
    return [entry.key for entry in store.entries(f"exports/{export_id}/frozen/")]


@pytest.fixture
def store(services: Services) -> Bucket:
    return services.bucket


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "shop.sqlite"
    monkeypatch.setenv("SHOP_DATABASE_URL", f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO orders VALUES (?)", ((n,) for n in range(300)))
    sql.register(Query("orders", "SHOP_DATABASE_URL", "SELECT id FROM orders ORDER BY id"))
    return path


def test_a_parquet_file_in_the_bucket_becomes_a_document(services: Services, store: Bucket) -> None:
    out = io.BytesIO()
    parquet.write_table(pa.table({"id": range(300), "name": [f"Name {n}" for n in range(300)]}), out)
    store.put("inputs/rows.parquet", out.getvalue())
    export_id = planned(services, listing="inputs/rows.parquet")
    (key,) = frozen(store, export_id)
    listing = services.exports.plan(export_id).listing
    assert listing is not None
    assert listing.key == key
    store.delete(["inputs/rows.parquet"])  # nobody needs it any more
    finished(services, export_id)
    export = services.exports.load(export_id)
    assert export.state is State.READY
    assert (export.records, export.result and export.result.drawn) == (300, 300)
    assert frozen(store, export_id) == []


def test_a_query_is_read_once_and_sees_one_moment(services: Services, store: Bucket, shop: Path) -> None:
    export_id = planned(services, query="orders")
    with closing(sqlite3.connect(shop)) as connection, connection:
        connection.execute("DROP TABLE orders")
    steps.plan(services, export_id)
    finished(services, export_id)
    result = services.exports.load(export_id).result
    assert result is not None
    assert (result.records, result.drawn) == (300, 300)


def test_a_query_that_is_interrupted_begins_again_and_says_so(
    services: Services, store: Bucket, shop: Path
) -> None:
    export_id = submit(services, ExportRequest("table", {"query": "orders", "strict": True}, "shop")).export.id
    assert isinstance(flow.take(services, "plan", export_id, None, steps.STOPPING), Again)
    assert not frozen(store, export_id), "half of a query is of no use"
    first = services.exports.load(export_id).query_began_at
    with closing(sqlite3.connect(shop)) as connection, connection:
        connection.execute("INSERT INTO orders VALUES (300)")
    steps.plan(services, export_id)
    finished(services, export_id)
    made = summary(services.exports.load(export_id), "https://pdf.example.org", 60.0).result
    assert made is not None
    assert made.records == 301
    assert made.query is not None
    assert made.query.starts == 2
    assert first is not None
    assert made.query.began_at > moment(first)


def test_a_plan_that_died_behind_its_snapshot_goes_on_with_it(
    services: Services, store: Bucket, shop: Path
) -> None:
    export_id = submit(services, ExportRequest("table", {"query": "orders"}, "shop")).export.id
    key = services.exports.snapshot(export_id, [b'{"id": 7}\n'])
    steps.plan(services, export_id)
    assert frozen(store, export_id) == [key]
    assert services.exports.load(export_id).records == 1


def test_two_plans_at_once_never_mix_their_snapshots(services: Services, store: Bucket, shop: Path) -> None:
    """The slower one has a key of its own, and the plan that was written first counts."""
    export_id = planned(services, query="orders")
    before = services.exports.plan(export_id)
    assert before.listing is not None
    store.write(f"exports/{export_id}/frozen/0-earlier", [b'{"id": 7}\n'])
    job = job_of(services, services.exports.load(export_id))
    other = job.snapshot(lambda pieces: f"exports/{export_id}/frozen/0-earlier").plan(services.settings)
    assert services.exports.write_plan(export_id, other) == before
    finished(services, export_id)
    assert services.exports.load(export_id).records == 300


def test_a_snapshot_that_breaks_off_leaves_nothing(services: Services, store: Bucket) -> None:
    def pieces() -> object:
        yield b"x" * (9 << 20)
        raise StoreDown("The database is gone.")

    with pytest.raises(StoreDown, match="database"):
        store.write("exports/broken", pieces())  # type: ignore[arg-type]
    assert store.head("exports/broken") is None
    assert store.uploads("exports/broken") == []


def test_a_large_object_is_written_in_parts(store: Bucket) -> None:
    pieces = [bytes([n]) * 1_000_003 for n in range(20)]
    store.write("inputs/large", iter(pieces))
    entry = store.head("inputs/large")
    assert entry is not None
    assert entry.size == 20 * 1_000_003
    assert (
        b"".join(store.read("inputs/large", 8_000_000, 9_100_000, entry.etag))
        == b"".join(pieces)[8_000_000:9_100_000]
    )


@pytest.mark.parametrize(("what", "error"), [("replaced", InputChanged), ("removed", ReadFailed)])
def test_a_listing_replaced_in_mid_export_fails_it_clearly(
    services: Services, settings: Settings, messages: SentMessages, store: Bucket, what: str,
    error: type[PipelineError],
) -> None:  # fmt: skip
    store.put("inputs/rows.csv", CSV)
    export_id = planned(services, listing="inputs/rows.csv")
    steps.render(services, export_id, 0)
    if what == "replaced":
        store.put("inputs/rows.csv", CSV.replace(b"Name", b"Nome"))
    else:
        store.delete(["inputs/rows.csv"])
    with pytest.raises(error, match=r"inputs/rows\.csv (was replaced|in the bucket)") as caught:
        steps.render(open_services(settings, messages), export_id, 1)  # in another process
    assert caught.value.retry is (what == "removed")  # it may be there when it is read again
    assert list(services.segments.found(export_id)) == [0]


def test_small_chunks_are_read_in_one_block_of_one_version(services: Services, store: Bucket) -> None:
    lines = b"".join(b'{"n":%d}\n' % n for n in range(60_000))
    store.put("inputs/rows.jsonl", lines)
    seen = services.inputs.find("inputs/rows.jsonl")
    assert seen is not None

    def read(start: int, stop: int) -> bytes:
        return b"".join(services.inputs.pinned(seen).blocks(seen.key, start, stop))

    assert read(10, 500) == lines[10:500]
    store.delete([seen.key])
    assert read(500, 9_000) == lines[500:9_000]
    assert read(10, 10) == b""
    for start, stop in ((0, 10), (9_000, 400_000), (262_000, 263_000)):  # before, more than, behind what was read
        with pytest.raises(ReadFailed):
            read(start, stop)


def test_rows_with_too_many_fields_are_named_in_the_result(services: Services, store: Bucket) -> None:
    store.put("inputs/rows.csv", b"a,b\n1,2\n" + b"1,2,3,4\n" * 7 + b"5\n")
    export_id = planned(services, listing="inputs/rows.csv")
    finished(services, export_id)
    result = services.exports.load(export_id).result
    assert result is not None
    assert result.warnings == (
        "Rows have more fields than titles; the extra fields are in the last column "
        "(7 times: row 2, row 3, row 4 and others).",
        "Rows have fewer fields than titles; the columns behind them are empty (row 9).",
    )


def test_rows_of_a_program_are_sent_as_they_come(services: Services, messages: SentMessages) -> None:
    export = pipeline.submit(
        services, "table", ((n, f"Name {n}") for n in range(300)), titles=["id", "name"]
    ).export
    assert messages.sent == [("plan", export.id)]
    steps.plan(services, export.id)
    finished(services, export.id)
    assert services.exports.load(export.id).records == 300


def test_rows_of_a_program_come_in_volumes(services: Services) -> None:
    rows = [{"id": n} for n in range(300)]
    export = pipeline.submit(services, "table", rows, volume_pages=2).export
    steps.plan(services, export.id)
    finished(services, export.id)
    result = services.exports.load(export.id).result
    assert result is not None
    assert len(result.volumes) > 2
    assert {volume.pages for volume in result.volumes[:-1]} == {2}


def test_a_key_is_for_the_same_rows(services: Services) -> None:
    def submitted(*names: str) -> str:
        return pipeline.submit(services, "table", [{"name": name} for name in names], key="monday").export.id

    first = submitted("Ann", "Ben")
    assert submitted("Ann", "Ben") == first
    with pytest.raises(KeyReused, match="'monday' was used before"):
        submitted("Ann", "Eve")


@pytest.mark.parametrize(
    "name",
    ["at 9.41.00\u202fPM.jpg", "\u200eWhatsApp.jpg", "nb\u00a0sp.jpg", "\U0001f468\u200d\U0001f469.jpg"],
    ids=["macOS", "WhatsApp", "no-break", "joined"],
)
def test_a_source_may_have_any_name_without_control_characters(services: Services, name: str) -> None:
    key = f"inputs/{name}"
    services.bucket.put(key, b"a picture")
    services.inputs.check(key)
    with services.inputs.open(key) as file:
        assert file.read() == b"a picture"
    assert [entry.key for entry in services.bucket.entries("inputs/")] == [key]


@pytest.mark.parametrize(
    "name", ["a\n.jpg", "a\x7f.jpg", "a\0.jpg", "a\udcff.jpg", "a//b.jpg", "../b.jpg", "é" * 512]
)
def test_a_source_that_no_store_has_is_refused(services: Services, name: str) -> None:
    with pytest.raises(InvalidRequest, match="neither a key below inputs/"):
        services.inputs.check(f"inputs/{name}")


def test_nothing_is_sent_for_an_order_that_is_wrong(services: Services, store: Bucket) -> None:
    with pytest.raises(InvalidRequest, match="page_size"):
        pipeline.submit(services, "table", [{"a": 1}], params={"page_size": "A9"})
    with pytest.raises(InvalidRequest, match="no rows"):
        pipeline.submit(services, "table", [])
    with pytest.raises(InvalidRequest, match="not both"):
        pipeline.submit(services, "table", [{"a": 1}], volume_pages=2, volume_bytes=2_000_000)
    assert list(store.entries("inputs/")) == []


def test_a_query_that_there_is_not_is_refused_at_once(services: Services) -> None:
    with pytest.raises(InvalidRequest, match="There is no query"):
        submit(services, ExportRequest("table", {"query": "nothing"}, "shop"))
    with pytest.raises(InvalidRequest, match="Give one of"):
        submit(services, ExportRequest("table", {"query": ""}, "shop"))
