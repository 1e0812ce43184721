"""Where a URL leads."""

from __future__ import annotations

import pytest

from pipeline.settings.urls import origin


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://pdf.example.org/all", "https://pdf.example.org"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("HTTPS://PDF.Example.org", "https://pdf.example.org"),
        ("https://pdf.example.org:443", "https://pdf.example.org"),
        ("http://pdf.example.org:80", "http://pdf.example.org"),
        ("http://pdf.example.org:443", "http://pdf.example.org:443"),
        ("https://[::443]", "https://[::443]"),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(url: str, expected: str) -> None:
    """Stores compare it letter by letter with the rule of the bucket (CORS)."""
    assert origin(url) == expected
