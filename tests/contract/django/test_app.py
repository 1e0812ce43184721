"""`manypages.django` inside the example: Django's own test runner, against a real pipeline."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from local import process
from local.laptop import Laptop, laptop

from ...journey.client import look
from ...postgres import postgres
from ...shop import EXAMPLE, PATH, PYTHON, environment, shop
from ...waiting import until

pytestmark = pytest.mark.xdist_group("django")  # one system for all
MOST_LINES = 12
READERS = 2  # unless the settings say otherwise


OLD, RUN = (
    "2026-01-01 00:00:00",
    "SELECT last_run_at FROM django_celery_beat_periodictask WHERE task = 'manypages.export'",
)
SCHEDULE = """
import datetime
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
hourly = IntervalSchedule.objects.create(every=1, period="hours")
kwargs = '{"model": "orders.order", "query": "status__exact=paid", "user": "ann"}'
before = timezone.now() - datetime.timedelta(hours=2)
PeriodicTask.objects.create(name="hourly", task="manypages.export", interval=hourly, kwargs=kwargs,
    last_run_at=before)
"""


ASKED = """
from django.contrib.auth.models import User
from manypages.django.models import PdfRequest
ann = User.objects.get(username="ann")
spec = {"site": "admin", "model": "orders.order", "query": "", "language": "en", "timezone": "Asia/Seoul"}
for number in range(6):
    PdfRequest.objects.create(key=str(number), user=ann, name="Orders", spec=spec, state="waiting")
"""


NOTING = (
    "CREATE TABLE seen (places)",
    "CREATE TRIGGER noting AFTER UPDATE OF place ON manypages_pdfrequest"
    " BEGIN INSERT INTO seen SELECT count(place) FROM manypages_pdfrequest; END",
)
"""Let the database note how many places are taken, each time that one is."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    with laptop(tmp_path_factory.mktemp("system"), workers=1, boot_seconds=0.2, start=forks) as running:
        yield running


def test_the_cases_of_django_pass(system: Laptop, tmp_path: Path) -> None:
    """In a process of its own: a process has one set of Django's settings."""
    ran = passed(environment(system, tmp_path / "shop.sqlite3", "shop.settings"), "cases_*.py")
    assert ran > 20


def test_rows_on_postgresql_come_from_one_snapshot() -> None:
    with postgres() as port:
        env = {"PDF_URL": "http://localhost", "PDF_TOKEN": "none", "SHOP_POSTGRES_PORT": str(port)}
        env |= {"PYTHONPATH": PATH, "DJANGO_SETTINGS_MODULE": "tests.contract.django.postgres_settings"}
        assert passed(env, "postgres.py") == 2


def passed(env: dict[str, str], pattern: str) -> int:
    """Run cases by Django's runner. Returns how many there were."""
    command = [PYTHON, "-W", "error::DeprecationWarning", "manage.py", "test", "tests.contract.django"]
    done = subprocess.run(
        [*command, "--pattern", pattern, "--noinput"],
        cwd=EXAMPLE, env=env, capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.search(r"Ran (\d+) test", done.stderr)
    return int(ran[1]) if ran else 0


def test_more_presses_than_places_are_read_by_few_processes(system: Laptop, tmp_path: Path) -> None:
    made = shop(system, tmp_path, orders=2000)
    made.manage("shell", stdin=ASKED)
    for statement in NOTING:
        made.sql(statement)
    command = (PYTHON, "manage.py", "pdf_send")
    readers = [process.start(command, cwd=EXAMPLE, env=made.env, output=tmp_path / f"{n}.log") for n in range(4)]
    for reader in readers:
        reader.leader.wait()
    ((most,),) = made.sql("SELECT max(places) FROM seen")
    assert 1 <= int(str(most)) <= READERS
    assert made.sql("SELECT count(DISTINCT export_id), max(state), count(place) FROM manypages_pdfrequest") == [
        (6, "asked", 0)
    ], [(tmp_path / f"{n}.log").read_text() for n in range(4)]


def test_two_real_beats_and_a_worker_make_one_export(system: Laptop, tmp_path: Path) -> None:
    made = shop(system, tmp_path, orders=20)
    made.manage("shell", stdin=SCHEDULE)
    celery = (PYTHON, "-m", "celery", "-A", "shop")
    beats = [tmp_path / f"beat-{number}.log" for number in (1, 2)]
    worker = ("worker", "-P", "solo", "-l", "info")
    beat = ("beat", "--pidfile=", "--max-interval", "1", "-l", "info")
    succeeded, done = re.compile(r"Task manypages.export\[\S+\] succeeded"), tmp_path / "worker.log"
    with ExitStack() as stack:

        def run(command: tuple[str, ...], log: Path) -> None:
            tree = process.start((*celery, *command), cwd=EXAMPLE, env=made.env, output=log)
            stack.callback(tree.end, 10.0)

        run(worker, done)
        for number, log in enumerate(beats, 1):  # the second beat does not know of the first one's run
            made.sql("UPDATE django_celery_beat_periodictask SET last_run_at = ?", OLD)
            run(beat, log)
            until(lambda n=number: len(succeeded.findall(done.read_text())) == n, "the task is done")  # type: ignore[misc]
            until(lambda: made.sql(RUN)[0][0] != OLD, "the beat has noted it")
        assert all("Sending due task hourly" in log.read_text() for log in beats)
    ((state, schedule, export_id),) = made.sql("SELECT state, schedule, export_id FROM manypages_pdfrequest")
    assert (state, schedule) == ("asked", "hourly")
    assert look(system, str(export_id))["name"] == "Orders"


def test_a_project_adds_few_lines() -> None:
    """For the button, the list and the schedule."""
    files = [path for path in EXAMPLE.rglob("*.py") if path.name not in ("documents.py", "manage.py")]
    lines = [line.strip() for path in files for line in path.read_text().splitlines()]
    added = [line for line in lines if re.search(r"manypages|MANYPAGES|PdfExportMixin|pdf_|celery_beat", line)]
    added = [line for line in added if not line.startswith('"""')]
    assert 4 <= len(added) <= MOST_LINES, added


def test_the_migration_is_complete(tmp_path: Path) -> None:
    env = {"PDF_URL": "http://localhost", "PDF_TOKEN": "none", "SHOP_DATABASE": str(tmp_path / "none.sqlite3")}
    command = [PYTHON, "manage.py", "makemigrations", "--check", "--dry-run", "manypages", "orders"]
    env |= {"PYTHONPATH": str(EXAMPLE.parents[1] / "client")}
    done = subprocess.run(command, cwd=EXAMPLE, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
