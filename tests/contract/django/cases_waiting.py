"""Few processes read rows at once; what more is asked for waits for them."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

from django.conf import settings
from django.utils import timezone
from manypages.django import conf, follow, waiting
from manypages.django.models import PdfRequest, State
from manypages.django.send import send_waiting
from manypages.django.sources import body_of
from manypages.django.start import start

from .base import ShopCase


class Waiting(ShopCase):
    """Asked for by ann, with two processes at once."""

    def setUp(self) -> None:
        super().setUp()
        self.client.force_login(self.ann)
        popen = patch("manypages.django.start.subprocess.Popen")
        self.popen = popen.start()
        self.addCleanup(popen.stop)

    def asked(self, number: int) -> list[PdfRequest]:
        ids = [self.press(key=f"{each}").json()["id"] for each in range(number)]
        return [PdfRequest.objects.get(pk=each) for each in ids]

    def begin(self, requested: PdfRequest) -> None:
        """Start a process once the transaction is over: here a test never ends it."""
        with self.captureOnCommitCallbacks(execute=True):
            start(requested)

    def test_two_are_read_and_the_third_waits_and_says_so(self) -> None:
        first, second, third = self.asked(3)
        taken = [waiting.take(), waiting.take()]
        self.assertEqual(taken, [first, second])
        self.assertIsNone(waiting.take())
        seen = follow.view(third)
        self.assertEqual((seen["state"], seen["text"]), ("queued", "Waiting for 1 other export"))
        self.begin(third)
        self.popen.assert_not_called()
        self.assertContains(self.client.get("/admin/manypages/export/?state=queued"), "Waiting for 1 other")
        waiting.give_back(first)
        self.assertEqual(waiting.take(), third)

    def test_a_process_is_started_once_for_what_waits(self) -> None:
        (requested,) = self.asked(1)
        for _ in range(3):
            self.begin(requested)
        self.popen.assert_called_once()
        self.assertEqual(self.popen.call_args.args[0][-1], "pdf_send")

    def test_of_many_that_are_asked_for_at_once_no_more_are_started_than_may_read(self) -> None:
        first, second, third, fourth = self.asked(4)
        for requested in (first, second, third, fourth):
            self.begin(requested)
        self.assertEqual(self.popen.call_count, 2)
        self.assertEqual([waiting.take(), waiting.take(), waiting.take()], [first, second, None])
        waiting.give_back(first)
        self.assertEqual(waiting.take(), third)
        waiting.give_back(second)
        self.begin(fourth)
        self.assertEqual(self.popen.call_count, 3)

    def test_one_process_sends_all_that_waits_though_the_first_fails(self) -> None:
        first, second = self.asked(2)
        broken = patch("manypages.django.send.body_of", side_effect=[ZeroDivisionError, body_of(second)])
        with broken, self.assertLogs("manypages.django.send", "ERROR"):
            send_waiting()
        first.refresh_from_db()
        second.refresh_from_db()
        self.assertEqual((first.state, second.state), (State.FAILED, State.ASKED))
        self.assertEqual((first.place, second.place), (None, None))
        follow.cancel(second)

    def test_the_place_of_a_process_that_is_gone_is_free_after_a_while(self) -> None:
        *_, third = self.asked(3)
        waiting.take()
        waiting.take()
        PdfRequest.objects.filter(state=State.SENDING).update(seen=timezone.now() - waiting.SILENT * 2)
        self.assertFalse(waiting.crowded())
        self.assertEqual(waiting.take(), third)

    def test_what_waits_long_is_not_gone_while_others_are_read(self) -> None:
        *_, third = self.asked(3)
        waiting.take()
        waiting.take()
        long_ago = timezone.now() - waiting.SILENT - timedelta(seconds=1)
        PdfRequest.objects.filter(pk=third.pk).update(seen=long_ago)
        third.refresh_from_db()
        self.assertEqual(follow.view(third)["state"], "queued")
        PdfRequest.objects.filter(state=State.SENDING).update(state=State.CANCELLED, place=None)
        self.assertEqual(follow.view(third)["state"], "failed")

    def test_what_is_cancelled_while_it_waits_is_not_read(self) -> None:
        first, second = self.asked(2)
        follow.cancel(first)
        self.assertEqual(waiting.take(), second)

    def test_the_number_is_a_setting(self) -> None:
        for wrong in (0, "2", True, None):
            with self.settings(MANYPAGES={**settings.MANYPAGES, "READERS": wrong}):
                self.assertIn("READERS", conf.problem())
        with self.settings(MANYPAGES={**settings.MANYPAGES, "READERS": 1}):
            self.assertEqual(conf.problem(), "")
            first, _ = self.asked(2)
            self.assertEqual((waiting.take(), waiting.take()), (first, None))
