"""What this project asked for, until its rows are sent; the exports themselves are in the pipeline app."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class State(models.TextChoices):
    """Where a request stands."""

    WAITING = "waiting", _("waits for others whose rows are read")
    SENDING = "sending", _("rows are read")
    ASKED = "asked", _("in the pipeline")  # what follows is the export's own state
    FAILED = "failed", pgettext_lazy("PDF export", "failed")
    CANCELLED = "cancelled", pgettext_lazy("PDF export", "cancelled")


class PdfRequest(models.Model):
    """One press of the button, one action, command or run of a schedule.

    The process that reads the rows, the browser that follows it and the one that cancels it meet here. `key` is
    unique, so a double click or a second beat gives the same request. `spec` is what to read, see `sources.py`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=250, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=200)
    spec = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.SENDING)
    rows = models.BigIntegerField(null=True)  # as counted when it was asked for
    sent = models.BigIntegerField(default=0)
    created = models.DateTimeField(auto_now_add=True, db_index=True)
    seen = models.DateTimeField(null=True)  # when the process that reads the rows was started, or last at work
    place = models.SmallIntegerField(null=True, unique=True)  # of that process, see `waiting.py`
    seconds = models.FloatField(null=True)  # from the press to the file
    export_id = models.CharField(max_length=64, blank=True, db_index=True)
    schedule = models.CharField(max_length=200, blank=True, db_index=True)
    message = models.TextField(blank=True)
    advice = models.TextField(blank=True)
    told = models.BooleanField(default=False)  # by a signal

    class Meta:
        verbose_name = _("PDF request")
        verbose_name_plural = _("PDF requests")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"

    @property
    def subject(self) -> str:
        """Who asked, as the pipeline app stores it."""
        return subject_of(self.user) if self.user else ""

    def move(self, before: Collection[Any], state: Any, **more: Any) -> bool:
        """Change the state, unless another process did. Returns whether it was this one."""
        moved = type(self).objects.filter(pk=self.pk, state__in=before).update(state=state, **more)
        self.refresh_from_db()
        return bool(moved)


def subject_of(user: Any) -> str:
    """Return how the pipeline app names a user of this project."""
    return f"user-{user.pk}"


class Export(models.Model):
    """An export of the pipeline app. It has no table: this is for its page in the admin, and its permissions."""

    class Meta:
        managed = False
        verbose_name = pgettext_lazy("PDF export", "export")
        verbose_name_plural = pgettext_lazy("PDF export", "exports")
        default_permissions = ("view", "delete")
