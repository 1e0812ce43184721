"""What a user of Celery types and clicks, on real parts.

Worker, inspect, report, beat, flower, metrics with promtool, locks, and the pages of django-celery-beat.
The files of monitoring/ are tested in test_monitoring.py.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from local import process
from local.monitors import flower
from local.services import Valkey
from pipeline.adapters.redis.messages import QUEUES
from pipeline.exports.request import ExportRequest
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.tasks import flow
from pipeline.tasks.submit import submit

from .. import steps
from ..commands import CELERY, OURS
from ..conftest import Environ
from ..contract.tasks.schedules import clocked
from ..contract.test_monitoring import web
from ..journey import slow
from ..readback import read
from ..shop import EXAMPLE, PYTHON, served, shop
from ..waiting import until
from . import parts

pytestmark = pytest.mark.xdist_group("admin")  # one Chromium for all, whoever runs them
ROOT = Path(__file__).parents[2]
SECONDS = 300.0  # patience: ten processes run
CELERY_OF_SHOP = (PYTHON, "-m", "celery", "-A", "shop")
IDLE = 'pipeline_workers{state="idle"} 1.0'
NODE = f"worker.1@{gethostname()}"


@dataclass(frozen=True)
class Pdfs:
    """What a shop needs of this app."""

    url: str
    token: str
    valkey: Valkey


@dataclass(frozen=True)
class System:
    """A worker, a beat and a Flower, each started by the `celery` command, and services that send them messages."""

    services: Services
    env: Environ
    flower: str
    worker: subprocess.Popen[bytes]
    beat: subprocess.Popen[bytes]
    said: Callable[[], str]

    def type(self, *words: str, wanted: int = 0) -> str:
        """Returns what a command prints."""
        ended = subprocess.run([*words], env=self.env, capture_output=True, text=True, timeout=SECONDS)
        assert ended.returncode == wanted, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def tasks(self, export_id: str) -> list[dict[str, Any]]:
        """Returns the tasks of an export as Flower's API shows them."""
        found = requests.get(f"{self.flower}/api/tasks", timeout=SECONDS).json()
        return [each for each in found.values() if export_id in (each["kwargs"] or "")]

    def submit(self, document: str, **params: Any) -> str:
        return submit(self.services, ExportRequest(document, params, "shop", chunk_pages=4000)).export.id


@pytest.fixture
def system(
    environ: Environ, settings: Settings, put_photos: Callable[[int], str], tmp_path: Path
) -> Iterator[System]:
    put_photos(2)
    env = {**os.environ, **environ, "MONITORING": "on", "DOCUMENTS": slow.__name__, "PYTHONPATH": str(ROOT)}
    env |= {"SOFT_TIME_LIMIT": "2"}  # a chunk that takes longer is put back
    env |= {"BEAT": "celery", "SCHEDULES": clocked.__name__, "TIMEZONE": "Asia/Seoul"}
    with ExitStack() as stack:
        worker = stack.enter_context(
            started("worker", "-l", "info", env=env | {"DYNO": "worker.1"}, folder=tmp_path)
        )
        beat = stack.enter_context(started("beat", "-l", "info", "--pidfile", "", env=env, folder=tmp_path))
        monitor = stack.enter_context(flower(tmp_path, env))
        services, _ = stack.enter_context(steps.sending(settings))
        yield System(services, env, monitor.url, worker, beat, (tmp_path / "beat.log").read_text)


@contextmanager
def started(*words: str, env: Environ, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command of Celery, with its log in the folder."""
    with (folder / f"{words[0]}.log").open("wb") as out:
        process = subprocess.Popen([*CELERY, *words], env=env, stdout=out, stderr=out, cwd=folder)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_what_a_user_of_celery_types_and_clicks(
    system: System, browser: Browser, valkey_server: Valkey, tmp_path: Path
) -> None:
    services = system.services
    services.bucket.put("inputs/broken.jsonl", b"this is no JSON\n")
    broken = system.submit("photos", listing="inputs/broken.jsonl")
    long = system.submit("slow", pages=4000, seconds=0.1)

    until(lambda: any(each["retried"] for each in system.tasks(long)), "Flower shows a chunk that was put back")
    check_inspect(system, long)
    flow.cancel(services, long)
    until(lambda: "started export" in system.said(), "beat starts an export")
    system.beat.terminate()
    assert system.beat.wait(SECONDS) == 0
    until(lambda: services.exports.active() == [], "all exports are over")

    album = re.findall(r"started export (\w+)", system.said())[0]
    check_flower(system, broken, album, long)
    check_metrics(services, broken)
    check_locks(system)
    with web(services) as port:
        check_periodic_tasks(Pdfs(f"http://127.0.0.1:{port}", "shop-token", valkey_server), browser, tmp_path)
    system.worker.terminate()
    assert system.worker.wait(SECONDS) == 0
    assert "No nodes replied" in system.type(*CELERY, "inspect", "ping", wanted=69)
    check_report(system)


def check_inspect(system: System, drawing: str) -> None:
    """With the name of a worker a command ends when that has answered, else after a time."""

    def inspect(what: str) -> str:
        return system.type(*CELERY, "inspect", what, "--timeout", "120", "-d", NODE)

    for what, words in (("ping", "pong"), ("registered", "pipeline.render"), ("stats", '"broker": {')):
        said = inspect(what)
        assert f"{NODE}: OK" in said and words in said, said
    kwargs = f"'kwargs': {{'export': '{drawing}', 'chunk': 0}}"  # between its tries, another export may be at work
    until(lambda: kwargs in inspect("active"), "the chunk is active")


def check_flower(system: System, broken: str, album: str, cancelled: str) -> None:
    """A step that failed returns, since a chord counts what is raised; Flower shows it as failed nevertheless."""
    until(lambda: "FAILURE" in {each["state"] for each in system.tasks(broken)}, "Flower shows the failure")
    failure = system.services.exports.load(broken).failure
    assert failure
    failed = [each for each in system.tasks(broken) if each["state"] == "FAILURE"]  # a lost lease makes two
    assert {(each["name"], each["kwargs"], each["exception"]) for each in failed} == {
        ("pipeline.plan", f"{{'export': '{broken}'}}", failure.message)
    }

    until(lambda: all(each["state"] == "SUCCESS" for each in system.tasks(album)), "all steps succeeded")
    seen = {each["name"]: each["kwargs"] for each in system.tasks(album)}
    assert seen.keys() == {f"pipeline.{step}" for step in ("plan", "render", "assemble", "deliver")}
    assert seen["pipeline.render"] == f"{{'export': '{album}', 'chunk': 0}}"
    assert any("go back" in each["exception"] for each in system.tasks(cancelled) if each["retried"])

    assert requests.get(f"{system.flower}/api/workers?refresh=1&status=1", timeout=SECONDS).json() == {NODE: True}
    page = requests.get(f"{system.flower}/broker", timeout=SECONDS).text
    rows = re.findall(r"<td>\s*(pipeline\.\w+)\s*</td>\s*<td[^>]*>\s*(\d+)", page)
    assert dict(rows) == dict.fromkeys(QUEUES, "0"), page


def check_metrics(services: Services, broken: str) -> None:
    """Queue length, failure rate, processing time; promtool finds nothing in either form."""
    failure = services.exports.load(broken).failure
    assert failure
    ours = {"Authorization": "Bearer shop-token"}
    with web(services) as port:
        address = f"http://127.0.0.1:{port}/metrics"
        until(lambda: IDLE in requests.get(address, headers=ours, timeout=SECONDS).text, "the worker reports")
        for accept in ("text/plain;version=0.0.4", "*/*"):
            answer = requests.get(address, headers=ours | {"Accept": accept}, timeout=SECONDS)
            said = subprocess.run(["promtool", "check", "metrics"], input=answer.content, capture_output=True)
            assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"")
            for series in (
                'pipeline_queue_messages{queue="pipeline.small"} 0.0',
                f'pipeline_exports_finished_total{{code="{failure.code}",document="photos",outcome="failed"}} 1.0',
                'pipeline_step_seconds_count{document="photos",step="assemble"} ',
            ):
                assert series in answer.text, answer.text


def check_locks(system: System) -> None:
    """What the script at a deploy does; the worker lives, so it stays the leader."""
    leases = system.services.redis.leases

    def released() -> bool:
        leases.take("left", SECONDS)
        said = system.type(*OURS, "locks", "--release")
        assert said.startswith("released left\n") and not leases.held(["left"]), said
        return "not released: 1, held by processes that live" in said  # a leader that was stopped leads anew

    until(released, "the worker leads")


def check_periodic_tasks(pdfs: Pdfs, browser: Browser, folder: Path) -> None:
    """In the admin of a shop: what is wrong is told at the field, the run is made by the shop's own worker."""
    made = shop(pdfs, folder, orders=20)
    worker = process.start(
        (*CELERY_OF_SHOP, "worker", "-P", "solo"), cwd=EXAMPLE, env=made.env, output=folder / "shop.log"
    )
    try:
        with served(made, folder / "web.log") as (address, _), parts.signed_in(browser, address, "ann") as page:
            add_crontab(page)
            add_periodic_task(page)
            place = run_selected(page)
            page.goto("/admin/manypages/export/")
            line = page.locator("#result_list tbody tr").filter(has_text="Paid orders")
            expect(line).to_have_count(1)
            expect(line).to_contain_text("ready")
            expect(line.get_by_role("link", name="Paid orders")).to_have_attribute("href", place)
            with page.expect_download() as coming:
                line.get_by_role("link", name="Download").click()
            (only,) = read(Path(coming.value.path())).pages
            paid = made.sql("SELECT number FROM orders_order WHERE status = 'paid'")
            assert sorted(re.findall(r"2026-\d{6}", only.text)) == sorted(str(number) for (number,) in paid)
            line.get_by_role("link", name="Paid orders").click()
            expect(page.get_by_label("Name:")).to_have_value("Paid orders")
    finally:
        worker.end(SECONDS)


def add_crontab(page: Page) -> None:
    page.goto("/admin/django_celery_beat/crontabschedule/add/")
    for label, value in (("Minute", "0"), ("Hour", "9"), ("Day(s) Of The Week", "1")):
        page.get_by_label(re.compile(f"^{re.escape(label)}")).fill(value)
    page.get_by_label("Cron Timezone").select_option("Asia/Seoul")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/crontabschedule/")


def add_periodic_task(page: Page) -> None:
    """Each Monday at nine, in Seoul; twice with JSON that the task could not use."""
    page.goto("/admin/django_celery_beat/periodictask/add/")
    page.get_by_label("Name:", exact=True).fill("Paid orders")
    page.get_by_label("Task (registered)").select_option("manypages.export")
    page.locator("#id_crontab").select_option(index=1)
    at_field = page.locator(".field-kwargs .errorlist")
    for kwargs, told in (
        ('{"document": "table"', "Unable to parse JSON"),
        ('{"document": "tabel"}', "document: There is no document 'tabel'."),
        ('{"model": "orders.order", "user": "nobody"}', "user: There is no active user 'nobody'."),
        ('{"model": "orders.order", "query": "status__exact=paid", "user": "ann"}', ""),
    ):
        if not page.locator("#id_kwargs").is_visible():
            page.locator("summary").filter(has_text="Arguments").click()
        page.locator("#id_kwargs").fill(kwargs)
        page.get_by_role("button", name="Save", exact=True).click()
        if told:
            expect(at_field).to_contain_text(told)
    page.wait_for_url("**/periodictask/")


def run_selected(page: Page) -> str:
    """Returns the address of the periodic task."""
    line = page.get_by_role("row").filter(has_text="Paid orders")
    line.get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option(label="Run selected tasks")
    page.get_by_role("button", name="Go").click()
    expect(page.locator(".messagelist")).to_contain_text("1 task was successfully run")
    return str(page.get_by_role("link", name=re.compile("Paid orders")).get_attribute("href"))


def check_report(system: System) -> None:
    said = system.type(*CELERY, "report")
    for words in (*QUEUES, "'clean-up'", "'report'", "'check'", "'album'", "timezone: 'Asia/Seoul'"):
        assert words in said
