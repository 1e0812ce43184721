"""Parameters that documents share, and validation errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ..errors import InvalidRequest, RefusedAddress
from ..pdf.paper import MM, PAPER_SIZES

ListingFormat = Literal["auto", "csv", "jsonl", "parquet"]


MAX_REMARK = 1000  # characters


def in_words(hint: str = "", /, **choices: str) -> dict[str, Any]:
    """Return what the panel says of a parameter, as part of its JSON schema: each choice in words, and a hint
    instead of the description."""
    return {name: value for name, value in (("x-hint", hint), ("x-choices", choices)) if value}


def rarely(hint: str = "", /, **choices: str) -> dict[str, Any]:
    """Return the same for a parameter that is rarely needed: the panel puts it under "More options"."""
    return {"x-rarely": True, **in_words(hint, **choices)}


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parameters of a document: fields with limits and a description for people.

    They become options of the command line and fields of the panel, with `title` as label. The panel puts those
    without a title, or with `rarely()`, under "More options":

        copies: Annotated[int, Meta(ge=1, le=9, title="Copies", description="of each letter, 1 to 9")] = 1
    """

    listing: Annotated[str, Meta(description="key of a listing in the bucket: JSON lines or Parquet")] = ""
    format: Annotated[
        ListingFormat,
        Meta(
            title="Format of the file", description="format of the listing; csv is for tables",
            extra_json_schema=rarely(auto="Recognise it", csv="CSV", jsonl="JSON lines", parquet="Parquet"),
        ),
    ] = "auto"  # fmt: skip
    query: Annotated[
        str,
        Meta(
            max_length=100, title="Query instead of a file", description="name of a query that gives the records",
            extra_json_schema=rarely(),
        ),
    ] = ""  # fmt: skip
    # msgspec copies the empty default for each object.
    arguments: Annotated[
        dict[str, Any],
        Meta(
            title="Arguments of the query", description='arguments of the query, such as {"since": "2026-01-31"}',
            extra_json_schema=rarely(),
        ),
    ] = {}  # fmt: skip
    left_out: Annotated[
        tuple[Annotated[str, Meta(max_length=MAX_REMARK)], ...],
        Meta(max_length=100, description="what the listing leaves out, in words; shown with the result"),
    ] = ()
    title: Annotated[str, Meta(min_length=1, max_length=200, description="title of the file")] = "Document"
    strict: Annotated[
        bool,
        Meta(
            title="Fail where anything is not exact",
            description="fail where anything would be guessed, repaired, cut or left out",
            extra_json_schema=rarely(),
        ),
    ] = False


def one_source(params: Params, field: str) -> None:
    """Raise InvalidRequest unless there is exactly one of records, listing and query."""
    records = getattr(params, field)
    if sum(map(bool, (records is not None, params.listing, params.query))) != 1:
        advice = "On the command line the listing is SOURCE, and a query is --query."
        raise InvalidRequest(f"Give one of {field}, listing and query.", field=field, advice=advice)
    if records is not None and not records:
        raise InvalidRequest(f"There are no {field}; a document needs at least one.", field=field)


@contextmanager
def source_of(field: str) -> Iterator[None]:
    """Name the parameter when what it holds is refused as a source."""
    try:
        yield
    except (InvalidRequest, RefusedAddress) as error:
        error.field = field
        raise


def invalid(error: msgspec.ValidationError, kind: type[Any]) -> InvalidRequest:
    """Return a validation error in words, with the field it is about."""
    text, _, path = str(error).partition(" - at `$.")
    words, named = _missing_or_unknown(text)
    field = path.rstrip("`") or named
    described = {f.encode_name: f.type for f in msgspec.structs.fields(kind)}
    top = field.split(".")[0].split("[")[0]
    right = _description(described[top]) if top in described else f"known are {', '.join(described)}"
    where = "" if field and field == named else f"{field or 'params'}: "
    return InvalidRequest(f"{words} ({where}{right}).", field=field or "params")


def _missing_or_unknown(text: str) -> tuple[str, str]:
    """Return in words which field an object lacks, or should not have, and its name; other errors as they are."""
    for said, words in (("missing required field", "{} is missing"), ("contains unknown field", "There is no {}")):
        if said in text:
            name = text.split("`")[1]
            return words.format(f"`{name}`"), name
    return text.split(" - at ")[0], ""


def _description(kind: Any) -> str:
    """Return what a parameter may be: its description, and the choices of a Literal."""
    info = msgspec.inspect.type_info(kind)
    described = ""
    if isinstance(info, msgspec.inspect.Metadata):
        described = str((info.extra_json_schema or {}).get("description", ""))
        info = info.type
    if isinstance(info, msgspec.inspect.LiteralType):
        return f"{described}: one of {', '.join(map(str, info.values))}"
    return described or getattr(kind, "__name__", "see the documentation")


Side = Annotated[float, Meta(ge=50, le=5000)]  # PDF allows 5,080 mm (ISO 32000-1, annex C)
PageSize = Literal["A3", "A4", "A5", "Letter", "Legal"]


class PaperParams(Params, frozen=True):
    """Parameters of a document whose pages all have one size."""

    page_size: Annotated[PageSize, Meta(title="Paper", description="paper")] = "A4"
    page_mm: Annotated[
        tuple[Side, Side] | None,
        Meta(
            title="Paper of another size",
            description="[width, height] in mm, 50 to 5000 each, instead of page_size",
            extra_json_schema=rarely("Width and height in mm, such as [210, 300]"),
        ),
    ] = None  # fmt: skip
    landscape: Annotated[bool, Meta(title="Landscape", description="long side across")] = False

    @property
    def paper(self) -> tuple[float, float]:
        """Width and height in points."""
        if self.page_mm:
            return self.page_mm[0] * MM, self.page_mm[1] * MM
        short, long = PAPER_SIZES[self.page_size]
        return (long, short) if self.landscape else (short, long)

    def check_paper(self) -> None:
        """Raise InvalidRequest if the paper is given in two ways."""
        if self.page_mm and self.landscape:
            raise InvalidRequest(
                "page_mm already gives width and height, so landscape has no meaning.",
                field="landscape",
                advice="Leave out landscape, and give page_mm as [width, height].",
            )
