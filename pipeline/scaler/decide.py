"""How many workers there should be, and why: a pure function, the same in production and in the simulator.

An export's chunks can be rendered side by side, so every worker more shortens the wait and costs one boot: a
dyno is paid from the order on. The work itself costs the same by however many it is done. So with p the
price of a dyno-second, L the value of a second that somebody waits, b the seconds until a new dyno works, c
its slots and R the seconds of work that will be left by then, p*w*b + L*R/(c*w) is least at

    w = sqrt(L/p * R / (b*c)),

rounded down to a number that leaves nobody idle in the last round. R shrinks as the work is done, and is
nothing for a dyno that would come too late: that is all the hysteresis there is. docs/scaling.md has more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, inf, sqrt
from operator import mul
from typing import NamedTuple

EARLY = 5.0  # seconds a dyno may come before its work: the keeper looks every few seconds, not all the time
NO_COLUMNS: tuple[tuple[()], ...] = ((),) * 6


class Resizing(StrEnum):
    """How the number of workers changes."""

    FORMATION = "formation"  # one number for all; the platform stops the highest ordinals
    ONE_OFF = "one-off"  # each is started alone, and leaves by itself when there is nothing to take


class Demand(NamedTuple):
    """What one export still needs, in seconds. What a worker has in hand is not counted, only what it may
    take. A tuple, since there may be hundreds and decide reads them by columns."""

    export_id: str
    untaken: int  # chunks that nobody has taken; a prediction while the export is planned
    chunk_seconds: float  # of one of them, predicted
    before_seconds: float = 0.0  # until they can be taken: what is left of planning
    after_seconds: float = 0.0  # of what comes alone after the last
    deadline: float | None = None  # on the snapshot's clock


class Dyno(NamedTuple):
    """A worker that was ordered, with its ordinal number."""

    number: int
    since: float  # when it was ordered, on the snapshot's clock
    up: bool
    busy: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at one moment; everything in seconds, messages or dynos."""

    now: float
    demands: Sequence[Demand]  # of every export that is not over, or not told about
    dynos: Sequence[Dyno]  # all that are ordered
    boot_seconds: float  # from the order to the first message taken, learned
    api_seconds: float = 0.0  # that an order takes
    waiting: int = 0  # messages that no worker has taken
    unacknowledged: int = 0  # messages that a worker has, or took to its grave: they count as work
    idle_seconds: float = 0.0  # how long nothing at all has been outstanding
    limit: int | None = None  # what the platform told us when it refused more


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits within which to decide, and what is worth how much."""

    maximum: int
    slots: int = 1  # chunks that one worker renders at once
    minimum: int = 0
    price: float = 1.0  # of a dyno-second
    waiting_price: float = 1.0  # of a second that somebody waits, in the same unit: 1 is cheap, 10 is fast
    linger_seconds: float = 5.0  # one worker stays so long when nothing is left
    resizing: Resizing = Resizing.FORMATION


@dataclass(frozen=True, slots=True)
class Decision:
    """How many workers are to run, and the sentence that says why.

    Whoever has an ordinal above `drain_above` takes no more work. That must be known to them before a
    smaller quantity is set, and `quantity` never stops one that is busy. Of one-off dynos, `quantity` are
    ordered and `drain_above` may stay. `holds`: seconds after which another decision will be made although nothing
    happens until then.
    """

    quantity: int
    drain_above: int
    reason: str
    holds: float | None = None


def decide(now: Snapshot, policy: Policy) -> Decision:
    """Up to the right number at once; down from the top as the work runs out; zero when there is none."""
    ordered = len(now.dynos)
    if not (now.demands or now.waiting or now.unacknowledged):
        return _rest(now, policy)
    most = policy.maximum if now.limit is None else max(1, min(policy.maximum, now.limit))
    load = _load(now, policy)
    wanted = min(most, max(1, policy.minimum, _worth(load, policy, ordered, most)))
    if wanted > ordered:
        return Decision(wanted, wanted, _why_more(load, policy, wanted, most))
    return _down(now, policy, load, most)


class _Load(NamedTuple):
    """All exports together, as far as workers that are ordered now could help with them."""

    exports: int
    untaken: int
    chunk: float  # seconds of one of them
    finales: int  # steps that come alone, one an export
    arrival: float  # seconds until a worker that is ordered now can take a chunk
    left: int  # of the untaken chunks, those that nobody has taken by then
    held: float  # chunks' worth of what workers that are busy now will still be at then
    urgent: float  # slots that deadlines need


def _load(now: Snapshot, policy: Policy) -> _Load:
    arrival = now.api_seconds + now.boot_seconds
    due = [_due(now, dyno) for dyno in now.dynos]
    planner = min(due, default=arrival)  # nothing is planned before somebody is there
    demands = now.demands
    _, chunks, each, before, after, deadlines = zip(*demands, strict=True) if demands else NO_COLUMNS
    latest = max(0.0, arrival + EARLY - planner)
    if any(before) and max(before) > latest:
        # A dyno that came long before its work would be paid for waiting.
        return _load(replace(now, demands=[d for d in demands if d.before_seconds <= latest]), policy)
    untaken, seconds = sum(chunks), sum(map(mul, chunks, each))
    finales = len(after) - after.count(0.0)
    if not seconds:
        return _Load(len(demands), untaken, 0.0, finales, arrival, 0, 0.0, 0.0)
    chunk, lead = seconds / untaken, min(before) + planner if all(before) else 0.0
    taken = 0  # by those who are there, or will be, before a new one is
    for dyno, wait in zip(now.dynos, due, strict=True):
        taken += max(0, ceil((arrival - max(lead, chunk / 2 if dyno.busy else wait)) / chunk))
    left = max(0, untaken - policy.slots * taken)
    held = policy.slots * sum(dyno.busy for dyno in now.dynos) * max(0.0, chunk / 2 - arrival) / chunk
    dated = [] if deadlines.count(None) == len(demands) else [d for d in demands if d.deadline is not None]
    urgent = sum(_slots_for(demand, now.now + max(arrival, lead)) for demand in dated)
    return _Load(len(demands), untaken, chunk, finales, arrival, left, held, urgent * left / untaken)


def _slots_for(demand: Demand, begin: float) -> float:
    """Slots with which an export that begins then keeps its deadline; one for each chunk when none do."""
    if demand.deadline is None or not demand.chunk_seconds:
        return 0.0
    return demand.untaken / max(1.0, (demand.deadline - demand.after_seconds - begin) // demand.chunk_seconds)


def _due(now: Snapshot, dyno: Dyno) -> float:
    """Seconds until a dyno can take work. One that is late is believed to be late for as long again."""
    return 0.0 if dyno.up else abs(dyno.since + now.boot_seconds - now.now)


def _worth(load: _Load, policy: Policy, ordered: int, most: int) -> int:
    """The number of workers that costs least, money and waiting together, and none idle in the last round."""
    if not load.left:
        return 0
    work = load.left + load.held
    best = sqrt(_waiting(load, policy) * work * load.chunk / (max(load.arrival, 1e-3) * policy.slots))
    urgent = load.urgent / policy.slots
    rounds = ceil(work / (policy.slots * min(float(most), max(1.0, best, urgent))) - 1e-9)
    wanted = ceil(work / (policy.slots * rounds) - 1e-9)
    # Near the best number one more or less is all the same: a second order must gain a boot beside its own.
    if ordered >= urgent and (wanted - ordered) * (best * best - ordered * wanted) < ordered * wanted:
        return min(wanted, ordered)
    return wanted


def _waiting(load: _Load, policy: Policy) -> float:
    """What a second is worth to all who wait, in dyno-seconds. First come, first served: the mean of them."""
    return policy.waiting_price / policy.price * (load.exports + 1) / 2


def _down(now: Snapshot, policy: Policy, load: _Load, most: int) -> Decision:
    """Whoever is not needed for what is untaken takes no more; whoever stands above all who are busy may go."""
    ordered, busy = len(now.dynos), [dyno.number for dyno in now.dynos if dyno.busy]
    needed = ceil(max(load.untaken, load.finales) / policy.slots)
    keep = min(most, ordered, max(1, policy.minimum, min(needed, _useful(now, policy, load))))
    if policy.resizing is Resizing.ONE_OFF:
        quantity = max(keep, len(busy))
        return Decision(quantity, quantity, _why_fewer(load, ordered, keep, quantity))
    if load.untaken and ordered <= most and ordered - keep < _waiting(load, policy):
        keep = ordered  # for a low worker somebody would wait longer than those below a high one cost
    quantity = max(keep, max(busy, default=0))
    saved = (ordered - quantity) * load.chunk * (0.5 + load.untaken / (policy.slots * keep))
    if ordered <= most and quantity > ordered / 3 and saved < 4 * now.boot_seconds:
        quantity = ordered  # a call for so little is not worth it
    return Decision(quantity, keep, _why_fewer(load, ordered, keep, quantity))


def _useful(now: Snapshot, policy: Policy, load: _Load) -> int:
    """The highest ordinal that is up, or will be before the others have taken everything."""
    up = sum(dyno.up for dyno in now.dynos)
    empty = load.untaken * load.chunk / (policy.slots * up) if up else inf
    return max((dyno.number for dyno in now.dynos if dyno.up or _due(now, dyno) < empty), default=1)


def _rest(now: Snapshot, policy: Policy) -> Decision:
    """Nothing is outstanding: one worker lingers, then none is left but those that are always wanted."""
    lingers = bool(now.dynos) and now.idle_seconds < policy.linger_seconds
    always = min(policy.maximum, policy.minimum)
    keep = max(always, int(lingers))
    busy = [dyno.number for dyno in now.dynos if dyno.busy]
    quantity = max(keep, max(busy, default=0))
    if policy.resizing is Resizing.ONE_OFF:
        quantity = max(always, len(busy))  # who lingers may stay; had it left, nobody is ordered in its place
    left = policy.linger_seconds - now.idle_seconds
    waits = f"one worker waits {left:.1f} s for more" if lingers else f"{_count(keep, 'worker').lower()} stay"
    return Decision(quantity, keep, f"Nothing is outstanding; {waits}.", left if lingers else None)


def _why_more(load: _Load, policy: Policy, wanted: int, most: int) -> str:
    if not load.left:
        return f"How much can be done soon is not known: {_count(wanted, 'worker')} to begin with."
    rounds = ceil(load.left / (policy.slots * wanted) - 1e-9)
    limit = ", as many as there may be" if wanted == most else ""
    return (
        f"{_chunks(load)} in {_count(load.exports, 'export')}: {_count(wanted, 'worker')}{limit}, so"
        f" {_count(rounds, 'round')}, about {load.arrival + rounds * load.chunk:.0f} s;"
        f" each costs a boot of {load.arrival:.3g} s."
    )


def _why_fewer(load: _Load, ordered: int, keep: int, quantity: int) -> str:
    waiting = f"{_chunks(load)} left to take, {_count(ordered, 'worker')}"
    if quantity < ordered:
        return f"{waiting}: the highest {ordered - quantity} can go."
    if keep < ordered:
        return f"{waiting}: above {keep} nobody takes more, and can go when idle."
    why = "is not worth its boot" if load.left else "would come too late"
    return f"{waiting}: another, up in {load.arrival:.3g} s, {why}."


def _chunks(load: _Load) -> str:
    each = f" of {load.chunk:.3g} s" if load.chunk else ""
    return f"{_count(load.untaken, 'chunk')}{each}"


def _count(number: int, what: str) -> str:
    return f"{number or 'No'} {what}{'' if number == 1 else 's'}"
