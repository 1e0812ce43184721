"""keeper, worker, drain, prepare, doctor: run processes, and check an installation."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from contextlib import suppress
from math import ceil
from typing import TYPE_CHECKING

import click

from .. import logs
from ..errors import InvalidSetting, NotFound, RedisDown, StoreDown
from ..settings import Settings
from . import context, options, output

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psutil

    from ..adapters.bucket.rules import Lifecycle

HISTORY_DAYS = 90  # how long the record of an export outlives its file


@click.command()
@click.option("--dry-run", is_flag=True, help="Print what the scaler would do now, and change nothing.")
@options.machine
def keeper(dry_run: bool, machine: bool) -> None:
    """Repair, scale and clean up until stopped. Web and worker processes do this anyway.

    \b
    JSON of a dry run: {"quantity", "drain_above", "reason"}
    """
    from ..adapters.bucket import REQUEST
    from ..exports.links import check_secret_key
    from ..services import worker_pool
    from ..tasks.keeper import Keeper

    _log(context.settings())
    services = context.services(REQUEST)
    keeping = Keeper(services, worker_pool(services.settings, services.redis))
    if dry_run:
        decision = keeping.observe()
        if machine:
            output.answer(decision)
        else:
            output.say(f"{decision.quantity}: {decision.reason}")
        return
    check_secret_key(services.settings)
    stop = (signal.SIGTERM, signal.SIGINT)
    # sigwait, not a handler: a handler could interrupt the thread that holds the lock that stop() needs.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    keeping.start()
    log = logging.getLogger(__name__)
    log.info("keeper: started")
    log.info("keeper: stopping after %s", signal.Signals(signal.sigwait(stop)).name)
    keeping.end(time.monotonic() + services.settings.shutdown_seconds)


@click.command()
@click.option("--one-off", metavar="ID", help="Exit when not needed. ID identifies this dyno.")
def worker(one_off: str | None) -> None:
    """Run a worker until stopped."""
    from ..tasks.worker import run

    settings = context.settings()
    _log(settings)
    sys.exit(run(settings, one_off=one_off))


@click.command()
@click.option("--pid", type=int, default=1, show_default=True, help="The worker's process, or one above it.")
def drain(pid: int) -> None:
    """Stop a worker as Heroku does, and wait for its end: for a hook before a container stops.

    The worker and its children get SIGTERM: each finishes its page, stores what is done and puts the rest back. A
    container's own signal reaches the first process only. Nothing is stopped unless there is exactly one worker.
    """
    import psutil

    found = _workers(pid)
    if len(found) != 1:
        said = f"There are {len(found)} workers" if found else "There is no worker"
        raise NotFound(f"{said} at or below process {pid}.", advice="Name the worker's process with --pid.")
    with suppress(psutil.NoSuchProcess):  # it ended in between
        for each in (found[0], *found[0].children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                each.terminate()
        while found[0].is_running() and found[0].status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.1)


def _workers(pid: int) -> list[psutil.Process]:
    """Return the workers among a process and those below it, without the children that a worker forked.

    On a machine that is no container, all processes are below the first one.
    """
    import psutil

    found: dict[int, psutil.Process] = {}
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for each in (top, *top.children(recursive=True)):
            with suppress(psutil.Error):
                words = each.cmdline()
                if "worker" in words and any("pipeline" in word for word in words):
                    found[each.pid] = each
    forked = {child.pid for each in found.values() for child in each.children(recursive=True)}
    return [each for number, each in found.items() if number not in forked]


@click.command()
@click.option("--cors", is_flag=True, help="Also let pages of BASE_URL send files to the bucket.")
@options.machine
def prepare(cors: bool, machine: bool) -> None:
    """Prepare a release: check the settings, set the lifecycle rules of the bucket, release locks left behind.

    \b
    JSON: {"lifecycle": true or false, "changed": [prefixes whose rule is new or changed],
    "kept": [ids of the bucket's other rules], "released": [names of locks]}
    """
    from .doctor import settings_checks
    from .doctor.finding import Outcome

    settings = context.settings()
    for check in settings_checks(settings):
        if check.outcome is Outcome.FAILED:
            raise InvalidSetting(f"{check.name}: {check.words}", field=check.name, advice=check.advice)
        if check.outcome is Outcome.WARNING:
            output.note(f"{check.name}: {check.words} {check.advice}")
    days = _days(settings)
    done = _set_lifecycle(settings, days)
    if cors:
        _allow_uploads(settings)
    released = _release_locks(settings)
    if machine:
        changed, kept = (done.changed, done.kept) if done else ([], [])
        output.answer({"lifecycle": done is not None, "changed": changed, "kept": kept, "released": released})
        return
    for name in released:
        output.say(f"Released {name}: the process that held it is gone.")
    if done:
        output.say(
            "The bucket removes " + ", ".join(f"{prefix} after {n} days" for prefix, n in days.items()) + "."
        )
        output.say(f"Rules that are new or changed: {', '.join(done.changed) or 'none'}.")
        output.say(f"Other lifecycle rules of the bucket, which stay: {', '.join(done.kept) or 'none'}.")


def _set_lifecycle(settings: Settings, days: Mapping[str, int]) -> Lifecycle | None:
    """Set the lifecycle rules. Returns what that changed, None if the bucket did not take them."""
    from ..adapters.bucket.s3 import S3Bucket

    try:
        done = S3Bucket.open(settings).set_lifecycle(days)
    except StoreDown as error:
        output.note(f"{error.message} The keeper still removes old results, but old uploads stay.")
        return None
    for rule in done.sooner:
        output.note(
            f'The lifecycle rule "{rule}" of the bucket also removes objects of this app, and sooner than its own '
            "rules: exports may vanish before their time. Limit it to other prefixes."
        )
    return done


def _days(settings: Settings) -> dict[str, int]:
    """Return after how many days the bucket removes what is left. The keeper removes expired files earlier."""
    from ..documents.inputs import SENT
    from ..exports.accepting import KEPT, REQUESTS
    from ..exports.lists import EVERYONE, OWNERS, SUBJECTS
    from .send import INPUT_DAYS

    history = int(settings.keep_seconds // 86400) + HISTORY_DAYS
    marks = (REQUESTS, EVERYONE, OWNERS, SUBJECTS, KEPT)
    days = {SENT: INPUT_DAYS, **dict.fromkeys(("exports/", *marks), history)}
    # Billing reads them once a busy period is over, back to a day before its first request.
    return days | {"workers/": ceil(settings.export_deadline / 86400) + HISTORY_DAYS}


def _allow_uploads(settings: Settings) -> None:
    """Let pages of BASE_URL send files to the bucket."""
    from ..adapters.bucket.s3 import S3Bucket
    from ..settings.urls import origin

    page = origin(settings.base_url)
    S3Bucket.open(settings).allow_uploads(page)
    output.note(f"The bucket takes files from pages of {page}.")


def _release_locks(settings: Settings) -> list[str]:
    """Release the locks of processes that are gone. A release does not fail for it: locks end by themselves."""
    from ..adapters.redis import Coordination
    from ..tasks.locks import release_gone

    if not settings.redis_url:
        return []
    try:
        return release_gone(Coordination.open(settings))
    except RedisDown as error:
        output.note(f"{error.message} Locks of processes that are gone end by themselves.")
        return []


@click.command()
@options.machine
def doctor(machine: bool) -> None:
    """Check every setting and service, and print what to do.

    \b
    JSON: {"checks": [{"name", "outcome", "words", "advice"}]}
    An outcome is ok, warning, failed or skipped. The exit code is 6 if a check failed.
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


def _log(settings: Settings) -> None:
    """Log to stderr, with the time."""
    logs.begin(settings.log_format, logs.PROCESS_TEXT)
    logging.getLogger("botocore").setLevel(logging.WARNING)


commands = {each.name: each for each in (keeper, worker, drain, prepare, doctor)}
