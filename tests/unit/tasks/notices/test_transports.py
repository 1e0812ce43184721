"""What the log says of the server of a notice, and which notices wait for the same one."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.exports.export import Channel, Notice, Recipient, State
from pipeline.tasks.notices.transports import WebhookTransport

URLS = ("https://Hooks.test:8443/s3cret", "HTTPS://hooks.test/s3cret", "https://hooks.test?s3cret")


@pytest.mark.parametrize("url", URLS)
def test_the_server_of_a_webhook_is_its_host(url: str) -> None:
    services: Any = None
    notice = Notice(1, Channel.WEBHOOK, Recipient(url), State.READY, 0.0, 0.0)
    assert WebhookTransport(services).server(notice) == "hooks.test"
