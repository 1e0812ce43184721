"""The HTTP API: ask for an export, look at it, download it, cancel it."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import msgspec
from flask import Blueprint, Response, redirect, request
from msgspec import Meta
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.wrappers import Response as AnyResponse

from ..documents.params import invalid
from ..errors import IllegalStep, InvalidRequest, LinkExpired, NoExport, NotFound, PipelineError
from ..exports import views
from ..exports.export import Export, State
from ..exports.request import ExportRequest
from ..exports.volumes import VolumeLimit
from ..scaler.quotes import represent
from ..tasks import flow
from ..tasks.submit import submit as submit_request
from .auth import owner, services
from .errors import json_answer

blueprint = Blueprint("api", __name__)
LISTED = 20
LISTED_MOST = 100
LIMITS = {str(number): number for number in range(1, LISTED_MOST + 1)}


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent to ask for an export."""

    document: Annotated[str, Meta(max_length=100, description="the kind of document, such as photos")]
    params: Annotated[dict[str, Any], Meta(description="an object with the document's parameters")]
    notify: Annotated[str | None, Meta(description="a mail address to tell when it is over")] = None
    key: Annotated[
        Annotated[str, Meta(min_length=1, max_length=200)] | None,
        Meta(description="your own text, 1 to 200 characters: the same key gives the same export"),
    ] = None
    chunk_pages: Annotated[int | None, Meta(description="pages of a chunk, 1 or more")] = None
    within: Annotated[Annotated[float, Meta(gt=0)] | None, Meta(description="seconds in which it is wanted")] = None
    volume_pages: Annotated[int | None, Meta(description="cut into files of so many pages, 1 or more")] = None
    volume_bytes: Annotated[
        int | None, Meta(description="cut into files of so many bytes at the most, 1048576 or more")
    ] = None


msgspec.json.Decoder(Body)  # so that the type is known before there are threads, see export.py


@blueprint.post("/exports")
def submit() -> Response:
    """202 while the export is being made, 200 when it already was. `queued` is false while Redis is down."""
    s, name, body = services(), owner(), _body()
    volume = VolumeLimit(body.volume_pages, body.volume_bytes)
    order = ExportRequest(
        body.document, body.params, name, body.notify, body.key, body.chunk_pages, volume, body.within
    )
    submitted = submit_request(s, order)
    export = submitted.export
    answer = represent(s, export) | {"queued": submitted.queued}
    response = json_answer(answer, 200 if export.state.over else 202)
    response.headers["Location"] = f"{s.settings.base_url}/exports/{export.id}"
    return response


@blueprint.get("/exports")
def recent() -> Response:
    """The caller's own exports, newest first."""
    s, name = services(), owner()
    limit = LIMITS.get(request.args.get("limit", str(LISTED)))
    if limit is None:
        raise InvalidRequest(f"limit must be a number from 1 to {LISTED_MOST}.", field="limit")
    mine = s.exports.of(name, limit)
    return _cheap({"exports": [views.summary(export, s.settings.base_url) for export in mine]})


@blueprint.get("/exports/<export_id>")
def show(export_id: str) -> Response:
    return _cheap(represent(services(), _own(export_id)))


@blueprint.delete("/exports/<export_id>")
def cancel(export_id: str) -> Response:
    """Cancelled is cancelled, also when Redis is down: workers look at the bucket, the keeper tidies up."""
    s = services()
    _own(export_id)
    return json_answer(represent(s, flow.cancel(s, export_id)))


@blueprint.get("/exports/<export_id>/download")
@blueprint.get("/exports/<export_id>/download/<int:volume>")
def download(export_id: str, volume: int = 0) -> AnyResponse:
    return to_file(_own(export_id), volume)


@blueprint.get("/health")
def health() -> Response:
    """This process answers; it says nothing about others."""
    return json_answer({"ok": True})


def to_file(export: Export, volume: int = 0) -> AnyResponse:
    """A redirect to the file in the bucket, valid for a short while: a volume by its number, or what stands
    for them all, their index.

    Raises IllegalStep when there is no file, LinkExpired when there is none any more.
    """
    s, made = services(), export.result
    if export.state is State.READY and made:
        if volume >= len(made.files):
            raise NotFound(f"Export {export.id} has no volume {volume}; there are {len(made.volumes)}.")
        file = made.files[volume]
        if s.bucket.head(file.key):
            return redirect(s.bucket.presign(file.key, file.name, s.settings.download_seconds))
    raise _no_file(export)


def _no_file(export: Export) -> PipelineError:
    """Why an export has no file, and what to do."""
    what = f"Export {export.id} is {export.state}"
    if export.state in (State.READY, State.EXPIRED):
        return LinkExpired(f"The file of export {export.id} was kept as long as promised, and removed.")
    if export.failure:
        return IllegalStep(f"{what}: {export.failure.message}", advice=export.failure.advice)
    if export.state.over:
        return IllegalStep(f"{what}; it has no file.", advice="Ask for the export again.")
    return IllegalStep(f"{what}; its file is not there yet.", advice="Look at the export until it is ready.")


def _body() -> Body:
    """The request's body; BadRequest when it is not JSON, InvalidRequest with the field that is wrong."""
    if not request.is_json:
        raise UnsupportedMediaType("Send JSON, with the header Content-Type: application/json.")
    try:
        sent = msgspec.json.decode(_data())
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None
    if not isinstance(sent, dict):
        raise BadRequest("The body must be a JSON object with document and params.")
    if key := request.headers.get("Idempotency-Key"):
        sent.setdefault("key", key)
    try:
        return msgspec.convert(sent, Body)
    except msgspec.ValidationError as error:
        raise invalid(error, Body) from None


def _data() -> bytes:
    """What was sent; RequestEntityTooLarge when it is over the limit, also when its size was not said before."""
    data = request.get_data()
    streamed = request.content_length is None and "wsgi.input_terminated" in request.environ
    if streamed and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge  # Werkzeug stops at the limit without a word (3.1.9)
    return data


def _own(export_id: str) -> Export:
    """The caller's export; somebody else's is as little there as one that never was."""
    name = owner()
    export = services().exports.load(export_id)
    if export.owner != name:
        raise NoExport(f"There is no export {export_id}.")
    return export


def _cheap(body: object) -> Response:
    """JSON with an ETag; 304 without a body when the caller has it already."""
    response = json_answer(body)
    response.headers["Cache-Control"] = "private, no-cache"
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return response
