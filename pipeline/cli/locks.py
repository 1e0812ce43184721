"""locks: what runs one at a time, and which process holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..errors import IllegalStep, NotFound
from . import context, options, output

if TYPE_CHECKING:
    from ..tasks.locks import Lock


@click.command()
@click.option(
    "--release", is_flag=False, flag_value="", default=None, metavar="[NAME]",
    help="Release this lock; without NAME, those of processes that are gone.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Release it although its holder lives.")
@options.machine
def locks(release: str | None, force: bool, machine: bool) -> None:
    """List the locks: name, holder, seconds left. It takes three seconds: a holder that lives renews its lock.

    \b
    JSON: {"locks": [{"name", "holder", "seconds", "alive"}]}; with --release {"released": [names]}
    """
    from ..adapters.redis import Coordination
    from ..tasks import locks as held

    redis = Coordination.open(context.settings())
    found = held.look(redis)
    if release is None:
        _show(found, machine)
        return
    wanted = [lock for lock in found if release in ("", lock.name)]
    if release and not wanted:
        raise NotFound(f"There is no lock {release}.", advice="`python -m pipeline locks` lists them.")
    if release and wanted[0].alive and not force:
        raise IllegalStep(
            f"{wanted[0].holder} holds {release} and lives.", advice="Stop that process first, or add --force."
        )
    released = held.release(redis, [lock for lock in wanted if force or not lock.alive])
    if machine:
        output.answer({"released": released})
        return
    for name in released:
        output.say(f"released {name}")
    if left := len(wanted) - len(released):
        output.note(f"not released: {left}, held by processes that live, or ended meanwhile")


def _show(found: Sequence[Lock], machine: bool) -> None:
    if machine:
        shown = [{"name": x.name, "holder": x.holder, "seconds": x.seconds, "alive": x.alive} for x in found]
        output.answer({"locks": shown})
        return
    for lock in found:
        output.say(f"{lock.name:<34} {lock.seconds:>6.1f} s  {lock.holder}{'' if lock.alive else ' (gone)'}")
    output.note("1 lock" if len(found) == 1 else f"{len(found)} locks")


commands = {"locks": locks}
