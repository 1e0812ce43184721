"""`manage.py pdf_status`: shows exports of this project, and sends the signals of those that are over."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ....errors import ManypagesError
from ... import follow
from ...models import PdfRequest

LATEST = 20


class Command(BaseCommand):
    help = "Show the latest exports of this project, or one. Run it each minute where signals are needed."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("id", nargs="?", default="", help="of an export or a request")

    def handle(self, *_: Any, id: str, **__: Any) -> None:
        """Show a line for each. Exports that were not told by a signal are always looked at."""
        if id:
            found = PdfRequest.objects.filter(**{"pk" if "-" in id else "export_id": id})
        else:
            latest = PdfRequest.objects.order_by("-created").values_list("pk", flat=True)[:LATEST]
            found = PdfRequest.objects.filter(pk__in=list(latest)) | PdfRequest.objects.filter(told=False)
        lines = [self._line(requested) for requested in found.select_related("user").order_by("-created")]
        if id and not lines:
            raise CommandError(f"There is no export {id} of this project.")
        self.stdout.write("\n".join(lines))

    def _line(self, requested: PdfRequest) -> str:
        try:
            view = follow.view(requested)
        except ManypagesError as error:
            return f"{requested.export_id or requested.pk}  {requested.name}: {error}"
        failure = view.get("failure") or {}
        told = failure.get("message") or view.get("text") or f"{view['progress']['percent']} %"
        return f"{requested.export_id or requested.pk}  {view['state']:<10}  {requested.name}  {told}"
