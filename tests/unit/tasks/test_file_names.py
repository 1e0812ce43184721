"""The names of results, as people see them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from pipeline.exports.export import Export
from pipeline.tasks.bucket_output import file_name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Rechnungen 2026", "Rechnungen 2026"),
        ("हिन्दी में", "हिन्दी में"),
        ("\u06cc\u200c\u062e", "\u06cc\u200c\u062e"),
        ('a/b\\c: "d"?\n\u202efdp', "a b c d fdp"),
        ("?", "document"),
        ("😀" * 80, "😀" * 45),
    ],
    ids=["plain", "marks", "joiner", "forbidden", "nothing", "long"],
)
def test_a_result_is_named_after_its_title(title: str, name: str) -> None:
    export = cast(Export, SimpleNamespace(name=title, created_at=0.0))
    assert file_name(export) == f"{name} 1970-01-01.pdf"
    assert len(file_name(export).encode()) <= 200
