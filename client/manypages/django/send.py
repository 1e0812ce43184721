"""Reads the rows that were asked for, and sends them: in a process of its own, see `start.py`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from threading import Event, Thread
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection, connections, transaction
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from ..errors import ManypagesError
from ..export import Export
from . import waiting
from .conf import client
from .models import PdfRequest, State
from .sources import body_of
from .start import start

KEPT = timedelta(days=180)  # of a request; its export is long gone then
BEAT = 1.0  # seconds between two notes of how far it is
log = logging.getLogger(__name__)
READ_ONLY = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class Stopped(ManypagesError):
    """The request was cancelled, or another process reads its rows."""


def ask(
    model_admin: Any, request: HttpRequest, key: str, query: str, rows: int, selected: Sequence[str] | None = None
) -> PdfRequest:
    """Store what is asked for, and start the process that reads it. A user's key always gives the same request."""
    spec = {
        "site": model_admin.admin_site.name, "model": model_admin.model._meta.label_lower, "query": query,
        "selected": selected, "host": request.get_host(), "secure": request.is_secure(),
    }  # fmt: skip
    name = str(model_admin.pdf_title or model_admin.model._meta.verbose_name_plural)
    about = {"user": request.user, "name": capfirst(name), "spec": spec | _clock(), "rows": rows}
    about["state"] = State.WAITING
    PdfRequest.objects.filter(created__lt=timezone.now() - KEPT).delete()
    found, made = PdfRequest.objects.get_or_create(key=f"{request.user.pk}:{key}", defaults=about)
    if made:
        start(found)
    return found


def spec_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to read for the arguments of the task `manypages.export`."""
    if given.get("model"):
        spec = {
            "model": str(given["model"]).lower(),
            "user": given.get("user", ""),
            "query": given.get("query", ""),
        }
    else:
        spec = {"document": str(given.get("document", "")), "params": given.get("params", {})}
    if given.get("notify"):
        spec["options"] = {"notify": given["notify"]}
    return spec | _clock()


def _clock() -> dict[str, Any]:
    """Return the language and the time zone of this request."""
    return {"language": translation.get_language(), "timezone": timezone.get_current_timezone_name()}


def send_waiting() -> None:
    """Send what waits, the oldest first, until nothing does, or as many processes as may do this already."""
    while requested := waiting.take():
        try:
            _send(requested)
        except Exception:  # noted at the request; the next one shall not wait for ever
            log.exception("The rows of %s could not be read", requested)
        finally:
            waiting.give_back(requested)


def send(requested: PdfRequest) -> None:
    """Send what a task or a command asks for, in its own process."""
    fresh = PdfRequest.objects.filter(pk=requested.pk, state=State.SENDING, seen=None)
    if fresh.update(seen=timezone.now()):  # else another process reads it, or it was cancelled
        _send(requested)


def _send(requested: PdfRequest) -> None:
    """Read the rows in one snapshot, stream them to the bucket, ask for the export, and note its id.

    What goes wrong is noted at the request, for the user at the button.
    """
    with translation.override(requested.spec["language"]), timezone.override(requested.spec["timezone"]):
        try:
            export = _export(requested)
        except Stopped:
            return
        except ManypagesError as error:
            requested.move([State.SENDING], State.FAILED, message=error.message, advice=error.advice)
        except (SystemExit, KeyboardInterrupt):
            message = _("The process that read the rows was stopped.")
            requested.move([State.SENDING], State.FAILED, message=message, advice=_("Try again."))
            raise
        except Exception as error:
            requested.move([State.SENDING], State.FAILED, message=f"{type(error).__name__}: {error}")
            raise
        else:
            if not requested.move([State.SENDING], State.ASKED, export_id=export.id):
                with client(patient=True) as pipeline:  # cancelled in the last moment
                    pipeline.cancel(export)


def _export(requested: PdfRequest) -> Export:
    with client(patient=True) as pipeline:
        body = body_of(requested)
        options: Mapping[str, Any] = requested.spec.get("options", {})
        with snapshot(body.database), Beat(requested) as beat:
            rows = None if body.rows is None else beat.counted(body.rows)
            return pipeline.export(
                body.document, rows, params=body.params, key=str(requested.pk), subject=requested.subject, **options
            )


def snapshot(using: str) -> AbstractContextManager[None]:
    """Read in one snapshot, also what columns query for by themselves. Nothing for the empty name."""
    return _snapshot(using) if using else nullcontext()


@contextmanager
def _snapshot(using: str) -> Iterator[None]:
    with transaction.atomic(using=using):
        if connections[using].vendor == "postgresql":  # MySQL and SQLite do so by themselves
            with connections[using].cursor() as cursor:
                cursor.execute(READ_ONLY)
        yield


class Beat:
    """Notes each second, by a connection of its own, how many rows are read; learns there of a cancellation."""

    def __init__(self, requested: PdfRequest) -> None:
        self._requested = requested
        self._sent = 0
        self._stopped = False
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Beat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def counted(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Yield the rows. Raises Stopped when the request was cancelled."""
        for row in rows:
            if self._stopped:
                raise Stopped("The export was cancelled.")
            self._sent += 1
            yield row

    def _run(self) -> None:
        mine = PdfRequest.objects.filter(pk=self._requested.pk, state=State.SENDING)
        try:
            while not self._over.wait(BEAT):
                try:
                    self._stopped = not mine.update(sent=self._sent, seen=timezone.now())
                except DatabaseError:  # SQLite is locked while others write; the next note will do
                    continue
        finally:
            connection.close()
