"""`manage.py pdf_fetch ID PATH`: fetches the file of an export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ....errors import ManypagesError
from ...conf import client


class Command(BaseCommand):
    help = "Fetch the file of an export that is ready. A fetch that broke off goes on."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("id", help="of the export")
        parser.add_argument("path", type=Path)

    def handle(self, *_: Any, id: str, path: Path, **__: Any) -> None:
        """Fetch."""
        try:
            with client(patient=True) as pipeline:
                self.stdout.write(str(pipeline.download(id, path)))
        except ManypagesError as error:
            raise CommandError(str(error)) from None
