"""The lists of the admin."""

from __future__ import annotations

from django.contrib import admin
from manypages.django import PdfExportMixin

from .models import Customer, Order


@admin.register(Order)
class OrderAdmin(PdfExportMixin, admin.ModelAdmin):
    """Orders, with a button that takes all that the filters leave."""

    list_display = ("number", "customer", "city", "status", "total", "gift", "day")
    list_filter = ("status", "gift", "customer__city")
    list_select_related = ("customer",)
    search_fields = ("number", "customer__name")
    date_hierarchy = "day"
    pdf_totals = ("total",)

    @admin.display(description="city")
    def city(self, order: Order) -> str:
        """Return the city of the customer."""
        return order.customer.city


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    """Customers."""

    list_display = ("name", "city")
