"""keeper, worker, prepare, doctor: what keeps the whole going."""

from __future__ import annotations

import logging
import os
import signal
import sys
from math import ceil

import click

from .. import logs
from ..errors import InvalidSetting, StoreDown
from . import context, options, output

HISTORY_DAYS = 90  # how long it is known that there was an export, behind the end of its file


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what the scaler would do at this moment, and change nothing.")
@options.machine
def keeper(dry_run: bool, machine: bool) -> None:
    """Repair, scale and clean up until told to stop. Web and worker processes do so anyway.

    \b
    JSON of a dry run: {"quantity", "drain_above", "reason"}
    """
    _log()
    from ..adapters.bucket.client import REQUEST
    from ..services import worker_pool
    from ..tasks.keeper import Keeper

    services = context.services(REQUEST)
    keeping = Keeper(services, worker_pool(services.settings, services.redis))
    if dry_run:
        decision = keeping.observe()
        if machine:
            output.answer(decision)
        else:
            output.say(f"{decision.quantity}: {decision.reason}")
        return
    stop = (signal.SIGTERM, signal.SIGINT)
    # Waited for, not handled: a handler may interrupt the very thread that holds the lock stop() takes.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    thread = keeping.start()
    log = logging.getLogger(__name__)
    log.info("keeper: it runs")
    log.info("keeper: %s, it stops", signal.Signals(signal.sigwait(stop)).name)
    keeping.stop()
    thread.join()


@click.command()
@click.option("--one-off", metavar="ID", help="Leave when not needed; ID tells this start from others.")
def worker(one_off: str | None) -> None:
    """Work until told to stop."""
    _log()
    from ..tasks.worker import run

    sys.exit(run(context.settings(), one_off=one_off))


@click.command()
@options.machine
def prepare(machine: bool) -> None:
    """Before a release: check the settings, let the bucket expire what is old.

    \b
    JSON: {"lifecycle": true or false}
    """
    from ..adapters.bucket.bucket import S3Bucket
    from ..documents.inputs.bucket import SENT
    from .doctor import settings_checks
    from .doctor.finding import Outcome
    from .folder import INPUT_DAYS

    settings = context.settings()
    for check in settings_checks(settings):
        if check.outcome is Outcome.FAILED:
            raise InvalidSetting(f"{check.name}: {check.words}", field=check.name, advice=check.advice)
        if check.outcome is Outcome.WARNING:
            output.note(f"{check.name}: {check.words} {check.advice}")
    # The keeper removes files when their time is over; what is left is history, and goes later.
    history = int(settings.keep_seconds // 86400) + HISTORY_DAYS
    days = {SENT: INPUT_DAYS, **dict.fromkeys(("exports/", "requests/", "owners/", "kept/"), history)}
    # Read once: when the last export of a while is over, back to a day before its first one was asked for.
    days["workers/"] = ceil(settings.export_deadline / 86400) + HISTORY_DAYS
    try:
        S3Bucket.open(settings).expire_by_itself(days)
        done = True
    except StoreDown as error:
        done = False
        output.note(f"{error.message} The keeper still removes old results; old uploads stay.")
    if machine:
        output.answer({"lifecycle": done})
    elif done:
        output.say(
            "The bucket expires " + ", ".join(f"{prefix} after {n} days" for prefix, n in days.items()) + "."
        )


@click.command()
@options.machine
def doctor(machine: bool) -> None:
    """Check every setting and service, and say what to do.

    \b
    JSON: {"checks": [{"name", "outcome", "words", "advice"}]}
    An outcome is ok, warning, failed or skipped. Exit code 6 when one has failed.
    """
    from .doctor import examine, show
    from .doctor.finding import Outcome

    checks = examine(os.environ)
    if machine:
        output.answer({"checks": checks})
    else:
        show(checks)
    if any(check.outcome is Outcome.FAILED for check in checks):
        sys.exit(6)


def _log() -> None:
    """Everything of note, with the time, to stderr."""
    logs.begin("%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
