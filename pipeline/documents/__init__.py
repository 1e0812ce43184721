"""The extension API: what a module that makes a document imports, and the register of documents.

A module in this folder is found by its being here; `DOCUMENTS` names modules elsewhere.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec

from ..errors import InvalidRequest, InvalidSetting, UnknownDocument, UnreadableSource
from ..exports.plan import Chunk, Cost, Marks, Survey
from ..pdf.segment import SegmentWriter
from ..pdf.tally import Skipped
from .inputs import Inputs, lines
from .params import PaperParams, Params, invalid, one_source

__all__ = [
    "Chunk",
    "Cost",
    "Document",
    "Inputs",
    "InvalidRequest",
    "Marks",
    "PaperParams",
    "Params",
    "Range",
    "SegmentWriter",
    "Skipped",
    "Survey",
    "UnreadableSource",
    "lines",
    "one_source",
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
    """A kind of document. One object serves all exports and threads, so it keeps nothing.

    The first line of its class's docstring describes it to people.
    """

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
    msgspec.json.Decoder(document.params)  # so that its type is known before there are threads, see export.py
    _register[document.name] = document


def load(modules: Iterable[str] = ()) -> None:
    """Import every module of this package, then `modules`; each registers its documents.

    Raises InvalidSetting when one cannot be imported.
    """
    for found in pkgutil.iter_modules(__path__, f"{__name__}."):
        _load(found.name, f"{found.name} cannot be imported")
    for module in modules:
        _load(module, f"DOCUMENTS names {module}")


def _load(module: str, told: str) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:  # a module may raise anything while it is imported
        raise InvalidSetting(f"{told}: {error!r}.", field="DOCUMENTS") from error


def find(name: str) -> Document[Any]:
    """The kind with this name; UnknownDocument when there is none."""
    if name not in _register:
        known = ", ".join(sorted(_register))
        raise UnknownDocument(f"There is no document {name!r}. Known: {known}.", field="document")
    return _register[name]


def names() -> list[str]:
    """Names of all registered documents, sorted."""
    return sorted(_register)


def description(document: Document[Any]) -> str:
    """Returns the first line of its class's docstring, empty if it has none."""
    return (type(document).__doc__ or "").strip().partition("\n")[0]


def record_fields(document: Document[Any]) -> tuple[str, ...]:
    """Returns the names of a record's fields; empty if records are no structs, so any field is possible."""
    fields = {each.encode_name: each.type for each in msgspec.structs.fields(document.params)}
    for kind in _types(msgspec.inspect.type_info(fields.get(document.records_field))):
        if isinstance(kind, msgspec.inspect.StructType):
            return tuple(each.encode_name for each in kind.fields)
    return ()


def _types(info: msgspec.inspect.Type) -> Generator[msgspec.inspect.Type, None, None]:
    """The types that a records field allows for one record."""
    if isinstance(info, msgspec.inspect.Metadata):
        yield from _types(info.type)
    elif isinstance(info, msgspec.inspect.UnionType):
        for each in info.types:
            yield from _types(each)
    elif isinstance(info, msgspec.inspect.CollectionType | msgspec.inspect.VarTupleType):
        yield from _types(info.item_type)
    else:
        yield info


def decode(document: Document[Any], params: Mapping[str, Any]) -> Any:
    """Checked parameters; InvalidRequest names the field that is wrong and what would be right."""
    try:
        return msgspec.convert(params, document.params)
    except msgspec.ValidationError as error:
        raise invalid(error, document.params) from None
