"""Requests whose rows wait to be read, and how many processes read at once.

Such a process has a place: a number below `MANYPAGES["READERS"]`, unique in the table, so no two processes of any
dyno have the same one. It gives it back at its end; that of a process that is gone is free after SILENT.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from .conf import readers
from .models import PdfRequest, State

SILENT = timedelta(seconds=60)  # without a note after which a process is gone


def crowded() -> bool:
    """Return whether as many processes read rows as may."""
    working = PdfRequest.objects.filter(place__isnull=False, seen__gt=timezone.now() - SILENT)
    return working.count() >= readers()


def room() -> bool:
    """Return whether one more process may be started, beside those that read rows or are on their way: each
    was started for a request that waits."""
    since = timezone.now() - SILENT
    working = Q(place__isnull=False) | Q(state=State.WAITING)
    return PdfRequest.objects.filter(working, seen__gt=since).count() < readers()


def before(requested: PdfRequest) -> int:
    """Return how many others wait longer."""
    return PdfRequest.objects.filter(state=State.WAITING, created__lt=requested.created).count()


def take() -> PdfRequest | None:
    """Return the request that waits longest, with a place to read it; None if there is no request, or no place."""
    PdfRequest.objects.filter(place__isnull=False, seen__lt=timezone.now() - SILENT).update(place=None)
    waiting = PdfRequest.objects.select_related("user").filter(state=State.WAITING)
    while requested := waiting.order_by("created").first():
        taken = PdfRequest.objects.filter(place__isnull=False).values_list("place", flat=True)
        free = set(range(readers())).difference(taken)
        if not free:
            waiting.update(seen=None)  # the next look at one of them may start a process
            return None
        requested.state, requested.place, requested.seen = State.SENDING, min(free), timezone.now()
        if _claimed(requested):
            return requested
    return None


def _claimed(requested: PdfRequest) -> bool:
    """Return whether this process, and no other, has the request and its place."""
    mine = PdfRequest.objects.filter(pk=requested.pk, state=State.WAITING)
    try:
        with transaction.atomic():
            return bool(mine.update(state=State.SENDING, place=requested.place, seen=requested.seen))
    except IntegrityError:
        return False


def give_back(requested: PdfRequest) -> None:
    """Let another process have the place."""
    PdfRequest.objects.filter(pk=requested.pk).update(place=None)
