"""What somebody asks for, and whether it can be made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ..errors import InvalidRequest
from .volumes import UNCUT, VolumeLimit

ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
ADDRESS = re.compile(rf"{ATOM}(\.{ATOM})*@(\w[\w-]*\.)*\w[\w-]*", re.ASCII)


@dataclass(frozen=True)
class ExportRequest:
    """What somebody asks for. `key` is the caller's own idempotency key."""

    document: str
    params: Mapping[str, Any]
    owner: str
    notify: str | None = None
    key: str | None = None
    chunk_pages: int | None = None
    volume: VolumeLimit = UNCUT
    within: float | None = None  # seconds; the scaler orders workers by it, nothing is promised

    def check(self) -> None:
        """InvalidRequest when it cannot be made so, whatever the document."""
        if self.chunk_pages is not None and self.chunk_pages < 1:
            raise InvalidRequest(
                f"A chunk of {self.chunk_pages} pages is not possible; 1 is the least.", field="chunk_pages"
            )
        self.volume.check()
        if self.notify is not None and not _is_address(self.notify):
            raise InvalidRequest("notify must be one mail address, such as name@example.org.", field="notify")


def request_key(order: ExportRequest) -> str:
    """The same for the same request by the same person."""
    asked = [order.document, order.params, order.notify, order.chunk_pages, order.volume]
    what = [order.key] if order.key else asked
    text = msgspec.json.encode([order.owner, bool(order.key), what], order="deterministic")
    return hashlib.sha256(text).hexdigest()


def _is_address(text: str) -> bool:
    """One dot-atom at one host (RFC 5321, 4.1.2), without what headers take for an encoded word."""
    return len(text) <= 254 and ADDRESS.fullmatch(text) is not None and "=?" not in text
