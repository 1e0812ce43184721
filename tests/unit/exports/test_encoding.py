"""An export is the same after it was stored."""

from __future__ import annotations

from pipeline.exports.encoding import decode_export, encode
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id


def test_an_export_survives_being_stored() -> None:
    export = Export(new_id(), "photos", {"title": "T"}, "shop", 1.0, state=State.PLANNING)
    assert decode_export(encode(export)) == export
