"""What somebody asks for, and whether it can be made."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from .. import documents
from ..errors import InvalidRequest
from ..export import UNCUT, Export, VolumeSize, new_id
from ..rendering import Job
from ..services import Services

ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
ADDRESS = re.compile(rf"{ATOM}(\.{ATOM})*@(\w[\w-]*\.)*\w[\w-]*", re.ASCII)


@dataclass(frozen=True)
class Order:
    """What somebody asks for. `key` is the caller's own idempotency key."""

    document: str
    params: Mapping[str, Any]
    owner: str
    notify: str | None = None
    key: str | None = None
    chunk_pages: int | None = None
    volume: VolumeSize = UNCUT
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


def checked(s: Services, order: Order) -> tuple[Export, bytes | None]:
    """The export that an order asks for and its records as JSON lines; InvalidRequest names what is wrong."""
    document = documents.find(order.document)
    params = documents.decode(document, order.params)
    order.check()
    Job(document, params, params.listing, s.inputs).check()
    if params.listing and s.ledger.store.head(params.listing) is None:
        raise InvalidRequest(f"There is no {params.listing} in the bucket.", field="listing")
    records = getattr(params, document.records_field)
    lines = None if records is None else b"\n".join(msgspec.json.encode(record) for record in records)
    kept = {key: value for key, value in order.params.items() if key != document.records_field}
    export = Export(
        id=new_id(),
        document=order.document,
        params=kept,
        owner=order.owner,
        created_at=time.time(),
        notify=order.notify,
        name=params.title.strip() or order.document,
        request_key=_request_key(order),
        chunk_pages=order.chunk_pages,
        ready_by=time.time() + order.within if order.within else None,
        volume=order.volume,
    )
    return export, lines


def _request_key(order: Order) -> str:
    """The same for the same request by the same person."""
    asked = [order.document, order.params, order.notify, order.chunk_pages, order.volume]
    what = [order.key] if order.key else asked
    text = msgspec.json.encode([order.owner, bool(order.key), what], order="deterministic")
    return hashlib.sha256(text).hexdigest()


def _is_address(text: str) -> bool:
    """One dot-atom at one host (RFC 5321, 4.1.2), without what headers take for an encoded word."""
    return len(text) <= 254 and ADDRESS.fullmatch(text) is not None and "=?" not in text
