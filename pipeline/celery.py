"""The Celery application for the `celery` command: `celery -A pipeline.celery worker | inspect | report`.

`inspect` gets an answer with MONITORING=on.
"""

from __future__ import annotations

import importlib
import os

# Heroku stops a dyno with SIGTERM, which Celery takes as "finish everything"; SIGQUIT is the one with a time limit.
# The `celery` command has read this before it imports an application, so it is read once more. With the old name,
# SIGTERM, the shutdown would ask a process for its page a second time instead of ending it.
if os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT") == "SIGQUIT":
    import billiard.common
    from celery.worker import control, request

    importlib.reload(billiard.common)
    for module in (control, request):
        module.TERM_SIGNAME = billiard.common.TERM_SIGNAME

from celery import signals

from . import logs
from .settings import Settings
from .tasks.app import make_app

app = make_app(Settings.from_env(os.environ))


@signals.setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery has no types
def set_up_logging(**_: object) -> None:
    """Log as LOG_FORMAT says, instead of Celery's own format."""
    logs.begin(app.settings.log_format, logs.PROCESS_TEXT)
