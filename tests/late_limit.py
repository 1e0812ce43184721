"""Gives the process beside the web process minutes for a step in hand, and not 3 s: the machine may be busy.

Named by DOCUMENTS in its environment.
"""

from __future__ import annotations

import __main__

if hasattr(__main__, "LATE_SECONDS"):  # not in the process of the test
    __main__.LATE_SECONDS = 240.0
