"""`manage.py pdf_send ID`: reads the rows of a request and sends them. The button starts it."""

from __future__ import annotations

import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...models import PdfRequest
from ...send import send


class Command(BaseCommand):
    help = "Read the rows of a request for a PDF and send them. The button in the admin starts this."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("id", help="of the request")

    def handle(self, *_: Any, id: str, **__: Any) -> None:
        """Send. When the dyno is stopped, the request says so."""
        found = PdfRequest.objects.select_related("user").filter(pk=id).first()
        if found is None:
            raise CommandError(f"There is no request {id}.")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        send(found)
