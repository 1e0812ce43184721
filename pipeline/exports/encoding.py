"""Exports and plans as the JSON that is stored."""

from __future__ import annotations

import msgspec

from .export import Export
from .plan import Plan

# Made at import, while there is one thread: msgspec 0.22.0 crashes when several threads decode a type for the
# first time.
_exports = msgspec.json.Decoder(Export)
_plans = msgspec.json.Decoder(Plan)


def encode(value: Export | Plan) -> bytes:
    """Return an export or a plan as JSON."""
    return msgspec.json.encode(value)


def decode_export(data: bytes) -> Export:
    """Return the export from its JSON; raises msgspec.DecodeError when it is not one."""
    return _exports.decode(data)


def decode_plan(data: bytes) -> Plan:
    """Return the plan from its JSON; raises msgspec.DecodeError when it is not one."""
    return _plans.decode(data)
