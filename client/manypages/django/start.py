"""Starts the process that reads the rows and sends them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from . import waiting
from .models import PdfRequest, State

_running: list[subprocess.Popen[bytes]] = []


def start(request: PdfRequest) -> None:
    """Run `manage.py pdf_send` for a request that waits, beside this process, and return at once.

    It has memory, a database connection and a snapshot of its own, and no time limit of a web server. If as many
    run as may, nothing is started: the first that is done takes what waits.
    """
    transaction.on_commit(lambda: _start(request), using=request._state.db)  # the process must find it


def _start(request: PdfRequest) -> None:
    fresh = PdfRequest.objects.filter(pk=request.pk, state=State.WAITING, seen=None)
    if not waiting.room() or not fresh.update(seen=timezone.now()):
        return
    _running[:] = [process for process in _running if process.poll() is None]  # what ended is reaped
    path = os.pathsep.join(each or str(Path.cwd()) for each in sys.path)
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE, "PYTHONPATH": path}
    command = [_python(), "-m", "django", "pdf_send"]
    _running.append(subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL))


def _python() -> str:
    """Return the Python of this environment. Inside uWSGI `sys.executable` is uWSGI."""
    if Path(sys.executable).name.startswith("python"):
        return sys.executable
    return str(Path(sys.prefix) / "bin" / "python")
