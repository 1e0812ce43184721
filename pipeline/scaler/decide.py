"""The number of workers, and why: a pure function, the same in production and in the simulator.

Chunks can be rendered side by side, so each further worker shortens the wait and costs one boot: a dyno is paid
from the moment it is ordered. The work itself costs the same on any number of workers. With p the price of a
dyno-second, L the value of a second of waiting, b the seconds until a new dyno works, c its slots and R the seconds
of work that will be left by then, the cost p*w*b + L*R/(c*w) is least at

    w = sqrt(L/p * R / (b*c)),

rounded down to a number that leaves no worker idle in the last round. R shrinks as the work is done, and is zero
for a dyno that would come too late. There is no other hysteresis. docs/scaling.md has more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, inf, sqrt
from typing import NamedTuple

EARLY_SECONDS = 5.0  # a dyno may come this long before its work: the keeper looks every few seconds only


class Resizing(StrEnum):
    """How the number of workers changes."""

    FORMATION = "formation"  # one quantity for all; Heroku stops the highest ordinals
    ONE_OFF = "one-off"  # each is started alone, and exits by itself when there is nothing to take


class Demand(NamedTuple):
    """What one export still needs, in seconds; without the chunks that workers have taken.

    A tuple, because there may be hundreds and `decide` unpacks each of them.
    """

    export_id: str
    untaken: int  # chunks that no worker has taken; predicted while the export is planned
    chunk_seconds: float  # for one of them, predicted
    before_seconds: float = 0.0  # until they can be taken: the rest of planning
    after_seconds: float = 0.0  # of the steps after the last chunk, which run alone
    deadline: float | None = None  # on the snapshot's clock


class Dyno(NamedTuple):
    """A worker that was ordered, with its ordinal number."""

    number: int
    since: float  # when it was ordered, on the snapshot's clock
    up: bool
    busy: bool
    unable: bool = False  # it is listed as up and its worker is silent, or it is being restarted for that


@dataclass(frozen=True)
class Snapshot:
    """What is known at one moment; in seconds, messages or dynos."""

    now: float
    demands: Sequence[Demand]  # of every export that is not over, or not announced yet
    dynos: Sequence[Dyno]  # all that are ordered
    boot_seconds: float  # from the order to the first message taken, learned
    api_seconds: float = 0.0  # for the call that orders
    waiting: int = 0  # messages that no worker has taken
    unacknowledged: int = 0  # messages that a worker has taken; also of dead workers: they count as work
    idle_seconds: float = 0.0  # how long nothing at all has been outstanding
    limit: int | None = None  # the most that the platform allowed when it refused more
    fitting: int | None = None  # workers that Redis has connections for


@dataclass(frozen=True)
class Policy:
    """The limits of a decision, and the value of time."""

    maximum: int
    slots: int = 1  # chunks that one worker renders at once
    minimum: int = 0
    price: float = 1.0  # of a dyno-second
    waiting_price: float = 1.0  # of a second of waiting, in the same unit: 1 is cheap, 10 is fast
    linger_seconds: float = 5.0  # how long one worker stays when nothing is left
    resizing: Resizing = Resizing.FORMATION


@dataclass(frozen=True)
class Decision:
    """How many workers are to run, and a sentence that says why.

    Workers with an ordinal above `drain_above` take no more work; they must be told so before a smaller quantity
    is set. `quantity` never stops a busy worker. Of one-off dynos, `quantity` are ordered and `drain_above` may
    stay. `holds`: seconds after which the decision changes even if nothing happens; None: it does not.
    """

    quantity: int
    drain_above: int
    reason: str
    holds: float | None = None


def decide(now: Snapshot, policy: Policy) -> Decision:
    """Grow to the right number at once, shrink from the top as the work runs out, to zero when there is none."""
    ordered = len(now.dynos)
    if not (now.demands or now.waiting or now.unacknowledged):
        return _decide_idle(now, policy)
    maximum = max(1, min(each for each in (policy.maximum, now.limit, now.fitting) if each is not None))
    load = _load(now, policy)
    wanted = min(maximum, max(1, policy.minimum, _best_number(load, policy, ordered, maximum)))
    if wanted > ordered:
        return Decision(wanted, wanted, _why_more(now, load, policy, wanted, maximum))
    return _decide_fewer(now, policy, load, maximum)


class _Load(NamedTuple):
    """The work of all exports, as far as a worker that is ordered now could help with it."""

    exports: int
    untaken: int
    chunk: float  # seconds for one of them, the mean
    finales: int  # steps that run alone, one per export
    arrival: float  # seconds until a worker that is ordered now can take a chunk
    left: int  # untaken chunks that will still be untaken by then
    held: float  # work that busy workers will still hold then, in chunks
    urgent: float  # slots that deadlines need


class _Total(NamedTuple):
    """The sum of several demands."""

    exports: int
    untaken: int
    seconds: float  # of all untaken chunks
    first: float  # seconds until the first of them can be taken
    finales: int
    dated: list[tuple[int, float, float]]  # with a deadline: chunks, seconds for one, when the last must end


def _load(now: Snapshot, policy: Policy) -> _Load:
    arrival = _arrival(now)
    waits = [(dyno, _seconds_until_up(now, dyno)) for dyno in now.dynos]
    planner = min([arrival, *(wait for _, wait in waits)])  # planning needs one worker
    # Work that begins later than a new dyno comes is left out: the dyno would be paid for waiting.
    exports, untaken, seconds, first, finales, dated = _total(now.demands, arrival + EARLY_SECONDS - planner)
    if not seconds:
        return _Load(exports, untaken, 0.0, finales, arrival, 0, 0.0, 0.0)
    chunk, begin = seconds / untaken, first + planner
    taken = 0  # chunks that the present dynos take before a new one arrives
    for dyno, wait in waits:
        free = max(begin, chunk / 2 if dyno.busy else wait)  # a busy one is half through its chunk, on average
        taken += max(0, ceil((arrival - free) / chunk))
    left = max(0, untaken - policy.slots * taken)
    held = policy.slots * sum(dyno.busy for dyno in now.dynos) * max(0.0, chunk / 2 - arrival) / chunk
    start = now.now + max(arrival, begin)
    urgent = sum(chunks / max(1.0, (end - start) // each) for chunks, each, end in dated)  # at most one per chunk
    return _Load(exports, untaken, chunk, finales, arrival, left, held, urgent * left / untaken)


def _total(demands: Sequence[Demand], latest: float) -> _Total:
    """Sum up the demands whose chunks can be taken within `latest` seconds."""
    exports = untaken = finales = 0
    seconds, first, dated = 0.0, inf, []
    for demand in demands:  # one loop: a pass for each field takes 12 µs longer with 100 exports
        _, chunks, chunk_seconds, before, after, deadline = demand
        if before > latest:
            continue
        exports += 1
        untaken += chunks
        seconds += chunks * chunk_seconds
        first = min(first, before)
        if after:
            finales += 1
        if deadline is not None and chunk_seconds:
            dated.append((chunks, chunk_seconds, deadline - after))
    return _Total(exports, untaken, seconds, first, finales, dated)


def _arrival(now: Snapshot) -> float:
    """Seconds until a dyno that is ordered now can take work."""
    return now.api_seconds + now.boot_seconds


def _seconds_until_up(now: Snapshot, dyno: Dyno) -> float:
    """Seconds until a dyno can take work. One that is late is expected to be late by as much again."""
    if dyno.unable:
        return _arrival(now)
    return 0.0 if dyno.up else abs(dyno.since + now.boot_seconds - now.now)


def _best_number(load: _Load, policy: Policy, ordered: int, maximum: int) -> int:
    """Return the number of workers of least cost, money and waiting together; none is idle in the last round."""
    if not load.left:
        return policy.minimum
    work = load.left + load.held
    best = sqrt(_waiting_value(load, policy) * work * load.chunk / (max(load.arrival, 1e-3) * policy.slots))
    urgent = load.urgent / policy.slots
    rounds = ceil(work / (policy.slots * min(float(maximum), max(1.0, best, urgent))) - 1e-9)
    wanted = ceil(work / (policy.slots * rounds) - 1e-9)
    # The cost is flat near its minimum: a second order must gain one boot besides its own.
    if ordered >= urgent and (wanted - ordered) * (best * best - ordered * wanted) < ordered * wanted:
        return min(wanted, ordered)
    return wanted


def _waiting_value(load: _Load, policy: Policy) -> float:
    """What a second is worth to all who wait, in dyno-seconds. First come, first served: the mean over exports."""
    return policy.waiting_price / policy.price * (load.exports + 1) / 2


def _decide_fewer(now: Snapshot, policy: Policy, load: _Load, maximum: int) -> Decision:
    """Stop feeding surplus workers; release those above the highest busy one."""
    ordered, busy = len(now.dynos), [dyno.number for dyno in now.dynos if dyno.busy]
    needed = ceil(max(load.untaken, load.finales) / policy.slots)
    keep = min(maximum, ordered, max(1, policy.minimum, min(needed, _highest_useful(now, policy, load))))
    if policy.resizing is Resizing.ONE_OFF:
        quantity = max(keep, len(busy))
        return Decision(quantity, quantity, _why_fewer(load, ordered, keep, quantity))
    if load.untaken and ordered <= maximum and ordered - keep < _waiting_value(load, policy):
        keep = ordered  # waiting for a low worker would cost more than keeping those below a high one
    keep = _ceiling(now, keep)
    quantity = max([keep, *busy])
    saved = (ordered - quantity) * load.chunk * (0.5 + load.untaken / (policy.slots * keep))
    if ordered <= maximum and quantity > ordered / 3 and saved < 4 * now.boot_seconds:
        quantity = ordered  # too little to be worth a call
    return Decision(quantity, keep, _why_fewer(load, ordered, keep, quantity))


def _ceiling(now: Snapshot, workers: int) -> int:
    """Return the ordinal up to which there are this many dynos that are able to work, or the highest."""
    able = [dyno.number for dyno in now.dynos if not dyno.unable]
    if len(able) == len(now.dynos):
        return workers
    return sorted(able)[workers - 1] if workers <= len(able) else len(now.dynos)


def _highest_useful(now: Snapshot, policy: Policy, load: _Load) -> int:
    """Return the highest ordinal that is up, or will be before the others have taken everything."""
    up = sum(dyno.up for dyno in now.dynos)
    empty = load.untaken * load.chunk / (policy.slots * up) if up else inf
    return max(dyno.number for dyno in now.dynos if dyno.up or _seconds_until_up(now, dyno) < empty)


def _decide_idle(now: Snapshot, policy: Policy) -> Decision:
    """Nothing is outstanding: one worker lingers, then only the minimum is left."""
    lingers = bool(now.dynos) and now.idle_seconds < policy.linger_seconds
    minimum = min(policy.maximum, policy.minimum)
    keep = max(minimum, int(lingers))
    busy = [dyno.number for dyno in now.dynos if dyno.busy]
    quantity = max([keep, *busy])
    if policy.resizing is Resizing.ONE_OFF:
        quantity = max(minimum, len(busy))  # the one that lingers may stay; if it exits, none is ordered instead
    left = policy.linger_seconds - now.idle_seconds
    waits = f"one worker waits {left:.1f} s for more" if lingers else f"{_count(keep, 'worker').lower()} stay"
    return Decision(quantity, keep, f"Nothing is outstanding; {waits}.", left if lingers else None)


def _why_more(now: Snapshot, load: _Load, policy: Policy, wanted: int, maximum: int) -> str:
    if not load.left:
        return f"How much work there is soon is not known: {_count(wanted, 'worker')} to begin with."
    rounds = ceil(load.left / (policy.slots * wanted) - 1e-9)
    limit = " (the maximum)" if wanted == maximum else ""
    if wanted == now.fitting and wanted < policy.maximum:
        limit = " (more would exceed Redis's connections)"
    return (
        f"{_chunks(load)} in {_count(load.exports, 'export')}: {_count(wanted, 'worker')}{limit}, so"
        f" {_count(rounds, 'round')}, about {load.arrival + rounds * load.chunk:.0f} s;"
        f" each costs a boot of {load.arrival:.3g} s."
    )


def _why_fewer(load: _Load, ordered: int, keep: int, quantity: int) -> str:
    waiting = f"{_chunks(load)} left to take, {_count(ordered, 'worker')}"
    if quantity < ordered:
        return f"{waiting}: the highest {ordered - quantity} can stop."
    if keep < ordered:
        return f"{waiting}: those above {keep} take no more, and can stop when idle."
    why = "is not worth its boot" if load.left else "would come too late"
    return f"{waiting}: another, up in {load.arrival:.3g} s, {why}."


def _chunks(load: _Load) -> str:
    each = f" of {load.chunk:.3g} s" if load.chunk else ""
    return f"{_count(load.untaken, 'chunk')}{each}"


def _count(number: int, what: str) -> str:
    return f"{number or 'No'} {what}{'' if number == 1 else 's'}"
