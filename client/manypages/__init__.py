"""Very large PDFs from any app: send rows, follow, download. See `Client`."""

from __future__ import annotations

from .client import Client
from .element import element_path
from .errors import Cancelled, ExportFailed, InvalidRow, ManypagesError, NotFound, Refused, TimedOut, Unavailable
from .export import Export, Progress
from .upload import Input

__all__ = [
    "Cancelled",
    "Client",
    "Export",
    "ExportFailed",
    "Input",
    "InvalidRow",
    "ManypagesError",
    "NotFound",
    "Progress",
    "Refused",
    "TimedOut",
    "Unavailable",
    "element_path",
]
__version__ = "0.1.0"
