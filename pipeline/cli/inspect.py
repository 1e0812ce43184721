"""status, wait, fetch, cancel, list: look at exports, get their files, cancel them."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from ..errors import RedisDown
from . import context, options, output

if TYPE_CHECKING:
    from ..exports.export import Export
    from ..exports.repository import ExportRepository


@click.command()
@options.export_id
@options.machine
def status(export_id: str, machine: bool) -> None:
    """Show the state and progress of an export.

    \b
    JSON: the export as GET /v1/exports/ID shows it.
    """
    from ..exports import notices
    from ..exports.export import Channel
    from .watch import steps

    stores = context.stores()
    export = stores.exports.load(export_id)
    if machine:
        from ..scaler.quotes import represent

        output.answer(represent(stores, export))
        return
    output.say(f"{export.state}  {export.document}, {export.name}, requested by {export.owner}")
    if not export.state.over:
        what, done, total = steps(export, stores.progress(export))
        output.say(f"{what}: {done} of {total}" if total else what)
    if export.result:
        output.tell_files(export.result)
        output.tell_skipped(export.result)
    if export.failure:
        output.say(f"{export.failure.message} {export.failure.advice}".rstrip())
    for notice in export.notices:
        where = urlsplit(notice.to.to).hostname if notice.channel is Channel.WEBHOOK else notice.to.to
        words = f"{notice.channel} to {where}, {notice.event}: {notices.standing(notice)}."
        output.say(f"{words} {notice.problem}".rstrip())


@click.command()
@options.export_id
@click.option("--timeout", type=click.FloatRange(0), help="Wait at most this many seconds.")
@options.quiet
@options.machine
def wait(export_id: str, timeout: float | None, quiet: bool, machine: bool) -> None:
    """Wait until an export is over.

    \b
    JSON: the export as GET /v1/exports/ID shows it, when it is ready.
    """
    from .watch import follow

    output.end(follow(context.stores(), export_id, timeout, quiet=quiet, machine=machine))


@click.command()
@options.export_id
@options.output("The file to write [its own name, in this folder].")
@options.force
@options.quiet
@options.machine
def fetch(export_id: str, force: bool, quiet: bool, machine: bool, **where: Path | None) -> None:
    """Download the file of an export; volumes and their index as FILE-1-of-5.pdf and FILE-index.pdf.

    \b
    JSON: as of render.
    """
    from .download import result_of, save

    began, stores = time.monotonic(), context.stores()
    result = result_of(stores.exports.load(export_id))
    paths = save(stores, export_id, where["output"], quiet=quiet, force=force)
    output.tell_file(result, paths, time.monotonic() - began, machine)


@click.command()
@options.export_id
@options.machine
def cancel(export_id: str, machine: bool) -> None:
    """Cancel an export that is not over yet.

    \b
    JSON: the export as GET /v1/exports/ID shows it.
    """
    from ..tasks import flow

    services = context.services()
    with suppress(RedisDown):  # the bucket has the new state: workers read it there, and the keeper cleans up
        flow.cancel(services, export_id)
    export = services.exports.load(export_id)
    if machine:
        from ..scaler.quotes import represent

        output.answer(represent(services, export))
    else:
        output.say(f"{export.id}  {export.state}")


@click.command("list")
@click.option("--owner", help="Only exports of this owner.")
@click.option("--limit", type=click.IntRange(1), default=20, help="At most this many [20].")
@options.machine
def list_(owner: str | None, limit: int, machine: bool) -> None:
    """List the last exports, newest first.

    \b
    JSON: {"exports": […]}, each as GET /v1/exports shows it.
    """
    from ..exports.views import summary

    found = _newest(context.stores().exports, owner, limit)
    if machine:
        settings = context.settings()
        shown = [summary(export, settings.base_url, settings.keep_seconds) for export in found]
        output.answer({"exports": shown})
        return
    for e in found:
        moment = output.moment(e.created_at)
        output.say(f"{e.id}  {moment}  {e.state:<10}  {output.counted(e.pages, 'page'):>13}  {e.owner}  {e.name}")


def _newest(exports: ExportRepository, owner: str | None, limit: int) -> list[Export]:
    """Return the last exports, newest first. Without an owner it reads all exports of the bucket."""
    from ..exports.lists import Wanted

    if owner is not None:
        return list(exports.page(Wanted(owner), limit).exports)
    return list(reversed(deque(exports.all(), maxlen=limit)))


commands = {each.name: each for each in (status, wait, fetch, cancel, list_)}
