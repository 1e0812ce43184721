"""`manage.py make_orders`: fills the shop with 50,000 orders of 500 customers, always the same ones."""

from __future__ import annotations

import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from ...models import Customer, Order

CITIES = ("Berlin", "Busan", "Kyoto", "Lyon", "Seoul", "Toronto")
STATES = ("new", "paid", "paid", "sent")
FIRST = datetime.date(2026, 1, 1)


class Command(BaseCommand):
    help = "Fill the shop with orders."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--orders", type=int, default=50_000)
        parser.add_argument("--customers", type=int, default=500)

    @transaction.atomic
    def handle(self, *_: Any, orders: int, customers: int, **__: Any) -> None:
        """Make them, unless there are some."""
        if Order.objects.exists():
            self.stdout.write("There are orders already.")
            return
        made = [Customer(name=f"Customer {n:03d}", city=CITIES[n % len(CITIES)]) for n in range(1, customers + 1)]
        known = Customer.objects.bulk_create(made, batch_size=500)
        new = (
            Order(
                number=f"2026-{n:06d}", customer=known[n % len(known)], status=STATES[n % len(STATES)],
                total=Decimal(n % 9973) / 4, gift=n % 7 == 0, day=FIRST + datetime.timedelta(days=n % 360),
            )
            for n in range(1, orders + 1)
        )  # fmt: skip
        while batch := list(islice(new, 5000)):
            Order.objects.bulk_create(batch)
        self.stdout.write(f"There are {orders:,} orders of {customers:,} customers now.")
