"""The Python API: make a document with workers, or in this process. Rows may come as a stream."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from .. import documents
from ..documents.inputs import SENT, parquet
from ..documents.inputs.folder import FolderInputs
from ..documents.inputs.jsonl import check_names, encode_records, to_json_value
from ..documents.job import DocumentJob, spool_to_disk
from ..errors import InvalidRequest
from ..errors.shortages import shortages
from ..exports.export import Result
from ..exports.ids import new_id
from ..exports.recipients import Notify
from ..exports.request import ExportRequest
from ..exports.volumes import VolumeLimit
from ..pdf import fonts
from ..services import Services
from ..settings import Settings
from . import submit as submission
from .app import open_with_celery
from .inline import make_file

ROWS = "the given rows"  # what errors call them
LISTING = "rows.jsonl"  # and the file that they become


def connect() -> Services:
    """Return the services that the environment names. Open them once per process; they connect when first used."""
    return open_with_celery(Settings.from_env(os.environ))


def submit(
    services: Services, document: str, rows: Any = None, *, titles: Sequence[str] = (),
    params: Mapping[str, Any] | None = None, owner: str = "cli", notify: Notify = None, key: str | None = None,
    volume_pages: int | None = None, volume_bytes: int | None = None,
) -> submission.Submitted:  # fmt: skip
    """Submit an export, which workers make. `rows` are uploaded to the bucket as a stream, a few MiB at a time.

    Rows are mappings, or sequences named by `titles`, or an Arrow source (a table, a RecordBatchReader, a data
    frame). `key` makes a repeated call with the same rows return the same export, and is refused with other rows
    (KeyReused); without it, each call with rows is a new one.
    `volume_pages` or `volume_bytes` limits the size of a file. Raises InvalidRequest before anything is uploaded.
    """
    volume = VolumeLimit(volume_pages, volume_bytes)
    request = ExportRequest(document, dict(params or {}), owner, notify, key, volume=volume)
    if rows is not None:
        request = _uploaded(services, request, records(rows, titles))
    return submission.submit(services, request)


def render(
    document: str, out: Path | str, rows: Any = None, *, titles: Sequence[str] = (),
    params: Mapping[str, Any] | None = None, folder: Path | str = "",
    volume_pages: int | None = None, volume_bytes: int | None = None,
) -> Result:  # fmt: skip
    """Make a document in this process, without any service. `rows` and volumes as for `submit`; rows pass through
    a temporary file, and volumes are written beside `out`. File names in `params` are relative to `folder`."""
    settings, volume = Settings.from_env(os.environ), VolumeLimit(volume_pages, volume_bytes)
    volume.check()
    documents.load(settings.documents, document)
    fonts.load(settings.fonts)
    kind, given, folder = documents.find(document), dict(params or {}), Path(folder)
    with shortages(tempfile.gettempdir()), spool_to_disk() as spool:
        listing = str(folder / given.get("listing", ""))
        if rows is not None:
            written = Path(spool(encode_records(records(rows, titles), ROWS)))
            listing, given["listing"] = str(written.rename(written.with_name(LISTING))), LISTING
        job = DocumentJob(kind, documents.decode(kind, given), listing, FolderInputs(folder))
        return make_file(job, Path(out), settings, lambda *_: None, volume=volume)


def records(rows: Any, titles: Sequence[str] = ()) -> Iterator[Mapping[str, Any]]:
    """Yield rows of any kind as records. Raises InvalidRequest for a row that does not match the titles."""
    if parquet.is_stream(rows):
        yield from parquet.stream(rows, ROWS)
        return
    check_names(titles, "`titles`", "titles")
    for number, row in enumerate(rows, 1):
        yield row if isinstance(row, Mapping) else _named(row, titles, number)


def _named(row: Sequence[Any], titles: Sequence[str], number: int) -> dict[str, Any]:
    unfit = isinstance(row, str | bytes | Set) or not hasattr(row, "__len__")  # a set has no order
    if unfit or len(row) != len(titles):
        raise InvalidRequest(
            f"Row {number:,} of {ROWS} does not have one value for each of the {len(titles)} titles.",
            field="rows",
            advice="Pass mappings, or sequences together with `titles`.",
        )
    return dict(zip(titles, row, strict=True))


def _uploaded(services: Services, request: ExportRequest, found: Iterator[Mapping[str, Any]]) -> ExportRequest:
    """Check the request with the first record, then upload all records. Returns the request for them."""
    first = list(islice(found, 1))
    field = documents.find(request.document).records_field
    submission.validate(services, request.with_params(**{field: [to_json_value(dict(record)) for record in first]}))
    key, digest = f"{SENT}{new_id()}/{LISTING}", sha256()
    services.bucket.write(key, _hashed(encode_records(chain(first, found), ROWS), digest.update))
    return replace(request.with_params(listing=key), content=digest.hexdigest())


def _hashed(pieces: Iterable[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in pieces:
        update(piece)
        yield piece
