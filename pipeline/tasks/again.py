"""What an owner may do about an export that is over: let a failed one go on, or ask for the same once more."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from decimal import Decimal

import msgspec

from .. import documents
from ..errors import IllegalStep, LinkExpired, NotFound, RedisDown
from ..exports import audit, notices
from ..exports.accepting import listing_key
from ..exports.coverage import cover
from ..exports.export import Channel, Export, State
from ..exports.quotas import UNLIMITED, Quotas, admitted
from ..exports.recipients import NotifyBody
from ..exports.repository import not_closed
from ..exports.request import ExportRequest
from ..services import Message, Services
from .lease import exclusive, notices_name
from .sending import begin, chunks, width
from .step import lease_name
from .submit import Submitted, is_small, submit

log = logging.getLogger(__name__)
_records = msgspec.json.Decoder(float_hook=Decimal)


def retry(s: Services, export_id: str, quotas: Quotas = UNLIMITED) -> Export:
    """Let a failed export go on, with all attempts and a new deadline; what is drawn stays.

    Raises IllegalStep for any other state, and while it is being closed; QuotaReached; RedisDown before anything is
    changed.
    """
    _check_failed(s.exports.load(export_id))
    with ExitStack() as stack:
        # Neither is an export closed meanwhile, nor the outcome of the mail about its failure noted.
        for name in (lease_name("deliver", export_id, None), notices_name(export_id, Channel.MAIL)):
            if stack.enter_context(exclusive(s.redis.leases, name, s.settings.lease_seconds)) is None:
                raise not_closed(export_id)
        export = s.exports.load(export_id)
        _check_failed(export)
        s.exports.check_closed(export_id)
        s.redis.counters.forget_attempts(export_id)
        s.redis.progress.note_retried(export_id)
        with admitted(s, export, quotas) as admission:
            waits = documents.exclusive(export.document) is not None
            export = s.exports.reopen(export_id, time.time(), waits=waits)
            admission.kept = True
    audit.note("retried", export)
    try:
        _send(s, export)
    except RedisDown as error:  # the keeper sends it later
        log.warning("export %s: %s", export_id, error.message)
    return export


def replay_webhooks(s: Services, export_id: str) -> Export:
    """Let all webhooks of an export be sent again. Raises IllegalStep if it has none."""
    if not any(notice.channel is Channel.WEBHOOK for notice in s.exports.load(export_id).notices):
        advice = "They are those of exports with `webhook`, or of an owner in WEBHOOKS, once they are over."
        raise IllegalStep(f"Export {export_id} has no webhooks yet.", advice=advice)
    notices.mark(s.bucket, export_id, Channel.WEBHOOK)  # before and after: whenever this breaks off, they are found
    export = s.exports.change(export_id, notices.replayed(time.time()))
    notices.mark(s.bucket, export_id, Channel.WEBHOOK)
    with suppress(RedisDown):  # the keeper looks without it too
        s.redis.wakeup.wake()
    return export


def again(s: Services, export: Export, key: str | None = None, quotas: Quotas = UNLIMITED) -> Submitted:
    """Request the same as an earlier export did. `key` is an idempotency key of the new request.

    Raises LinkExpired if its records came inside the request, and were removed with its file.
    """
    params = dict(export.params)
    if not (params.get("listing") or params.get("query")):
        stored = s.bucket.get(listing_key(export.id))
        if stored is None:
            advice = "Request it with its records, as the first time."
            raise LinkExpired(f"The records of export {export.id} were removed with its file.", advice=advice)
        params[documents.find(export.document).records_field] = _records.decode_lines(stored.data)
    within = export.ready_by - export.created_at if export.ready_by else None
    notify = [NotifyBody(each.to, each.link, each.locale) for each in export.recipients] or export.notify
    request = ExportRequest(
        export.document, params, export.owner, notify, key, export.chunk_pages, export.volume,
        within=within, subject=export.subject, webhook=export.webhook, return_url=export.return_url,
    )  # fmt: skip
    return submit(s, request, quotas)


def _send(s: Services, export: Export) -> None:
    """Send what an export needs that goes on."""
    found, missing = s.segments.found(export.id), []
    s.redis.progress.restore_pages(export.id, {c: sum(n for _, n in pieces) for c, pieces in found.items()})
    if documents.exclusive(export.document):
        s.redis.wakeup.wake()  # the keeper starts it when no other is at work
    elif export.state is State.QUEUED:
        inside = s.bucket.head(listing_key(export.id)) is not None
        begin(s, [Message("plan", export.id, small=is_small(s, export, inside=inside))])
    else:
        small = False
        with suppress(NotFound):  # the plan was lost: the assembly makes it again
            plan = s.exports.plan(export.id)
            missing, small = cover(plan, found)[1], plan.seconds <= s.settings.inline_seconds
        messages = chunks(export, missing, width(s)) if missing else [Message("assemble", export.id)]
        begin(s, [replace(message, small=small) for message in messages])


def _check_failed(export: Export) -> None:
    if export.state is not State.FAILED:
        advice = "Request the same again, as a new export." if export.state.over else "Wait until it is over."
        raise IllegalStep(f"Export {export.id} is {export.state}; only a failed one goes on.", advice=advice)
