"""What can be done with a request: see it, cancel it, try again, fetch its file. Errors are ManypagesError."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..errors import NotFound, Refused
from ..export import OVER, Export
from . import waiting
from .conf import client
from .models import PdfRequest, State
from .signals import export_failed, export_ready
from .start import start
from .waiting import SILENT

HERE = (State.WAITING, State.SENDING)
"""States before the pipeline app knows of it."""


def view(requested: PdfRequest) -> dict[str, Any]:
    """Return the export as the pipeline app shows it, under the id of the request."""
    look(requested)
    if requested.state != State.ASKED:
        return _before(requested)
    with client(patient=False) as pipeline:
        export = pipeline.get(requested.export_id)
    settle(requested, export)
    return {**export.data, "id": str(requested.pk), "export": export.id}


def look(requested: PdfRequest) -> None:
    """Start a process for rows that wait, if one may be; note it when the process that read them is gone."""
    if requested.state == State.WAITING and requested.seen is None:
        start(requested)
    elif requested.state in HERE and _gone(requested):
        message = _("The process that read the rows is gone.")
        requested.move([requested.state], State.FAILED, message=message, advice=_("Try again."))
    if requested.state == State.FAILED:
        _tell(requested, export_failed, message=requested.message, advice=requested.advice)


def _gone(requested: PdfRequest) -> bool:
    silent = timezone.now() - (requested.seen or requested.created) > SILENT
    return silent and (requested.state == State.SENDING or not waiting.crowded())


def settle(requested: PdfRequest, export: Export) -> None:
    """Note the time an export took, and tell the project when it is over, once."""
    if export.state == "ready" and requested.seconds is None:
        finished = parse_datetime(export.data.get("finished_at") or "") or timezone.now()
        requested.seconds = max(0.1, (finished - requested.created).total_seconds())
        requested.save(update_fields=["seconds"])
    if export.state == "ready":
        _tell(requested, export_ready, export=export)
    elif export.state == "failed":
        failure = export.data.get("failure") or {}
        _tell(requested, export_failed, message=failure.get("message", ""), advice=failure.get("advice", ""))


def _tell(requested: PdfRequest, signal: Any, **about: Any) -> None:
    if PdfRequest.objects.filter(pk=requested.pk, told=False).update(told=True):
        requested.told = True
        signal.send_robust(sender=PdfRequest, request=requested, **about)


def cancel(requested: PdfRequest) -> None:
    """Cancel a request, whether its rows are still read or it is an export."""
    if requested.move(HERE, State.CANCELLED):
        return
    if requested.state == State.ASKED:
        with client(patient=False) as pipeline:
            if pipeline.get(requested.export_id).state in OVER:
                return
            try:
                pipeline.cancel(requested.export_id)
            except Refused:
                if pipeline.get(requested.export_id).state not in OVER:  # it ended meanwhile
                    raise


def retry(requested: PdfRequest) -> None:
    """Try again what failed: read the rows again, or only what the pipeline app has not made yet."""
    if requested.state == State.ASKED:
        with client(patient=False) as pipeline:
            pipeline.retry(requested.export_id)
        PdfRequest.objects.filter(pk=requested.pk).update(told=False)
        return
    again = {"seen": None, "sent": 0, "message": "", "advice": "", "told": False, "created": timezone.now()}
    if requested.move([State.FAILED, State.CANCELLED], State.WAITING, **again):
        start(requested)


def file_url(requested: PdfRequest, volume: int = 0) -> str:
    """Return the URL of the file, which expires soon. NotFound if it is not there, or no more."""
    if requested.state != State.ASKED:
        raise NotFound(_("There is no file yet."), advice=_("Wait until the export is ready."), status=404)
    with client(patient=False) as pipeline:
        return pipeline.download_url(requested.export_id, volume=volume)


def _before(requested: PdfRequest) -> dict[str, Any]:
    """Return the view of a request whose rows are not sent: its states are those of an export."""
    state = "queued" if requested.state in HERE else requested.state
    failure = None
    if state == "failed":
        failure = {"code": "RowsFailed", "message": requested.message, "advice": requested.advice}
    progress = {"pages_done": 0, "pages": 0, "percent": 0, "seconds_left": None}
    return {
        "id": str(requested.pk), "document": "table", "name": requested.name, "state": str(state), "export": "",
        "text": _how_far(requested), "created_at": requested.created.isoformat(),
        "finished_at": None, "result": None, "failure": failure,
        "progress": {**progress, "rows_sent": requested.sent, "rows": requested.rows},
    }  # fmt: skip


def _how_far(requested: PdfRequest) -> str | None:
    """Return how many rows are read; of a request that waits, how many others do so longer."""
    if requested.state == State.SENDING:
        return _("%(sent)s of %(rows)s rows read") % {
            "sent": number_format(requested.sent, force_grouping=True),
            "rows": number_format(requested.rows or 0, force_grouping=True),
        }
    if requested.state != State.WAITING or not waiting.crowded():
        return None
    others = waiting.before(requested) + 1
    return ngettext("Waiting for %d other export", "Waiting for %d other exports", others) % others
