"""Documents of this app, for `manage.py pdf_export` and for schedules."""

from __future__ import annotations

from typing import Any

from manypages.django.documents import Document, register

from .models import Order


@register
class OpenOrders(Document):
    """Orders that are not paid yet, of one city if it is named."""

    name = "open-orders"
    title = "Open orders"
    columns = ("number", "customer", "total", "day")
    totals = ("total",)

    def get_queryset(self, city: str = "") -> Any:
        """Return the orders, the oldest first."""
        found = Order.objects.filter(status="new").select_related("customer").order_by("number")
        return found.filter(customer__city=city) if city else found
