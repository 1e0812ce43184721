"""Customers and their orders."""

from __future__ import annotations

from django.db import models


class Customer(models.Model):
    """A customer."""

    name = models.CharField(max_length=100)
    city = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    """An order of a customer."""

    class Status(models.TextChoices):
        """Where an order stands."""

        NEW = "new", "New"
        PAID = "paid", "Paid"
        SENT = "sent", "Sent"

    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
    status = models.CharField(max_length=10, choices=Status.choices)
    total = models.DecimalField(max_digits=10, decimal_places=2)
    gift = models.BooleanField(default=False)
    day = models.DateField("ordered on")

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return self.number
