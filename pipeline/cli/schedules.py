"""schedules: what runs by the clock."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import click

from . import context, options, output


@click.command()
@options.machine
def schedules(machine: bool) -> None:
    """List what runs by the clock, with its last and next run.

    \b
    JSON: {"schedules": [{"name", "task", "times", "next", "last", "outcome", "problem"}]}
    """
    from ..tasks.schedules.last_runs import standings

    stores = context.stores()
    found = standings(stores)
    if machine:
        output.answer({"schedules": found})
        return
    zone = ZoneInfo(stores.settings.timezone)
    for each in found:
        last, following = (_moment(at, zone) for at in (each.last, each.next))
        output.say(f"{each.name:<14} {each.task:<18} {each.times}")
        output.say(f"{'':<14} next {following}, last {last}  {each.outcome}".rstrip())
        if each.problem:
            output.say(f"{'':<14} problem: {each.problem}")
    runner = "celery -A pipeline.celery beat" if stores.settings.beat == "celery" else "the keeper that leads"
    output.note(f"Times are in {stores.settings.timezone} (TIMEZONE). They are run by {runner}.")


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if at else "never"


commands = {"schedules": schedules}
