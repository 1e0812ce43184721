"""Rows on a real PostgreSQL: a cursor on the server, in one snapshot."""

from __future__ import annotations

import datetime
from threading import Thread

from django.db import DatabaseError, connection
from django.test import TransactionTestCase
from manypages.django.columns import columns_of, rows_of
from manypages.django.documents import Document
from manypages.django.send import snapshot
from orders.models import Customer, Order

COUNT = 500


class Orders(Document):
    """Orders with a column that queries for each row."""

    model = Order

    def name_now(self, order: Order) -> str:
        """Return the name of the customer, by a query."""
        return Customer.objects.get(pk=order.customer_id).name


class Snapshot(TransactionTestCase):
    """Rows are deleted and customers renamed while they are read."""

    def test_rows_come_as_they_were_by_a_cursor_on_the_server(self) -> None:
        customer = Customer.objects.create(name="before", city="Lyon")
        day = datetime.date(2026, 1, 1)
        orders = [Order(number=f"{n:04d}", customer=customer, total=n, day=day) for n in range(COUNT)]
        Order.objects.bulk_create(orders)
        document = Orders()
        columns = columns_of(document, ("number", document.name_now), {}, ())
        with snapshot("default"):
            rows = rows_of(columns, Order.objects.order_by("number").iterator(chunk_size=200))
            seen = [list(next(rows).values())]
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_cursors")
                self.assertEqual(cursor.fetchone(), (1,))
            beside = Thread(target=change)
            beside.start()
            beside.join()
            seen += [list(row.values()) for row in rows]
        self.assertEqual(seen, [[f"{n:04d}", "before"] for n in range(COUNT)])
        self.assertEqual((Order.objects.count(), Customer.objects.get().name), (0, "after"))

    def test_nothing_is_written_there(self) -> None:
        with self.assertRaisesRegex(DatabaseError, "read-only"), snapshot("default"):
            Customer.objects.create(name="new", city="Lyon")


def change() -> None:
    """Delete and rename, by a connection of its own."""
    try:
        Order.objects.all().delete()
        Customer.objects.update(name="after")
    finally:
        connection.close()
