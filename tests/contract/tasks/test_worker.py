"""The worker as each of its two commands starts it, beside a real Redis and bucket."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGTERM

import psutil
import pytest

from pipeline.adapters.redis.messages import SMALL
from pipeline.exports.export import State
from pipeline.exports.request import ExportRequest
from pipeline.settings import Settings
from pipeline.tasks.submit import submit

from ... import steps
from ...commands import CELERY, OURS, SECONDS
from ...conftest import Environ
from ...journey import slow
from ...mails import Moody, Running, mail_server
from ...waiting import until

both_commands = pytest.mark.parametrize(
    "worker", [[*CELERY, "worker", "-l", "info"], [*OURS, "worker"]], ids=["celery", "pipeline"], indirect=True
)


@pytest.fixture
def slow_mail(tmp_path: Path, environ: Environ) -> Iterator[Running]:
    """A mail server that has a mail for 9 s before it says so."""
    with mail_server(tmp_path, Moody, auth_require_tls=False) as server:
        server.mailbox.slow_text = 9.0
        environ |= {"SMTP_URL": server.url, "MAIL_FROM": "pdf@example.org", "SHUTDOWN_SECONDS": "27"}
        yield server


@pytest.fixture(params=[[*CELERY, "worker", "-l", "info"]], ids=["celery"])
def worker(
    environ: Environ, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    env = {**os.environ, **environ, "WORKER_CONCURRENCY": "1", "MONITORING": "on"}
    env.setdefault("SHUTDOWN_SECONDS", "3")
    env["LOG_FORMAT"] = "logfmt"
    env["DOCUMENTS"] = slow.__name__
    env.pop("REMAP_SIGTERM", None)
    log = tmp_path / "worker.log"
    with log.open("wb") as out:
        process = subprocess.Popen(request.param, env=env, stdout=out, stderr=out)
    yield process, log
    process.kill()
    process.wait()


@both_commands
def test_both_commands_start_the_same_worker(
    worker: tuple[subprocess.Popen[bytes], Path], settings: Settings, put_photos: Callable[[int], str]
) -> None:
    """It draws, reports its heartbeat, leads as keeper, and finishes its page after SIGTERM, as on Heroku.

    Celery logs a soft shutdown only when a task is at work.
    """
    process, log = worker
    with steps.sending(settings) as (services, _):
        export_id = submit(services, ExportRequest("photos", {"listing": put_photos(3)}, "shop")).export.id
        until(lambda: services.exports.load(export_id).state is State.READY, "the export is ready")
        until(lambda: [one.name for one in services.redis.workers.up()] == ["worker"], "it reports")
        until(lambda: services.redis.leases.held(["keeper"]) == {"keeper"}, "the keeper leads")
        record = r"^ts=\S+ level=info logger=pipeline.tasks.step .*step=render chunk=0 outcome=done pages="
        assert re.search(record, log.read_text(), re.MULTILINE)
        params = {"pages": 1000, "seconds": 0.2}
        drawing = submit(services, ExportRequest("slow", params, "shop", chunk_pages=1000)).export.id
        until(lambda: bool(services.redis.leases.held([f"{drawing}:0"])), "a chunk is being drawn")
        process.send_signal(SIGTERM)
        assert process.wait(SECONDS) == 0
        said = log.read_text()
        assert "Cold shutdown" in said and "Warm shutdown" not in said, "the warm one has no time limit"
        assert services.redis.workers.up() == []
        assert not services.redis.leases.held(["keeper"])


def test_celerys_command_starts_no_worker_without_a_key_either(environ: Environ) -> None:
    command, env = [*CELERY, "worker", "-l", "info"], environ | {"SECRET_KEY": ""}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode != 0
    assert "SECRET_KEY is not set; links cannot be signed." in ended.stderr


@pytest.mark.parametrize("worker", [[*OURS, "worker"]], ids=["pipeline"], indirect=True)
def test_a_worker_that_is_stopped_notes_first_that_its_mail_was_taken(
    slow_mail: Running, worker: tuple[subprocess.Popen[bytes], Path], settings: Settings,
    put_photos: Callable[[int], str],
) -> None:  # fmt: skip
    """Heroku stops a dyno while the mail server scans the mail that it has."""
    process, log = worker
    with steps.sending(settings) as (services, _):
        request = ExportRequest("photos", {"listing": put_photos(1)}, "shop", notify="a@example.org")
        export_id = submit(services, request).export.id
        until(lambda: bool(list(slow_mail.folder.glob("*.eml"))), "the mail server has the mail")
        process.send_signal(SIGTERM)
        assert process.wait(SECONDS) == 0
        (notice,) = services.exports.load(export_id).notices
        assert (notice.handed_over, notice.sent_at is not None) == (1, True), log.read_text()


def test_drain_ends_a_worker_at_its_page(
    worker: tuple[subprocess.Popen[bytes], Path], settings: Settings, environ: Environ
) -> None:
    """As the hook of a container: the pages that are drawn are stored, the rest is back in its queue."""
    process, _ = worker
    with steps.sending(settings) as (services, _):
        params = {"pages": 4000, "seconds": 0.1}
        drawing = submit(services, ExportRequest("slow", params, "shop", chunk_pages=4000)).export.id
        until(lambda: steps.pages_done(services, drawing) > 0, "pages are drawn")
        said = subprocess.run([*OURS, "drain", "--pid", str(process.pid)], env=environ, timeout=SECONDS)
        assert (said.returncode, process.wait(SECONDS)) == (0, 0)
        (stored,) = services.segments.found(drawing).values()
        assert 0 < sum(pages for _, pages in stored) < 4000
        assert services.redis.messages.waiting([SMALL]) == 1
    missing = subprocess.run([*OURS, "drain", "--pid", str(process.pid)], env=environ, timeout=SECONDS)
    assert missing.returncode == 3


def test_drain_stops_nothing_but_a_worker(environ: Environ) -> None:
    """Outside of a container every process is below the first one."""
    with subprocess.Popen(["sleep", "600"]) as other:
        said = subprocess.run(
            [*OURS, "drain", "--pid", str(other.pid)], env=environ, capture_output=True, text=True, timeout=SECONDS
        )
        assert (said.returncode, other.poll()) == (3, None)
        assert f"There is no worker at or below process {other.pid}." in said.stderr
        other.kill()


@both_commands
def test_a_page_that_takes_too_long_is_dropped_at_a_stop(
    worker: tuple[subprocess.Popen[bytes], Path], settings: Settings
) -> None:
    """After SHUTDOWN_SECONDS, here 3: Heroku kills 30 s after SIGTERM. The message is back in its queue by then."""
    process, _ = worker
    with steps.sending(settings) as (services, _):
        params = {"pages": 2, "seconds": 2 * SECONDS}
        drawing = submit(services, ExportRequest("slow", params, "shop", chunk_pages=2)).export.id
        until(lambda: bool(services.redis.leases.held([f"{drawing}:0"])), "a chunk is being drawn")
        process.send_signal(SIGTERM)
        assert process.wait(SECONDS) == 0
        assert services.redis.messages.waiting([SMALL]) > 0
        assert services.redis.messages.unacknowledged() == []


def test_a_worker_that_is_told_to_stop_while_it_starts_logs_no_error(
    worker: tuple[subprocess.Popen[bytes], Path],
) -> None:
    """Heroku sends SIGTERM to every process of a dyno; a child that has just been forked ends at once."""
    process, log = worker
    main = psutil.Process(process.pid)
    until(lambda: bool(main.children()), "a child is forked")
    for child in main.children():
        child.kill()
    process.send_signal(SIGTERM)
    assert process.wait(SECONDS) == 0, log.read_text()
    assert "CRITICAL" not in log.read_text()
    assert "Traceback" not in log.read_text()
