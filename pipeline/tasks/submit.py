"""Turns a request into an accepted export, in the same time for ten pages as for a million."""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec

from .. import documents
from ..documents.job import DocumentJob
from ..errors import InvalidRequest, KeyReused, RedisDown
from ..exports import audit
from ..exports.export import Export, State
from ..exports.ids import new_id
from ..exports.quotas import UNLIMITED, Quotas, admitted
from ..exports.recipients import recipients
from ..exports.request import ExportRequest, fingerprint, request_key
from ..exports.uploads import UPLOADS, named_folders, note_use, wrong_size
from ..scaler.quotes import predicted_seconds
from ..services import Message, Services
from .sending import begin

_exact = msgspec.json.Encoder(decimal_format="number")  # a body's numbers, which come as Decimal


@dataclass(frozen=True)
class Submitted:
    """An export that was accepted.

    `queued` is False while Redis is down; the keeper starts the export when Redis is back.
    """

    export: Export
    queued: bool


def submit(s: Services, request: ExportRequest, quotas: Quotas = UNLIMITED) -> Submitted:
    """Check and store a request, then send the message that plans it. A repeated request gives the same export.

    Raises InvalidRequest before anything is written, and QuotaReached; KeyReused if the key belongs to another
    request.
    """
    export, records = validate(s, request)
    lasting = request.key is not None
    with admitted(s, export, quotas, lasting=lasting) as admission:
        accepted = s.exports.accept(export, records, lasting=lasting)
        admission.kept = accepted.id == export.id
    if request.key and accepted.fingerprint not in ("", export.fingerprint):
        raise KeyReused(f"The key {request.key!r} was used before, for another request.", field="key")
    if accepted.id == export.id:
        audit.note("requested", accepted)
    if not accepted.state.over:
        note_use(s.bucket, accepted, keep=request.keep_inputs)
    if accepted.state is State.QUEUED:
        try:
            if documents.exclusive(accepted.document):
                s.redis.wakeup.wake()  # the keeper starts it when no other is at work
            elif not s.redis.messages.sent_lately(accepted.id):  # also when an earlier try stored it and broke off
                begin(s, [Message("plan", accepted.id, small=is_small(s, accepted, inside=records is not None))])
        except RedisDown:
            return Submitted(accepted, queued=False)
    return Submitted(accepted, queued=True)


def is_small(s: Services, export: Export, *, inside: bool) -> bool:
    """Return True for records that came `inside` the request, and for a kind whose exports take INLINE_SECONDS at
    most. A kind that was never made counts as large."""
    return inside or predicted_seconds(s, export.document) <= s.settings.inline_seconds


def validate(s: Services, request: ExportRequest) -> tuple[Export, bytes | None]:
    """Return the export of a request, and its records as JSON lines. InvalidRequest names the wrong field."""
    document = documents.find(request.document)
    params = documents.decode(document, request.params)
    request.check()
    if request.webhook:
        s.webhooks.check(request.webhook, "webhook")
    DocumentJob(document, params, params.listing, s.inputs.of(request.owner)).check()
    _check_listing(s, params.listing)
    records = getattr(params, document.records_field)
    lines = None if records is None else b"\n".join(map(_exact.encode, records))
    kept = {key: value for key, value in request.params.items() if key != document.records_field}
    export = Export(
        id=new_id(),
        document=request.document,
        params=msgspec.json.decode(_exact.encode(kept)),
        owner=request.owner,
        created_at=time.time(),
        recipients=recipients(request.notify),
        webhook=request.webhook or s.settings.webhooks.get(request.owner, ""),
        return_url=request.return_url,
        subject=request.subject,
        name=params.title.strip() or request.document,
        request_key=request_key(request),
        fingerprint=fingerprint(request),
        chunk_pages=request.chunk_pages,
        ready_by=time.time() + request.within if request.within else None,
        volume=request.volume,
        uploads=named_folders(request.owner, _exact.encode(kept), lines or b""),
    )
    return export, lines


def _check_listing(s: Services, listing: str) -> None:
    """Raise InvalidRequest if a listing is not in the bucket, or has more bytes than may be handed in."""
    if not listing:
        return
    there = s.bucket.head(listing)
    if there is None:
        advice = "Complete the upload first." if listing.startswith(UPLOADS) else None
        raise InvalidRequest(f"There is no {listing} in the bucket.", field="listing", advice=advice)
    if listing.startswith(UPLOADS) and there.size > s.settings.max_input_bytes:
        raise wrong_size(there.size, s.settings.max_input_bytes)
