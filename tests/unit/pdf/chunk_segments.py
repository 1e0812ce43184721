"""Segments of chunks, drawn in memory, and their assembly."""

from __future__ import annotations

import io
from pathlib import Path

from pipeline.pdf.assembly import Assembly
from pipeline.pdf.catalog import About
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter
from pipeline.pdf.segment_index import SegmentIndex

ABOUT = About("Title", 0.0, "id")


def segment(chunk: int, chunks: int, pages: int, levels: list[int] | None = None) -> tuple[SegmentIndex, bytes]:
    out = io.BytesIO()
    writer = SegmentWriter(out, Lane(chunk, chunks), chunk * 100, header=chunk == 0)
    for number in range(pages):
        with writer.page(100, 100) as page:
            page.text(10, 10, 8, f"chunk {chunk} page {number}")
            if levels:
                page.bookmark(f"{chunk}.{number}", levels[number % len(levels)])
    return writer.finish(pages), out.getvalue()


def assembled(path: Path, segments: list[tuple[SegmentIndex, bytes]]) -> Path:
    assembly = Assembly(lambda: (index for index, _ in segments), ABOUT)
    path.write_bytes(b"".join([*(data for _, data in segments), *assembly.tail()]))
    return path
