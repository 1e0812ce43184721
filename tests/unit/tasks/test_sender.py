"""What the log says of the server of a notice."""

from __future__ import annotations

import pytest

from pipeline.tasks.sender import _host


@pytest.mark.parametrize(
    "url", ["https://Hooks.test:8443/s3cret", "HTTPS://hooks.test/s3cret", "https://hooks.test?s3cret"]
)
def test_of_a_url_only_its_host_is_logged(url: str) -> None:
    assert _host(url) == "hooks.test"
    assert _host("the mail server") == "the mail server"
