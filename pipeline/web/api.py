"""The HTTP API: request an export, show it, download it, cancel it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

import msgspec
from flask import Response, redirect, request
from msgspec import Meta
from werkzeug.wrappers import Response as AnyResponse

from ..adapters.webhooks import MAX_URL
from ..errors import IllegalStep, InvalidRequest, LinkExpired, NoExport, NotFound, PipelineError, RedisDown
from ..exports import audit, views
from ..exports.export import Export, State
from ..exports.ids import ID
from ..exports.lists import Wanted
from ..exports.quotas import Quotas
from ..exports.recipients import MAX_RECIPIENTS, NotifyBody
from ..exports.removal import remove
from ..exports.request import ExportRequest
from ..exports.volumes import VolumeLimit
from ..scaler.quotes import represent
from ..tasks import again, flow
from ..tasks.submit import Submitted
from ..tasks.submit import submit as submit_request
from .answers import conditional_answer, json_answer, with_etag
from .auth import SAFE_METHODS, caller, name_of_caller, need_change, owner, services
from .bodies import body_as, query_as

QUOTED = re.compile(r'"(?:[ !#-\[\]-~]|\\["\\])+"')
"""A string of RFC 8941 that is not empty."""


class ExportBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/exports: a request for a document."""

    document: Annotated[str, Meta(max_length=100, description="the kind of document, such as photos")]
    params: Annotated[dict[str, Any], Meta(description="an object with the document's parameters")]
    notify: Annotated[
        str | NotifyBody | Annotated[list[str | NotifyBody], Meta(max_length=MAX_RECIPIENTS)] | None,
        Meta(description="mail addresses to notify when the export is ready or has failed"),
    ] = None
    webhook: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_URL)] | None,
        Meta(description="an https URL to which events are sent, instead of that in WEBHOOKS"),
    ] = None
    return_url: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_URL)] | None,
        Meta(description="a page of your app to which mails lead back"),
    ] = None
    key: Annotated[
        Annotated[str, Meta(min_length=1, max_length=200)] | None,
        Meta(description="your own text, 1 to 200 characters: the same key gives the same export"),
    ] = None
    chunk_pages: Annotated[int | None, Meta(description="pages per chunk, 1 or more")] = None
    within: Annotated[Annotated[float, Meta(gt=0)] | None, Meta(description="seconds until it is needed")] = None
    volume_pages: Annotated[int | None, Meta(description="split into files of this many pages, 1 or more")] = None
    volume_bytes: Annotated[
        int | None, Meta(description="split into files of at most this many bytes, 1048576 or more")
    ] = None
    keep_inputs: Annotated[bool, Meta(description="keep handed-in inputs when the export is removed")] = False
    subject: Annotated[
        Annotated[str, Meta(min_length=1, max_length=200)] | None,
        Meta(description="who asks: the end user of your app, 1 to 200 characters"),
    ] = None
    content: Annotated[
        str, Meta(max_length=200, description="hash of the listing: with one `key` it may come under another name")
    ] = ""


class ListQuery(msgspec.Struct, frozen=True):
    """The query of GET /v1/exports."""

    limit: Annotated[int, Meta(ge=1, le=100, description="a number of exports, 1 to 100")] = 20
    after: Annotated[
        Annotated[str, Meta(pattern=ID)] | None, Meta(description="what the page before has as next")
    ] = None
    state: Annotated[State | None, Meta(description=f"one of {', '.join(State)}")] = None
    document: Annotated[str | None, Meta(description="the kind of document")] = None
    subject: Annotated[str | None, Meta(description="who asked: an end user of your app")] = None


class Exports(msgspec.Struct, frozen=True):
    """A page of exports. `next` leads to the next page, as `after`; it is null on the last."""

    exports: Sequence[views.ExportSummary]
    next: str | None


msgspec.json.Decoder(ExportBody)  # so that the type is known before there are threads, see exports/encoding.py


def submit() -> Response:
    """Request an export: 202, or 200 if it is over already. `queued` is false while Redis is down."""
    s, name, key = services(), owner(), _key()
    body = body_as(ExportBody, {} if key is None else {"key": key})
    if key not in (None, body.key):
        raise InvalidRequest("The header Idempotency-Key and key are different; give one of them.", field="key")
    volume = VolumeLimit(body.volume_pages, body.volume_bytes)
    wanted = ExportRequest(
        body.document, body.params, name, body.notify, body.key, body.chunk_pages, volume,
        keep_inputs=body.keep_inputs, within=body.within, subject=_subject(body), webhook=body.webhook or "",
        return_url=body.return_url or "", content=body.content,
    )  # fmt: skip
    return _accepted(submit_request(s, wanted, _quotas()))


def listed() -> Response:
    """List the caller's own exports, newest first, a page at a time."""
    s, asked = services(), query_as(ListQuery)
    page = s.exports.page(Wanted(owner(), asked.subject, asked.state, asked.document), asked.limit, asked.after)
    base_url, kept = s.settings.base_url, s.settings.keep_seconds
    return conditional_answer(
        Exports([views.summary(export, base_url, kept) for export in page.exports], page.after)
    )


def show(export_id: str) -> Response:
    """Show an export with its progress. With If-None-Match: 304 while nothing has changed."""
    polls, name, version, etag = services().redis.polls, owner(), None, ""
    with suppress(RedisDown):
        version, etag = polls.look(export_id, name)
    if etag and request.if_none_match.contains_weak(etag):
        return with_etag(Response(status=304), etag)
    response = conditional_answer(represent(services(), _own(export_id)))
    with suppress(RedisDown):
        if version is not None:
            polls.note(export_id, name, version, response.get_etag()[0] or "")
    return response


def cancel_or_remove(export_id: str) -> Response:
    """Cancel what runs, and remove what is over: 204.

    It cancels even if Redis is down: workers read the state in the bucket, and the keeper cleans up.
    """
    s, export = services(), _own(export_id)
    if not export.state.over:
        return json_answer(represent(s, flow.cancel(s, export_id)))
    remove(s, export)
    return Response(status=204)


def retry(export_id: str) -> Response:
    """Let a failed export go on: 202. What is drawn is not drawn again."""
    return json_answer(represent(services(), retried(_own(export_id))), 202)


def replay(export_id: str) -> Response:
    """Send all webhooks of an export again, in order and with the same ids: 202."""
    return json_answer(represent(services(), again.replay_webhooks(services(), _own(export_id).id)), 202)


def ask_again(export_id: str) -> Response:
    """Request the same again, as a new export."""
    return _accepted(asked_again(_own(export_id), _key()))


def download(export_id: str) -> AnyResponse:
    """Redirect to the file in the bucket, or to the index of the volumes, for GET and HEAD; ranges work there."""
    return to_file(_own(export_id))


def download_volume(export_id: str, volume: int) -> AnyResponse:
    """Redirect to a volume, counted from 1."""
    return to_file(_own(export_id), volume)


def to_file(export: Export, volume: int = 0) -> AnyResponse:
    """Redirect to a file in the bucket by a signed URL that expires soon (DOWNLOAD_SECONDS).

    `volume` is a number from 1; 0 is the only file, or the index of the volumes. Raises IllegalStep if there is
    no file yet, LinkExpired if it was removed.
    """
    s, made = services(), export.result
    if export.state is State.READY and made:
        if volume >= len(made.files):
            raise NotFound(f"Export {export.id} has no volume {volume}; there are {len(made.volumes)}.")
        file = made.files[volume]
        if s.bucket.head(file.key):
            method: Literal["GET", "HEAD"] = "HEAD" if request.method == "HEAD" else "GET"
            if method == "GET":
                audit.note("downloaded", export, volume=volume, by=name_of_caller(), address=request.remote_addr)
            return redirect(s.bucket.presign(file.key, file.name, s.settings.download_seconds, method))
    raise _no_file(export)


def retried(export: Export) -> Export:
    """Let a failed export go on, within the quotas of its owner and subject, also when an operator asks for it."""
    return again.retry(services(), export.id, _quotas())


def asked_again(export: Export, key: str | None = None) -> Submitted:
    """Request the same again for its owner and subject, within their quotas, also when an operator asks for it."""
    return again.again(services(), export, key, _quotas())


def _quotas() -> Quotas:
    """Return what holds for all that comes by HTTP. Commands and schedules have no quotas."""
    return Quotas.of(services().settings)


def _no_file(export: Export) -> PipelineError:
    """Return the error that says why an export has no file."""
    what = f"Export {export.id} is {export.state}"
    if export.state in (State.READY, State.EXPIRED):
        return LinkExpired(f"The file of export {export.id} has expired and was removed.")
    if export.failure:
        return IllegalStep(f"{what}: {export.failure.message}", advice=export.failure.advice)
    if export.state.over:
        return IllegalStep(f"{what}; it has no file.", advice="Request the export again.")
    return IllegalStep(f"{what}; its file is not ready yet.", advice="Wait until the export is ready.")


def _accepted(submitted: Submitted) -> Response:
    """Return 202 for a new or unfinished export, 200 for a finished one, with its address."""
    s, export = services(), submitted.export
    answer = views.accepted(represent(s, export), submitted.queued)
    response = json_answer(answer, 200 if export.state.over else 202)
    response.headers["Location"] = views.address(export, s.settings.base_url)
    return response


def _subject(body: ExportBody) -> str:
    """Return who asks: a person for itself, else the end user whom the request names."""
    person = caller().person
    if person and body.subject not in (None, person):
        raise InvalidRequest("People ask for themselves; leave subject out.", field="subject")
    return person or body.subject or ""


def _key() -> str | None:
    """Return the key of the header Idempotency-Key: in quotes, as the IETF's draft has it, or without."""
    sent = request.headers.get("Idempotency-Key", "").strip()
    if not sent:
        return None
    if sent[0] != '"':
        return sent
    if not QUOTED.fullmatch(sent):
        raise InvalidRequest('The header Idempotency-Key is no text in quotes, such as "order-17".', field="key")
    return re.sub(r"\\(.)", r"\1", sent[1:-1])


def _own(export_id: str) -> Export:
    """Return the caller's export. 404 for other owners' exports, so their existence is not revealed."""
    name = owner()
    export = services().exports.load(export_id)
    if export.owner != name:
        raise NoExport(f"There is no export {export_id}.")
    if request.method not in SAFE_METHODS:
        need_change(export)
    return export
