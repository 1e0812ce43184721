"""Watch an export until it is over."""

from __future__ import annotations

import time

from ..adapters.redis.progress import Progress
from ..errors import TimedOut
from ..exports.export import MB, Export, Result, State
from ..exports.stores import Stores
from ..tasks.inline import OnProgress
from . import output
from .download import result_of

LOOK_SECONDS = 0.5


def follow(stores: Stores, export_id: str, timeout: float | None, *, quiet: bool, machine: bool) -> Result:
    """Wait for an export, print its result and return it. Raises ExportFailed, IllegalStep or TimedOut."""
    with output.progress(quiet) as show:
        export = until_over(stores, export_id, timeout, show)
    result = result_of(export)
    if machine:
        from ..scaler.quotes import represent

        output.answer(represent(stores, export))
    else:
        output.tell_files(result, output.note)
    return result


def until_over(stores: Stores, export_id: str, timeout: float | None, show: OnProgress) -> Export:
    """Wait for the end of an export and show its progress. Raises TimedOut after `timeout` seconds."""
    began = time.monotonic()
    while not (export := stores.exports.load(export_id)).state.over:
        show(*steps(export, stores.progress(export)))
        if timeout is not None and time.monotonic() - began >= timeout:
            raise TimedOut(f"Export {export_id} is {export.state} after {timeout:g} s.")
        time.sleep(LOOK_SECONDS)
    return export


def steps(export: Export, known: Progress | None) -> tuple[str, int, int]:
    """Return the step of an unfinished export, how much is done and the total: pages, or MB when assembling."""
    if known is None:
        return str(export.state), 0, 0
    if export.state is State.ASSEMBLING and known.bytes_total:
        return "assembling, MB", min(known.bytes, known.bytes_total) // MB, known.bytes_total // MB
    return "rendering pages", min(known.pages, export.pages), export.pages
