"""Exports and plans in the bucket: no change is lost, and listings cost little."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.adapters.bucket import StoredObject
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import Conflict, IllegalStep, NotFound, ReadFailed
from pipeline.exports import lists
from pipeline.exports import repository as repositories
from pipeline.exports.encoding import decode_plan, encode
from pipeline.exports.export import Export, State
from pipeline.exports.ids import descending, new_id
from pipeline.exports.lists import Page, Wanted
from pipeline.exports.plan import Plan
from pipeline.exports.repository import ExportRepository
from pipeline.exports.segments import SegmentRepository, segment_key
from pipeline.exports.written_once import WrittenOnce

from ..conftest import bucket_requests
from .records import PLAN, end, export, keys


def test_no_concurrent_change_is_lost(exports: ExportRepository) -> None:
    accepted = exports.accept(export(), None, lasting=False)
    start = threading.Barrier(8)

    def add(n: int) -> None:
        start.wait()
        exports.change(accepted.id, lambda e: replace(e, pages=e.pages + 10**n))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert exports.load(accepted.id).pages == 11_111_111


def test_a_change_that_changes_nothing_writes_nothing(exports: ExportRepository, bucket: S3Bucket) -> None:
    accepted = exports.accept(export(), None, lasting=False)

    def overtaken(e: Export) -> Export:
        bucket.put(f"exports/{e.id}/export.json", encode(replace(e, pages=7)))
        return e

    assert exports.change(accepted.id, overtaken) == accepted
    assert exports.load(accepted.id).pages == 7


def test_an_illegal_step_is_refused(exports: ExportRepository) -> None:
    accepted = exports.accept(export(), None, lasting=False)
    with pytest.raises(IllegalStep, match="is queued; it cannot become ready"):
        exports.change(accepted.id, lambda e: e.to(State.READY))
    assert exports.load(accepted.id) == accepted


def test_a_change_gives_up_when_it_is_always_overtaken(
    exports: ExportRepository, bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = exports.accept(export(), None, lasting=False)
    monkeypatch.setattr(repositories, "TRIES", 3)
    tried = []

    def overtaken(e: Export) -> Export:
        tried.append(e.pages)
        bucket.put(f"exports/{e.id}/export.json", encode(replace(e, pages=e.pages + 1)))
        return replace(e, pages=-1)

    with pytest.raises(Conflict, match=f"Export {accepted.id} is being changed by too many"):
        exports.change(accepted.id, overtaken)
    assert tried == [0, 1, 2]


@pytest.mark.parametrize("wrong", ["", "x", "../active", "0" * 25 + "/", "01hqmzbg3a8yw2d4k6n8r0t2vx"])
def test_a_missing_export_is_not_found(exports: ExportRepository, wrong: str) -> None:
    with pytest.raises(NotFound, match="There is no export"):
        exports.load(wrong)


def test_an_owners_newest_exports_come_first(exports: ExportRepository, bucket: S3Bucket) -> None:
    mine = [exports.accept(export(f"r{n}", now=1_700_000_000.0 + n), None, lasting=False) for n in range(4)]
    theirs = exports.accept(export("theirs", owner="archive"), None, lasting=False)
    bucket.delete([f"exports/{mine[2].id}/export.json"])
    assert list(exports.page(Wanted("shop"), 2).exports) == [mine[3], mine[1]]
    assert list(exports.page(Wanted("archive"), 3).exports) == [theirs]
    assert exports.page(Wanted("nobody"), 3) == Page((), None)
    assert list(exports.all()) == [mine[0], mine[1], mine[3], theirs]


def test_listing_an_owner_costs_the_same_for_any_history(exports: ExportRepository, bucket: S3Bucket) -> None:
    mine = [exports.accept(export(f"r{n}", now=1_700_000_000.0 + n), None, lasting=False) for n in range(9)]
    with bucket_requests(bucket) as urls:
        assert list(exports.page(Wanted("shop"), 3).exports) == mine[:5:-1]
    assert [url for url in urls if "list-type" in url] == [urls[0]]
    assert "max-keys=4" in urls[0] and len(urls) == 1 + 3


def test_pages_of_a_list_follow_each_other(exports: ExportRepository, bucket: S3Bucket) -> None:
    mine = [exports.accept(export(f"r{n}", now=1_700_000_000.0 + n), None, lasting=False) for n in range(5)][::-1]
    one = exports.page(Wanted("shop"), 2)
    assert one == Page((mine[0], mine[1]), mine[1].id)
    bucket.delete([key for key in keys(bucket, "owners/") if key.endswith(descending(mine[1].id))])
    two = exports.page(Wanted("shop"), 2, one.after)
    assert two == Page((mine[2], mine[3]), mine[3].id), "also when what it began after was removed"
    assert exports.page(Wanted("shop"), 2, two.after) == Page((mine[4],), None)
    assert exports.page(Wanted("shop"), 1, mine[3].id).after is None, "the last page says that it is the last"


def test_a_list_shows_what_matches(exports: ExportRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_by = {"": 2, "ann": 3}
    made = [
        exports.accept(replace(export(f"{name}{n}"), subject=name), None, lasting=False)
        for name, count in asked_by.items() for n in range(count)
    ]  # fmt: skip
    end(exports, made[2])
    end(exports, made[0])

    def ids(limit: int = 9, **wanted: Any) -> set[str]:
        return {each.id for each in exports.page(Wanted("shop", **wanted), limit).exports}

    assert ids(subject="ann") == {each.id for each in made[2:]}
    assert ids(subject="ann", state=State.CANCELLED) == {made[2].id}
    assert ids(state=State.CANCELLED) == {made[0].id, made[2].id}
    assert ids(document="table") == ids(subject="bob") == set()
    assert exports.page(Wanted("archive", "ann"), 9) == Page((), None)
    monkeypatch.setattr(lists, "LOOKED_AT", 2)
    few = exports.page(Wanted("shop", document="table"), 1)
    assert few == Page((), few.after) and few.after, "it ends before it has read everything"


def test_looking_for_old_exports_reads_one_record(exports: ExportRepository, bucket: S3Bucket) -> None:
    mine = [exports.accept(export(f"r{n}", now=1_700_000_000.0 + n), None, lasting=False) for n in range(9)]
    bucket.delete([f"kept/{old.id}" for old in mine[:4]])
    with bucket_requests(bucket) as urls:
        assert next(exports.kept()) == mine[4]
    assert len(urls) == 2, "one listing and one record"
    assert list(exports.all()) != list(exports.kept()) == mine[4:]


def test_closing_removes_segments_and_the_active_mark(exports: ExportRepository, bucket: S3Bucket) -> None:
    accepted = exports.accept(export(), b"{}", lasting=False)
    other = exports.accept(export("another"), None, lasting=False)
    exports.write_plan(accepted.id, PLAN)
    for one in (accepted, other):
        bucket.put(segment_key(one.id, 0, 0, 5), b"")
    bucket.put(f"exports/{accepted.id}/result/a.pdf", b"%PDF")
    exports.close(accepted.id, State.READY)
    assert exports.active() == [other.id]
    assert SegmentRepository(bucket).found(accepted.id) == {}
    assert SegmentRepository(bucket).found(other.id) == {0: [(0, 5)]}
    assert bucket.head(f"exports/{accepted.id}/result/a.pdf")
    exports.remove_result(accepted)
    assert keys(bucket, f"exports/{accepted.id}/") == {f"exports/{accepted.id}/export.json"}


def test_a_record_is_not_read_again_within_max_age(exports: ExportRepository) -> None:
    first, second = (exports.accept(export(key), None, lasting=False) for key in ("one", "two"))
    assert exports.load(first.id, max_age=60) == first
    cancelled = exports.change(first.id, lambda e: e.to(State.CANCELLED))
    assert exports.load(first.id, max_age=60) == first
    assert exports.load(first.id, max_age=0) == cancelled
    assert exports.load(second.id, max_age=60) == second
    assert exports.load(first.id, max_age=60) == cancelled


def test_a_plain_load_is_not_remembered(exports: ExportRepository) -> None:
    """Otherwise a step would work on the state from before it was advanced."""
    accepted = exports.accept(export(), None, lasting=False)
    exports.load(accepted.id)
    cancelled = exports.change(accepted.id, lambda e: e.to(State.CANCELLED))
    assert exports.load(accepted.id, max_age=60) == cancelled


class RacedExports(ExportRepository):
    """Right after a thread has read an export, another one reads another export."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_last_export" and value:
            value = value[0], export("another request")
        super().__setattr__(name, value)


class RacedPlans(WrittenOnce[Plan]):
    """The same of plans."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, ("another export", Plan(1, 1, ())) if name == "_last" and value else value)


def test_threads_do_not_get_what_another_one_read(exports: ExportRepository, bucket: S3Bucket) -> None:
    accepted = exports.accept(export(), None, lasting=False)
    exports.write_plan(accepted.id, PLAN)
    assert RacedPlans(bucket, "plan.json", decode_plan, "plan").read(accepted.id) == PLAN
    assert RacedExports(bucket).load(accepted.id, max_age=2.0) == accepted


def test_the_first_plan_counts(exports: ExportRepository) -> None:
    export_id = new_id()
    with pytest.raises(NotFound, match=r"plan of export .* is not in the bucket"):
        exports.plan(export_id)
    assert exports.write_plan(export_id, PLAN) == PLAN
    assert exports.write_plan(export_id, Plan(1, 1, ())) == PLAN
    assert exports.plan(export_id) == PLAN


def test_a_first_plan_that_was_removed_meanwhile_is_missed(exports: ExportRepository, bucket: S3Bucket) -> None:
    class Removed(S3Bucket):
        def get(self, key: str) -> StoredObject | None:
            return None

    export_id = new_id()
    exports.write_plan(export_id, PLAN)
    emptied = ExportRepository(Removed(bucket._client, bucket._bucket, bucket._prefix))
    with pytest.raises(ReadFailed, match=r"plan of export .* was removed"):
        emptied.write_plan(export_id, PLAN)
