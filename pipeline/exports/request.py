"""A request for an export, and the checks that need no service."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import InvalidRequest
from .recipients import Notify, check_page, recipients
from .volumes import UNCUT, VolumeLimit


class ExportRequest(msgspec.Struct, frozen=True):
    """A request for an export. `key` is the caller's own idempotency key, `notify` names who gets mails."""

    document: str
    params: Mapping[str, Any]
    owner: str
    notify: Notify = None
    key: str | None = None
    chunk_pages: int | None = None
    volume: VolumeLimit = UNCUT
    keep_inputs: bool = False  # files that were handed in for it stay when it is removed
    within: float | None = None  # seconds until it is wanted; the scaler orders workers by it, nothing is promised
    subject: str = ""  # the end user of the owner who asks
    webhook: str = ""  # the URL to which events are sent; that of WEBHOOKS if empty
    return_url: str = ""  # a page of the caller's app to which mails lead back
    content: str = ""  # a hash of the listing's bytes, where each call uploads them under another key

    def check(self) -> None:
        """Raise InvalidRequest for what is wrong with any document."""
        if self.chunk_pages is not None and self.chunk_pages < 1:
            raise InvalidRequest(f"chunk_pages is {self.chunk_pages}; it must be 1 or more.", field="chunk_pages")
        self.volume.check()
        recipients(self.notify)
        if self.return_url:
            check_page(self.return_url, "return_url")

    def with_params(self, **params: Any) -> ExportRequest:
        """Return the request with these parameters instead of its own of the same names."""
        return msgspec.structs.replace(self, params={**self.params, **params})


def request_key(request: ExportRequest) -> str:
    """Return a hash that is the same for equal requests of one owner, or for those with one idempotency key."""
    what = [request.key] if request.key else _asked(request, request.params)
    return _hash([request.owner, bool(request.key), what])


def fingerprint(request: ExportRequest) -> str:
    """Return a hash of what is asked for, whatever the idempotency key."""
    params = {**request.params, "listing": request.content} if request.content else request.params
    return _hash(_asked(request, params))


def _asked(request: ExportRequest, params: Mapping[str, Any]) -> list[Any]:
    # What is left out is left out here too, so that the hash is the same as before there was such a field.
    more = [request.subject] if request.subject else []
    more += [f"{name} {value}" for name in ("webhook", "return_url") if (value := getattr(request, name))]
    notify = recipients(request.notify)
    plain = [each.to for each in notify if (each.link, each.locale) == ("panel", "")]
    who = None if not notify else plain[0] if len(plain) == len(notify) == 1 else notify
    return [request.document, params, who, request.chunk_pages, request.volume, request.keep_inputs, *more]


def _hash(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
