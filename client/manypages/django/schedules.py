"""Schedules of django-celery-beat: the check of their JSON, the due time of a run, links to them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from django import forms
from django.apps import apps
from django.contrib.auth import get_user_model
from django.http import QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from ..errors import ManypagesError
from .models import PdfRequest
from .sources import check_document, model_admin_of

BEAT = "django_celery_beat"
TASK = "manypages.export"
KNOWN = {"document", "params", "model", "query", "user", "notify", "name"}
SAME_RUN = datetime.timedelta(minutes=5)  # a run by hand later than this is another run
LONGEST = 1500  # days from a run to the next: a 29 February


def check(given: Mapping[str, Any]) -> None:
    """Raise ManypagesError, with the field, for arguments that the task could not use."""
    if unknown := sorted(set(given) - KNOWN):
        raise ManypagesError(
            _("%r is not known.") % unknown[0], field=unknown[0], advice=_("Known: %s.") % ", ".join(sorted(KNOWN))
        )
    if bool(given.get("document")) == bool(given.get("model")):
        raise ManypagesError(_('Give "document" or "model", such as "orders.order".'), field="document")
    if not isinstance(given.get("params", {}), dict):
        raise ManypagesError(_('"params" must be an object, such as {}.'), field="params")
    for field in sorted(KNOWN - {"params"}):
        if not isinstance(given.get(field, ""), str):
            raise ManypagesError(_("%r must be a text.") % field, field=field)
    if given.get("document"):
        check_document(given["document"], given.get("params", {}))
    else:
        _check_list(given)


def _check_list(given: Mapping[str, Any]) -> None:
    model_admin_of({"model": given["model"].lower()})
    if given.get("params"):
        told, advice = _('"params" are for documents.'), _('Give a "query" of the list.')
        raise ManypagesError(told, field="params", advice=advice)
    if "?" in given.get("query", ""):
        raise ManypagesError(_('"query" is what follows the ? in the address of the list.'), field="query")
    QueryDict(given.get("query", ""))
    user_named(given.get("user", ""))


def user_named(name: str) -> Any:
    """Return the active user whose rows a list shows. Raises ManypagesError."""
    model = get_user_model()
    found = model.objects.filter(**{model.USERNAME_FIELD: name}).first()
    if not name or found is None or not found.is_active:
        raise ManypagesError(
            _("There is no active user %r.") % name,
            field="user",
            advice=_("Name the user whose rows the list shows."),
        )
    return found


def due(name: str, now: datetime.datetime) -> datetime.datetime:
    """Return when the run of a schedule was due that is at work now: the same for two beats.

    A crontab says it. Of others it is the run that began in the last half interval, at most five minutes ago.
    """
    tasks = apps.get_model(BEAT, "PeriodicTask").objects if apps.is_installed(BEAT) else None
    task = tasks.filter(name=name).first() if tasks else None
    if task and task.crontab:
        return last_due(task.schedule, now)
    every = getattr(task.schedule, "run_every", SAME_RUN * 2) if task else SAME_RUN * 2
    begun = PdfRequest.objects.filter(schedule=name, created__gt=now - min(SAME_RUN, every / 2))
    last = begun.order_by("created").first()
    return datetime.datetime.fromisoformat(last.spec["due"]) if last else now


def last_due(crontab: Any, now: datetime.datetime) -> datetime.datetime:
    """Return the latest moment, not after `now`, at which a crontab of Celery is due."""
    here = now.astimezone(crontab.tz)
    for back in range(LONGEST):
        day = here.date() - datetime.timedelta(days=back)
        if day.month in crontab.month_of_year and day.day in crontab.day_of_month:
            times = [(hour, minute) for hour in crontab.hour for minute in crontab.minute]
            past = [each for each in times if back or each <= (here.hour, here.minute)]
            if past and day.isoweekday() % 7 in crontab.day_of_week:
                return datetime.datetime.combine(day, datetime.time(*max(past)), crontab.tz)
    return now


def address(site: Any, schedule: str) -> str:
    """Return the address of a schedule in the admin; empty if it is not there."""
    if not schedule or not apps.is_installed(BEAT):
        return ""
    found = apps.get_model(BEAT, "PeriodicTask").objects.filter(name=schedule).values_list("pk", flat=True).first()
    try:
        return reverse(f"{site.name}:{BEAT}_periodictask_change", args=[found]) if found else ""
    except NoReverseMatch:
        return ""


def check_in_admin(site: Any) -> None:
    """Let the form of periodic tasks check the arguments of `manypages.export`, where it is."""
    if not apps.is_installed(BEAT):
        return
    import_module(f"{BEAT}.admin")  # it may come after this app in INSTALLED_APPS
    model_admin = site._registry.get(apps.get_model(BEAT, "PeriodicTask"))
    if model_admin is not None and not issubclass(model_admin.form, Checked):
        model_admin.form = type("CheckedForm", (Checked, model_admin.form), {})


class Checked(forms.ModelForm):
    """Adds the error to the field in which the JSON is."""

    def clean(self) -> Any:
        """Check the arguments as the task will."""
        data = super().clean()
        given = self.cleaned_data
        if (given.get("regtask") or given.get("task")) != TASK or not {"args", "kwargs"} <= given.keys():
            return data
        if json.loads(given["args"] or "[]"):
            self.add_error("args", _("This task has keyword arguments only."))
        try:
            arguments = json.loads(given["kwargs"] or "{}")
            if not isinstance(arguments, dict):
                raise ManypagesError(_('Give an object, such as {"document": "table"}.'))
            check(arguments)
        except ManypagesError as error:
            place = f"{error.field}: " if error.field else ""
            self.add_error("kwargs", f"{place}{error}")
        return data
