"""A mail server that takes no mail keeps no dyno up, and gets each mail once when it is well."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from local import process
from local.laptop import ROOT, Laptop, laptop
from pipeline.tasks.notices import sender

from ..chaos.gate import Gate
from ..chaos.proxies import TcpProxy, mail_texts, served
from ..mails import Moody, Running, mail_server
from ..waiting import PATIENCE, until
from . import client

ENVIRON = {
    "DOCUMENTS": "tests.journey.slow",
    "KEEPER_SECONDS": "0.5",
    "LEASE_SECONDS": "2",
    "LINGER_SECONDS": "1",
    "SHUTDOWN_SECONDS": "2",
    "WAITING_PRICE": "1000",
}
LOOK_SECONDS = (4.0, pytest.param(600.0, marks=pytest.mark.by_hand))  # for which nothing may start


@contextmanager
def system(folder: Path, start: process.Start) -> Iterator[tuple[Laptop, Running, TcpProxy]]:
    """With a proxy before the mail server; while it is away, nobody reaches the server."""
    proxy = TcpProxy(Gate(), "smtp", mail_texts)
    with mail_server(folder / "server", Moody, auth_require_tls=False) as server, served(proxy):
        address, port = server.url.rsplit(":", 1)
        proxy.upstream = int(port)
        environ = {**ENVIRON, "SMTP_URL": f"{address}:{proxy.port}"}
        with laptop(folder / "up", boot_seconds=0.1, stop_seconds=5, environ=environ, start=start) as running:
            yield running, server, proxy


@pytest.fixture(scope="module")
def moody(
    tmp_path_factory: pytest.TempPathFactory, forks: process.Start
) -> Iterator[tuple[Laptop, Running, TcpProxy]]:
    """One system for the tests that leave its mail server well."""
    with system(tmp_path_factory.mktemp("moody"), forks) as parts:
        yield parts


def mails(server: Running) -> list[tuple[str, str]]:
    found = [message_from_bytes(path.read_bytes()) for path in server.folder.glob("*.eml")]
    return [(mail["Subject"], mail["Message-ID"]) for mail in found]


@pytest.mark.xdist_group("moody")
@pytest.mark.parametrize(
    ("mood", "problem"),
    [
        ({"on_login": False}, "answered 535"),
        ({"on_recipient": "451 4.7.1 Greylisted"}, "(451)"),
        ({}, "The mail server"),
    ],
    ids=["refused", "greylisted", "down"],
)
@pytest.mark.parametrize("seconds", LOOK_SECONDS)
def test_a_mail_that_is_not_taken_keeps_no_dyno_up(
    moody: tuple[Laptop, Running, TcpProxy], mood: dict[str, Any], problem: str, seconds: float
) -> None:
    running, server, proxy = moody
    well = {name: getattr(server.mailbox, name) for name in mood}
    vars(server.mailbox).update(mood)
    if not mood:
        proxy.go_away()
    export_id = client.ask(running, "slow", pages=20, seconds=0.05, chunk_pages=10)
    assert client.wait_for_end(running, export_id)["state"] == "ready"
    client.wait_for_no_workers(running)
    until(lambda: problem in client.look(running, export_id)["mail"]["problem"], "it says why")
    paid = running.dynos.dyno_seconds()
    time.sleep(seconds)
    assert client.look(running, export_id)["mail"]["state"] == "waiting"
    vars(server.mailbox).update(well)
    proxy.come_back()
    client.wait_until_told(running, export_id, PATIENCE + sender.POLICY.longest)
    assert [subject for subject, about in mails(server) if export_id in about] == ["Ready: Document"]
    assert client.look(running, export_id)["mail"] == {"state": "sent", "problem": ""}
    assert running.dynos.dyno_seconds() == paid
    print(f"{paid:.1f} dyno-seconds")


@pytest.mark.parametrize(
    ("slow", "most"), [("slow", 1), ("slow_text", 2)], ids=["before the text", "after the text"]
)
def test_all_processes_are_killed_while_a_mail_is_sent(
    tmp_path: Path, forks: process.Start, slow: str, most: int
) -> None:
    """After the text it is not known whether the mail arrived: a copy with the same Message-ID may come."""
    with system(tmp_path, forks) as (running, server, _):
        vars(server.mailbox)[slow] = 60.0
        export_id = client.ask(running, "slow", pages=4, seconds=0, chunk_pages=2)
        begun = (lambda: bool(server.mailbox.recipients)) if slow == "slow" else (lambda: bool(mails(server)))
        until(begun, "the mail is being sent")
        running.web.signal(SIGKILL)
        for dyno in running.dynos.dynos():
            if dyno.running:
                running.dynos.kill(dyno.name, SIGKILL)
        killed = time.monotonic()
        vars(server.mailbox)[slow] = 0.0
        keeper = forks(
            (sys.executable, "-m", "pipeline", "keeper"), cwd=ROOT, env=running.env,
            output=running.folder / "logs" / "keeper.log",
        )  # fmt: skip
        try:
            client.wait_until_told(running, export_id)
            print(f"{time.monotonic() - killed:.1f} s after the kill")
            client.wait_for_no_workers(running)
        finally:
            keeper.end(5)
        assert 1 <= len(mails(server)) <= most
        assert len(set(mails(server))) == 1
