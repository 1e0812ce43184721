"""Sends inputs straight to the bucket, by URLs that the app signs: in one piece, or in parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from .errors import ManypagesError, Refused
from .transport import Transport

PART = 8 * 1024 * 1024  # up to here a stream is sent in one piece
TRIES = 3  # of a part, each with a new URL: one may have expired on the way


@dataclass(frozen=True)
class Input:
    """A file that was handed in. `key` is its name in parameters; `content` a hash of its bytes."""

    id: str
    key: str
    content: str


class Pieces:
    """Cuts a stream into parts. It holds one of them, and hashes what passes."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._waiting = bytearray()
        self._ended = False
        self._hash = hashlib.sha256()

    def __len__(self) -> int:
        """The bytes that were read ahead."""
        return len(self._waiting)

    @property
    def content(self) -> str:
        """The hash of all that was read."""
        return f"sha256:{self._hash.hexdigest()}"

    def fits(self, size: int) -> bool:
        """Read ahead, and return whether no more than `size` bytes are left."""
        while len(self._waiting) <= size and not self._ended:
            piece = next(self._pieces, None)
            self._ended = piece is None
            self._waiting += piece or b""
            self._hash.update(piece or b"")
        return len(self._waiting) <= size

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, or what is left."""
        self.fits(size)
        with memoryview(self._waiting) as waiting:  # a slice of the array itself would be a second copy
            part = bytes(waiting[:size])
        del self._waiting[:size]
        return part


def send(transport: Transport, pieces: Iterable[bytes], name: str, beside: str = "", resume: str = "") -> Input:
    """Send bytes of any number; one part is in memory. Raises Refused and Unavailable.

    `resume` is the id of an upload that broke off: parts that have arrived are not sent again.
    """
    stream = Pieces(pieces)
    size = len(stream) if stream.fits(PART) else None
    if resume:
        begun = transport.call("GET", f"/inputs/{resume}").json()
    else:
        body = {"name": name, "bytes": size, "beside": beside or None}
        begun = transport.call("POST", "/inputs", body).json()
    try:
        if begun["url"]:
            transport.put(begun["url"], stream.take(PART))
        else:
            _send_parts(transport, begun, stream)
    except ManypagesError as error:
        error.input_id = begun["id"]
        raise
    return Input(begun["id"], begun["key"], stream.content)


def _send_parts(transport: Transport, begun: dict[str, Any], stream: Pieces) -> None:
    """Send the parts that are missing. Of an input that is complete, only read the bytes, for their hash."""
    there = {part["number"]: part["bytes"] for part in begun["parts"]}
    missing, size = begun["state"] != "complete", begun["part_bytes"]
    for number in count(1):
        last = stream.fits(size)
        part = stream.take(size)
        if missing and there.get(number) != len(part):
            _send_part(transport, begun["id"], number, part)
        del part  # before the next is read: one is in memory, not two
        if last:
            break
    if missing:
        transport.call("POST", f"/inputs/{begun['id']}/complete")


def _send_part(transport: Transport, file_id: str, number: int, data: bytes) -> None:
    body = {"parts": [{"number": number, "bytes": len(data)}]}
    for attempt in range(1, TRIES + 1):
        url = transport.call("POST", f"/inputs/{file_id}/parts", body).json()["parts"][0]["url"]
        try:
            transport.put(url, data)
            return
        except Refused as error:
            if error.status != 403 or attempt == TRIES:
                raise
