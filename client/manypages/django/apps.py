"""The app `manypages.django`, with the label `manypages`."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class ManypagesConfig(AppConfig):
    """Checks the settings."""

    name = "manypages.django"
    label = "manypages"
    verbose_name = _("PDF exports")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the check of the settings."""
        from .conf import check

        checks.register(check)
