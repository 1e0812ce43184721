"""The points of the journey of an export at which a fault can begin: a request to a service, known by its text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """The first request to a service whose text matches. `scaled`: no worker may be up when the export begins.

    `document`: what is asked for, by its name in orders.py.
    """

    name: str
    service: str
    pattern: str
    scaled: bool = False
    document: str = "slow"


def _state(state: str) -> Point:
    return Point(state, "s3", rf"^PUT exports/\S+/export\.json {state}$")


def _message(task: str) -> Point:
    return Point(f"{task}-message", "redis", rf'^LPUSH pipeline\.\w+ .*"task": "pipeline\.{task}"')


POINTS: tuple[Point, ...] = (
    Point("claim", "s3", "^PUT requests/"),
    _state("queued"),
    _message("plan"),
    Point("scale", "heroku", "^PATCH .*formation", scaled=True),
    _state("planning"),
    Point("range", "s3", r"^PUT exports/\S+/measures/000002-", document="table"),
    Point("pages-found", "s3", r"^PUT exports/\S+/measures/pages-0*[4-9]\d{3}", document="table"),
    Point("plan", "s3", r"^PUT exports/\S+/plan\.json"),
    _state("rendering"),
    _message("render"),
    Point("chunk-lease", "redis", r"^EVAL .*'NX'.* pipeline:lease:\w+:\d+ "),
    Point("segment", "s3", r"^PUT exports/\S+/segments/"),
    Point("chord-count", "redis", r"^EVALSHA .* celery-taskset-meta-\S+\.j "),
    Point("acknowledgement", "redis", "^HDEL unacked "),
    _message("assemble"),
    _state("assembling"),
    Point("part", "s3", r"^PUT exports/\S+/result/\S+\?.*partNumber=(?!1(&|$))", document="photos"),
    Point("file", "s3", r"^POST exports/\S+/result/\S+\?uploadId="),
    _state("ready"),
    _message("deliver"),
    Point("mail-mark", "s3", "^PUT unsent/"),
    Point("close", "s3", "^DELETE active/"),
    Point("mail", "smtp", "<end of text>$"),
    Point("mail-note", "s3", "^DELETE unsent/"),
)
"""In the order of the journey. Before each, the request is not passed on yet; after it, its answer is not."""
