"""`manage.py pdf_export`: asks for a document or a list of the admin, and waits for its file if told to."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ....errors import ManypagesError
from ... import follow, schedules
from ...conf import client
from ...models import PdfRequest, State
from ...send import send, spec_of


class Command(BaseCommand):
    help = "Ask for a PDF: of a document, or of the rows of a list in the admin."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("what", help="a document, or the model of a list, such as orders.order")
        parser.add_argument("-p", "--params", default="{}", help="of a document, as JSON")
        parser.add_argument("-q", "--query", default="", help="what follows the ? in the list's address")
        parser.add_argument("-u", "--user", default="", help="whose rows the list shows")
        parser.add_argument("-n", "--notify", default="", help="a mail address")
        parser.add_argument("-k", "--key", default="", help="the same key gives the same export")
        parser.add_argument("-o", "--output", default="", help="wait, and write the file to this path")

    def handle(self, *_: Any, **given: Any) -> None:
        """Ask, and print the id. What the pipeline app made of it is shown by pdf_status."""
        try:
            requested = self._ask(given)
            send(requested)
            requested.refresh_from_db()
            if requested.state == State.FAILED:
                raise CommandError(f"{requested.message} {requested.advice}".strip())
            self.stdout.write(requested.export_id)
            if given["output"]:
                self._fetch(requested, Path(given["output"]))
        except ManypagesError as error:
            raise CommandError(str(error)) from None

    def _ask(self, given: dict[str, Any]) -> PdfRequest:
        try:
            params = json.loads(given["params"])
        except ValueError as error:
            raise CommandError(f"--params is not JSON: {error}.") from None
        asked = {"document": given["what"], "params": params}
        if "." in given["what"]:
            asked = {"model": given["what"], "query": given["query"], "user": given["user"]}
        schedules.check(asked)
        user = schedules.user_named(given["user"]) if given["user"] else None
        about = {"user": user, "name": given["what"], "spec": spec_of({**asked, "notify": given["notify"]})}
        return PdfRequest.objects.get_or_create(key=f"command:{given['key'] or uuid.uuid4()}", defaults=about)[0]

    def _fetch(self, requested: PdfRequest, path: Path) -> None:
        with client(patient=True) as pipeline:
            for seen in pipeline.follow(requested.export_id):
                self.stderr.write(f"{seen.state} {seen.progress.percent} %")
                last = seen
            follow.settle(requested, last)
            last.check()
            self.stderr.write(f"{pipeline.download(last, path)}")
