"""What the cases share: users, orders, a browser, and no process beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.http import QueryDict
from django.test import RequestFactory, TestCase
from manypages.django.mixin import packed
from orders.models import Customer, Order


class ShopCase(TestCase):
    """Two customers, three orders; ann may do everything, bob may view orders."""

    def setUp(self) -> None:
        self.ann = User.objects.create_superuser("ann")
        self.bob = User.objects.create_user("bob", is_staff=True)
        self.bob.user_permissions.add(Permission.objects.get(codename="view_order"))
        berlin = Customer.objects.create(name="Berta <b>", city="Berlin")
        seoul = Customer.objects.create(name="Sora", city="Seoul")
        for number, customer, status in ((1, berlin, "paid"), (2, seoul, "new"), (3, berlin, "paid")):
            Order.objects.create(
                number=f"2026-{number}", customer=customer, status=status, total=Decimal("9.50") * number,
                gift=number == 2, day=f"2026-0{number}-01",
            )  # fmt: skip

    @property
    def list(self) -> Any:
        """The ModelAdmin of orders."""
        return admin.site._registry[Order]

    def request(self, query: str = "", user: Any = None) -> Any:
        made = RequestFactory().get(f"/admin/orders/order/?{query}")
        made.user = user or self.ann
        return made

    def press(self, query: str = "", key: str = "one") -> Any:
        """Press the button as the signed-in user, without the process that reads the rows."""
        source = f"/admin/orders/order/pdf/{packed(QueryDict(query))}"
        with no_process():
            return self.client.post(source, json.dumps({"key": key}), content_type="application/json")


@contextmanager
def no_process() -> Iterator[Any]:
    """Start no process; yields what was asked to start."""
    with patch("manypages.django.send.start") as started, patch("manypages.django.follow.start", started):
        yield started
