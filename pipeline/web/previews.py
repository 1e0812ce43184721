"""The first page of a document before it is asked for: POST /v1/previews, and the panel's button."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, cast

import msgspec
from flask import Response, current_app
from msgspec import Meta

from ..errors import QuotaReached, RedisDown
from ..exports.request import ExportRequest
from ..services import Services
from ..tasks.child.preview import PreviewRequest, Previews
from ..tasks.submit import validate
from .answers import json_answer
from .auth import Caller, caller, services
from .bodies import body_as

EXTENSION = "previews"
PER_MINUTE = 30  # of one token or person: a preview is no export, so it has no place in their quotas


class PreviewBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/previews: what POST /v1/exports takes, as far as the document depends on it."""

    document: Annotated[str, Meta(max_length=100, description="the kind of document, such as photos")]
    params: Annotated[dict[str, Any], Meta(description="an object with the document's parameters")]


def make() -> Response:
    """Make the first page of a document, from the first records, as a picture. Nothing is stored."""
    s, who, body = services(), caller(), body_as(PreviewBody)
    export, records = validate(s, ExportRequest(body.document, body.params, who.owner))
    _count(s, who)
    previews = cast(Previews, current_app.extensions[EXTENSION])
    return json_answer(previews.make(PreviewRequest(export.document, export.params, who.owner, records)))


def _count(s: Services, who: Caller) -> None:
    """Raise QuotaReached above PER_MINUTE. Without Redis they are not counted; one at a time is made anyway."""
    with suppress(RedisDown):
        if not s.redis.counters.allow(f"preview:{who.owner}:{who.person}", PER_MINUTE):
            raise QuotaReached(f"{who.name} has asked for {PER_MINUTE} previews in this minute.", 60)
