"""The HTTP API of inputs: the bytes go straight to the bucket, by signed URLs, never through this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec
from flask import Response
from msgspec import Meta

from ..exports.uploads import Upload, Uploads
from ..exports.views import API
from .answers import json_answer
from .auth import caller, services
from .bodies import body_as

URL_SECONDS = 3600  # in which a PUT must begin; a new URL may be asked for at any time
AT_ONCE = 100  # URLs in one answer


class InputBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/inputs."""

    name: Annotated[str, Meta(min_length=1, max_length=1000, description="a file name, such as orders.jsonl")]
    bytes: Annotated[int | None, Meta(description="its size, if it is known")] = None
    beside: Annotated[str | None, Meta(description="id of an earlier input, with which it is removed")] = None


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part that is to be sent."""

    number: Annotated[int, Meta(ge=1, le=10_000)]
    bytes: Annotated[int, Meta(ge=1)]


class PartsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/inputs/ID/parts."""

    parts: Annotated[list[Part], Meta(min_length=1, max_length=AT_ONCE, description="1 to 100 of {number, bytes}")]


class InputShown(msgspec.Struct, frozen=True, kw_only=True):
    """An input: `waiting` with the parts that arrived, or `complete`. `url` is for one that is sent by one PUT."""

    id: str
    key: str
    state: Literal["waiting", "complete"]
    bytes: int | None
    part_bytes: int
    parts: Sequence[Part]
    url: str | None


class PartUrl(msgspec.Struct, frozen=True):
    """Where a part is sent."""

    number: int
    url: str


class PartUrls(msgspec.Struct, frozen=True):
    """Where parts are sent."""

    parts: Sequence[PartUrl]


for kind in (InputBody, PartsBody):
    msgspec.json.Decoder(kind)  # so that the type is known before there are threads, see exports/encoding.py


def begin() -> Response:
    """201 with the key of the new input, and the URL for its bytes if they fit into one PUT."""
    uploads, body = _uploads(), body_as(InputBody)
    upload = uploads.begin(body.name, body.bytes, body.beside)
    response = json_answer(_shown(upload, {}, uploads.url(upload, URL_SECONDS)), 201)
    response.headers["Location"] = f"{services().settings.base_url}{API}/inputs/{upload.id}"
    return response


def sign_parts(file_id: str) -> Response:
    """Answer with a URL for each part, in the order of their numbers."""
    uploads, body = _uploads(), body_as(PartsBody)
    urls = uploads.part_urls(uploads.find(file_id), {part.number: part.bytes for part in body.parts}, URL_SECONDS)
    return json_answer(PartUrls([PartUrl(*each) for each in sorted(urls.items())]))


def show(file_id: str) -> Response:
    """Show what has arrived, so that a caller can go on after a break."""
    uploads = _uploads()
    upload = uploads.find(file_id)
    done = uploads.done(upload)
    if done is None:
        return json_answer(_shown(upload, None))
    return json_answer(_shown(upload, done, uploads.url(upload, URL_SECONDS)))


def complete(file_id: str) -> Response:
    """Make the input of what was sent. Does nothing if it is complete."""
    uploads = _uploads()
    upload = uploads.find(file_id)
    uploads.complete(upload)
    return json_answer(_shown(upload, None))


def remove(file_id: str) -> Response:
    """Remove an input that no export uses."""
    uploads = _uploads()
    uploads.remove(uploads.find(file_id))
    return Response(status=204)


def _uploads() -> Uploads:
    s, who = services(), caller()
    return Uploads(s.bucket, who.owner, s.settings.max_input_bytes, who.person)


def _shown(upload: Upload, done: Mapping[int, int] | None, url: str | None = None) -> InputShown:
    """Return an input as JSON; `done` are the parts that arrived, None if it is complete."""
    return InputShown(
        id=upload.id,
        key=upload.key,
        state="complete" if done is None else "waiting",
        bytes=upload.size,
        part_bytes=upload.part,
        parts=[Part(number, size) for number, size in sorted((done or {}).items())],
        url=url,
    )
