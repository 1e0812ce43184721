"""The faults, as a table: what happens when a request is at the point of the run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

from local.dynos import Fault as HerokuFault

from . import messages, redis_server
from .gate import PASS, Effect, Request, When
from .stage import NotThere, Stage

Act = Callable[[Stage, Request], Effect]
STOP_SECONDS = 5.0
DEPLOY_SECONDS = 15.0
TOGETHER = "+"  # between the names of two faults of a run
SECOND_SECONDS = 1.5  # from the first of two to the second: while the first is repaired


@dataclass(frozen=True)
class Fault:
    """A fault by its name. `act` begins it, and says what happens to the request. `seconds`: how long it lasts.

    `once`: no segment may be stored a second time because of it.
    """

    name: str
    act: Act
    seconds: float = 0.0
    once: bool = False


def _kill_process(stage: Stage, request: Request) -> Effect:
    os.kill(stage.process_at(request.port), SIGKILL)
    return PASS


def _kill_dyno(stage: Stage, request: Request) -> Effect:
    stage.signal(stage.pids_of_dyno_at(request.port), SIGKILL)
    return PASS


def _kill_leader(stage: Stage, request: Request) -> Effect:
    stage.signal({stage.leader()}, SIGKILL)
    return PASS


def _kill_web(stage: Stage, request: Request) -> Effect:
    stage.restart_web()
    return PASS


def _stop_web(stage: Stage, request: Request, seconds: float) -> Effect:
    stage.stop_for(stage.web.pids(), seconds)
    return PASS


def _deploy(stage: Stage, request: Request) -> Effect:
    stage.beside(stage.deploy)
    return PASS


def _end_dyno(stage: Stage, request: Request) -> Effect:
    stage.signal(stage.pids_of_dyno_at(request.port), SIGTERM)
    return PASS


def _freeze_dyno(stage: Stage, request: Request) -> Effect:
    stage.signal(stage.pids_of_dyno_at(request.port), SIGSTOP)
    return PASS


def _stop_process(stage: Stage, request: Request) -> Effect:
    stage.stop_for({stage.process_at(request.port)}, STOP_SECONDS)
    return PASS


def _stop_dyno(stage: Stage, request: Request) -> Effect:
    stage.stop_for(stage.pids_of_dyno_at(request.port), STOP_SECONDS)
    return PASS


def _sleep(stage: Stage, request: Request, seconds: float) -> Effect:
    time.sleep(seconds)
    return PASS


def _this(effect: Effect, stage: Stage, request: Request) -> Effect:
    """Only the request at the point meets this."""
    return effect


def _wipe_redis(stage: Stage, request: Request) -> Effect:
    redis_server.wipe(stage.redis_port)
    return PASS


def _kill_redis(stage: Stage, request: Request, seconds: float) -> Effect:
    stage.restart_redis(seconds)
    return PASS


def _hang_redis(stage: Stage, request: Request, seconds: float) -> Effect:
    os.kill(stage.redis_pid, SIGSTOP)
    stage.later(seconds, partial(os.kill, stage.redis_pid, SIGCONT))
    return PASS


def _beside_redis(act: Callable[[int, float], None], stage: Stage, request: Request, seconds: float) -> Effect:
    """Do something to the Redis server that takes these seconds."""
    stage.beside(partial(act, stage.redis_port, seconds))
    time.sleep(0.05)  # so that it has begun when the request is passed on
    return PASS


def _refuse(service: str, stage: Stage, request: Request, seconds: float) -> Effect:
    """Reset every connection to Redis or the mail server."""
    proxy = {"redis": stage.redis, "smtp": stage.mail}[service]
    proxy.go_away()
    stage.later(seconds, proxy.come_back)
    return PASS


def _rule(
    service: str, verbs: tuple[str, ...], effect: Effect, side: When, stage: Stage, request: Request, seconds: float
) -> Effect:  # fmt: skip
    """All requests to a service that begin with one of the verbs meet this."""

    def rule(asked: Request, when: When) -> Effect:
        return effect if when == side and asked.text.startswith(verbs) else PASS

    stage.gate.rules[service] = rule
    stage.later(seconds, partial(stage.gate.forget_rule, service))
    return rule(request, side) if request.service == service else PASS


def _heroku(fault: HerokuFault, stage: Stage, request: Request) -> Effect:
    stage.running.dynos.faults.append(fault)
    return PASS


def _fill_disk(stage: Stage, request: Request, seconds: float) -> Effect:
    stage.fill_disk(seconds)
    return PASS


def _queues(act: Callable[[Stage], None], stage: Stage, request: Request) -> Effect:
    act(stage)
    return PASS


def _lasting(name: str, act: Callable[..., Effect], *seconds: float, once: bool = False) -> tuple[Fault, ...]:
    return tuple(Fault(f"{name}-{each:g}", partial(act, seconds=each), each, once) for each in seconds)


def _bucket_refuses(name: str, verbs: tuple[str, ...]) -> tuple[Fault, ...]:
    act = partial(_rule, "s3", verbs, Effect(status=503), "before")
    return _lasting(name, act, 3, 10, 150, once=True)


_WRITES, _READS = ("PUT", "POST", "DELETE"), ("GET", "HEAD")
_LOADING = Effect(reply=b"-LOADING Valkey is loading the dataset in memory\r\n")
_LATER = Effect(reply=b"451 4.7.1 Try again later\r\n")

FAULTS = (
    # processes
    Fault("kill-process", _kill_process),
    Fault("kill-dyno", _kill_dyno),
    Fault("kill-web", _kill_web),
    Fault("kill-leader", _kill_leader),
    Fault("stop-process-5", _stop_process, STOP_SECONDS),
    Fault("stop-dyno-5", _stop_dyno, STOP_SECONDS),
    Fault("term-dyno", _end_dyno, 5.0),
    Fault("freeze-dyno", _freeze_dyno, 30.0),
    *_lasting("stop-web", _stop_web, 5, 40),
    Fault("deploy", _deploy, DEPLOY_SECONDS),
    # the request at the point; "after" it, its answer is lost
    Fault("cut", partial(_this, Effect(cut=True))),
    Fault("half-an-answer", partial(_this, Effect(half=True))),
    *_lasting("slow", _sleep, 3),
    # Redis
    Fault("redis-wiped", _wipe_redis),
    *_lasting("redis-readonly", partial(_beside_redis, redis_server.refuse_writes), 1, 3, 10, 30),
    *_lasting("redis-oom", partial(_beside_redis, redis_server.fill_memory), 1, 3, 10, 30),
    *_lasting("redis-refused", partial(_refuse, "redis"), 1, 3, 10, 30),
    *_lasting("redis-killed", _kill_redis, 1, 3, 10, 30),
    *_lasting("redis-maxclients", partial(_beside_redis, redis_server.limit_clients), 3),
    *_lasting("redis-loading", partial(_rule, "redis", ("",), _LOADING, "before"), 3),
    *_lasting("redis-hangs", _hang_redis, 3),
    # the bucket
    *_bucket_refuses("bucket-writes", _WRITES),
    *_bucket_refuses("bucket-reads", _READS),
    *_bucket_refuses("bucket-all", ("",)),
    *_lasting("bucket-resets", partial(_rule, "s3", ("",), Effect(cut=True), "before"), 3),
    *_lasting("bucket-lost-answers", partial(_rule, "s3", _WRITES, Effect(cut=True), "after"), 3),
    *_lasting("bucket-truncates", partial(_rule, "s3", ("GET",), Effect(half=True), "after"), 3),
    # mail
    *_lasting("mail-refused", partial(_refuse, "smtp"), 3),
    *_lasting("mail-later", partial(_rule, "smtp", ("rcpt",), _LATER, "before"), 3),
    *_lasting("mail-lost-answers", partial(_rule, "smtp", ("Subject",), Effect(cut=True), "after"), 3),
    # the Heroku API: the next call meets it
    Fault("heroku-500", partial(_heroku, HerokuFault(status=500))),
    Fault("heroku-429", partial(_heroku, HerokuFault(status=429, headers={"Retry-After": "3"})), 3.0),
    Fault("heroku-reset", partial(_heroku, HerokuFault(reset=True))),
    Fault("heroku-lost-answer", partial(_heroku, HerokuFault(lost=True))),
    Fault("heroku-hangs", partial(_heroku, HerokuFault(hang=5.0, reset=True)), 5.0),
    # this machine
    *_lasting("disk-full", _fill_disk, 5),
    # messages
    Fault("messages-doubled", partial(_queues, messages.double)),
    Fault("messages-dropped", partial(_queues, messages.drop)),
    Fault("messages-late", partial(_queues, messages.delay), messages.LATE_SECONDS),
    Fault("messages-forged", partial(_queues, messages.forge)),
)
SHORT = tuple(fault for fault in FAULTS if fault.seconds <= 30)  # those taken at random; longer ones by name only


def named(name: str) -> Fault:
    """Return the fault of this name; of two names with a + between them, both: the second comes a little later.

    Raises KeyError for an unknown name.
    """
    known = {fault.name: fault for fault in FAULTS}
    first, *others = (known[each] for each in name.split(TOGETHER))
    for second in others:
        last = max(first.seconds, SECOND_SECONDS + second.seconds)
        first = Fault(f"{first.name}{TOGETHER}{second.name}", partial(_both, first, second), last)
    return first


def _both(first: Fault, second: Fault, stage: Stage, request: Request) -> Effect:
    def act() -> None:
        with suppress(NotThere, ProcessLookupError):  # the first one ended the process at the point
            second.act(stage, request)

    stage.later(SECOND_SECONDS, act)
    return first.act(stage, request)
