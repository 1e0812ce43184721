"""Starts the process that reads the rows and sends them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from .models import PdfRequest

_running: list[subprocess.Popen[bytes]] = []


def start(request: PdfRequest) -> None:
    """Run `manage.py pdf_send` for a request, beside this process, and return at once.

    It has memory, a database connection and a snapshot of its own, and no time limit of a web server.
    """
    _running[:] = [process for process in _running if process.poll() is None]  # what ended is reaped
    path = os.pathsep.join(each or str(Path.cwd()) for each in sys.path)
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE, "PYTHONPATH": path}
    command = [_python(), "-m", "django", "pdf_send", str(request.pk)]
    _running.append(subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL))


def _python() -> str:
    """Return the Python of this environment. Inside uWSGI `sys.executable` is uWSGI."""
    if Path(sys.executable).name.startswith("python"):
        return sys.executable
    return str(Path(sys.prefix) / "bin" / "python")
