"""Where an export stands: one answer to one request, and no change is ever lost."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from local.services import S3
from pipeline.adapters.bucket.bucket import S3Bucket
from pipeline.errors import Conflict, IllegalStep, NotFound
from pipeline.exports import repository as ledgers
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.plan import Chunk, Plan
from pipeline.exports.repository import ExportRepository, listing_key
from pipeline.exports.segments import SegmentRepository, segment_key
from pipeline.settings import Settings


@pytest.fixture(scope="module")
def store(s3_server: S3) -> S3Bucket:
    """One for all of these tests; each begins with nothing in it."""
    settings = Settings.from_env(
        {
            "S3_ENDPOINT_URL": s3_server.endpoint_url,
            "S3_BUCKET": s3_server.bucket,
            "S3_PREFIX": "test_ledger/",
            "AWS_ACCESS_KEY_ID": s3_server.key_id,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret,
        }
    )
    store = S3Bucket.open(settings)
    store.create_bucket()
    return store


@pytest.fixture
def exports(store: S3Bucket) -> ExportRepository:
    store.delete_under("")
    return ExportRepository(store)


def export(request_key: str = "a-request", owner: str = "shop", now: float | None = None) -> Export:
    created = time.time() if now is None else now
    return Export(new_id(created), "photos", {"title": "T"}, owner, created, request_key=request_key)


def keys(exports: ExportRepository, prefix: str = "") -> set[str]:
    return {entry.key for entry in exports._bucket.entries(prefix)}


def end(exports: ExportRepository, accepted: Export) -> None:
    exports.change(accepted.id, lambda e: e.to(State.CANCELLED))


# accepting


def test_what_is_accepted_is_written_down_whole(exports: ExportRepository) -> None:
    asked = export(owner="a person / with ünusual name")
    assert exports.accept(asked, b'{"source":"inputs/a.jpg"}', lasting=False) == asked
    assert exports.load(asked.id) == asked
    assert exports.active() == [asked.id]
    assert exports.of("a person / with ünusual name", 10) == [asked]
    assert exports._bucket.get(listing_key(asked.id)).data == b'{"source":"inputs/a.jpg"}'  # type: ignore[union-attr]
    assert not exports._bucket.head(listing_key(exports.accept(export("another"), None, lasting=False).id))


def test_the_same_request_gives_the_same_export_while_it_runs(exports: ExportRepository) -> None:
    first = exports.accept(export(), None, lasting=False)
    again = exports.accept(export(), None, lasting=False)
    other = exports.accept(export("another-request"), None, lasting=False)
    assert again == first
    assert other != first
    assert sorted(exports.active()) == sorted([first.id, other.id])


def test_the_same_request_gives_a_new_export_when_the_first_is_over(exports: ExportRepository) -> None:
    first = exports.accept(export(), None, lasting=False)
    end(exports, first)
    second = exports.accept(export(), None, lasting=False)
    assert second.id != first.id
    assert exports.accept(export(), None, lasting=False) == second


def test_a_key_of_the_callers_own_gives_the_same_export_for_ever(exports: ExportRepository) -> None:
    first = exports.accept(export(), None, lasting=True)
    end(exports, first)
    assert exports.accept(export(), None, lasting=True).id == first.id


@pytest.mark.parametrize("before", [None, "over", "broken off"])
def test_of_many_who_ask_the_same_at_once_all_get_one_export(exports: ExportRepository, before: str | None) -> None:
    if before == "over":
        end(exports, exports.accept(export(), None, lasting=False))
    if before == "broken off":
        exports._bucket.put("requests/a-request", new_id(time.time() - 61).encode())
    already = set(exports.active())
    start = threading.Barrier(6)

    def ask(_: int) -> Export:
        start.wait()
        return exports.accept(export(), None, lasting=False)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    assert len({answer.id for answer in answers}) == 1
    assert set(exports.active()) - already == {answers[0].id}
    assert len(keys(exports, "owners/")) == 1 + len(already)


def test_a_request_whose_acceptance_broke_off_is_taken_over_after_the_grace(
    exports: ExportRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports._bucket.put("requests/a-request", new_id().encode())
    monkeypatch.setattr(ledgers, "TRIES", 3)
    with pytest.raises(Conflict, match="ask again in a minute"):
        exports.accept(export(), None, lasting=False)
    monkeypatch.setattr(ledgers, "CLAIM_GRACE", 0.0)
    taken = export()
    assert exports.accept(taken, None, lasting=False) == taken
    assert exports.load(taken.id) == taken


def test_what_was_left_by_an_acceptance_that_broke_off_is_removed_after_the_grace(
    exports: ExportRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = new_id()
    exports._bucket.put(f"active/{left}", b"")
    exports._bucket.put(listing_key(left), b"{}")
    exports.drop_unwritten(left)
    assert keys(exports) == {f"active/{left}", listing_key(left)}, "it may be going on at this moment"
    monkeypatch.setattr(ledgers, "CLAIM_GRACE", -2.0)
    exports.drop_unwritten(left)
    assert keys(exports) == set()
    exports.drop_unwritten(left)


# changing


def test_of_changes_by_many_at_once_none_is_lost(exports: ExportRepository) -> None:
    accepted = exports.accept(export(), None, lasting=False)
    start = threading.Barrier(8)

    def add(n: int) -> None:
        start.wait()
        exports.change(accepted.id, lambda e: dataclasses.replace(e, pages=e.pages + 10**n))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert exports.load(accepted.id).pages == 11_111_111


def test_a_change_that_changes_nothing_writes_nothing(exports: ExportRepository) -> None:
    accepted = exports.accept(export(), None, lasting=False)

    def overtaken(e: Export) -> Export:
        exports._bucket.put(f"exports/{e.id}/export.json", dataclasses.replace(e, pages=7).encode())
        return e

    assert exports.change(accepted.id, overtaken) == accepted
    assert exports.load(accepted.id).pages == 7


def test_a_change_that_is_no_legal_step_is_said(exports: ExportRepository) -> None:
    accepted = exports.accept(export(), None, lasting=False)
    with pytest.raises(IllegalStep, match="is queued; it cannot become ready"):
        exports.change(accepted.id, lambda e: e.to(State.READY))
    assert exports.load(accepted.id) == accepted


def test_a_change_under_endless_contention_gives_up_with_words(
    exports: ExportRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = exports.accept(export(), None, lasting=False)
    monkeypatch.setattr(ledgers, "TRIES", 3)
    tried = []

    def overtaken(e: Export) -> Export:
        tried.append(e.pages)
        exports._bucket.put(f"exports/{e.id}/export.json", dataclasses.replace(e, pages=e.pages + 1).encode())
        return dataclasses.replace(e, pages=-1)

    with pytest.raises(Conflict, match=f"Export {accepted.id} is being changed by too many"):
        exports.change(accepted.id, overtaken)
    assert tried == [0, 1, 2]


@pytest.mark.parametrize("wrong", ["", "x", "../active", "0" * 25 + "/", "01hqmzbg3a8yw2d4k6n8r0t2vx"])
def test_an_export_that_is_not_there_is_not_found(exports: ExportRepository, wrong: str) -> None:
    with pytest.raises(NotFound, match="There is no export"):
        exports.load(wrong)


# listing


def test_the_newest_exports_of_a_person_come_first_and_nobody_elses(exports: ExportRepository) -> None:
    mine = [exports.accept(export(f"r{n}", now=1_700_000_000.0 + n), None, lasting=False) for n in range(4)]
    theirs = exports.accept(export("theirs", owner="archive"), None, lasting=False)
    exports._bucket.delete([f"exports/{mine[2].id}/export.json"])
    assert exports.of("shop", 3) == [mine[3], mine[1]]
    assert exports.of("archive", 3) == [theirs]
    assert exports.of("nobody", 3) == []
    assert list(exports.all()) == [mine[0], mine[1], mine[3], theirs]


def test_the_newest_exports_cost_the_same_however_many_came_before(exports: ExportRepository) -> None:
    mine = [exports.accept(export(f"r{n}", now=1_700_000_000.0 + n), None, lasting=False) for n in range(9)]
    with asked(exports) as urls:
        assert exports.of("shop", 3) == mine[:5:-1]
    assert [url for url in urls if "list-type" in url] == [urls[0]]
    assert "max-keys=3" in urls[0] and len(urls) == 1 + 3


def test_looking_for_what_expires_reads_neither_what_has_expired_nor_what_is_young(
    exports: ExportRepository,
) -> None:
    mine = [exports.accept(export(f"r{n}", now=1_700_000_000.0 + n), None, lasting=False) for n in range(9)]
    for old in mine[:4]:
        end(exports, old)
        exports.change(old.id, lambda e: e.to(State.EXPIRED))
    assert next(exports.kept()) == mine[4], "which removes the marks before it"
    with asked(exports) as urls:
        assert next(exports.kept()) == mine[4]
    assert len(urls) == 2, "one listing and one record"
    assert list(exports.all()) != list(exports.kept()) == mine[4:]


@contextmanager
def asked(exports: ExportRepository) -> Iterator[list[str]]:
    """The URLs of the requests that are sent to the bucket."""
    events, urls = exports._bucket._client.meta.events, list[str]()

    def note(request: Any, **_: Any) -> None:
        urls.append(request.url)

    events.register("before-send.s3", note)
    try:
        yield urls
    finally:
        events.unregister("before-send.s3", note)


def test_closing_removes_segments_and_the_mark_and_keeps_the_rest(exports: ExportRepository) -> None:
    accepted = exports.accept(export(), b"{}", lasting=False)
    other = exports.accept(export("another"), None, lasting=False)
    exports.write_plan(accepted.id, PLAN)
    for one in (accepted, other):
        exports._bucket.put(segment_key(one.id, 0, 0, 5), b"")
    exports._bucket.put(f"exports/{accepted.id}/result/a.pdf", b"%PDF")
    exports.close(accepted.id)
    assert exports.active() == [other.id]
    assert SegmentRepository(exports._bucket).found(accepted.id) == {}
    assert SegmentRepository(exports._bucket).found(other.id) == {0: [(0, 5)]}
    assert exports._bucket.head(f"exports/{accepted.id}/result/a.pdf")
    exports.remove_result(accepted)
    assert keys(exports, f"exports/{accepted.id}/") == {f"exports/{accepted.id}/export.json"}


def test_an_export_that_was_looked_at_lately_is_not_asked_for_again(exports: ExportRepository) -> None:
    first, second = (exports.accept(export(key), None, lasting=False) for key in ("one", "two"))
    assert exports.lately(first.id, 60) == first
    cancelled = exports.change(first.id, lambda e: e.to(State.CANCELLED))
    assert exports.lately(first.id, 60) == first
    assert exports.lately(first.id, 0) == cancelled
    assert exports.lately(second.id, 60) == second
    assert exports.lately(first.id, 60) == cancelled


# plans

PLAN = Plan(20, 20, tuple(Chunk(n, 5 * n, 5, 50 * n, 50 * n + 50) for n in range(4)))


def test_the_plan_that_was_written_first_counts(exports: ExportRepository) -> None:
    export_id = new_id()
    with pytest.raises(NotFound, match="has no plan yet"):
        exports.plan(export_id)
    assert exports.write_plan(export_id, PLAN) == PLAN
    assert exports.write_plan(export_id, Plan(1, 1, ())) == PLAN
    assert exports.plan(export_id) == PLAN


def test_threads_that_are_the_first_to_read_a_record_do_not_crash() -> None:
    """msgspec 0.22.0 builds what it knows of a type when it first meets it, and not safely."""
    made = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True, timeout=60)
    assert (made.stderr, made.returncode) == ("", 0)


RACE = """
import msgspec, os, sys, threading
from pipeline import documents
from pipeline.exports.export import Export, Result
from pipeline.pdf.tally import Skipped
from pipeline.exports.plan import Plan
from pipeline.web.api import Body

documents.load(["pipeline.documents.photos"])

chunk = {"number": 0, "first_page": 0, "pages": 1, "start": 0, "stop": 1}
plan = msgspec.json.encode({"records": 1, "pages": 1, "chunks": [chunk]})
result = Result("k", "n", 1, 1, 1, 0, (Skipped(1, "s", "r"),))
export = Export("1", "photos", {}, "shop", 1.0, result=result).encode()
photos = documents.find("photos").params

def read(barrier):
    barrier.wait()
    for _ in range(20):
        Export.decode(export)
        Plan.decode(plan)
        msgspec.convert({"photos": [{"source": "s"}]}, photos)
        msgspec.convert({"document": "photos", "params": {}}, Body)

for _ in range(30):
    child = os.fork()
    if not child:
        sys.setswitchinterval(1e-5)
        barrier = threading.Barrier(8)
        threads = [threading.Thread(target=read, args=(barrier,)) for _ in range(8)]
        for step in (threading.Thread.start, threading.Thread.join):
            for thread in threads:
                step(thread)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status:
        sys.exit(f"a process ended with signal {status}")
"""
