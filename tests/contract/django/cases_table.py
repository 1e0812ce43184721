"""What becomes of a list: columns, formats, words, order; and of a document of the project."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from django.core.exceptions import ImproperlyConfigured
from django.utils import translation
from django.utils.html import format_html
from manypages.django.columns import columns_of, rows_of
from manypages.django.documents import registered
from manypages.errors import InvalidRow, ManypagesError
from orders.models import Order

from .base import ShopCase


class Tables(ShopCase):
    """Of the list of orders."""

    def rows(self, table: Any) -> list[list[Any]]:
        return [list(row.values()) for row in rows_of(table.columns, table.queryset)]

    def test_columns_are_those_of_the_list_with_formats_of_their_types(self) -> None:
        columns = self.list.get_pdf_table(self.request()).params["columns"]
        self.assertEqual(
            [each["title"] for each in columns],
            ["Number", "Customer", "City", "Status", "Total", "Gift", "Ordered on"],
        )
        formats = {each["title"]: each["format"] for each in columns if "format" in each}
        self.assertEqual(formats["Total"], {"kind": "number", "decimals": 2, "mark": "."})
        self.assertEqual(formats["Ordered on"], {"kind": "date", "pattern": "medium"})
        self.assertEqual([each["title"] for each in columns if each.get("total")], ["Total"])

    def test_cells_are_as_the_list_shows_them(self) -> None:
        first = self.rows(self.list.get_pdf_table(self.request()))[0]
        self.assertEqual(first[:4], ["2026-3", "Berta <b>", "Berlin", "Paid"])
        self.assertEqual(first[5], "No")
        with translation.override("de"):
            table = self.list.get_pdf_table(self.request())
            self.assertEqual((self.rows(table)[0][5], table.params["locale"]), ("Nein", "de"))

    def test_filters_search_and_dates_are_in_words(self) -> None:
        query = "status__exact=paid&q=berta&day__year=2026&day__month=3&total__gte=5&o=-5&p=1"
        table = self.list.get_pdf_table(self.request(query))
        words = ["Search: berta", "Status: Paid", "Ordered on: 2026-03", "Total gte: 5"]
        self.assertEqual(sorted(table.params["text"]), sorted(words))
        self.assertEqual([row[0] for row in self.rows(table)], ["2026-3"])

    def test_rows_are_in_the_order_of_the_list(self) -> None:
        self.assertEqual(
            [row[0] for row in self.rows(self.list.get_pdf_table(self.request("o=1")))],
            ["2026-1", "2026-2", "2026-3"],
        )

    def test_groups_come_first_in_the_order(self) -> None:
        with patch.multiple(self.list, pdf_group_by=("customer",), pdf_params={"carry": True}):
            table = self.list.get_pdf_table(self.request())
            self.assertEqual([row[0] for row in self.rows(table)], ["2026-3", "2026-1", "2026-2"])
            self.assertEqual(table.params["group_by"], [{"field": table.columns[1].params["field"]}])
            self.assertIs(table.params["carry"], True)
        with patch.object(self.list, "pdf_group_by", ("colour",)), self.assertRaises(ImproperlyConfigured):
            self.list.get_pdf_table(self.request())

    def test_callables_markup_and_relations(self) -> None:
        def link(order: Any) -> Any:
            return format_html("<a href='/'>{} &amp; more</a>", order.customer.name)

        fake = SimpleNamespace(model=Order)
        columns = columns_of(fake, (link, "customer__city", "__str__", "pk"), {}, ())
        (row,) = rows_of(columns, Order.objects.filter(number="2026-1"))
        self.assertEqual(list(row.values())[:3], ["Berta <b> & more", "Berlin", "2026-1"])
        self.assertEqual(len(row), 4)

    def test_a_row_whose_column_raises_is_named(self) -> None:
        columns = columns_of(SimpleNamespace(model=Order), ("number", lambda order: 1 / 0), {}, ())
        with self.assertRaisesRegex(InvalidRow, r"Row 1 \(order \d+\): .* raised ZeroDivisionError"):
            list(rows_of(columns, Order.objects.all()))

    def test_documents_of_the_apps_are_found_and_check_their_parameters(self) -> None:
        document = registered("open-orders")
        assert document
        table = document.table({"city": "Seoul"})
        self.assertEqual([order.number for order in table.queryset], ["2026-2"])
        self.assertEqual((table.params["title"], table.params["text"]), ("Open orders", ["city: Seoul"]))
        with self.assertRaisesRegex(ManypagesError, "town"):
            document.check({"town": "Seoul"})
        self.assertIsNone(registered("nothing"))
