"""Names of results: whole letters of any script, and never too long for a file system."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exports.export import Export
from pipeline.exports.names import TITLE_BYTES, file_name
from pipeline.exports.volumes import volume_name

DAY = 1_769_860_800.0  # 2026-01-31


def named(title: str) -> str:
    return file_name(Export("id", "table", {}, "shop", DAY, name=title))


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Orders / May: 5 %", "Orders May 5 % 2026-01-31.pdf"),
        ("हिन्दी रिपोर्ट", "हिन्दी रिपोर्ट 2026-01-31.pdf"),
        ("รายงานประจำเดือน", "รายงานประจำเดือน 2026-01-31.pdf"),
        ("e\u0301te\u0301", "e\u0301te\u0301 2026-01-31.pdf"),
        ("می\u200cخواهم", "می\u200cخواهم 2026-01-31.pdf"),
        ("\u202eevil\x07", "evil 2026-01-31.pdf"),
        ("///", "document 2026-01-31.pdf"),
    ],
)
def test_letters_of_any_script_are_kept_whole(title: str, expected: str) -> None:
    assert named(title) == expected


def test_a_long_title_is_cut_between_letters() -> None:
    title = "न्दी" * 80  # 12 bytes a letter
    assert named(title) == "न्दी" * (TITLE_BYTES // 12) + " 2026-01-31.pdf"
    assert named("x" * 200) == "x" * 80 + " 2026-01-31.pdf"


@given(st.text(max_size=200))
def test_a_name_fits_every_file_system(title: str) -> None:
    name = volume_name(named(title), 12345, 12345) + ".part"
    assert len(name.encode()) <= 255
    assert "/" not in name
