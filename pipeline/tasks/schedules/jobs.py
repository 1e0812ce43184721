"""What schedules do: clean up, report, check the services, start exports."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

from ...errors import NoExport
from ...exports.request import ExportRequest
from ...exports.volumes import VolumeLimit
from ...services import Services
from ..submit import submit
from . import operator_mail
from .beat import Beat, Ended, Run, Waits
from .clean_up import CleanUp
from .entries import CHECK, CLEAN_UP, EXPORT, REPORT, Entry, ExportCall, entries
from .health import HealthCheck
from .last_runs import LastRuns
from .report import report

log = logging.getLogger(__name__)


def open_beat(services: Services) -> Beat:
    """Return what runs the schedules of these services."""
    found = entries(services.settings)
    clean_up, health = CleanUp(services.bucket, services.exports, services.settings), HealthCheck(services)

    def clean(_: Run) -> Ended:
        clean_up.run()
        return Ended("cleaned up")

    jobs = {
        CLEAN_UP: clean,
        REPORT: lambda run: Ended(daily_report(services, found, run)),
        CHECK: lambda run: Ended(health.run(run.now)),
        EXPORT: lambda run: start_export(services, run),
    }
    return Beat(services, jobs, found)


def daily_report(s: Services, found: list[Entry], run: Run) -> str:
    """Mail the report on yesterday. Returns what was done with it."""
    made = report(s, run.now)
    lines = [*made.lines, *_problems(s, found)]
    subject = f"{made.day}: {made.totals.exports['ready']:,} ready, {made.totals.exports['failed']:,} failed"
    if operator_mail.send(s, subject, [*lines, "", s.settings.base_url], f"report-{made.day}", run.now):
        return f"mailed the report on {made.day}"
    log.info("report: %s", " ".join(lines))
    return f"logged the report on {made.day}: without SMTP_URL and REPORT_TO it is not mailed"


def _problems(s: Services, found: list[Entry]) -> Iterator[str]:
    """Yield a line for each schedule whose last run failed."""
    runs = LastRuns(s)
    for entry in found:
        last, _ = runs.load(entry)
        if last and last.problem:
            yield f"Schedule {entry.name}: {last.problem}"


def start_export(s: Services, run: Run) -> Ended | Waits:
    """Submit the export of a schedule. Its key is made of schedule and due time, so two beats start one."""
    call = run.entry.call or ExportCall("")
    if call.exclusive and _at_work(s, run.before.export):
        words = f"export {run.before.export} is at work"
        return Waits(f"waits: {words}") if call.exclusive == "queue" else Ended(f"skipped: {words}")
    due = datetime.fromtimestamp(run.due, UTC).isoformat()
    request = ExportRequest(
        call.document, call.params, call.owner, call.notify, f"schedule {run.entry.name} {due}", call.chunk_pages,
        VolumeLimit(call.volume_pages, call.volume_bytes),
    )  # fmt: skip
    export = submit(s, request).export
    return Ended(f"started export {export.id}", export.id)


def _at_work(s: Services, export_id: str) -> bool:
    try:
        return bool(export_id) and not s.exports.load(export_id).state.over
    except NoExport:
        return False
