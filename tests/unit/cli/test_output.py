"""Progress as lines."""

from __future__ import annotations

from pipeline.cli import output
from pipeline.cli.output import Lines


def test_progress_has_a_line_per_tenth() -> None:
    lines: list[str] = []
    show = Lines(lines.append)
    show("planning", 0, 0)
    for done in range(1, 1001):
        show("rendering", done, 1000)
    assert lines[:3] == ["planning", "rendering: 1 of 1000", "rendering: 100 of 1000"]
    assert lines[-1] == "rendering: 1000 of 1000"
    assert len(lines) == 12


def test_a_single_page_is_no_pages() -> None:
    assert [output.counted(count, "page") for count in (0, 1, 400)] == ["0 pages", "1 page", "400 pages"]


def test_a_small_size_is_not_0_mb() -> None:
    assert [output.size(count) for count in (0, 999, 1000, 3234, 1_000_000, 153_000_000)] == [
        "0 bytes", "999 bytes", "1.0 kB", "3.2 kB", "1.0 MB", "153.0 MB",
    ]  # fmt: skip
