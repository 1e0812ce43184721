"""Counting pages in parallel: several workers measure ranges of a listing, then one pass finds the pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any, Protocol, runtime_checkable

import msgspec

from ..exports.plan import Survey
from .inputs import Inputs


class InputRange(msgspec.Struct, frozen=True):
    """Bytes of a listing to measure: the records that begin from `start` on and before `stop`.

    `known`: a record begins at `start`. Otherwise the document finds the first one that begins there or behind;
    it may guess, because what was measured from a wrong byte is never used.
    """

    start: int
    stop: float
    known: bool = True


class Measured(msgspec.Struct, frozen=True):
    """What is known of the records from byte `start` to `stop`; the next record begins at `stop`."""

    start: int
    stop: int
    data: bytes


class Pages(Protocol):
    """Pages, found from what was measured. Its memory must not grow with the listing."""

    def add(self, data: bytes) -> None:
        """Go on with what is known of the next records."""

    def save(self) -> bytes:
        """Return what another process needs to go on from here."""

    def survey(self) -> Survey:
        """Return the survey when everything was added."""


@runtime_checkable
class Measures(Protocol):
    """What a document may have beside `Document`, so that its pages are counted by several workers.

    Any division into ranges must give the same survey.
    """

    def sample(self, params: Any, listing: str, inputs: Inputs) -> Mapping[str, Any]:
        """Return what the beginning of the listing tells, as JSON: `measure` and `pages` get it as `facts`."""

    def measure(
        self, params: Any, listing: str, facts: Mapping[str, Any], part: InputRange, inputs: Inputs
    ) -> Iterator[Measured]:
        """Yield what is known of a range, in pieces that follow each other; nothing if no record begins there.

        Each piece takes about a second at most; the generator may be closed at any of them. The last one goes to
        `part.stop`, or to the end of a record that goes beyond it.
        """

    def pages(self, params: Any, listing: str, facts: Mapping[str, Any], saved: bytes | None = None) -> Pages:
        """Return what finds the pages, from the beginning or from what was saved."""


def survey_at_once(document: Measures, params: Any, listing: str, inputs: Inputs) -> Survey:
    """Return the survey of a listing that one process measures, as a stream."""
    facts = document.sample(params, listing, inputs)
    pages = document.pages(params, listing, facts)
    for measured in document.measure(params, listing, facts, InputRange(0, inf), inputs):
        pages.add(measured.data)
    return pages.survey()
