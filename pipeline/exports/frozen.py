"""An input that bytes cannot cut, stored as lines: share by share, by several workers. Written by this module:

exports/<id>/shares/shares.json                 the shares of the input; a message asks to store one. Empty: none
exports/<id>/shares/<share>-<row>-<row>         the lines from one row of a share to another: a piece
exports/<id>/shares/<generation>/<share>-…      the same of a query, whose shares are those of one snapshot
exports/<id>/shares/pieces.json                 all pieces in their order; read as one listing
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from operator import attrgetter

import msgspec

from ..adapters.bucket import Bucket, ObjectInfo
from ..errors import Conflict, DamagedExport, ReadFailed
from ..settings import MIB
from .plan import Listing

PIECE_BYTES = 4 * MIB  # of lines, at least: half a second of work, which a killed process loses
_ANY_SHARE = "0"  # with it the six digits of a share begin: there are a few thousand shares at most
_PIECES = re.compile(r"exports/[^/]+/shares/pieces\.json")


class Share(msgspec.Struct, frozen=True):
    """Rows of an input, from its row `begin` on: those of the row groups `first` to `stop` (exclusive) of a Parquet
    file, or those whose key is in that range of a query.

    `size` is how many bytes row groups have in memory.
    """

    first: int
    stop: int
    begin: int
    rows: int
    size: int


class Shares(msgspec.Struct, frozen=True):
    """How a version of a listing is divided; or the rows of a query, as one snapshot of its database has them.

    `generation` is new for each snapshot, `snapshot` its name in the database.
    """

    listing: Listing | None
    shares: tuple[Share, ...]
    generation: str = ""
    snapshot: str = ""

    def unstored(self, stored: Mapping[int, int]) -> list[int]:
        """Return the shares of which something is not stored. `stored`: how many rows of each are."""
        return [number for number, share in enumerate(self.shares) if stored.get(number, 0) < share.rows]


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """Some lines: where they are, and their bytes."""

    key: str
    size: int
    etag: str


class FrozenRepository:
    """Writes what is frozen, share by share."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._last: tuple[str, Shares] | None = None  # of a listing: they never change, and each message asks

    def shares(self, export_id: str) -> Shares | None:
        """Return the shares of an input; None if there are none."""
        if (last := self._last) and last[0] == export_id:
            return last[1]
        shares, _ = self.current(export_id)
        if shares and not shares.generation:
            self._last = export_id, shares
        return shares  # another thread may have read others meanwhile

    def current(self, export_id: str) -> tuple[Shares | None, str | None]:
        """Return the shares as they are now, and the ETag of their record."""
        stored = self._bucket.get(_key(export_id, "shares.json"))
        if stored is None or not stored.data:
            return None, stored.etag if stored else None
        try:
            return _shares.decode(stored.data), stored.etag
        except msgspec.DecodeError as error:
            raise DamagedExport(f"The shares of export {export_id} cannot be read: {error}.") from error

    def write_shares(self, export_id: str, shares: Shares) -> Shares:
        """Store the shares, unless there are some. Returns those that count: the first that were stored."""
        with suppress(Conflict):
            self._bucket.put(_key(export_id, "shares.json"), msgspec.json.encode(shares), new=True)
        return self.shares(export_id) or shares

    def begin_generation(
        self, export_id: str, shares: Shares | None, before: tuple[Shares | None, str | None]
    ) -> None:
        """Store the shares of a snapshot, or that there are none, in place of what `current` returned `before`,
        whose pieces are removed. Raises Conflict when another process did so first."""
        data, (former, etag) = msgspec.json.encode(shares) if shares else b"", before
        self._bucket.put(_key(export_id, "shares.json"), data, new=etag is None, replacing=etag)
        if former and former.generation:
            self._bucket.delete_under(_key(export_id, _folder(former)))

    def write(self, export_id: str, shares: Shares, number: int, start: int, stop: int, lines: bytes) -> None:
        """Store the lines of some rows of a share, unless they are stored."""
        key = _key(export_id, f"{_folder(shares)}{number:06d}-{start:012d}-{stop:012d}")
        with suppress(Conflict):  # another process was as far: it stored the same bytes
            self._bucket.put(key, lines, content_type="application/jsonl", new=True)

    def rest(self, export_id: str, shares: Shares, number: int) -> int | None:
        """Return the row from which on a share is not stored; None if all of it is."""
        done = _chain(self._found(export_id, f"{_folder(shares)}{number:06d}-").get(number, ()))
        row = done[-1][1] if done else 0
        return row if row < shares.shares[number].rows else None

    def stored(self, export_id: str, shares: Shares) -> dict[int, int]:
        """Return how many rows of each share are stored, from its first one on."""
        found = self._found(export_id, _folder(shares) + _ANY_SHARE)
        return {number: chain[-1][1] for number, some in found.items() if (chain := _chain(some))}

    def missing(self, export_id: str, shares: Shares) -> list[int]:
        """Return the shares of which something is not stored."""
        return shares.unstored(self.stored(export_id, shares))

    def listing(self, export_id: str, shares: Shares) -> Listing:
        """Return the listing of all pieces, when nothing is missing. It is written once."""
        key = _key(export_id, "pieces.json")
        if (listing := find(self._bucket, key)) is None:
            found = self._found(export_id, _folder(shares) + _ANY_SHARE)
            chains = [_chain(found.get(number, ())) for number in range(len(shares.shares))]
            if shares.unstored({number: chain[-1][1] for number, chain in enumerate(chains) if chain}):
                raise ReadFailed(f"Lines of export {export_id} were removed.")
            pieces = [Piece(entry.key, entry.size, entry.etag) for chain in chains for _, _, entry in chain]
            with suppress(Conflict):
                self._bucket.put(key, msgspec.json.encode(pieces), new=True)
            listing = find(self._bucket, key)
        if listing is None:
            raise ReadFailed(f"The lines of export {export_id} were removed.")
        return listing

    def _found(self, export_id: str, prefix: str) -> dict[int, list[tuple[int, int, ObjectInfo]]]:
        """Return the stored pieces of each share: from which row, to which row, and the object."""
        found: dict[int, list[tuple[int, int, ObjectInfo]]] = {}
        for entry in self._bucket.entries(_key(export_id, prefix)):
            number, start, stop = map(int, entry.key.rsplit("/", 1)[1].split("-"))
            found.setdefault(number, []).append((start, stop, entry))
        return found


def _folder(shares: Shares) -> str:
    """Return the folder of the pieces: what was stored of an earlier snapshot is not among them."""
    return f"{shares.generation}/" if shares.generation else ""


def _chain(pieces: Sequence[tuple[int, int, ObjectInfo]]) -> list[tuple[int, int, ObjectInfo]]:
    """Return the pieces that follow each other from row 0 on."""
    chain: list[tuple[int, int, ObjectInfo]] = []
    for piece in sorted(pieces, key=lambda piece: piece[:2]):
        if piece[0] == (chain[-1][1] if chain else 0):
            chain.append(piece)
    return chain


def is_pieces(key: str) -> bool:
    """Return True for a listing that consists of pieces."""
    return _PIECES.fullmatch(key) is not None


def find(bucket: Bucket, key: str) -> Listing | None:
    """Return the listing that consists of pieces; None if there is none."""
    stored = bucket.get(key)
    return Listing(key, sum(piece.size for piece in _pieces.decode(stored.data)), stored.etag) if stored else None


class PieceReader:
    """Reads listings by byte ranges, also those that consist of pieces. Knows the pieces that it read last."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._last: tuple[Listing, list[Piece], list[int]] | None = None

    def read(self, listing: Listing, start: int, stop: int) -> Iterator[bytes]:
        """Yield bytes `start` to `stop` of this version of a listing. NotFound and Conflict as `Bucket.read`."""
        if not is_pieces(listing.key):
            yield from self._bucket.read(listing.key, start, stop, listing.version)
            return
        pieces, begins = self._load(listing)
        for number in range(max(0, bisect_right(begins, start) - 1), len(pieces)):
            begin, piece = begins[number], pieces[number]
            if begin >= stop:
                break
            yield from self._bucket.read(
                piece.key, max(0, start - begin), min(piece.size, stop - begin), piece.etag
            )

    def _load(self, listing: Listing) -> tuple[list[Piece], list[int]]:
        last = self._last  # read once: another thread may replace it meanwhile
        if last and last[0] == listing:
            return last[1], last[2]
        stored = self._bucket.get(listing.key)
        if stored is None or stored.etag != listing.version:
            raise ReadFailed(f"{listing.key} was removed.")
        pieces = _pieces.decode(stored.data)
        begins = list(accumulate(map(attrgetter("size"), pieces), initial=0))
        self._last = listing, pieces, begins
        return pieces, begins


def _key(export_id: str, name: str) -> str:
    return f"exports/{export_id}/shares/{name}"


_shares = msgspec.json.Decoder(Shares)  # made while there is one thread, see exports/encoding.py
_pieces = msgspec.json.Decoder(list[Piece])
