"""Records that a list read lately are not read again while they are the same."""

from __future__ import annotations

from dataclasses import replace

from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.services import Services
from pipeline.web.recent import MOST, Recent


def stored(s: Services) -> Export:
    return s.exports.accept(Export(new_id(), "photos", {}, "shop", 1.0, request_key=new_id()), None, lasting=False)


def test_a_record_is_read_again_when_it_has_changed(services: Services) -> None:
    recent, export = Recent(services), stored(services)
    assert recent.find(export.id) == export
    services.bucket.delete([f"exports/{export.id}/export.json"])  # behind its back
    assert recent.find(export.id) == export
    services.redis.polls.note_change(export.id)
    assert recent.find(export.id) is None


def test_a_change_by_any_process_is_seen_at_once(services: Services) -> None:
    recent, export = Recent(services), stored(services)
    assert recent.find(export.id) == export
    changed = services.exports.change(export.id, lambda e: e.to(State.CANCELLED))
    assert recent.find(export.id) == changed


def test_without_redis_each_list_reads_the_bucket(services: Services, cut_off: Services) -> None:
    recent, export = Recent(replace(cut_off, bucket=services.bucket, exports=services.exports)), stored(services)
    assert recent.find(export.id) == export
    services.bucket.delete([f"exports/{export.id}/export.json"])
    assert recent.find(export.id) is None


def test_few_records_are_kept(services: Services) -> None:
    recent = Recent(services)
    for _ in range(MOST + 5):
        recent.find(new_id())
    assert len(recent._read) == MOST
