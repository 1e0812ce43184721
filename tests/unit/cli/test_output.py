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


def test_a_small_size_is_not_0_mib() -> None:
    assert [output.size(count) for count in (0, 1023, 1024, 3277, 1 << 20, 153 << 20)] == [
        "0 bytes", "1023 bytes", "1.0 KiB", "3.2 KiB", "1.0 MiB", "153.0 MiB",
    ]  # fmt: skip
