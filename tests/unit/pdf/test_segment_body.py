"""A segment while it is written."""

from __future__ import annotations

import io

from pipeline.pdf.adopt import adopt_pages
from pipeline.pdf.segment import SegmentWriter

from ...make_pdf import filled
from .foreign_files import simple, texts


def test_a_rollback_leaves_nothing_behind() -> None:
    def fill(out: SegmentWriter, *, stumble: bool) -> None:
        adopt_pages(out, io.BytesIO(simple(3, "kept")))
        point = out.rollback_point()
        if stumble:
            adopt_pages(out, io.BytesIO(simple(40, "taken back")), list)
            with out.canvas(200, 200) as canvas:
                canvas.drawString(10, 10, "taken back 0")
            out.roll_back(point)
        adopt_pages(out, io.BytesIO(simple(2, "taken back")))

    stumbled = filled(lambda out: fill(out, stumble=True))
    assert stumbled == filled(lambda out: fill(out, stumble=False))
    assert texts(stumbled)[3:] == ["taken back 0", "taken back 1"]
