"""Looking at exports from outside: how far one is, when it is over, which came last, its file."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

from ..adapters.bucket.bucket import S3Bucket
from ..adapters.redis.progress import Progress
from ..errors import ExportFailed, IllegalStep, StoreDown, TimedOut
from ..exports.export import Export, File, Result, State
from ..exports.repository import ExportRepository
from ..exports.stores import Stores
from ..exports.views import progress
from ..exports.volumes import index_name, volume_name
from ..settings import MIB
from ..tasks.inline import OnProgress

LOOK_SECONDS = 0.5


def until_over(stores: Stores, export_id: str, timeout: float | None, show: OnProgress) -> Export:
    """Wait for the end of an export, showing how far it is; TimedOut after `timeout` seconds."""
    began = time.monotonic()
    while not (export := stores.exports.load(export_id)).state.over:
        show(*steps(export, progress(stores, export)))
        if timeout is not None and time.monotonic() - began >= timeout:
            raise TimedOut(f"Export {export_id} is {export.state} after {timeout:g} s.")
        time.sleep(LOOK_SECONDS)
    return export


def steps(export: Export, known: Progress | None) -> tuple[str, int, int]:
    """An unfinished export as (what is being done, done, of how many): pages, or MiB when it is joined."""
    if known is None:
        return str(export.state), 0, 0
    if export.state is State.ASSEMBLING and known.bytes_total:
        return "assembling, MiB", min(known.bytes, known.bytes_total) // MIB, known.bytes_total // MIB
    return "rendering pages", min(known.pages, export.pages), export.pages


def made(export: Export) -> Result:
    """The file of an export; ExportFailed or IllegalStep say why there is none."""
    if export.failure:
        raise ExportFailed(f"Export {export.id} failed: {export.failure.message}", advice=export.failure.advice)
    if export.state is not State.READY or export.result is None:
        later = "" if export.state.over else "Wait for it: `python -m pipeline wait ID`."
        raise IllegalStep(f"Export {export.id} is {export.state}; it has no file.", advice=later)
    return export.result


def places(result: Result, into: Path | None) -> list[Path]:
    """Where each file goes: to `into`, or, when there are several, beside it under names like its; without
    it, under their own names to here."""
    count = len(result.volumes)
    if into is None:
        return [Path(Path(file.name).name) for file in result.files]
    if not count:
        return [into]
    names = [index_name(into.name), *(volume_name(into.name, number, count) for number in range(1, count + 1))]
    return [into.with_name(name) for name in names]


def fetch(store: S3Bucket, file: File, into: Path, show: OnProgress) -> None:
    """Copy a file out of the bucket. It gets its name when it is whole; StoreDown when it is not."""
    part, size = into.with_name(into.name + ".part"), 0
    try:
        with part.open("wb") as written:
            for block in store.read(file.key, 0, file.bytes):
                size += written.write(block)
                show("fetching, MiB", size // MIB, file.bytes // MIB)
        if size != file.bytes:
            raise StoreDown(f"{file.name} broke off after {size} of {file.bytes} bytes.", advice="Fetch it again.")
        part.replace(into)
    finally:
        part.unlink(missing_ok=True)


def newest(exports: ExportRepository, owner: str | None, limit: int) -> list[Export]:
    """The last exports, newest first: one person's, or everybody's, which reads all that there are."""
    if owner is not None:
        return exports.of(owner, limit)
    return list(reversed(deque(exports.all(), maxlen=limit)))
