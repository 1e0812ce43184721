"""Check the bucket. S3-compatible stores differ; a warning says what a missing feature costs.

The checks use objects below a prefix of their own, such as doctor/1f2e…/, and remove them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import urlopen

from ...adapters.bucket import Bucket, MultipartUpload
from ...adapters.bucket.s3 import S3Bucket
from ...errors import Conflict, PipelineError, StoreDown
from ...settings import MIB, Settings
from .finding import Check, Outcome, failed, guarded, skipped

PART = 5 * MIB  # bytes; the smallest part that S3 accepts
NAME = "Prüfung 1.pdf"
WRONG = '"0123456789abcdef0123456789abcdef"'  # the ETag of no object

Probe = Callable[[Bucket, str], Check]


def bucket_checks(settings: Settings) -> Iterator[Check]:
    """Check every feature in which S3-compatible stores differ."""
    bucket, folder = S3Bucket.open(settings), f"doctor/{secrets.token_hex(8)}/"
    try:
        bucket.put(f"{folder}first", b"one")
    except PipelineError as error:
        yield failed("bucket", error, "Check S3_BUCKET, S3_ENDPOINT_URL, AWS_REGION and the two AWS keys.")
        for name in PROBES:
            yield skipped(name, "objects cannot be written")
        return
    try:
        for name, probe in {"bucket": _objects, **PROBES}.items():
            yield from guarded(name, _one(probe, bucket, folder))
    finally:
        bucket.delete_under(folder)


def _one(probe: Probe, bucket: Bucket, folder: str) -> Iterator[Check]:
    yield probe(bucket, folder)


def _objects(bucket: Bucket, folder: str) -> Check:
    """Write, read and remove an object."""
    key = f"{folder}object"
    bucket.put(key, b"what was written")
    stored = bucket.get(key)
    bucket.delete([key])
    if stored is None or stored.data != b"what was written":
        return Check("bucket", Outcome.FAILED, "An object is not read as it was written.", "Use another bucket.")
    if bucket.head(key) is not None:
        return Check("bucket", Outcome.FAILED, "A removed object is still there.", "Allow s3:DeleteObject.")
    return Check("bucket", Outcome.OK, "Writes, reads and removes objects.")


def _conditional_writes(bucket: Bucket, folder: str) -> Check:
    """Check If-Match, which guards the state of an export, and If-None-Match, which guards a request."""
    key = f"{folder}conditional"
    lost = [
        header
        for header, honoured in (
            ("If-None-Match", _refuses_second(bucket, key)),
            ("If-Match", _refuses_changed(bucket, key)),
        )
        if not honoured
    ]
    if not lost:
        return Check("conditional writes", Outcome.OK, "Of two writes at the same time, one wins.")
    words = (
        f"{' and '.join(lost)} is ignored: two processes may advance the same export, and one request may be"
        " accepted twice."
    )
    advice = "Run one worker at a time (MAX_WORKERS=1, WORKER_CONCURRENCY=1), or use a store that supports them."
    return Check("conditional writes", Outcome.WARNING, words, advice)


def _refuses_second(bucket: Bucket, key: str) -> bool:
    """Return whether an existing object is not overwritten as a new one. A store may answer "not implemented"."""
    try:
        bucket.put(key, b"one", new=True)
        bucket.put(key, b"two", new=True)
    except Conflict:
        return bucket.head(key) is not None
    except StoreDown:
        return False
    return False


def _refuses_changed(bucket: Bucket, key: str) -> bool:
    """Return whether an object is replaced with its own ETag, and not with a wrong one."""
    try:
        etag = bucket.put(key, b"one")
        etag = bucket.put(key, b"two", replacing=etag)
        bucket.put(key, b"three", replacing=WRONG)
    except Conflict:
        stored = bucket.get(key)
        return stored is not None and stored.data == b"two"
    except StoreDown:
        return False
    return False


def _part_copy(bucket: Bucket, folder: str) -> Check:
    """Make a file from a part that is sent and one that is copied from another object, as assembly does."""
    source, key = f"{folder}segment", f"{folder}file"
    etag = bucket.put(source, bytes(PART + 1024), content_type="application/octet-stream")
    upload = bucket.begin_upload(key)
    try:
        upload.write(1, bytes(PART))
        problem = _copy_problem(upload, source, etag)
        if not problem:
            upload.complete()
    finally:
        upload.abort()
    entry = bucket.head(key)
    if not problem and (entry is None or entry.size != 2 * PART):
        problem = f"the file has {entry.size if entry else 0} bytes instead of {2 * PART}"
    if not problem:
        return Check("part copy", Outcome.OK, "Segments are copied inside the bucket.")
    words = f"Part copy does not work ({problem}): assembly streams every byte through the worker."
    return Check("part copy", Outcome.WARNING, words, "Assembly is slower, but works.")


def _copy_problem(upload: MultipartUpload, source: str, etag: str) -> str:
    """Copy a range, with a wrong ETag, which must fail, and with the right one. Returns what is wrong, or ""."""
    try:
        upload.copy(2, source, 1024, PART + 1024, WRONG)
    except Conflict:
        pass
    except (PipelineError, KeyError) as error:
        return getattr(error, "message", "the answer has no ETag").rstrip(".")
    else:
        return "a changed source is copied, too"
    try:
        upload.copy(2, source, 1024, PART + 1024, etag)
    except PipelineError as error:
        return error.message.rstrip(".")
    return ""


def _presigned(bucket: Bucket, folder: str) -> Check:
    """Check that a signed URL returns the file under its name, and that a changed or unsigned one does not."""
    key, name = f"{folder}presigned.pdf", "download link"
    bucket.put(key, b"%PDF", content_type="application/pdf")
    url = bucket.presign(key, NAME, 60)
    status, data, disposition = _get(url)
    if status != 200 or data != b"%PDF":
        return Check(name, Outcome.FAILED, f"A signed URL returns {status}.", "Check AWS_REGION and the clock.")
    last = "0" if url[-1] != "0" else "1"
    for what, other in (("changed", url[:-1] + last), ("unsigned", url.partition("?")[0])):
        if _get(other)[0] < 400:
            words = f"A URL that is {what} works as well: the bucket is public."
            return Check(name, Outcome.FAILED, words, "Block public access to the bucket.")
    if "Pr%C3%BCfung%201.pdf" not in disposition:
        words = "A signed URL works, but the downloaded file has the wrong name."
        return Check(name, Outcome.WARNING, words, "The store ignores response-content-disposition.")
    return Check(name, Outcome.OK, "A signed URL works, with the right file name. A changed one is refused.")


def _get(url: str) -> tuple[int, bytes, str]:
    """Return status, body and Content-Disposition. Raises StoreDown, without the secret URL, if nothing answers."""
    try:
        with urlopen(url, timeout=10) as answer:  # noqa: S310  # a URL of the bucket, signed here
            return answer.status, answer.read(1024), answer.headers.get("Content-Disposition", "")
    except HTTPError as error:
        with error:
            return error.code, b"", ""
    except (OSError, HTTPException) as error:
        raise StoreDown(f"A signed URL could not be fetched: {type(error).__name__}.") from error


PROBES: Mapping[str, Probe] = {
    "conditional writes": _conditional_writes,
    "part copy": _part_copy,
    "download link": _presigned,
}
