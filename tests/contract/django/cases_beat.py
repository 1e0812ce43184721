"""The task `manypages.export` with django-celery-beat, and the commands of `manage.py`."""

from __future__ import annotations

import datetime
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from celery.schedules import crontab
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.tzcrontab import TzAwareCrontab
from manypages.django import follow, schedules
from manypages.django.models import PdfRequest, State
from manypages.django.tasks import export
from manypages.errors import ExportFailed

from .base import ShopCase

LIST = {"model": "orders.Order", "query": "status__exact=paid", "user": "ann"}


class Schedules(ShopCase):
    """Schedules in the admin, and their runs."""

    def setUp(self) -> None:
        super().setUp()
        self.client.force_login(self.ann)
        self.monday = CrontabSchedule.objects.create(minute="0", hour="9", day_of_week="1", timezone="Asia/Seoul")

    def save(self, kwargs: str, args: str = "[]") -> Any:
        """Save a schedule in the admin. Returns the form's errors by field; empty if it was saved."""
        body = {
            "name": "Monday", "regtask": "manypages.export", "enabled": "on", "crontab": self.monday.pk,
            "args": args, "kwargs": kwargs, "headers": "{}",
        }  # fmt: skip
        answer = self.client.post("/admin/django_celery_beat/periodictask/add/", body)
        return {} if answer.status_code == 302 else answer.context_data["adminform"].form.errors

    def run_task(self, name: str = "", id: str = "a", **given: Any) -> PdfRequest:
        """Run the task as a worker does. Returns its request."""
        call = SimpleNamespace(id=id, headers={"periodic_task_name": name} if name else {}, delivery_info={})
        export.run.__func__(SimpleNamespace(request=call), **given)
        return PdfRequest.objects.latest("created")

    def test_the_task_is_in_the_list_of_the_form(self) -> None:
        self.assertContains(self.client.get("/admin/django_celery_beat/periodictask/add/"), ">manypages.export<")

    def test_what_the_task_could_not_use_is_an_error_at_its_field(self) -> None:
        for kwargs, words in (
            ("{", "Unable to parse JSON"),
            ("[1]", "Give an object"),
            ("{}", 'Give "document" or "model"'),
            ('{"document": "tabel"}', "There is no document 'tabel'. There are: photos, table."),
            ('{"document": "table", "params": {"rwos": []}}', "does not know 'rwos'"),
            ('{"document": "table", "params": []}', '"params" must be an object'),
            ('{"document": "open-orders", "params": {"town": 1}}', "Its parameters: city."),
            ('{"document": "table", "notfy": "a@b.c"}', "'notfy' is not known"),
            (json.dumps({**LIST, "model": "orders.nothing"}), "no list of 'orders.nothing'"),
            (json.dumps({**LIST, "model": "orders.customer"}), "no list of 'orders.customer'"),
            (json.dumps({**LIST, "user": "nobody"}), "no active user 'nobody'"),
        ):
            with self.subTest(kwargs):
                errors = self.save(kwargs)
                self.assertEqual(list(errors), ["kwargs"])
                self.assertIn(words, errors["kwargs"][0])
        self.assertEqual(list(self.save(json.dumps(LIST), "[1]")), ["args"])
        self.assertFalse(PeriodicTask.objects.filter(name="Monday").exists())
        self.assertEqual(self.save(json.dumps(LIST)), {})

    def test_two_beats_make_one_export_and_the_list_links_to_the_schedule(self) -> None:
        self.save(json.dumps(LIST))
        with patch.object(
            timezone, "now", return_value=datetime.datetime(2026, 11, 30, 0, 0, 4, tzinfo=datetime.UTC)
        ):
            first = self.run_task("Monday", "a", **LIST)
            self.run_task("Monday", "b", **LIST)
        self.assertEqual(PdfRequest.objects.count(), 1)
        self.assertEqual(first.key, "schedule:Monday:2026-11-30T09:00:00+09:00")
        self.assertEqual((first.state, first.user, first.subject), (State.ASKED, self.ann, f"user-{self.ann.pk}"))
        later = datetime.datetime(2026, 11, 30, 3, 0, tzinfo=datetime.UTC)
        with patch.object(timezone, "now", return_value=later):
            self.run_task("Monday", "by hand", **LIST)  # "run selected tasks", hours later
            self.run_task("Monday", "by hand", **LIST)  # its message came twice
        self.assertEqual(PdfRequest.objects.count(), 2)
        task = PeriodicTask.objects.get(name="Monday")
        page = self.client.get("/admin/manypages/export/")
        self.assertContains(page, f"/admin/django_celery_beat/periodictask/{task.pk}/change/")
        for requested in PdfRequest.objects.all():
            follow.cancel(requested)

    def test_intervals_give_one_export_for_each(self) -> None:
        every = IntervalSchedule.objects.create(every=60, period="seconds")
        PeriodicTask.objects.create(name="minute", task=schedules.TASK, interval=every, kwargs=json.dumps(LIST))
        begin = timezone.now()
        for seconds, id in ((0, "a"), (2, "b"), (60, "c"), (62, "d")):
            with patch.object(timezone, "now", return_value=begin + datetime.timedelta(seconds=seconds)):
                self.run_task("minute", id, **LIST)
        self.assertEqual(PdfRequest.objects.count(), 2)
        for requested in PdfRequest.objects.all():
            follow.cancel(requested)

    def test_a_document_that_is_gone_is_told_to_celery_and_in_the_list(self) -> None:
        with self.assertRaisesRegex(ExportFailed, "gone"):
            self.run_task("", document="gone")
        self.assertContains(self.client.get("/admin/manypages/export/"), "failed")
        with self.assertRaisesRegex(ExportFailed, "'nobody' may not export"):
            self.run_task("", "c", **{**LIST, "user": "nobody"})

    def test_the_last_due_time_of_a_crontab_is_in_its_time_zone(self) -> None:
        berlin = ZoneInfo("Europe/Berlin")
        for given, now, expected in (
            ({"minute": "0", "hour": "9"}, "2026-11-29T08:59", "2026-11-28T09:00"),
            ({"minute": "0", "hour": "9"}, "2026-11-29T09:00", "2026-11-29T09:00"),
            ({"minute": "*/15"}, "2026-11-29T10:29", "2026-11-29T10:15"),
            ({"minute": "30", "hour": "23", "day_of_week": "fri"}, "2026-11-29T10:29", "2026-11-27T23:30"),
            ({"minute": 0, "hour": 0, "day_of_month": 29, "month_of_year": 2}, "2026-01-01", "2024-02-29T00:00"),
            ({"minute": "30", "hour": "2"}, "2026-10-25T12:00", "2026-10-25T02:30"),
        ):  # fmt: skip
            with self.subTest(now=now, **given):
                schedule = TzAwareCrontab(**given, tz=berlin)
                moment = datetime.datetime.fromisoformat(now).replace(tzinfo=berlin)
                found = schedules.last_due(schedule, moment.astimezone(datetime.UTC))
                self.assertEqual(f"{found:%Y-%m-%dT%H:%M}", expected)
        self.assertTrue(issubclass(TzAwareCrontab, crontab))

    def test_a_command_waits_for_the_file_and_another_fetches_it(self) -> None:
        with TemporaryDirectory() as folder:
            first, second = Path(folder, "first.pdf"), Path(folder, "second.pdf")
            export_id = call("pdf_export", "open-orders", "-o", str(first))
            self.assertEqual(first.read_bytes()[:5], b"%PDF-")
            self.assertIn("ready", call("pdf_status", export_id))
            call("pdf_fetch", export_id, str(second))
            self.assertEqual(second.read_bytes(), first.read_bytes())

    def test_the_commands_request_and_show_exports(self) -> None:
        export_id = call("pdf_export", "orders.order", "-q", "status__exact=paid", "-u", "ann", "-k", "july")
        self.assertEqual(call("pdf_export", "orders.order", "-u", "ann", "-k", "july"), export_id)
        self.assertIn(export_id, call("pdf_status"))
        follow.cancel(PdfRequest.objects.get())
        self.assertIn("cancelled", call("pdf_status", export_id))
        call("pdf_export", "open-orders", "-p", '{"city": "Seoul"}')
        for words, command in (
            ("There are no rows", ("pdf_export", "open-orders", "-p", '{"city": "Busan"}')),
            ("not JSON", ("pdf_export", "open-orders", "-p", "{")),
            ("There is no export", ("pdf_status", "unknown")),
            ("is cancelled", ("pdf_fetch", export_id, "/dev/null")),
        ):
            with self.subTest(command), self.assertRaisesRegex(CommandError, words):
                call(*command)
        for requested in PdfRequest.objects.all():
            follow.cancel(requested)


def call(*command: str) -> str:
    """Run a command of `manage.py`. Returns what it prints."""
    said = io.StringIO()
    call_command(*command, stdout=said, stderr=io.StringIO())
    return said.getvalue().strip()
