"""A request for an export, and the checks that need no service."""

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
    """A request for an export. `key` is the caller's own idempotency key, `notify` a mail address."""

    document: str
    params: Mapping[str, Any]
    owner: str
    notify: str | None = None
    key: str | None = None
    chunk_pages: int | None = None
    volume: VolumeLimit = UNCUT
    keep_inputs: bool = False  # files that were handed in for it stay when it is removed
    within: float | None = None  # seconds until it is wanted; the scaler orders workers by it, nothing is promised
    subject: str = ""  # the end user of the owner who asks
    content: str = ""  # a hash of the listing's bytes, where each call uploads them under another key

    def check(self) -> None:
        """Raise InvalidRequest for what is wrong with any document."""
        if self.chunk_pages is not None and self.chunk_pages < 1:
            raise InvalidRequest(f"chunk_pages is {self.chunk_pages}; it must be 1 or more.", field="chunk_pages")
        self.volume.check()
        if self.notify is not None and not _is_address(self.notify):
            raise InvalidRequest("notify must be one mail address, such as name@example.org.", field="notify")


def request_key(request: ExportRequest) -> str:
    """Return a hash that is the same for equal requests of one owner, or for those with one idempotency key."""
    what = [request.key] if request.key else _asked(request, request.params)
    return _hash([request.owner, bool(request.key), what])


def fingerprint(request: ExportRequest) -> str:
    """Return a hash of what is asked for, whatever the idempotency key."""
    params = {**request.params, "listing": request.content} if request.content else request.params
    return _hash(_asked(request, params))


def _asked(request: ExportRequest, params: Mapping[str, Any]) -> list[Any]:
    subject = [request.subject] if request.subject else []  # without one, as before there were subjects
    return [
        request.document, params, request.notify, request.chunk_pages, request.volume, request.keep_inputs, *subject
    ]  # fmt: skip


def _hash(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def _is_address(text: str) -> bool:
    """Return True for a dot-atom at a host (RFC 5321, 4.1.2) that no header takes for an encoded word."""
    return len(text) <= 254 and ADDRESS.fullmatch(text) is not None and "=?" not in text
