"""A snapshot: rows of a query, a Parquet file or a JSON array as JSON lines, other texts as UTF-8 with line feeds.

It is written once, before planning, and read like any other listing: by byte ranges, always the same state of
the data, whatever happens to its source. A process that renders needs no database and no optional library.
A large Parquet file is written in shares, by several processes, and so is a query that has a key.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import msgspec

from ...errors import InvalidRequest
from ...exports.plan import Listing
from ..params import ListingFormat, Params
from . import BLOCK, Inputs, RangeFile
from .json_array import is_array, is_over_lines, one_a_line
from .jsonl import encode_record, encode_records
from .other_files import refuse_other_files

if TYPE_CHECKING:
    from ...exports.frozen import Shares
    from .key_ranges import RangedQuery

HEAD = 512  # bytes that tell what a listing is
PARQUET = b"PAR1"  # at both ends of a file
LARGE = 256 * 1024  # bytes of a Parquet file that may be shared out: less is read at once
BYTE_ORDER_MARKS = (  # the longer ones first: that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Snapshot(msgspec.Struct, frozen=True):
    """The bytes to write, made while they are read, and their format."""

    pieces: Iterator[bytes]
    format: ListingFormat


def check(params: Params) -> None:
    """Raise InvalidRequest for an unknown query or arguments that are not its own. Reads nothing."""
    if params.query:
        from . import sql

        sql.find(params.query).bind(params.arguments)
    elif params.arguments:
        raise InvalidRequest("There are arguments but no query.", field="arguments", advice="Name a query as well.")


def take(params: Params, listing: Listing | None, inputs: Inputs) -> Snapshot | None:
    """Return the snapshot of a query or listing; None for a listing that is lines of text already."""
    if params.query:
        from . import sql

        query = sql.find(params.query)
        rows = sql.rows(query, query.bind(params.arguments))
        return Snapshot(encode_records(rows, f"the query {query.name}"), "jsonl")
    if listing is None:
        return None
    inputs, what = inputs.pinned(listing), _what(params, listing)
    if params.format in ("auto", "parquet") and _is_parquet(listing, inputs):
        from . import parquet

        return Snapshot(encode_records(parquet.parquet(RangeFile(inputs, listing), what), what), "jsonl")
    if params.format == "parquet":
        raise InvalidRequest(
            f"There is no Parquet file in {what}, or its end is missing.",
            field="listing",
            advice="Send the whole file again, or leave out format.",
        )
    return _text_snapshot(params.format, listing, inputs, what)


def divide(params: Params, listing: Listing | None, inputs: Inputs) -> Shares | None:
    """Return the shares in which a listing becomes lines; None if one process does it, or it is lines."""
    if params.query or listing is None or listing.size < LARGE or params.format not in ("auto", "parquet"):
        return None
    inputs = inputs.pinned(listing)
    if not _is_parquet(listing, inputs):
        return None
    from ...exports.frozen import Shares
    from . import parquet

    shares = parquet.shares(RangeFile(inputs, listing), _what(params, listing))
    return Shares(listing, shares) if sum(share.size for share in shares) > parquet.SHARE_BYTES else None


def has_key(params: Params) -> bool:
    """Return True for a query that may be read by ranges of its key."""
    if not params.query:
        return False
    from . import sql

    return bool(sql.find(params.query).key)


def hold(params: Params) -> AbstractContextManager[RangedQuery | None]:
    """Open a query that has a key, and hold its snapshot; None if no other transaction could read that."""
    from . import key_ranges, sql

    query = sql.find(params.query)
    return key_ranges.hold(query, query.bind(params.arguments))


def share_lines(params: Params, shares: Shares, number: int, start: int, inputs: Inputs) -> Iterator[list[bytes]]:
    """Yield the lines of a share from its row `start` on, a batch at a time; empty batches for those before."""
    from . import key_ranges, parquet, sql

    listing, share = shares.listing, shares.shares[number]
    if listing is None:
        query = sql.find(params.query)
        with key_ranges.join(query, query.bind(params.arguments), shares.snapshot) as ranged:
            yield from ranged.lines(share, start)
        return
    file, what = RangeFile(inputs, listing), _what(params, listing)
    row = share.begin + start + 1
    for batch in parquet.share_records(file, what, share, start):
        yield [encode_record(record, at, what) for at, record in enumerate(batch, row)]
        row += len(batch)


def _what(params: Params, listing: Listing) -> str:
    return f"the listing {params.listing or listing.key}"


def _text_snapshot(format: ListingFormat, listing: Listing, inputs: Inputs, what: str) -> Snapshot | None:
    """Return the snapshot of a text that cannot be cut at line feeds."""
    head = b"".join(inputs.blocks(listing.key, 0, HEAD))
    refuse_other_files(head, what)
    pieces = inputs.blocks(listing.key)
    encoding = _wide_encoding(head)
    if encoding:
        pieces = _as_utf8(pieces, encoding, what)
        head = head.decode(encoding, "ignore").encode()
        refuse_other_files(head, what)
    if format in ("auto", "jsonl") and (is_array(head) or is_over_lines(head)):
        return Snapshot(one_a_line(pieces, what, is_array(head)), "jsonl")
    if cr_only := b"\n" not in head and _ends_lines_in_cr(b"".join(inputs.blocks(listing.key, 0, BLOCK))):
        pieces = _with_line_feeds(pieces)
    return Snapshot(pieces, format) if encoding or cr_only else None


def _is_parquet(listing: Listing, inputs: Inputs) -> bool:
    """Return whether the magic bytes stand at both ends: a text may begin with them, but does not end with them."""
    ends = ((0, 4), (listing.size - 4, listing.size))
    return listing.size > 12 and all(b"".join(inputs.blocks(listing.key, *end)) == PARQUET for end in ends)


def _wide_encoding(head: bytes) -> str | None:
    """Return the encoding of a byte order mark, if a line feed takes several bytes in it."""
    return next((encoding for mark, encoding in BYTE_ORDER_MARKS if head.startswith(mark)), None)


def _ends_lines_in_cr(head: bytes) -> bool:
    encoding = _wide_encoding(head)
    text = head.decode(encoding or "latin-1", "ignore")
    return "\r" in text and "\n" not in text


def _with_line_feeds(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a text whose lines end in carriage returns with a line feed in place of each; CR LF is one."""
    held = b""
    for block in blocks:
        data = held + block
        held = b"\r" if data.endswith(b"\r") else b""
        yield data.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    yield held.replace(b"\r", b"\n")


def _as_utf8(blocks: Iterable[bytes], encoding: str, what: str) -> Iterator[bytes]:
    """Yield the text in UTF-8, with a byte order mark."""
    decoder = codecs.getincrementaldecoder(encoding)()
    yield codecs.BOM_UTF8
    try:
        for block in blocks:
            yield decoder.decode(block).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise InvalidRequest(
            f"The byte order mark of {what} says {encoding.upper()}, but its bytes are not: {error}.",
            field="listing",
            advice="Save the file again, in UTF-8.",
        ) from None
