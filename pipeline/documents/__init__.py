"""What can be made: the Document protocol and the register of kinds."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal, Protocol, TypeVar

import msgspec
from msgspec import Meta

from ..errors import InvalidRequest, InvalidSetting, UnknownDocument
from ..export import Chunk
from ..pdf.segment import SegmentWriter
from ..plan import Survey
from ..sources import Inputs

ENTRY_POINTS = "pipeline.documents"  # the group in which a distribution names modules that register documents

ListingFormat = Literal["auto", "csv", "jsonl", "parquet"]


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parameters of a document: one field each, with its limits and a description for people."""

    listing: Annotated[str, Meta(description="key of a listing in the bucket: JSON lines or Parquet")] = ""
    format: Annotated[ListingFormat, Meta(description="of the listing; csv is for tables")] = "auto"
    query: Annotated[str, Meta(max_length=100, description="name of a query that gives the records")] = ""
    arguments: Annotated[dict[str, Any], Meta(description="of the query: {name: value}")] = {}  # a Struct copies it
    title: Annotated[str, Meta(min_length=1, max_length=200, description="title of the file")] = "Document"


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
    msgspec.json.Decoder(document.params)  # so that its type is known before there are threads, see export.py
    _register[document.name] = document


def load(modules: Iterable[str]) -> None:
    """Import modules that register documents; InvalidSetting when one cannot be imported.

    Those of installed distributions come first, so that a kind that DOCUMENTS names replaces one of theirs.
    """
    _load_installed()
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever a module of somebody else raises
            raise InvalidSetting(f"DOCUMENTS names {module}: {error!r}.", field="DOCUMENTS") from error


@cache  # reading the metadata of all that is installed takes 10 ms
def _load_installed() -> None:
    """Import what installed distributions name in the entry point group `pipeline.documents`."""
    for point in entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:  # whatever a module of somebody else raises
            name = point.dist.name if point.dist else "an unknown distribution"
            raise InvalidSetting(
                f"{name} registers documents in {point.value}, which cannot be imported: {error!r}.",
                advice=f"Upgrade {name}, or uninstall it.",
            ) from error


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


def one_source(document: Document[Any], params: Params) -> None:
    """InvalidRequest unless there are records, a listing or a query, and only one of them."""
    field = document.records_field
    records = getattr(params, field)
    if sum(map(bool, (records is not None, params.listing, params.query))) != 1:
        advice = "On the command line the listing is SOURCE, and a query is --query."
        raise InvalidRequest(f"Give one of {field}, listing and query.", field=field, advice=advice)
    if records is not None and not records:
        raise InvalidRequest(f"There are no {field}; a document needs one at least.", field=field)


def invalid(error: msgspec.ValidationError, kind: type[Any]) -> InvalidRequest:
    """The error in words for a person, with the field it is about."""
    text = str(error)
    _, _, path = text.partition(" - at `$.")
    field = path.rstrip("`") or _unknown_field(text)
    described = {f.encode_name: f.type for f in msgspec.structs.fields(kind)}
    top = field.split(".")[0].split("[")[0]
    right = _description(described[top]) if top in described else f"known are {', '.join(described)}"
    return InvalidRequest(f"{text.split(' - at ')[0]} ({field or 'params'}: {right}).", field=field or "params")


def _unknown_field(text: str) -> str:
    """The field in "Object contains unknown field `x`"."""
    return text.split("`")[1] if "`" in text else ""


def _description(kind: Any) -> str:
    """What a parameter may be: its description, and the choices of a Literal."""
    info = msgspec.inspect.type_info(kind)
    described = ""
    if isinstance(info, msgspec.inspect.Metadata):
        described = str((info.extra_json_schema or {}).get("description", ""))
        info = info.type
    if isinstance(info, msgspec.inspect.LiteralType):
        return f"{described}: one of {', '.join(map(str, info.values))}"
    return described or getattr(kind, "__name__", "see the documentation")
