"""status, wait, fetch, cancel, list: what became of an export."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import RedisDown
from . import context, options
from . import output as terminal

if TYPE_CHECKING:
    from ..exports.stores import Stores


@click.command()
@options.export_id
@options.machine
def status(export_id: str, machine: bool) -> None:
    """How far an export is.

    \b
    JSON: the export as GET /exports/ID shows it.
    """
    from ..exports.views import progress
    from .watch import steps

    stores = context.stores()
    export = stores.exports.load(export_id)
    if machine:
        from ..scaler.quotes import represent

        terminal.answer(represent(stores, export))
        return
    terminal.say(f"{export.state}  {export.document}, {export.name}, asked for by {export.owner}")
    if not export.state.over:
        what, done, total = steps(export, progress(stores, export))
        terminal.say(f"{what}: {done} of {total}" if total else what)
    if export.result:
        terminal.tell_files(export.result)
        terminal.tell_skipped(export.result)
    if export.failure:
        terminal.say(f"{export.failure.message} {export.failure.advice}".rstrip())


@click.command()
@options.export_id
@click.option("--timeout", type=click.FloatRange(0), help="Wait so many seconds at the most.")
@options.quiet
@options.machine
def wait(export_id: str, timeout: float | None, quiet: bool, machine: bool) -> None:
    """Wait until an export is over.

    \b
    JSON: the export as GET /exports/ID shows it, when it is ready.
    """
    follow(context.stores(), export_id, timeout, quiet, machine)


@click.command()
@options.export_id
@options.output("The file to write [its own name, in this folder].")
@options.force
@options.quiet
@options.machine
def fetch(export_id: str, output: Path | None, force: bool, quiet: bool, machine: bool) -> None:
    """Copy the file of an export to here; volumes and their index as FILE-1-of-5.pdf and FILE-index.pdf.

    \b
    JSON: as of render.
    """
    from .watch import made

    began, stores = time.monotonic(), context.stores()
    result = made(stores.exports.load(export_id))
    places = save(stores, export_id, output, quiet, force)
    terminal.tell_file(result, places, time.monotonic() - began, machine)


@click.command()
@options.export_id
@options.machine
def cancel(export_id: str, machine: bool) -> None:
    """End an export that is not over yet.

    \b
    JSON: the export as GET /exports/ID shows it.
    """
    from ..tasks import flow

    services = context.services()
    with suppress(RedisDown):  # cancelled is cancelled: workers look at the bucket, the keeper tidies up
        flow.cancel(services, export_id)
    export = services.exports.load(export_id)
    if machine:
        from ..scaler.quotes import represent

        terminal.answer(represent(services, export))
    else:
        terminal.say(f"{export.id}  {export.state}")


@click.command("list")
@click.option("--owner", help="Only this person's.")
@click.option("--limit", type=click.IntRange(1), default=20, help="So many at the most [20].")
@options.machine
def list_(owner: str | None, limit: int, machine: bool) -> None:
    """The last exports, newest first.

    \b
    JSON: {"exports": […]}, each as GET /exports shows it.
    """
    from ..exports.views import summary
    from .watch import newest

    found = newest(context.stores().exports, owner, limit)
    if machine:
        base = context.settings().base_url
        terminal.answer({"exports": [summary(export, base) for export in found]})
        return
    for e in found:
        moment = terminal.moment(e.created_at)
        terminal.say(f"{e.id}  {moment}  {e.state:<10}  {e.pages:>7} pages  {e.owner}  {e.name}")


def follow(stores: Stores, export_id: str, timeout: float | None, quiet: bool, machine: bool) -> None:
    """Wait for an export and say what came of it; ExportFailed, IllegalStep or TimedOut."""
    from . import watch

    with terminal.progress(quiet) as show:
        export = watch.until_over(stores, export_id, timeout, show)
    result = watch.made(export)
    if machine:
        from ..scaler.quotes import represent

        terminal.answer(represent(stores, export))
    else:
        terminal.tell_files(result, terminal.note)


def save(stores: Stores, export_id: str, into: Path | None, quiet: bool, force: bool) -> list[Path]:
    """Copy the files of a finished export to here; where they are."""
    from . import watch

    result = watch.made(stores.exports.load(export_id))
    places = watch.places(result, into)
    for place in places:
        context.free(place, force)
    with terminal.progress(quiet) as show:
        for file, place in zip(result.files, places, strict=True):
            watch.fetch(stores.bucket, file, place, show)
    return places
