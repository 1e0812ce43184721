"""The task `manypages.export` for the Celery app of the project: an export by a schedule."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.contrib.auth import get_user_model
from django.utils import timezone

from ..errors import ExportFailed
from . import schedules
from .models import PdfRequest, State
from .send import send, spec_of


@shared_task(name=schedules.TASK, bind=True, acks_late=True, ignore_result=True)
def export(self: Any, **given: Any) -> None:
    """Make a PDF: {"document": …, "params": {…}}, or {"model": "orders.order", "query": …, "user": …} for a list.

    More arguments: "notify", a mail address, and "name", shown among the exports. What goes wrong is shown there.
    """
    requested, made = _requested(self.request, given)
    if not made and self.request.delivery_info.get("redelivered"):
        PdfRequest.objects.filter(pk=requested.pk, state=State.SENDING).update(seen=None)  # its worker is gone
    send(requested)
    if requested.state == State.FAILED:
        raise ExportFailed(requested.message, advice=requested.advice)  # so that Flower and the log show it


def _requested(call: Any, given: dict[str, Any]) -> tuple[PdfRequest, bool]:
    """Return the request of this run, and whether it is new: two beats, or a message that comes twice, give one."""
    name, moment = str((call.headers or {}).get("periodic_task_name") or ""), timezone.now()
    key = due = f"task:{call.id}"
    if name:
        due = schedules.due(name, moment).isoformat()
        key = f"schedule:{name}:{due}"
        earlier = PdfRequest.objects.filter(key=key, created__lt=moment - schedules.SAME_RUN)
        if earlier.exists():  # "run selected tasks"
            key = f"task:{call.id}"
    user = get_user_model().objects.filter(**{get_user_model().USERNAME_FIELD: given.get("user", "")}).first()
    shown = str(given.get("name") or name or given.get("document") or given.get("model"))
    about = {"user": user, "name": shown[:200], "spec": {"due": due, **spec_of(given)}, "schedule": name}
    return PdfRequest.objects.get_or_create(key=key[:250], defaults=about)
