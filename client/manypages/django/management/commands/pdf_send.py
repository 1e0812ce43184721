"""`manage.py pdf_send`: reads the rows of requests that wait and sends them. The button starts it."""

from __future__ import annotations

import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand

from ...send import send_waiting


class Command(BaseCommand):
    help = "Read the rows that wait to become a PDF, and send them. The button in the admin starts this."

    def handle(self, *_: Any, **__: Any) -> None:
        """Send. When the dyno is stopped, the request says so."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        send_waiting()
