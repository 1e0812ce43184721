"""Signs and sends webhooks, after the Standard Webhooks specification."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from ..errors import InvalidRequest, RefusedAddress, UnreadableSource, WebhookDown, WebhookGone, WebhookUnreachable
from .https import Fetcher

DELIVERY_SECONDS = 10.0  # the look-up of the host excepted
MAX_URL = 2000  # characters
GONE = 410


class Webhooks:
    """Webhooks of owners. Each owner has a secret, made from SECRET_KEY: a new key signs beside the old ones."""

    def __init__(self, fetcher: Fetcher, secret_keys: Sequence[str]) -> None:
        self._fetcher = fetcher
        self._keys = secret_keys

    def check(self, url: str, field: str) -> None:
        """Raise InvalidRequest for a URL to which no webhook may be sent, as far as its text shows."""
        try:
            self._fetcher.check(url)
        except RefusedAddress as error:
            raise InvalidRequest(error.message, field=field, advice=error.advice) from error
        if len(url) > MAX_URL:
            raise InvalidRequest(f"The URL has more than {MAX_URL:,} characters.", field=field)

    def secrets(self, owner: str) -> list[str]:
        """Return the secrets with which an owner verifies its webhooks, newest first."""
        about = b"webhook\0" + owner.encode()
        made = (hmac.new(key.encode(), about, hashlib.sha256).digest() for key in self._keys)
        return ["whsec_" + base64.b64encode(secret).decode() for secret in made]

    def send(self, owner: str, url: str, message_id: str, body: bytes) -> None:
        """Send a webhook. `message_id` is the same at each attempt.

        Raises WebhookUnreachable, WebhookGone, or WebhookDown for any other answer than 2xx.
        """
        now, text = datetime.now(UTC), body.decode()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(Webhook(key).sign(message_id, now, text) for key in self.secrets(owner)),
        }
        try:
            status = self._fetcher.post(url, body, headers)
        except UnreadableSource as error:
            raise WebhookUnreachable(error.message) from error
        if not 200 <= status < 300:
            kind = WebhookGone if status == GONE else WebhookDown
            followed = " Redirects are not followed." if 300 <= status < 400 else ""
            raise kind(f"The receiver answered {status}.{followed}")
