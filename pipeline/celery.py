"""The Celery application for the `celery` command: `celery -A pipeline.celery worker | inspect | flower | report`.

`inspect` and `flower` get an answer with MONITORING=on.
"""

from __future__ import annotations

import importlib
import os
import sys

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
if "worker" not in sys.argv:
    # `inspect` holds one connection while it sends by another, and Flower inspects in eight threads at once: with a
    # pool they wait for each other for ever. Without one they close a connection after its use.
    app.conf.broker_pool_limit = None


@signals.setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery has no types
def set_up_logging(**_: object) -> None:
    """Log as LOG_FORMAT says, instead of Celery's own format."""
    logs.begin(app.settings.log_format, logs.PROCESS_TEXT)
