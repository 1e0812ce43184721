"""A request becomes an accepted export."""

from __future__ import annotations

import time

import msgspec

from .. import documents
from ..documents.job import DocumentJob
from ..errors import InvalidRequest
from ..exports.export import Export
from ..exports.ids import new_id
from ..exports.request import ExportRequest, request_key
from ..services import Services


def validate(s: Services, order: ExportRequest) -> tuple[Export, bytes | None]:
    """The export that an order asks for and its records as JSON lines; InvalidRequest names what is wrong."""
    document = documents.find(order.document)
    params = documents.decode(document, order.params)
    order.check()
    DocumentJob(document, params, params.listing, s.inputs).check()
    if params.listing and s.bucket.head(params.listing) is None:
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
        request_key=request_key(order),
        chunk_pages=order.chunk_pages,
        ready_by=time.time() + order.within if order.within else None,
        volume=order.volume,
    )
    return export, lines
