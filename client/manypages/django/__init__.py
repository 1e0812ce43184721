"""The Django app: PDFs from the admin, by a schedule, from the command line. See `PdfExportMixin`."""

from __future__ import annotations

from .mixin import PdfExportMixin
from .signals import export_failed, export_ready

__all__ = ["PdfExportMixin", "export_failed", "export_ready"]
