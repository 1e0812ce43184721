"""The routes of the button, the action, and what the reading process does and notes."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from unittest.mock import Mock, patch

from django.contrib.admin import AdminSite
from django.core import mail
from django.http import Http404
from django.test import Client
from django.utils import timezone, translation
from manypages import Refused
from manypages.django import export_failed, export_ready, follow, views
from manypages.django.models import PdfRequest, State
from manypages.django.send import send_waiting
from manypages.django.waiting import SILENT
from orders.models import Order

from .base import ShopCase, no_process


class Button(ShopCase):
    """Pressed by ann, unless another user is named."""

    def setUp(self) -> None:
        super().setUp()
        self.client.force_login(self.ann)

    def asked(self, query: str = "") -> PdfRequest:
        answer = self.press(query)
        self.assertEqual(answer.status_code, 202, answer.content)
        return PdfRequest.objects.get(pk=answer.json()["id"])

    def read(self, requested: PdfRequest) -> None:
        """Read what waits, as the process does that the press starts."""
        send_waiting()
        requested.refresh_from_db()

    def test_a_key_makes_one_request_for_each_user(self) -> None:
        ids = {self.press().json()["id"] for _ in range(3)}
        self.client.force_login(self.bob)
        ids |= {self.press().json()["id"] for _ in range(2)}
        self.assertEqual(len(ids), 2)
        self.assertEqual(set(PdfRequest.objects.values_list("rows", flat=True)), {3})

    def test_what_cannot_be_asked_for_is_said(self) -> None:
        nothing = self.press("q=nothing")
        self.assertEqual((nothing.status_code, nothing.json()["detail"]), (422, "The filter matches nothing."))
        self.assertEqual(self.press("colour=red").status_code, 422)
        self.assertEqual(self.press("customer__secret=1").status_code, 422)
        broken = self.client.post("/admin/orders/order/pdf/P3E9/", "no JSON", content_type="application/json")
        self.assertNotEqual(broken.status_code, 202)
        self.bob.user_permissions.clear()
        self.client.force_login(self.bob)
        self.assertEqual(self.press().status_code, 403)
        self.client.logout()
        self.assertEqual((self.press().status_code, PdfRequest.objects.count()), (401, 0))

    def test_without_a_csrf_token_nothing_begins(self) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.client.force_login(self.ann)
        answer = self.press()
        self.assertEqual((answer.status_code, answer.json()["detail"]), (403, "This page is out of date."))
        self.assertEqual(PdfRequest.objects.count(), 0)

    def test_rows_are_sent_and_the_view_is_that_of_the_export(self) -> None:
        requested = self.asked("status__exact=paid")
        with self.assertNumQueries(17):  # a place, a permission, the counts, the rows, the state: none for each row
            self.read(requested)
        self.assertEqual((requested.state, bool(requested.export_id)), (State.ASKED, True))
        source = f"/admin/orders/order/pdf/P3E9/{requested.pk}"
        seen = self.client.get(source)
        view = seen.json()
        self.assertEqual((view["id"], view["export"]), (str(requested.pk), requested.export_id))
        self.assertEqual((view["subject"], view["name"]), (f"user-{self.ann.pk}", "Orders"))
        self.assertEqual(
            self.client.get(source, headers={"If-None-Match": seen["ETag"]}).status_code in (200, 304), True
        )
        self.read(requested)  # a second process does nothing
        self.assertEqual(self.client.delete(source).status_code, 200)
        self.assertEqual(self.client.get(source).json()["state"], "cancelled")
        self.assertEqual(self.client.get(f"{source}/file").status_code, 409)

    def test_another_users_export_is_refused(self) -> None:
        requested = self.asked()
        self.client.force_login(self.bob)
        source = f"/admin/orders/order/pdf/P3E9/{requested.pk}"
        answers = [self.client.get(source), self.client.get(f"{source}/file"), self.client.delete(source)]
        self.assertEqual([each.status_code for each in answers], [403] * 3)
        self.assertEqual(self.client.post(f"{source}/retry").status_code, 403)

    def test_a_user_who_loses_the_permission_in_between_gets_no_rows(self) -> None:
        self.client.force_login(self.bob)
        requested = self.asked()
        self.bob.user_permissions.clear()
        self.read(requested)
        self.assertEqual((requested.state, requested.export_id), (State.FAILED, ""))
        self.assertIn("'bob' may not export Orders", requested.message)

    def test_cancelled_before_it_is_read(self) -> None:
        requested = self.asked()
        follow.cancel(requested)
        self.read(requested)
        self.assertEqual((requested.state, requested.export_id), (State.CANCELLED, ""))

    def test_an_export_that_ends_while_it_is_cancelled_is_no_error(self) -> None:
        requested = self.asked()
        self.read(requested)
        refused = Refused("It cannot become cancelled.", status=409)
        for then, refuses in (("ready", False), ("rendering", True)):
            states = [Mock(state="rendering"), Mock(state=then)]
            with (
                self.subTest(then),
                patch("manypages.client.Client.get", side_effect=states),
                patch("manypages.client.Client.cancel", side_effect=refused),
                self.assertRaises(Refused) if refuses else nullcontext(),
            ):
                follow.cancel(requested)
        follow.cancel(requested)

    def test_an_error_is_told_once_and_a_retry_reads_again(self) -> None:
        told: list[str] = []
        export_failed.connect(lambda message, **_: told.append(message), weak=False, dispatch_uid="failed")
        self.addCleanup(export_failed.disconnect, dispatch_uid="failed")
        requested = self.asked()

        def city(*_: object) -> float:
            return 1 / 0

        with patch.object(type(self.list), "city", city):
            self.read(requested)
        view = [follow.view(requested) for _ in range(2)][-1]
        self.assertEqual((view["state"], len(told)), ("failed", 1))
        self.assertIn("the column 'City' raised ZeroDivisionError: division by zero", view["failure"]["message"])
        with no_process() as started:
            follow.retry(requested)
        started.assert_called_once()
        self.read(requested)
        self.assertEqual(requested.state, State.ASKED)

    def test_an_unknown_locale_is_told(self) -> None:
        requested = self.asked()
        with patch.object(self.list, "pdf_locale", "xx_YY"):
            self.read(requested)
        self.assertEqual(requested.state, State.FAILED)
        self.assertIn("There is no locale 'xx_YY'", requested.message)

    def test_a_failed_export_is_tried_again_by_the_pipeline(self) -> None:
        requested = self.asked()
        self.read(requested)
        source = f"/admin/orders/order/pdf/P3E9/{requested.pk}/retry"
        refused = self.client.post(source)  # it did not fail
        self.assertEqual((refused.status_code, refused.json()["status"]), (409, 409))
        with patch("manypages.client.Client.retry") as retried:
            self.assertEqual(self.client.post(source).status_code, 202)
        retried.assert_called_once_with(requested.export_id)
        follow.cancel(requested)
        for place in ("no-id", "nothing", "01m8kv0w77x2drhj8nrrfe7arb"):
            self.assertEqual(self.client.get(f"/admin/manypages/export/{place}/file").status_code, 404)

    def test_a_process_that_is_gone_is_noticed(self) -> None:
        requested = self.asked()
        PdfRequest.objects.update(seen=timezone.now() - SILENT - timedelta(seconds=1))
        requested.refresh_from_db()
        self.assertEqual(follow.view(requested)["failure"]["message"], "The process that read the rows is gone.")

    def test_ready_is_told_once(self) -> None:
        told: list[str] = []
        export_ready.connect(lambda request, **_: told.append(str(request.pk)), weak=False, dispatch_uid="ready")
        self.addCleanup(export_ready.disconnect, dispatch_uid="ready")
        type(self.ann).objects.update(email="ann@example.org")
        requested = self.asked()
        self.read(requested)
        with patch("manypages.client.Client.get", return_value=ready(requested)):
            for _ in range(2):
                follow.view(requested)
        self.assertEqual(told, [str(requested.pk)])
        (sent,) = mail.outbox  # by the example's own template
        self.assertEqual((sent.to, sent.subject), (["ann@example.org"], "Ready: Orders"))
        self.assertIn(f"http://testserver/admin/manypages/export/{requested.export_id}/file", sent.body)
        self.assertGreater(PdfRequest.objects.get().seconds, 0)
        follow.cancel(requested)

    def test_the_action_takes_selected_rows_or_the_whole_list_without_keys(self) -> None:
        chosen = [str(order.pk) for order in Order.objects.filter(status="paid")]
        body = {"action": "download_selected_as_pdf", "_selected_action": chosen, "index": "0"}
        with no_process():
            self.client.post("/admin/orders/order/?q=berta", body)
            self.client.post("/admin/orders/order/?q=berta", body | {"select_across": "1"})
        specs = [(each.spec["query"], each.spec["selected"]) for each in PdfRequest.objects.order_by("created")]
        self.assertEqual(specs, [("q=berta", sorted(chosen, reverse=True)), ("q=berta", None)])

    def test_the_list_of_exports_says_so_when_the_pipeline_is_away(self) -> None:
        with self.settings(MANYPAGES={"URL": "http://127.0.0.1:9", "TOKEN": "none"}):
            page = self.client.get("/admin/manypages/export/")
            clicked = self.client.get("/admin/manypages/export/abc/file", follow=True)
            pressed = self.client.post("/admin/manypages/export/abc/cancel", follow=True)
        for each in (page, clicked, pressed):
            self.assertContains(each, "does not answer")

    def test_a_token_that_is_not_accepted_is_not_the_users_fault(self) -> None:
        requested = self.asked()
        requested.move([State.WAITING], State.ASKED, export_id="abc")
        refused = Refused("The header Authorization names no token that this app knows.", status=401)
        with patch("manypages.client.Client.get", side_effect=refused), self.assertLogs("manypages.django") as log:
            answer = self.client.get(f"/admin/orders/order/pdf/P3E9/{requested.pk}")
        self.assertEqual((answer.status_code, answer.json()["advice"]), (500, "The log of this site says why."))
        self.assertIn("names no token", log.output[0])

    def test_the_list_of_another_site_does_not_decide_about_a_file(self) -> None:
        requested, other = self.asked(), type(self.list)(Order, AdminSite("other"))
        with self.assertRaises(Http404):
            views.file(other, self.request(), "P3E9", requested.pk)

    def test_a_key_that_no_database_takes_is_refused(self) -> None:
        self.assertEqual([self.press(key=key).status_code for key in ("\0", "\ud800")], [400, 400])

    def test_the_language_of_the_admin_decides(self) -> None:
        for language, words in (
            ("de", ("1 Zeile, etwa 5 Sekunden", "PDF herunterladen", "Der Filter trifft auf nichts zu.", "wartet")),
            ("ko", ("1행, 약 5초", "PDF 다운로드", "필터에 맞는 것이 없습니다.", "대기 중")),
            ("it", ("1 row, about 5 seconds", "Download PDF", "The filter matches nothing.", "queued")),
        ):
            takes, label, nothing, state = words
            with self.subTest(language), translation.override(language):
                page = self.client.get("/admin/orders/order/?q=sora")
                self.assertContains(page, takes)
                self.assertContains(page, f">{label}</pdf-download>")
                self.assertEqual(self.press("q=nothing").json()["detail"], nothing)
                self.press(key=language)
                self.assertContains(self.client.get("/admin/manypages/export/"), f"<td>{state}")

    def test_what_went_wrong_is_told_in_the_language_of_who_asked(self) -> None:
        with translation.override("fr"):
            requested = self.asked()

        def city(*_: object) -> float:
            return 1 / 0

        with patch.object(type(self.list), "city", city):
            self.read(requested)
        self.assertIn("la colonne 'City' a provoqué", requested.message)
        self.assertEqual(requested.advice, "Corrigez la ligne ou la colonne, puis réessayez.")

    def test_the_list_is_filtered_searched_and_paged(self) -> None:
        for word in ("Alpha", "Beta", "Gamma"):
            with patch.object(self.list, "pdf_title", word):
                requested = PdfRequest.objects.get(pk=self.press(key=word).json()["id"])
                self.read(requested)
        follow.cancel(requested)
        place = "/admin/manypages/export/"
        with patch("manypages.django.listing.SHOWN", 2):
            first = self.client.get(place)
            self.assertContains(first, "Gamma", count=1)
            self.assertNotContains(first, "Alpha")
            after = first.context_data["next"]
            self.assertContains(self.client.get(place + after), "Alpha")
        self.assertContains(self.client.get(f"{place}?state=cancelled"), "Gamma")
        self.assertNotContains(self.client.get(f"{place}?state=cancelled"), "Beta")
        found = self.client.get(f"{place}?q=bet")
        self.assertContains(found, "Beta")
        self.assertNotContains(found, "Alpha")
        self.client.force_login(self.bob)
        self.assertContains(self.client.get(place), "There are no exports.")
        self.assertEqual(self.client.get(f"{place}{requested.export_id}/file").status_code, 403)
        self.assertEqual(self.client.post(f"{place}{requested.export_id}/delete").status_code, 403)


def ready(requested: PdfRequest) -> object:
    from manypages.export import export_of

    finished = (requested.created + timedelta(seconds=5)).isoformat()
    return export_of({"id": requested.export_id, "state": "ready", "finished_at": finished})
