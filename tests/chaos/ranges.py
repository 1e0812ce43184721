"""Tables of a few pages are measured in several ranges, and where their pages were found up to is kept at each.

Named by DOCUMENTS in the environment of the processes under test.
"""

from __future__ import annotations

import sys

from pipeline.exports import measures
from pipeline.tasks.plan import paginate

if "pytest" not in sys.modules:  # the process of the test runs others, too
    measures.RANGE_BYTES = 2000
    measures.SMALL_BYTES = 8000  # what other documents have stored is less
    paginate.SAVE_SECONDS = 0.0
