"""keeper and worker."""

from __future__ import annotations

import signal
from collections.abc import Callable
from subprocess import TimeoutExpired

import pytest

from pipeline.exports.request import ExportRequest
from pipeline.services import Services
from pipeline.tasks.submit import submit

from ...conftest import Environ, SentMessages
from ...waiting import until
from .conftest import SECONDS, Run, error, started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_keeper_repairs_until_stopped(
    environ: Environ, services: Services, messages: SentMessages, put_photos: Callable[[int], str],
    number: signal.Signals,
) -> None:  # fmt: skip
    order = ExportRequest("photos", {"listing": put_photos(1)}, "cli")
    export = submit(services, order).export  # its message went nowhere
    with started(environ, "keeper") as keeper:
        until(lambda: services.redis.messages.waiting(), seconds=SECONDS)
        keeper.send_signal(number)
        out, log = keeper.communicate(timeout=SECONDS)
    assert (keeper.returncode, out) == (0, "")
    assert f"export {export.id} is queued: plan" in log
    assert f"stopping after {number.name}" in log
    assert environ["AWS_SECRET_ACCESS_KEY"] not in log
    assert services.redis.leases.take("keeper", 1.0) is not None  # given back


def test_a_dry_run_without_heroku_says_what_is_missing(run: Run) -> None:
    result = run("keeper", "--dry-run", "--json")
    assert result.exit_code == 6
    assert "HEROKU_API_KEY" in error(result)["advice"]


@pytest.mark.parametrize(("name", "value"), [("DOCUMENTS", "no_such_module"), ("FONTS", "no_such_file.ttf")])
def test_a_worker_with_a_wrong_setting_does_not_start(environ: Environ, name: str, value: str) -> None:
    """It says what to correct, as every command does."""
    with started(environ | {name: value}, "worker") as worker:
        _, log = worker.communicate(timeout=SECONDS)
    assert (worker.returncode, "Traceback" in log) == (2, False)
    assert log.startswith(f"Error: {name} names {value}")


@pytest.mark.parametrize("command", ["worker", "keeper"])
def test_what_sends_notices_does_not_start_without_a_key_to_sign_them(environ: Environ, command: str) -> None:
    """Mails with links and webhooks would wait while it leads. The web process says the same."""
    with started(environ | {"SECRET_KEY": " "}, command) as process:
        try:
            _, log = process.communicate(timeout=SECONDS)
        except TimeoutExpired:
            process.terminate()
            raise
    assert (process.returncode, "Traceback" in log) == (2, False)
    assert log.startswith("Error: SECRET_KEY is not set; links cannot be signed.")
