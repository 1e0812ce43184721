"""A request is accepted completely or not at all, and equal requests get one export."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import Conflict, NotFound, StoreDown
from pipeline.exports import accepting
from pipeline.exports.accepting import export_key, listing_key
from pipeline.exports.encoding import encode
from pipeline.exports.export import Export
from pipeline.exports.ids import new_id
from pipeline.exports.lists import Wanted
from pipeline.exports.repository import ExportRepository

from ...waiting import PATIENCE
from .records import end, export, keys

GRACE = 0.4  # seconds, in tests of an acceptance that is held up
WRITES = 7  # of an acceptance: claim, active, kept, two lists, records, export
RECORDS = b'{"source":"inputs/a.jpg"}'


class FailingOnce:
    """A bucket that fails once: at the write with this number, from 0, before or after it is done."""

    def __init__(self, bucket: S3Bucket, write: int, after: bool) -> None:
        self._bucket, self._writes_left, self._after = bucket, write, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def put(self, key: str, data: bytes, **how: Any) -> str:
        self._writes_left -= 1
        failing = self._writes_left == -1
        if failing and not self._after:
            raise StoreDown(f"write {key}")
        etag = self._bucket.put(key, data, **how)
        if failing:
            raise StoreDown(f"write {key}")
        return etag


class HeldUp:
    """A bucket in front of which a process is frozen once, before it writes a record; `meanwhile` happens then."""

    def __init__(self, bucket: S3Bucket, meanwhile: Callable[[], object]) -> None:
        self._bucket, self._meanwhile = bucket, [meanwhile]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def put(self, key: str, data: bytes, **how: Any) -> str:
        if key.endswith("/export.json") and self._meanwhile:
            self._meanwhile.pop()()
        return self._bucket.put(key, data, **how)


def test_an_accepted_export_is_stored_completely(exports: ExportRepository, bucket: S3Bucket) -> None:
    asked = export(owner="a person / with ünusual name")
    assert exports.accept(asked, b'{"source":"inputs/a.jpg"}', lasting=False) == asked
    assert exports.load(asked.id) == asked
    assert exports.active() == [asked.id]
    assert list(exports.page(Wanted("a person / with ünusual name"), 10).exports) == [asked]
    assert bucket.get(listing_key(asked.id)).data == b'{"source":"inputs/a.jpg"}'  # type: ignore[union-attr]
    assert not bucket.head(listing_key(exports.accept(export("another"), None, lasting=False).id))


def test_the_same_request_gives_the_same_running_export(exports: ExportRepository) -> None:
    first = exports.accept(export(), None, lasting=False)
    again = exports.accept(export(), None, lasting=False)
    other = exports.accept(export("another-request"), None, lasting=False)
    assert again == first
    assert other != first
    assert sorted(exports.active()) == sorted([first.id, other.id])


def test_the_same_request_gives_a_new_export_after_the_first(exports: ExportRepository) -> None:
    first = exports.accept(export(), None, lasting=False)
    end(exports, first)
    second = exports.accept(export(), None, lasting=False)
    assert second.id != first.id
    assert exports.accept(export(), None, lasting=False) == second


def test_the_callers_own_key_always_gives_the_same_export(exports: ExportRepository) -> None:
    first = exports.accept(export(), None, lasting=True)
    end(exports, first)
    assert exports.accept(export(), None, lasting=True).id == first.id


@pytest.mark.parametrize("before", [None, "over", "broken off"])
def test_equal_requests_at_once_get_one_export(
    exports: ExportRepository, bucket: S3Bucket, before: str | None
) -> None:
    if before == "over":
        end(exports, exports.accept(export(), None, lasting=False))
    if before == "broken off":
        bucket.put("requests/a-request", new_id(time.time() - 61).encode())
    already = set(exports.active())
    start = threading.Barrier(6)

    def ask(_: int) -> Export:
        start.wait()
        return exports.accept(export(), None, lasting=False)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    assert len({answer.id for answer in answers}) == 1
    assert set(exports.active()) - already == {answers[0].id}
    assert len(keys(bucket, "owners/")) == 1 + len(already)


@pytest.mark.parametrize("lasting", [True, False])
@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("write", range(WRITES))
def test_the_same_request_is_accepted_at_once_after_a_failed_write(
    bucket: S3Bucket, write: int, after: bool, lasting: bool
) -> None:
    exports = ExportRepository(FailingOnce(bucket, write, after))  # type: ignore[arg-type]
    with pytest.raises(StoreDown):
        exports.accept(export(), RECORDS, lasting=lasting)
    began = time.monotonic()
    accepted = exports.accept(export(), RECORDS, lasting=lasting)
    assert time.monotonic() - began < accepting.CLAIM_GRACE / 2
    assert exports.load(accepted.id) == accepted
    assert exports.accept(export(), RECORDS, lasting=lasting) == accepted
    assert bucket.get("requests/a-request").data.decode() == accepted.id  # type: ignore[union-attr]
    assert keys(bucket) == {
        "requests/a-request",
        f"active/{accepted.id}",
        f"kept/{accepted.id}",
        *keys(bucket, "everyone/"),
        *keys(bucket, "owners/"),
        listing_key(accepted.id),
        f"exports/{accepted.id}/export.json",
    }
    assert list(exports.page(Wanted("shop"), 10).exports) == [accepted]
    assert len(keys(bucket, "everyone/")) == len(keys(bucket, "owners/")) == 1


def test_a_failed_acceptance_is_completed_once_by_several_at_once(bucket: S3Bucket) -> None:
    for write in range(WRITES):
        exports = ExportRepository(FailingOnce(bucket, write, after=True))  # type: ignore[arg-type]
        with pytest.raises(StoreDown):
            exports.accept(export(f"request-{write}"), RECORDS, lasting=False)
        accept = partial(exports.accept, records=RECORDS, lasting=False)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(accept, [export(f"request-{write}") for _ in range(6)]))
        assert len({answer.id for answer in answers}) == 1
        assert {answer.created_at for answer in answers} == {exports.load(answers[0].id).created_at}
        assert len(exports.active()) == len(keys(bucket, "owners/")) == write + 1


def test_records_of_two_requests_with_the_same_key_are_not_mixed(bucket: S3Bucket) -> None:
    exports = ExportRepository(FailingOnce(bucket, WRITES - 1, after=False))  # type: ignore[arg-type]
    with pytest.raises(StoreDown):
        exports.accept(export(), RECORDS, lasting=True)
    with pytest.raises(Conflict, match="Send it again in a minute"):
        exports.accept(export(), b'{"source":"inputs/b.jpg"}', lasting=True)
    accepted = exports.accept(export(), RECORDS, lasting=True)
    assert bucket.get(listing_key(accepted.id)).data == RECORDS  # type: ignore[union-attr]


def test_an_incomplete_acceptance_is_taken_over_later(
    exports: ExportRepository, bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "CLAIM_GRACE", 6000.0)
    first = new_id(time.time() - 600)
    bucket.put("requests/a-request", first.encode())
    assert exports.accept(export(), None, lasting=False).id == first
    bucket.put("requests/a-request", new_id(time.time() - 600).encode())
    monkeypatch.setattr(accepting, "CLAIM_GRACE", 0.0)
    taken = export()
    assert exports.accept(taken, None, lasting=False) == taken
    assert exports.load(taken.id) == taken


def test_an_acceptance_that_completes_as_it_is_given_up_counts(
    bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = export()
    bucket.put("requests/a-request", first.id.encode())
    monkeypatch.setattr(accepting, "CLAIM_GRACE", 0.0)
    late = HeldUp(bucket, lambda: bucket.put(export_key(first.id), encode(first)))
    assert ExportRepository(late).accept(export(), None, lasting=False) == first  # type: ignore[arg-type]  # a bucket


def test_an_incomplete_acceptance_is_removed_later(
    exports: ExportRepository, bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = new_id()
    bucket.put(f"active/{left}", b"")
    bucket.put(listing_key(left), b"{}")
    exports.drop_unwritten(left)
    assert keys(bucket) == {f"active/{left}", listing_key(left)}, "it may be going on at this moment"
    monkeypatch.setattr(accepting, "CLAIM_GRACE", -2.0)
    exports.drop_unwritten(left)
    assert keys(bucket) == {f"exports/{left}/export.json"}, "which is empty, so that no other comes"
    with pytest.raises(NotFound, match="There is no export"):
        exports.load(left)
    exports.drop_unwritten(left)


def test_a_record_that_comes_at_this_moment_is_not_removed(
    exports: ExportRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = exports.accept(export(), RECORDS, lasting=False)
    exports.drop_unwritten(accepted.id)
    monkeypatch.setattr(accepting, "CLAIM_GRACE", -2.0)
    exports.drop_unwritten(accepted.id)
    assert exports.load(accepted.id) == accepted


def test_a_process_whose_clock_is_ahead_removes_nothing_that_is_being_accepted(
    exports: ExportRepository, bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, clock = new_id(), time.time
    bucket.put(f"active/{left}", b"")
    bucket.put(listing_key(left), b"{}")
    monkeypatch.setattr(time, "time", lambda: clock() + 600)
    for _ in range(3):
        exports.drop_unwritten(left)
    assert keys(bucket) == {f"active/{left}", listing_key(left)}


def test_an_acceptance_that_goes_on_is_not_removed(
    exports: ExportRepository, bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same request was sent again, and writes the marks anew."""
    left, now = new_id(), [0.0]
    monkeypatch.setattr(accepting, "time", SimpleNamespace(monotonic=lambda: now[0]))
    bucket.put(f"active/{left}", b"")
    exports.drop_unwritten(left)
    time.sleep(1.1)  # a store notes the time of a write in seconds
    now[0] += accepting.CLAIM_GRACE
    bucket.put(f"active/{left}", b"")
    exports.drop_unwritten(left)
    assert exports.active() == [left]
    now[0] += accepting.CLAIM_GRACE
    exports.drop_unwritten(left)
    assert exports.active() == []


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "CLAIM_GRACE", GRACE)


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("removed", ["before it ends", "as it ends"])
def test_an_acceptance_that_was_held_up_is_complete_although_it_was_removed_meanwhile(
    bucket: S3Bucket, removed: str
) -> None:
    """The keeper may be held up too: when it has seen that there is no record, and before it removes the rest."""
    removes, may_remove = threading.Event(), threading.Event()

    class SlowKeeper:
        def __getattr__(self, name: str) -> Any:
            return getattr(bucket, name)

        def entries(self, prefix: str) -> Any:
            removes.set()
            assert may_remove.wait(PATIENCE)
            return bucket.entries(prefix)

    def remove() -> None:
        keeper = ExportRepository(SlowKeeper())  # type: ignore[arg-type]
        for _ in range(2):
            keeper.drop_unwritten(asked.id)
            time.sleep(GRACE)

    def meanwhile() -> None:
        keeper.start()
        if removed == "before it ends":
            may_remove.set()
            keeper.join()
            assert exports.active() == []
        assert removes.wait(PATIENCE)

    asked, keeper = export(), threading.Thread(target=remove)
    exports = ExportRepository(HeldUp(bucket, meanwhile))  # type: ignore[arg-type]
    accepted = exports.accept(asked, RECORDS, lasting=True)
    may_remove.set()
    keeper.join()
    assert exports.accept(export(), RECORDS, lasting=True) == accepted
    assert exports.active() == [accepted.id]
    assert bucket.head(f"kept/{accepted.id}")
    assert bucket.get(listing_key(accepted.id)).data == RECORDS  # type: ignore[union-attr]
    assert list(exports.page(Wanted("shop"), 10).exports) == [accepted]
    assert len(keys(bucket, "everyone/")) == len(keys(bucket, "owners/")) == 1


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("lasting", [True, False])
def test_a_request_that_was_accepted_again_while_it_was_held_up_is_one_export(
    bucket: S3Bucket, lasting: bool
) -> None:
    second: list[Export] = []

    def accepted_again() -> None:
        time.sleep(GRACE)
        second.append(ExportRepository(bucket).accept(export(), RECORDS, lasting=lasting))

    first = export()
    exports = ExportRepository(HeldUp(bucket, accepted_again))  # type: ignore[arg-type]
    assert exports.accept(first, RECORDS, lasting=lasting) == second[0] != first
    assert exports.active() == [second[0].id]
    assert keys(bucket, f"exports/{first.id}/") == {f"exports/{first.id}/export.json"}, "which is empty"
    assert keys(bucket, "kept/") == {f"kept/{second[0].id}"}
    assert len(keys(bucket, "everyone/")) == len(keys(bucket, "owners/")) == 1


def test_the_same_request_is_one_export_although_a_clock_is_ahead(
    bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the second process, what the first one is accepting at this moment is old enough to be given up."""
    second: list[Export] = []

    def accepted_elsewhere() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(accepting, "created", lambda _: 0.0)
            second.append(ExportRepository(bucket).accept(export(), RECORDS, lasting=True))

    exports = ExportRepository(HeldUp(bucket, accepted_elsewhere))  # type: ignore[arg-type]
    first = exports.accept(export(), RECORDS, lasting=True)
    assert [first] == second and exports.active() == [first.id]
