"""The keeper over HTTP: the scaler's state and last decisions with reasons, estimates, and the schedules."""

from __future__ import annotations

from flask import Blueprint, Response, request

from .. import documents
from ..errors import InvalidRequest
from ..exports.views import API
from ..scaler.learned import Learned
from ..scaler.quotes import quotes_as_json, quotes_for_pages
from ..tasks.last_runs import standings
from .auth import owner, services
from .errors import json_answer

blueprint = Blueprint("scaling", __name__, url_prefix=API)


@blueprint.get("/scaler")
def scaler() -> Response:
    """Show workers, limits and the last decisions, newest first."""
    owner()
    redis = services().redis
    return json_answer({"scaler": redis.decisions.state(), "decisions": redis.decisions.latest()})


@blueprint.get("/schedules")
def schedules() -> Response:
    """Show what runs by the clock, with last and next runs."""
    owner()
    return json_answer({"schedules": standings(services()), "timezone": services().settings.timezone})


@blueprint.get("/estimate")
def estimate() -> Response:
    """Estimate time and cost of a document, from the cheapest number of workers to the fastest."""
    owner()
    s, document, pages = services(), request.args.get("document", ""), request.args.get("pages", "")
    documents.find(document)
    if not (pages.isdecimal() and len(pages) < 16 and 1 <= int(pages) <= s.settings.max_pages):
        raise InvalidRequest(f"pages must be a number from 1 to {s.settings.max_pages}.", field="pages")
    learned = Learned.decode(s.usage.learned())
    found = quotes_for_pages(document, int(pages), 0, learned, s.settings)
    return json_answer({"learned": document in learned.page, "quotes": quotes_as_json(found)})
