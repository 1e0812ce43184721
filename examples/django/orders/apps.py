"""The app `orders`."""

from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Connects the mails."""

    name = "orders"

    def ready(self) -> None:
        """Let signals find their receivers."""
        from . import mails  # noqa: F401
