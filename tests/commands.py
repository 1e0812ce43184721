"""How tests start the program, as people do."""

from __future__ import annotations

import sys

OURS = [sys.executable, "-m", "pipeline"]
CELERY = [sys.executable, "-m", "celery", "-A", "pipeline.celery"]
SECONDS = 300  # in which a command ends, on the busiest machine
