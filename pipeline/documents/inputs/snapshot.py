"""What is not lines of text is written down once as such, and read from there.

Rows of a query or a Parquet file become JSON lines, UTF-16 becomes UTF-8. From then on they are a listing
like any other, cut by byte ranges: one state of the data, whatever happens to its source meanwhile, and
whoever renders needs neither the database nor its libraries.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...errors import InvalidRequest
from ...exports.plan import Listing
from ..params import ListingFormat, Params
from . import Inputs, RangeFile, parquet, sql
from .jsonl import lines

MARKS = (  # the longer first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Snapshot:
    """Bytes to be written down, made as they are taken, and the format that they have."""

    pieces: Iterator[bytes]
    format: ListingFormat


def check(params: Params) -> None:
    """InvalidRequest for a query that there is not, or arguments that are not its own; nothing is read."""
    if params.query:
        sql.find(params.query).bind(params.arguments)
    elif params.arguments:
        raise InvalidRequest("Arguments are those of a query, and there is none.", field="arguments")


def snapshot(params: Params, listing: Listing | None, inputs: Inputs) -> Snapshot | None:
    """What has to be written down before the document can be planned; None when it is lines already."""
    if params.query:
        query = sql.find(params.query)
        rows = sql.rows(query, query.bind(params.arguments))
        return Snapshot(lines(rows, f"the query {query.name}"), "jsonl")
    if listing is None:
        return None
    inputs, what = inputs.pinned(listing), f"the listing {listing.key}"
    if params.format in ("auto", "parquet") and _is_parquet(listing, inputs):
        return Snapshot(lines(parquet.parquet(RangeFile(inputs, listing), what), what), "jsonl")
    if params.format == "parquet":
        raise InvalidRequest(f"There is no Parquet in {what}, or it is cut off.", field="listing")
    if encoding := _wide(b"".join(inputs.blocks(listing.key, 0, 4))):
        return Snapshot(_utf8(inputs.blocks(listing.key), encoding, what), params.format)
    return None


def _is_parquet(listing: Listing, inputs: Inputs) -> bool:
    """The same four bytes at both ends: a title can begin so, but no text ends so too."""
    ends = ((0, 4), (listing.size - 4, listing.size))
    return listing.size > 12 and all(b"".join(inputs.blocks(listing.key, *end)) == parquet.MAGIC for end in ends)


def _wide(head: bytes) -> str | None:
    """The encoding that a byte order mark stands for, when it is one in which a line feed is several bytes."""
    return next((encoding for mark, encoding in MARKS if head.startswith(mark)), None)


def _utf8(blocks: Iterable[bytes], encoding: str, what: str) -> Iterator[bytes]:
    """The same text in UTF-8, marked as such."""
    decoder = codecs.getincrementaldecoder(encoding)()
    yield codecs.BOM_UTF8
    try:
        for block in blocks:
            yield decoder.decode(block).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise InvalidRequest(
            f"Its byte order mark says that {what} is {encoding.upper()}, but it is not: {error}.", field="listing"
        ) from None
