"""Check the bucket. S3-compatible stores differ; a warning says what a missing feature costs.

The checks use objects below a prefix of their own, such as doctor/1f2e…/, and remove them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ...adapters.bucket import Bucket, MultipartUpload
from ...adapters.bucket.parts import MIN_PART
from ...adapters.bucket.s3 import S3Bucket
from ...errors import Conflict, NotSupported, PipelineError, StoreDown
from ...settings import Settings
from .cors import NAME as BROWSER_UPLOADS
from .cors import browser_uploads
from .finding import Check, Outcome, failed, guarded, skipped

NAME = "Prüfung 1.pdf"
WRONG = '"0123456789abcdef0123456789abcdef"'  # the ETag of no object
IGNORED = "is ignored"
CLEAN = "Let the store remove unfinished uploads after a day."

Probe = Callable[[Bucket, str], Check]


def bucket_checks(settings: Settings) -> Iterator[Check]:
    """Check every feature in which S3-compatible stores differ."""
    bucket, folder = S3Bucket.open(settings), f"doctor/{secrets.token_hex(8)}/"
    probes: Mapping[str, Probe] = {**PROBES, BROWSER_UPLOADS: partial(browser_uploads, settings)}
    try:
        bucket.put(f"{folder}first", b"one")
    except PipelineError as error:
        usual = "Check S3_BUCKET, S3_ENDPOINT_URL, AWS_REGION and the two AWS keys."
        yield failed("bucket", error, error.advice if error.advice != StoreDown.advice else usual)
        for name in probes:
            yield skipped(name, "objects cannot be written")
        return
    try:
        for name, probe in {"bucket": _objects, **probes}.items():
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
    name, key = "conditional writes", f"{folder}conditional"
    found = {"If-None-Match": _refuses_second(bucket, key), "If-Match": _refuses_changed(bucket, key)}
    if blocked := [f"{header} {words}" for header, words in found.items() if words not in ("", IGNORED)]:
        words = f"{'; '.join(blocked)}: no export could be accepted, or go on."
        return Check(name, Outcome.FAILED, words, "Use another store.")
    if lost := [header for header, words in found.items() if words]:
        words = (
            f"Without effect: {' and '.join(lost)}. Two processes may advance the same export, and one request may"
            " be accepted twice."
        )
        advice = "Run one worker at a time (MAX_WORKERS=1, WORKER_CONCURRENCY=1), or use another store."
        return Check(name, Outcome.WARNING, words, advice)
    return Check(name, Outcome.OK, "A write is refused when another was first.")


def _refuses_second(bucket: Bucket, key: str) -> str:
    """Write a new object twice. Returns what is wrong, or ""."""
    try:
        bucket.put(key, b"one", new=True)
    except PipelineError as error:
        return f"is refused where no object is ({error.message.rstrip('.')})"
    try:
        bucket.put(key, b"two", new=True)
    except Conflict:
        return ""
    except StoreDown as error:
        return f"is answered with another error ({error.message.rstrip('.')})"
    return IGNORED


def _refuses_changed(bucket: Bucket, key: str) -> str:
    """Replace an object with its own ETag, and with a wrong one. Returns what is wrong, or ""."""
    etag = bucket.put(key, b"one")
    try:
        bucket.put(key, b"two", replacing=etag)
    except PipelineError as error:
        return f"is refused with the object's own ETag ({error.message.rstrip('.')})"
    try:
        bucket.put(key, b"three", replacing=WRONG)
    except Conflict:
        return ""
    except StoreDown as error:
        return f"is answered with another error ({error.message.rstrip('.')})"
    return IGNORED


def _ranges(bucket: Bucket, folder: str) -> Check:
    """Read the middle and the end of an object, and an end that is longer than the object."""
    name, key, data = "ranges", f"{folder}ranges", bytes(range(100))
    etag = bucket.put(key, data)
    ends = [tail and (tail.data, tail.size) for tail in (bucket.tail(key, 10), bucket.tail(key, 1000))]
    if b"".join(bucket.read(key, 10, 20, etag)) != data[10:20] or ends != [(data[-10:], 100), (data, 100)]:
        words = "Parts of an object are read wrongly: listings and segments cannot be read."
        return Check(name, Outcome.FAILED, words, "Use another store.")
    try:
        list(bucket.read(key, 10, 20, WRONG))
    except Conflict:
        return Check(name, Outcome.OK, "Any part of an object can be read, of one version only.")
    return Check(name, Outcome.FAILED, "A changed object is read as if it were the old one.", "Use another store.")


def _checksums(bucket: Bucket, folder: str) -> Check:
    """Write an object with its SHA-256, and with another one."""
    name, key, data = "checksums", f"{folder}checksum", b"what was written"
    bucket.put(key, data, sha256=sha256(data).hexdigest())
    stored = bucket.get(key)
    if stored is None or stored.data != data:
        words = "An object with a checksum is not read as it was written."
        return Check(name, Outcome.FAILED, words, "Use another store.")
    try:
        bucket.put(key, b"other bytes", sha256=sha256(data).hexdigest())
    except StoreDown:
        return Check(name, Outcome.OK, "Bytes that do not match their SHA-256 are refused.")
    words = "SHA-256 is ignored: a large segment that is damaged on its way to the bucket is not noticed."
    return Check(name, Outcome.WARNING, words, "Use an https address for the store.")


def _listing(bucket: Bucket, folder: str) -> Check:
    """List three objects by pages of two, and those behind the first."""
    name, keys = "listing", [f"{folder}listing/{n}" for n in range(3)]
    for key in keys:
        bucket.put(key, b"")
    paged = [entry.key for entry in bucket.entries(f"{folder}listing/", page_size=2)]
    behind = [entry.key for entry in bucket.entries(f"{folder}listing/", after=keys[0])]
    if (paged, behind) != (keys, keys[1:]):
        words = "Listings of several pages are not complete and in order: work would be overlooked."
        return Check(name, Outcome.FAILED, words, "Use another store.")
    return Check(name, Outcome.OK, "Listings of several pages are complete and in order.")


def _part_copy(bucket: Bucket, folder: str) -> Check:
    """Make a file from a part that is sent and one that is copied from another object, as assembly does."""
    name, source, key = "part copy", f"{folder}segment", f"{folder}file"
    etag = bucket.put(source, bytes(MIN_PART + 1024), content_type="application/octet-stream")
    upload = bucket.begin_upload(key)
    try:
        upload.write(1, bytes(MIN_PART))
        guard = _guard_problem(upload, source)
        upload.copy(2, source, 1024, MIN_PART + 1024, etag)
        upload.complete()
    except NotSupported as error:
        words = f"Parts are not copied ({error.message.rstrip('.')}): files pass through the worker."
        return Check(name, Outcome.WARNING, words, "Assembly is slower, but works.")
    finally:
        with suppress(NotSupported):  # it was tried without; the store then keeps what is left of it
            upload.abort()
    entry = bucket.head(key)
    if entry is None or entry.size != 2 * MIN_PART:
        words = (
            f"A file has {entry.size if entry else 0} bytes instead of {2 * MIN_PART} after its parts were joined."
        )
        return Check(name, Outcome.FAILED, words, "Use another store.")
    if guard:
        words = f"Segments are copied inside the bucket, but {guard}."
        return Check(
            name, Outcome.WARNING, words, "Exports work; let no old version of the program run beside a new one."
        )
    return Check(name, Outcome.OK, "Segments are copied inside the bucket.")


def _guard_problem(upload: MultipartUpload, source: str) -> str:
    """Copy a range with a wrong ETag, which must fail. Returns what is wrong, or ""."""
    try:
        upload.copy(2, source, 0, MIN_PART, WRONG)
    except Conflict:
        return ""
    except NotSupported:
        raise
    except StoreDown as error:
        return f"a changed one is answered with another error ({error.message.rstrip('.')})"
    return "whatever their ETag is: one that is stored again meanwhile may go unnoticed"


def _parts(bucket: Bucket, folder: str) -> Check:
    """Make a file from three parts of different sizes, and if they are refused, from equal ones."""
    name = "parts"
    try:
        _joined(bucket, f"{folder}parts", (MIN_PART + 1024, MIN_PART, 1024))
    except NotSupported:
        _joined(bucket, f"{folder}parts", (MIN_PART, MIN_PART, 1024))
        words = "Only parts of equal size are taken: a part that spans two segments passes through the worker."
        return Check(name, Outcome.WARNING, words, "Assembly is slower, but works.")
    return Check(name, Outcome.OK, "Parts of different sizes become one file.")


def _uploads(bucket: Bucket, folder: str) -> Check:
    """Begin an upload, find it in the list of unfinished ones, and abort it."""
    name, key = "uploads", f"{folder}unfinished"
    bucket.begin_upload(key)
    for upload in bucket.uploads(key):
        upload.abort()
        if bucket.uploads(key):
            return Check(name, Outcome.WARNING, "An upload that was aborted is still listed.", CLEAN)
        return Check(name, Outcome.OK, "Unfinished uploads are found and removed.")
    words = "Unfinished uploads are not found: what a killed worker sent stays, and costs storage."
    return Check(name, Outcome.WARNING, words, CLEAN)


def _joined(bucket: Bucket, key: str, sizes: tuple[int, ...]) -> None:
    upload = bucket.begin_upload(key)
    try:
        for number, size in enumerate(sizes, 1):
            upload.write(number, bytes(size))
        upload.complete()
    finally:
        with suppress(NotSupported):  # it was tried without; the store then keeps what is left of it
            upload.abort()


def _presigned(bucket: Bucket, folder: str) -> Check:
    """Check that a signed URL returns the file under its name, and that a changed or unsigned one does not."""
    key, name = f"{folder}presigned.pdf", "download link"
    bucket.put(key, b"%PDF", content_type="application/pdf")
    url = bucket.presign(key, NAME, 60)
    status, data, disposition = _fetch(url)
    if status != 200 or data != b"%PDF":
        return Check(name, Outcome.FAILED, f"A signed URL returns {status}.", "Check AWS_REGION and the clock.")
    last = "0" if url[-1] != "0" else "1"
    for what, other in (("changed", url[:-1] + last), ("unsigned", url.partition("?")[0])):
        if _fetch(other)[0] < 400:
            words = f"A URL that is {what} works as well: the bucket is public."
            return Check(name, Outcome.FAILED, words, "Block public access to the bucket.")
    if "Pr%C3%BCfung%201.pdf" not in disposition:
        words = "A signed URL works, but the downloaded file has the wrong name."
        return Check(name, Outcome.WARNING, words, "The store ignores response-content-disposition.")
    if (status := _fetch(bucket.presign(key, NAME, 60, "HEAD"), "HEAD")[0]) != 200:
        words = f"A signed URL works, but HEAD is answered {status}: a program that asks for the size first fails."
        return Check(name, Outcome.WARNING, words, "Let such programs use GET alone.")
    return Check(name, Outcome.OK, "A signed URL works, with the right file name. A changed one is refused.")


def _fetch(url: str, method: str = "GET") -> tuple[int, bytes, str]:
    """Return status, body and Content-Disposition. Raises StoreDown, without the secret URL, if nothing answers."""
    try:
        with urlopen(Request(url, method=method), timeout=10) as answer:  # noqa: S310  # a URL of the bucket
            return answer.status, answer.read(1024), answer.headers.get("Content-Disposition", "")
    except HTTPError as error:
        with error:
            return error.code, b"", ""
    except (OSError, HTTPException) as error:
        raise StoreDown(f"A signed URL could not be fetched: {type(error).__name__}.") from error


PROBES: Mapping[str, Probe] = {
    "conditional writes": _conditional_writes,
    "ranges": _ranges,
    "checksums": _checksums,
    "listing": _listing,
    "part copy": _part_copy,
    "uploads": _uploads,
    "parts": _parts,
    "download link": _presigned,
}
