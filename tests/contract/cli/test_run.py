"""keeper, worker and prepare."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from pipeline.exports.export import Export
from pipeline.exports.ids import new_id
from pipeline.exports.lists import marks
from pipeline.exports.request import ExportRequest
from pipeline.services import Services
from pipeline.tasks.submit import submit

from ...conftest import Environ, SentMessages
from .conftest import SECONDS, Run, answer, await_that, error, started


def test_prepare_sets_the_lifecycle(run: Run) -> None:
    result = run("prepare", KEEP_DAYS="3")
    assert result.exit_code == 0, result.output
    assert "inputs/sent/ after 7 days, exports/ after 93 days" in result.stdout
    assert "workers/ after 91 days" in result.stdout, "longer than an export may take that is charged for them"
    assert answer(run("prepare", "--json")) == {"lifecycle": True, "released": []}


def test_what_lists_an_export_goes_with_its_record(run: Run) -> None:
    said = run("prepare", KEEP_DAYS="3").stdout
    for mark in marks(Export(new_id(), "table", {}, "shop", 0.0, subject="user-1")):
        assert f" {mark.partition('/')[0]}/ after 93 days" in said


def test_prepare_needs_a_secret_but_no_lifecycle(run: Run) -> None:
    refused = run("prepare", "--json", AWS_SECRET_ACCESS_KEY="wrong")
    assert (refused.exit_code, answer(refused)) == (0, {"lifecycle": False, "released": []})
    assert "could not set the lifecycle" in refused.stderr
    unsafe = run("prepare", "--json", SECRET_KEY="")
    assert (unsafe.exit_code, error(unsafe)["field"]) == (2, "SECRET_KEY")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_keeper_repairs_until_stopped(
    environ: Environ, services: Services, messages: SentMessages, put_photos: Callable[[int], str],
    number: signal.Signals,
) -> None:  # fmt: skip
    order = ExportRequest("photos", {"listing": put_photos(1)}, "cli")
    export = submit(services, order).export  # its message went nowhere
    with started(environ, "keeper") as keeper:
        await_that(lambda: services.redis.messages.waiting())
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
