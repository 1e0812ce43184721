"""Gives the process beside the web process minutes for a step in hand, and not 3 s: the machine may be busy.

Named by DOCUMENTS in its environment.
"""

from __future__ import annotations

from pipeline.tasks.child import process

process.LATE_SECONDS = 240.0
