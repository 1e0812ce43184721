"""What can be made: the Document protocol and the register of kinds."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec

from ..errors import InvalidSetting, UnknownDocument
from ..exports.plan import Chunk, Cost, Marks, Survey
from ..pdf.segment import SegmentWriter
from .inputs import Inputs
from .params import PaperParams, Params, invalid

__all__ = [
    "Chunk",
    "Cost",
    "Document",
    "Inputs",
    "Marks",
    "PaperParams",
    "Params",
    "Range",
    "SegmentWriter",
    "Survey",
    "decode",
    "find",
    "load",
    "names",
    "register",
]

P = TypeVar("P", bound=Params, contravariant=True)


@dataclass(frozen=True)
class Range:
    """What is to be drawn now: a chunk from its planned page `first` on, of `pages` in the document.

    `found` is what planning found out.
    """

    chunk: Chunk
    first: int
    pages: int
    max_image_pixels: int
    found: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stop(self) -> int:
        return self.chunk.first_page + self.chunk.pages


class Document(Protocol[P]):
    """A kind of document. One object serves all exports and threads, so it keeps nothing."""

    name: str
    params: type[Any]
    records_field: str  # the parameter that holds records when they come inside the request

    def check(self, params: P, inputs: Inputs) -> None:
        """Raise InvalidRequest for what can be seen without reading any input: the request waits."""

    def survey(self, params: P, listing: str, inputs: Inputs) -> Survey:
        """Count records and pages, reading the input once in a stream."""

    def draw(
        self, params: P, listing: str, part: Range, inputs: Inputs, out: SegmentWriter
    ) -> Generator[None, None, None]:
        """Draw planned pages part.first … part.stop, yielding after each one."""


_register: dict[str, Document[Any]] = {}


def register(document: Document[Any]) -> None:
    """Make a kind of document known under its name; the newest wins."""
    msgspec.json.Decoder(document.params)  # its type is known before there are threads, see exports/encoding.py
    _register[document.name] = document


def load(modules: Iterable[str]) -> None:
    """Import modules that register documents; InvalidSetting when one cannot be imported."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever a module of somebody else raises
            raise InvalidSetting(f"DOCUMENTS names {module}: {error!r}.", field="DOCUMENTS") from error


def find(name: str) -> Document[Any]:
    """The kind with this name; UnknownDocument when there is none."""
    if name not in _register:
        known = ", ".join(sorted(_register))
        raise UnknownDocument(f"There is no document {name!r}. Known: {known}.", field="document")
    return _register[name]


def names() -> list[str]:
    """Every known kind."""
    return sorted(_register)


def decode(document: Document[Any], params: Mapping[str, Any]) -> Any:
    """Checked parameters; InvalidRequest names the field that is wrong and what would be right."""
    try:
        return msgspec.convert(params, document.params)
    except msgspec.ValidationError as error:
        raise invalid(error, document.params) from None
