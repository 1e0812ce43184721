"""What the bucket and Redis know of the work that an export has left."""

from __future__ import annotations

import time
from contextlib import suppress

from ...adapters.redis.messages import ASSEMBLE, LARGE, LATER, PLAN, SMALL
from ...errors import NotFound
from ...exports.coverage import cover
from ...exports.export import Export, State
from ...exports.plan import Plan
from ...services import Services
from ..lease import claim_name
from ..plan.parts import missing_parts
from ..repair import ExportStatus
from ..step import lease_name

WHOLE_STEPS = ("plan", "assemble", "deliver")


def status_of(s: Services, export: Export, *, restore: bool = False) -> ExportStatus:
    """Return how far an export is. With `restore`, progress that Redis lost is noted there again."""
    missing, plan = _missing(s, export, restore)
    step, leases = "measure" if export.state is State.PLANNING else "render", s.redis.leases
    names = {lease_name(step, export.id, part): part for part in missing}
    held = leases.held(list(names))
    return ExportStatus(
        export,
        missing,
        [part for name, part in names.items() if name not in held],
        bool(leases.held([claim_name(export.id), *(lease_name(each, export.id, None) for each in WHOLE_STEPS)])),
        s.redis.messages.sent_lately(export.id),
        s.redis.messages.waiting((ASSEMBLE, SMALL, LARGE, LATER) if missing else (PLAN, ASSEMBLE)) == 0,
        time.time(),
        plan,
    )


def _missing(s: Services, export: Export, restore: bool) -> tuple[list[int], Plan | None]:
    """Return the chunks that have pages missing, and the plan; while it is made, the parts of the input."""
    if export.state is State.PLANNING:
        return missing_parts(s, export), None
    if export.state not in (State.RENDERING, State.ASSEMBLING):
        return [], None
    found, progress = s.segments.found(export.id), s.redis.progress
    if restore and progress.load(export.id) is None:
        progress.restore_pages(export.id, {c: sum(n for _, n in pieces) for c, pieces in found.items()})
    with suppress(NotFound):  # it was lost: the assembly, which the repair sends then, makes it again
        plan = s.exports.plan(export.id)
        return cover(plan, found)[1], plan
    return [], None
