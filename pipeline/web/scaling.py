"""The keeper over HTTP: the scaler's state and last decisions with reasons, estimates, and the schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from flask import Response
from msgspec import Meta

from .. import documents
from ..errors import InvalidRequest
from ..exports.views import Estimate, moment
from ..scaler.learned import Learned
from ..scaler.quotes import quotes_for_pages
from ..tasks.schedules.last_runs import Standing, standings
from .answers import json_answer
from .auth import services
from .bodies import query_as


class Scaler(msgspec.Struct, frozen=True):
    """The scaler's state, null before its first turn, and its last decisions, newest first."""

    scaler: dict[str, Any] | None
    decisions: Sequence[dict[str, Any]]


class Schedules(msgspec.Struct, frozen=True):
    """What runs by the clock, and the time zone of its times."""

    schedules: Sequence[Standing]
    timezone: str


class EstimateQuery(msgspec.Struct, frozen=True):
    """The query of GET /v1/estimate."""

    document: Annotated[str, Meta(max_length=100, description="the kind of document, such as photos")]
    pages: Annotated[int, Meta(ge=1, description="a number of pages, from 1")]


class Estimates(msgspec.Struct, frozen=True):
    """From the cheapest number of workers to the fastest. `learned` is false if none of this kind was made yet."""

    learned: bool
    quotes: Sequence[Estimate]


def scaler() -> Response:
    """Show workers, limits and the last decisions, newest first."""
    decisions = services().redis.decisions
    state = decisions.state()
    shown = _timed(state) if state else None
    if shown and "outstanding" in shown:
        shown["outstanding"] = sum(shown["outstanding"].values())  # its keys are the exports of all owners
    return json_answer(Scaler(shown, [_timed(each) for each in decisions.latest()]))


def schedules() -> Response:
    """Show what runs by the clock, with last and next runs."""
    return json_answer(Schedules(standings(services()), services().settings.timezone))


def estimate() -> Response:
    """Estimate time and cost of a document, from the cheapest number of workers to the fastest."""
    s, asked = services(), query_as(EstimateQuery)
    documents.find(asked.document)
    if asked.pages > s.settings.max_pages:
        raise InvalidRequest(f"pages must be a number from 1 to {s.settings.max_pages}.", field="pages")
    learned = Learned.decode(s.usage.learned())
    found = quotes_for_pages(asked.document, asked.pages, 0, learned, s.settings)
    return json_answer(Estimates(asked.document in learned.page, found))


def _timed(seen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the scaler published, with its time as the API writes times."""
    return {**seen, "at": moment(seen["at"])} if "at" in seen else dict(seen)
