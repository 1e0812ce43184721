"""A mail of the shop's own when a PDF is ready."""

from __future__ import annotations

from typing import Any

from django.core.mail import send_mail
from django.dispatch import receiver
from django.template.loader import render_to_string
from django.urls import reverse
from manypages.django import export_ready


@receiver(export_ready)
def tell(request: Any, **_: Any) -> None:
    """Write to the user who pressed the button. The link asks for the permission again."""
    if request.user is None or not request.user.email:
        return
    scheme, host = "https" if request.spec.get("secure") else "http", request.spec.get("host", "localhost")
    place = reverse("admin:manypages_export_file", args=[request.export_id])
    text = render_to_string("orders/ready.txt", {"request": request, "url": f"{scheme}://{host}{place}"})
    send_mail(f"Ready: {request.name}", text, None, [request.user.email])
