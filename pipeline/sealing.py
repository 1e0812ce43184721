"""A segment as one object: its bytes, behind them its index, and how long that is. Pure.

    <bytes of PDF objects> <index, JSON> <16 digits: bytes of the index>

One write stores both or nothing, and one read of the end gives the index, and small segments whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from .errors import DamagedSegment
from .pdf.segment_index import SegmentIndex
from .store import Tail

TAIL = 64 * 1024  # bytes to ask for: the index of a few thousand pages, or a small segment whole
DIGITS = 16


@dataclass(frozen=True)
class Stored:
    """A segment that was read: what it holds and, when it is a small one, its bytes."""

    index: SegmentIndex
    body: bytes | None


def sealed(index: SegmentIndex) -> bytes:
    """What stands behind the bytes of a segment."""
    data = index.encode()
    return data + b"%0*d" % (DIGITS, len(data))


def opened(tail: Tail, read: Callable[[int, int], bytes]) -> Stored:
    """The segment of which this is the end; `read` gives bytes start..stop of it.

    DamagedSegment or ValueError when it is none, or its bytes, as far as they are here, are not those that its
    index speaks of.
    """
    length = int(tail.data[-DIGITS:])
    size = tail.size - DIGITS - length  # of the bytes alone
    begin = tail.size - len(tail.data)  # of what is here
    if not 0 <= length <= tail.size - DIGITS:
        raise DamagedSegment("there is no index at its end")
    data = tail.data[size - begin : -DIGITS] if size >= begin else read(size, size + length)
    index = replace(SegmentIndex.decode(data), etag=tail.etag)
    body = tail.data[:size] if not begin else None
    if index.size != size or (body is not None and hashlib.sha256(body).hexdigest() != index.sha256):
        raise DamagedSegment("its bytes are not those that its index speaks of")
    return Stored(index, body)
