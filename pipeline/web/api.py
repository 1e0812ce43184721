"""The HTTP API: request an export, show it, download it, cancel it."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from flask import Blueprint, Response, redirect, request
from msgspec import Meta
from werkzeug.wrappers import Response as AnyResponse

from ..errors import IllegalStep, InvalidRequest, LinkExpired, NoExport, NotFound, PipelineError
from ..exports import views
from ..exports.export import Export, State
from ..exports.ids import is_id
from ..exports.lists import Wanted
from ..exports.removal import remove
from ..exports.request import ExportRequest
from ..exports.views import API
from ..exports.volumes import VolumeLimit
from ..scaler.quotes import represent
from ..tasks import again, flow
from ..tasks.submit import Submitted
from ..tasks.submit import submit as submit_request
from .auth import owner, services
from .bodies import body_as
from .errors import json_answer

blueprint = Blueprint("api", __name__, url_prefix=f"{API}/exports")
LISTED = 20
MAX_LISTED = 100
LIMITS = {str(number): number for number in range(1, MAX_LISTED + 1)}


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/exports."""

    document: Annotated[str, Meta(max_length=100, description="the kind of document, such as photos")]
    params: Annotated[dict[str, Any], Meta(description="an object with the document's parameters")]
    notify: Annotated[str | None, Meta(description="a mail address to notify when the export is over")] = None
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


msgspec.json.Decoder(Body)  # so that the type is known before there are threads, see exports/encoding.py


@blueprint.post("")
def submit() -> Response:
    """202 for a new or unfinished export, 200 for a finished one. `queued` is false while Redis is down."""
    s, name, body = services(), owner(), body_as(Body, _key())
    volume = VolumeLimit(body.volume_pages, body.volume_bytes)
    wanted = ExportRequest(
        body.document, body.params, name, body.notify, body.key, body.chunk_pages, volume, body.keep_inputs,
        body.within, body.subject or "", body.content,
    )  # fmt: skip
    return _accepted(submit_request(s, wanted))


@blueprint.get("")
def recent() -> Response:
    """List the caller's own exports, newest first, a page at a time."""
    s, name, asked = services(), owner(), request.args
    limit, after, state = LIMITS.get(asked.get("limit", str(LISTED))), asked.get("after"), asked.get("state")
    if limit is None:
        raise InvalidRequest(f"limit must be a number from 1 to {MAX_LISTED}.", field="limit")
    if after is not None and not is_id(after):
        raise InvalidRequest("after must be what the page before has as next.", field="after")
    if state is not None and state not in list(State):
        raise InvalidRequest(f"state must be one of {', '.join(State)}.", field="state")
    wanted = Wanted(name, asked.get("subject"), State(state) if state else None, asked.get("document"))
    page = s.exports.page(wanted, limit, after)
    shown = [views.summary(export, s.settings.base_url, s.settings.keep_seconds) for export in page.exports]
    return _cheap({"exports": shown, "next": page.after})


@blueprint.get("/<export_id>")
def show(export_id: str) -> Response:
    return _cheap(represent(services(), _own(export_id)))


@blueprint.delete("/<export_id>")
def cancel_or_remove(export_id: str) -> Response:
    """Cancel what runs, and remove what is over: 204.

    It cancels even if Redis is down: workers read the state in the bucket, and the keeper cleans up.
    """
    s, export = services(), _own(export_id)
    if not export.state.over:
        return json_answer(represent(s, flow.cancel(s, export_id)))
    remove(s.bucket, s.exports, export)
    return Response(status=204)


@blueprint.post("/<export_id>/retry")
def retry(export_id: str) -> Response:
    """Let a failed export go on: 202. What is drawn is not drawn again."""
    return json_answer(represent(services(), again.retry(services(), _own(export_id).id)), 202)


@blueprint.post("/<export_id>/again")
def ask_again(export_id: str) -> Response:
    """Request the same again, as a new export."""
    return _accepted(again.again(services(), _own(export_id), _key().get("key")))


@blueprint.get("/<export_id>/download")
@blueprint.get("/<export_id>/download/<int:volume>")
def download(export_id: str, volume: int = 0) -> AnyResponse:
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
            return redirect(s.bucket.presign(file.key, file.name, s.settings.download_seconds, method))
    raise _no_file(export)


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
    answer = represent(s, export) | {"queued": submitted.queued}
    response = json_answer(answer, 200 if export.state.over else 202)
    response.headers["Location"] = views.address(export, s.settings.base_url)
    return response


def _key() -> dict[str, str]:
    """Return the idempotency key of the header as a field of the body. A draft of the IETF puts it in quotes."""
    key = request.headers.get("Idempotency-Key", "")
    key = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    return {"key": key} if key else {}


def _own(export_id: str) -> Export:
    """Return the caller's export. 404 for other owners' exports, so their existence is not revealed."""
    name = owner()
    export = services().exports.load(export_id)
    if export.owner != name:
        raise NoExport(f"There is no export {export_id}.")
    return export


def _cheap(body: object) -> Response:
    """Return JSON with an ETag, or 304 without a body if the caller has it already."""
    response = json_answer(body)
    response.headers["Cache-Control"] = "private, no-cache"
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return response
