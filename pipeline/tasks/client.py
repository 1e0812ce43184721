"""Documents from a program in Python: made by workers, or here; their rows may come as an endless stream."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from .. import documents
from ..documents.inputs import SENT, parquet
from ..documents.inputs.folder import FolderInputs
from ..documents.inputs.jsonl import encode_records, to_json_value
from ..documents.job import DocumentJob, spool_to_disk
from ..errors import InvalidRequest
from ..exports.export import Result
from ..exports.ids import new_id
from ..exports.request import ExportRequest
from ..exports.volumes import VolumeLimit
from ..pdf import fonts
from ..services import Services
from ..settings import Settings
from .app import open_with_celery
from .inline import make_file
from .submit import Submitted, validate
from .submit import submit as tasks_submit

WHAT = "the rows that were given"


def connect() -> Services:
    """The services that the environment names, to be kept as long as the process lives; nothing is sent yet."""
    return open_with_celery(Settings.from_env(os.environ))


def submit(
    services: Services, document: str, rows: Any = None, *, titles: Sequence[str] = (),
    params: Mapping[str, Any] | None = None, owner: str = "cli", notify: str | None = None, key: str | None = None,
    volume_pages: int | None = None, volume_bytes: int | None = None,
) -> Submitted:  # fmt: skip
    """Ask workers for a document. `rows` are sent to the bucket while they come, a few MiB at a time.

    Rows are mappings, or sequences named by `titles`, or whatever speaks Arrow (a table, a RecordBatchReader,
    a data frame). Without a `key`, each call with rows is an export of its own. Cut into files of so many pages,
    or of at most so many bytes, when asked for. Raises InvalidRequest before anything is sent.
    """
    volume = VolumeLimit(volume_pages, volume_bytes)
    order = ExportRequest(document, dict(params or {}), owner, notify, key, volume=volume)
    if rows is not None:
        order = _with(order, listing=_sent(services, order, records(rows, titles)))
    return tasks_submit(services, order)


def render(
    document: str, out: Path | str, rows: Any = None, *, titles: Sequence[str] = (),
    params: Mapping[str, Any] | None = None, folder: Path | str = "",
    volume_pages: int | None = None, volume_bytes: int | None = None,
) -> Result:  # fmt: skip
    """Make a document in this process, without any service. `rows` and volumes as for submit; rows pass
    through a temporary file, volumes stand beside `out`. Files that params name are below `folder`."""
    settings, volume = Settings.from_env(os.environ), VolumeLimit(volume_pages, volume_bytes)
    volume.check()
    documents.load(settings.documents)
    fonts.load(settings.fonts)
    kind, given, folder = documents.find(document), dict(params or {}), Path(folder)
    with spool_to_disk() as spool:
        listing = str(folder / given.get("listing", ""))
        if rows is not None:
            listing = spool(encode_records(records(rows, titles), WHAT))
            given["listing"] = Path(listing).name
        job = DocumentJob(kind, documents.decode(kind, given), listing, FolderInputs(folder))
        return make_file(job, Path(out), settings, lambda *_: None, volume=volume)


def records(rows: Any, titles: Sequence[str] = ()) -> Iterator[Mapping[str, Any]]:
    """Rows of any kind as records; InvalidRequest for one that has no names, or too many values."""
    if parquet.is_stream(rows):
        yield from parquet.stream(rows)
        return
    for number, row in enumerate(rows, 1):
        yield row if isinstance(row, Mapping) else _named(row, titles, number)


def _named(row: Sequence[Any], titles: Sequence[str], number: int) -> dict[str, Any]:
    if isinstance(row, str | bytes) or len(row) != len(titles):
        raise InvalidRequest(
            f"Row {number:,} of {WHAT} does not have one value for each of {len(titles)} titles.",
            field="rows",
            advice="Give mappings, or sequences together with titles.",
        )
    return dict(zip(titles, row, strict=True))


def _sent(services: Services, order: ExportRequest, found: Iterator[Mapping[str, Any]]) -> str:
    """The key under which records were sent, once the order is seen to be right with the first of them."""
    first = list(islice(found, 1))
    field = documents.find(order.document).records_field
    validate(services, _with(order, **{field: [to_json_value(dict(record)) for record in first]}))
    key = f"{SENT}{new_id()}/rows.jsonl"
    services.bucket.write(key, encode_records(chain(first, found), WHAT))
    return key


def _with(order: ExportRequest, **params: Any) -> ExportRequest:
    return replace(order, params={**order.params, **params})
