"""The extension API: what a module that makes a document imports, and the register of documents.

A module in this folder is found by its being here; an installed distribution names its modules in the entry point
group `pipeline.documents`; `DOCUMENTS` names modules elsewhere.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Generator, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import msgspec

from ..errors import InvalidRequest, InvalidSetting, UnknownDocument, UnreadableSource
from ..exports.plan import Chunk, Cost, Marks, Survey
from ..pdf.segment import SegmentWriter
from ..pdf.tally import Skipped
from .inputs import Inputs, lines
from .measuring import InputRange, Measured, Measures, Pages, survey_at_once
from .params import PaperParams, Params, invalid, one_source

__all__ = [
    "Chunk",
    "Cost",
    "Document",
    "Expands",
    "InputRange",
    "Inputs",
    "InvalidRequest",
    "Marks",
    "Measured",
    "Measures",
    "Pages",
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
    "survey_at_once",
]

SHIPPED = ("photos", "table")  # each module registers the document of its name, and no other
ENTRY_POINTS = "pipeline.documents"  # the group in which a distribution names modules that register documents

Exclusive = Literal["skip", "queue"]
P = TypeVar("P", bound=Params, contravariant=True)


class Range(msgspec.Struct, frozen=True):
    """The pages to draw now: from planned page `first`, counted from 0, to the end of the chunk.

    `chunk` says where its records stand in the listing, `pages` how many pages the document has, and `found`
    is what `survey` returned as found.
    """

    chunk: Chunk
    first: int
    pages: int
    max_image_pixels: int
    found: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def stop(self) -> int:
        """The planned page behind the last one to draw."""
        return self.chunk.first_page + self.chunk.pages


class Document(Protocol[P]):
    """A kind of document. One object serves all exports and threads, so it must not keep state.

    The first line of its class's docstring describes it on the panel and in the help of commands. One with a page
    for each record:

        class Letters:
            name, params, records_field = "letters", LettersParams, "letters"

            def check(self, params, inputs):
                one_source(params, self.records_field)

            def survey(self, params, listing, inputs):
                marks, count, end = Marks(), 0, 0
                for offset, line in lines(inputs, listing):
                    marks.add(count, offset)
                    count, end = count + 1, offset + len(line)
                return Survey(records=count, pages=count, marks=marks, end=end, cost=Cost(0.001, 2000))

            def draw(self, params, listing, part, inputs, out):
                records = lines(inputs, listing, part.chunk.start, part.chunk.stop)
                for _, line in islice(records, part.first - part.chunk.first_page, None):
                    with out.page(420, 200) as page:
                        page.text(40, 100, 12, decode(line).text)
                    out.tally.records += 1
                    out.tally.drawn += 1
                    yield

        register(Letters())
    """

    name: str
    params: type[Any]  # a subclass of Params
    records_field: str  # the parameter for records that come inside the request

    def check(self, params: P, inputs: Inputs) -> None:
        """Raise InvalidRequest for errors that show without reading a listing: a request waits for this."""

    def survey(self, params: P, listing: str, inputs: Inputs) -> Survey:
        """Count records and pages. Read the listing once, as a stream: memory must not grow with it.

        The survey says how many records and pages there are, at which byte of the listing pages begin (a mark
        for every page, added in order; Marks thins them out), where the last record ends, and what one page
        costs in seconds and bytes. `found` (as JSON) reaches `draw` as part.found.
        """

    def draw(
        self, params: P, listing: str, part: Range, inputs: Inputs, out: SegmentWriter
    ) -> Generator[None, None, None]:
        """Draw planned pages part.first to part.stop, and yield once after each of them.

        Bytes part.chunk.start to part.chunk.stop of the listing hold the records of the chunk, from its page
        chunk.first_page on: skip those of the pages before part.first. Count every record in out.tally.records
        and either in out.tally.drawn or in out.tally.skipped. A planned page whose records are all skipped may
        draw nothing, but is yielded as well.

        The generator may be closed at any yield, and a page may be interrupted in the middle. Then what it
        drew is taken back, and another call goes on with that page as part.first, probably in another process.
        So a page may depend on the parameters, its records and part alone, and must come out the same each time.
        """


@runtime_checkable
class Expands(Protocol):
    """What a document may have beside `Document`: records that become several before pages are counted."""

    def expand(self, params: Any, lines: Iterator[bytes], inputs: Inputs) -> Iterator[bytes] | None:
        """Yield the lines of a new listing, each with its line feed; None to keep the listing as it is.

        `lines` are those of the listing, as a stream. The new one is stored once, and drawn from.
        """


_register: dict[str, Document[Any]] = {}
_exclusive: dict[str, Exclusive | None] = {}


def register(document: Document[Any], *, exclusive: Exclusive | None = None) -> None:
    """Make a document known under its name. The last one registered under a name is used.

    `exclusive`: only one export of it is made at a time. With `queue` others wait, with `skip` they fail.
    """
    msgspec.json.Decoder(document.params)  # analyses the type before there are threads, see exports/encoding.py
    _register[document.name] = document
    _exclusive[document.name] = exclusive


def exclusive(name: str) -> Exclusive | None:
    """Return what happens to an export of this document while another is made; None: both are made."""
    return _exclusive.get(name)


def load(modules: Iterable[str] = (), wanted: str = "") -> None:
    """Import the modules of installed distributions, then those of this package, then `modules`.

    Each registers its documents; a later one replaces another of its name, so those of DOCUMENTS win. Where only
    the document `wanted` is needed, what cannot define it is left out. Raises InvalidSetting when a module cannot
    be imported.
    """
    if wanted not in SHIPPED:  # else the one of this package replaces an installed one
        _load_installed()
    for found in pkgutil.iter_modules(__path__):
        if wanted not in SHIPPED or found.name not in SHIPPED or found.name == wanted:
            _load(f"{__name__}.{found.name}", f"{__name__}.{found.name} cannot be imported")
    for module in modules:
        _load(module, f"DOCUMENTS names {module}")


def _load(module: str, told: str) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:  # a module may raise anything while it is imported
        raise InvalidSetting(f"{told}: {error!r}.", field="DOCUMENTS") from error


@cache  # reading the metadata of all that is installed takes 10 ms
def _load_installed() -> None:
    """Import what installed distributions name in the entry point group `pipeline.documents`."""
    from importlib.metadata import entry_points  # with email, 15 ms

    for point in entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:  # a module may raise anything while it is imported
            name = point.dist.name if point.dist else "an unknown distribution"
            raise InvalidSetting(
                f"{name} registers documents in {point.value}, which cannot be imported: {error!r}.",
                advice=f"Upgrade {name}, or uninstall it.",
            ) from error


def find(name: str) -> Document[Any]:
    """Return the document with this name. Raises UnknownDocument."""
    if name not in _register:
        known = ", ".join(sorted(_register))
        raise UnknownDocument(f"There is no document {name!r}. Known: {known}.", field="document")
    return _register[name]


def names() -> list[str]:
    """Names of all registered documents, sorted."""
    return sorted(_register)


def description(document: Document[Any]) -> str:
    """Return the first line of its class's docstring, empty if it has none."""
    return (type(document).__doc__ or "").strip().partition("\n")[0]


def schema(document: Document[Any]) -> Mapping[str, Any]:
    """Return the JSON schema of a document's parameters."""
    params: Any = document.params  # to mypy, a type cannot be hashed
    return _schema(params)


@cache  # 4 ms
def _schema(params: type[Any]) -> Mapping[str, Any]:
    return msgspec.json.schema(params)


def record_fields(document: Document[Any]) -> tuple[str, ...]:
    """Return the names of a record's fields; empty if records are no structs, so any field is possible."""
    params: Any = document.params
    return _record_fields(params, document.records_field)


@cache  # 2 ms
def _record_fields(params: type[Any], records_field: str) -> tuple[str, ...]:
    fields = {each.encode_name: each.type for each in msgspec.structs.fields(params)}
    for kind in _types(msgspec.inspect.type_info(fields.get(records_field))):
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
    """Return checked parameters. InvalidRequest names the wrong field and what it may be."""
    try:
        return msgspec.convert(params, document.params)
    except msgspec.ValidationError as error:
        raise invalid(error, document.params) from None
