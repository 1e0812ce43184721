"""Told once for each export of this project, when it is seen to be over."""

from __future__ import annotations

from django.dispatch import Signal

export_ready = Signal()  # request: the PdfRequest; export: as `Client.get` returns it
export_failed = Signal()  # request: the PdfRequest; message: what happened; advice: what to do
