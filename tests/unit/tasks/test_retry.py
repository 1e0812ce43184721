"""When a step that failed is tried again, as tables of numbers."""

from __future__ import annotations

import errno

import pytest

from pipeline.errors import (
    ChunkFailed,
    Conflict,
    DamagedSegment,
    DatabaseDown,
    ExportFailed,
    IllegalStep,
    InvalidRequest,
    MailDown,
    MailRefused,
    NotSupported,
    OverLimit,
    PipelineError,
    RedisDown,
    ResourceShort,
    SourceUnavailable,
    StoreDown,
    StoreRefused,
)
from pipeline.tasks.retry import Fail, Kind, Retry, RetryPolicy, kind, pages_to_try

POLICY = RetryPolicy()
SERVICES = (StoreDown, RedisDown, MailDown, DatabaseDown)
TRY_AGAIN = (OverLimit, DamagedSegment, Conflict, SourceUnavailable, ResourceShort, StoreRefused)
GIVE_UP = (InvalidRequest, ExportFailed, ChunkFailed, IllegalStep, MailRefused, NotSupported)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        *[(each("It went wrong."), Kind.SERVICE_DOWN) for each in SERVICES],
        *[(each("It went wrong."), Kind.PASSING) for each in TRY_AGAIN if each is not ResourceShort],
        (ResourceShort("The disk is full."), Kind.RESOURCE_SHORT),
        *[(each("It went wrong."), Kind.WRONG_INPUT) for each in GIVE_UP],
        (ZeroDivisionError(), Kind.PROGRAM_ERROR),
        (OSError(errno.ENOENT, "no such file"), Kind.PROGRAM_ERROR),
    ],
)
def test_every_error_is_of_one_kind(error: Exception, expected: Kind) -> None:
    assert kind(error) is expected


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("failures", [9, 100, 100_000])
def test_a_service_that_is_down_is_waited_for(service: type[PipelineError], failures: int) -> None:
    """The keeper ends the export at its deadline; the pause stays a number however often it failed."""
    error = service("It is down.")
    assert POLICY.decide(error, failures, chance=1.0) == Retry(30.0, error)


@pytest.mark.parametrize(
    ("failures", "pause"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 30), (8, 30)]
)
def test_pauses_double_up_to_30_seconds(failures: int, pause: float) -> None:
    error = StoreDown("The bucket does not answer.")
    assert POLICY.decide(error, failures, chance=1.0) == Retry(pause, error)
    assert POLICY.decide(error, failures, chance=0.5) == Retry(pause * 0.75, error)
    assert POLICY.decide(error, failures, chance=0.0) == Retry(pause / 2, error)


@pytest.mark.parametrize("kind", TRY_AGAIN)
def test_the_ninth_failure_is_final(kind: type[PipelineError]) -> None:
    error = kind("It went wrong.")
    assert [type(POLICY.decide(error, failures, 0.5)) for failures in range(1, 10)] == [Retry] * 8 + [Fail]
    assert POLICY.decide(error, 9, 0.5) == Fail(error)


@pytest.mark.parametrize("kind", GIVE_UP)
def test_an_error_that_would_come_again_fails_at_once(kind: type[PipelineError]) -> None:
    error = kind("It went wrong.")
    assert POLICY.decide(error, failures=1, chance=1.0) == Fail(error)


@pytest.mark.parametrize("error", [ZeroDivisionError("a secret"), KeyError("a secret"), Exception("a secret")])
@pytest.mark.parametrize("failures", [1, 9])
def test_an_unknown_error_fails_without_its_text(error: Exception, failures: int) -> None:
    decision = POLICY.decide(error, failures, chance=0.5)
    assert isinstance(decision, Fail)
    failure = decision.error
    assert failure.code == "PipelineError"
    assert failure.message == f"Internal error ({type(error).__name__}). It was logged; please report it."
    assert "secret" not in repr(failure) + failure.advice
    assert failure.__cause__ is None


@pytest.mark.parametrize(
    ("policy", "failures", "expected"),
    [
        (RetryPolicy(tries=2), 2, 1.0),
        (RetryPolicy(tries=2), 3, None),
        (RetryPolicy(tries=0), 1, None),
        (RetryPolicy(first=3.0), 3, 12.0),
        (RetryPolicy(longest=5.0), 5, 5.0),
    ],
)
def test_a_policy_has_its_own_numbers(policy: RetryPolicy, failures: int, expected: float | None) -> None:
    decision = policy.decide(Conflict("Another process changed it first."), failures, chance=1.0)
    assert (decision.after if isinstance(decision, Retry) else None) == expected


@pytest.mark.parametrize(
    ("missing", "attempt", "pages"),
    [
        (100, 1, 100), (100, 2, 50), (100, 3, 25), (100, 9, 1), (5, 2, 2), (5, 3, 1), (1, 1, 1), (1, 3, 1),
    ],
)  # fmt: skip
def test_each_killed_attempt_halves_the_pages(missing: int, attempt: int, pages: int) -> None:
    assert pages_to_try(missing, attempt) == pages
