"""ETags in conditions: which form a store wants. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ...errors import Conflict
from . import ObjectInfo

T = TypeVar("T")


class EtagForms:
    """Whether a store compares an ETag with its quotes, learned for each kind of request.

    RFC 9110 has the quotes, and S3 ignores them. Ceph RGW and DigitalOcean Spaces compare what it says with a bare
    ETag when an object is written, so no object has the quoted one.
    """

    def __init__(self) -> None:
        self._bare: dict[str, bool] = {}

    def send(self, kind: str, etag: str, call: Callable[[str], T], head: Callable[[], ObjectInfo | None]) -> T:
        """Call with an ETag as the condition; once more with its other form if the first is refused without reason.

        `head` looks at the object. Raises Conflict, and what `call` raises.
        """
        form = bare(etag) if self._bare.get(kind) else etag
        try:
            answer = call(form)
        except Conflict:
            if kind in self._bare or (there := head()) is None or not same(there.etag, etag):
                raise
            answer = call(bare(etag))
            self._bare[kind] = True
            return answer
        self._bare.setdefault(kind, False)
        return answer


def bare(etag: str) -> str:
    """Return an ETag without its quotes."""
    return etag.strip('"')


def same(one: str, other: str) -> bool:
    """Return whether two ETags are equal, with or without quotes."""
    return bare(one) == bare(other)
