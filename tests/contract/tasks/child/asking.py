"""Exports that are asked of a web process, and what workers would do with them."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.exports.export import Export, State
from pipeline.exports.request import ExportRequest
from pipeline.services import Services
from pipeline.tasks.child.beside import Beside
from pipeline.tasks.lease import claim_name
from pipeline.tasks.submit import submit

from .... import steps
from ....conftest import SentMessages
from ....waiting import until

ROWS = 3000
SCALED = {"HEROKU_API_KEY": "key", "HEROKU_APP_NAME": "app"}
UNHURRIED = {"INLINE_SECONDS": "300", "DOCUMENTS": "tests.late_limit"}
Web = Callable[..., Services]


def ended(queue: Beside) -> bool:
    """Stop it. Returns False while a page in hand takes longer than a web process waits at its end."""
    queue.stop()
    return queue._pipe._child is None


def ask(s: Services, rows: int = 10, **changes: object) -> str:
    """Request a table whose rows are in the request, or are in a listing. Returns its id."""
    params: dict[str, object] = {"rows": [{"Order": n, "Name": f"Customer {n}"} for n in range(rows)], **changes}
    if "listing" in changes:
        del params["rows"]
    return submit(s, ExportRequest("table", params, "shop")).export.id


def given_up(s: Services, export_id: str) -> bool:
    return not s.redis.leases.held([claim_name(export_id)])


def made(s: Services, export_id: str) -> Export:
    until(lambda: s.exports.load(export_id).state.over)
    until(lambda: given_up(s, export_id))
    return s.exports.load(export_id)


def finish(s: Services, messages: SentMessages, export_id: str) -> None:
    """Do what the messages ask for, as workers do, to the end."""
    mine = [message for message in messages.sent if message[1] == export_id]
    assert mine
    if mine[0][0] == "plan":
        steps.plan(s, export_id)
    if s.exports.load(export_id).state is State.RENDERING:
        for chunk in s.exports.plan(export_id).chunks:
            steps.render(s, export_id, chunk.number)
        steps.assemble(s, export_id)
    assert s.exports.load(export_id).state is State.READY
