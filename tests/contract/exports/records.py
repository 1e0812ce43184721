"""Exports and segments to store."""

from __future__ import annotations

import io
import time
from typing import Any

from msgspec.structs import replace

from pipeline.adapters.bucket import Bucket
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.plan import Chunk, Plan
from pipeline.exports.repository import ExportRepository
from pipeline.exports.segments import SegmentRepository
from pipeline.pdf.segment_index import SegmentIndex
from pipeline.pdf.tally import Remark, Skipped

PLAN = Plan(20, 20, tuple(Chunk(n, 5 * n, 5, 50 * n, 50 * n + 50) for n in range(4)))


def export(request_key: str = "a-request", owner: str = "shop", now: float | None = None) -> Export:
    created = time.time() if now is None else now
    return Export(new_id(created), "photos", {"title": "T"}, owner, created, request_key=request_key)


def end(exports: ExportRepository, accepted: Export) -> None:
    exports.change(accepted.id, lambda e: e.to(State.CANCELLED))


def keys(bucket: Bucket, prefix: str = "") -> set[str]:
    return {entry.key for entry in bucket.entries(prefix)}


def index(chunk: int, first: int, pages: int, data: bytes, **changes: Any) -> SegmentIndex:
    made = SegmentIndex(
        chunk, 4, first, pages, 0, [0], len(data), 16, pages, pages, pages,
        [], "ab", None, [Skipped(1, "s", "r")], remarks=[Remark("w")],
    )  # fmt: skip
    return replace(made, **changes)


def store_segment(segments: SegmentRepository, export_id: str, chunk: int, first: int, pages: int) -> None:
    data = f"{chunk} {first} {pages}".encode()
    segments.write(export_id, index(chunk, first, pages, data), io.BytesIO(data))
