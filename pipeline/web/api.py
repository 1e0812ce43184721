"""The HTTP API: request an export, show it, download it, cancel it."""

from __future__ import annotations

import hashlib
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Annotated, Any, Literal

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
MAX_LISTED = 100
LIMITS = {str(number): number for number in range(1, MAX_LISTED + 1)}


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /exports."""

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


msgspec.json.Decoder(Body)  # so that the type is known before there are threads, see exports/encoding.py


@blueprint.post("/exports")
def submit() -> Response:
    """202 for a new or unfinished export, 200 for a finished one. `queued` is false while Redis is down."""
    s, name, body = services(), owner(), _body()
    volume = VolumeLimit(body.volume_pages, body.volume_bytes)
    wanted = ExportRequest(
        body.document, body.params, name, body.notify, body.key, body.chunk_pages, volume, body.within
    )
    submitted = submit_request(s, wanted)
    export = submitted.export
    answer = represent(s, export) | {"queued": submitted.queued}
    response = json_answer(answer, 200 if export.state.over else 202)
    response.headers["Location"] = f"{s.settings.base_url}/exports/{export.id}"
    return response


@blueprint.get("/exports")
def recent() -> Response:
    """List the caller's own exports, newest first."""
    s, name = services(), owner()
    limit = LIMITS.get(request.args.get("limit", str(LISTED)))
    if limit is None:
        raise InvalidRequest(f"limit must be a number from 1 to {MAX_LISTED}.", field="limit")
    mine = s.exports.by_owner(name, limit)
    return _cheap({"exports": [views.summary(export, s.settings.base_url) for export in mine]})


@blueprint.get("/exports/<export_id>")
def show(export_id: str) -> Response:
    return _cheap(represent(services(), _own(export_id)))


@blueprint.delete("/exports/<export_id>")
def cancel(export_id: str) -> Response:
    """Cancel, even if Redis is down: workers read the state in the bucket, and the keeper cleans up."""
    s = services()
    _own(export_id)
    return json_answer(represent(s, flow.cancel(s, export_id)))


@blueprint.get("/exports/<export_id>/download")
@blueprint.get("/exports/<export_id>/download/<int:volume>")
def download(export_id: str, volume: int = 0) -> AnyResponse:
    return to_file(_own(export_id), volume)


@blueprint.get("/health")
def health() -> Response:
    """Show that this process answers. It says nothing about other services."""
    return json_answer({"ok": True})


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


def _body() -> Body:
    """Return the body of the request. Raises BadRequest if it is not JSON, InvalidRequest with the wrong field."""
    if not request.is_json:
        raise UnsupportedMediaType("Send JSON, with the header Content-Type: application/json.")
    try:
        sent = _exact.decode(_data())
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8. JSON is always sent in UTF-8.") from None
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
    """Return the bytes of the body. Raises RequestEntityTooLarge over the limit, also without Content-Length."""
    data = request.get_data()
    streamed = request.content_length is None and "wsgi.input_terminated" in request.environ
    if streamed and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge  # Werkzeug silently stops at the limit (3.1.9)
    return data


def _number(text: str) -> Decimal | str:
    """Returns a number with all its digits. One that no parameter can have becomes the text of a cell."""
    try:
        return Decimal(text) if isfinite(float(text)) else text
    except InvalidOperation:  # its exponent has more digits than Decimal takes
        return text


_exact = msgspec.json.Decoder(float_hook=_number)


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
