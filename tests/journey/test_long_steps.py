"""Steps that take several times SOFT_TIME_LIMIT, and whose workers are killed meanwhile."""

from __future__ import annotations

import re
from pathlib import Path

from local import process
from local.laptop import Laptop

from ..pictures import noise
from ..readback import read
from ..waiting import until
from . import client
from .hurried import system
from .kills import KILLS

LIMITS = {"SOFT_TIME_LIMIT": "2", "TIME_LIMIT": "3", "VISIBILITY_TIMEOUT": "60"}


def parts(running: Laptop, export_id: str) -> int:
    """Returns how many parts of the file are stored."""
    return sum(len(upload.parts()) for upload in running.store.uploads(f"exports/{export_id}/result/"))


def ask_for_photos(running: Laptop) -> str:
    """Request ten photos, a large segment each, and wait until three are parts of the file. Returns the id."""
    listing = client.put_album(running, 10, pictures=[noise(1, 6)])
    export_id = client.ask(running, listing=listing, title="Photos", chunk_pages=1)
    until(lambda: parts(running, export_id) >= 3, "parts are stored")
    return export_id


def logs_of_the_right_file(running: Laptop, export_id: str, folder: Path) -> str:
    """Wait for the end, and check the file and its one mail. Returns what the workers logged."""
    export = client.wait_for_end(running, export_id)
    assert export["state"] == "ready", export
    seen = read(client.download(running, export_id, folder))
    assert [page.text.splitlines()[-1] for page in seen.pages] == [f"Photo number {n + 1}" for n in range(10)]
    assert not seen.complaints
    client.wait_until_told(running, export_id)
    assert client.mails_about(running, export_id) == ["Ready: Photos"]
    return "".join(path.read_text() for path in (running.folder / "logs").glob("worker.*.log"))


def parts_that_were_there(logs: str, export_id: str) -> int:
    return max(map(int, re.findall(rf"export {export_id}: .* (\d+) parts were there", logs)))


def test_workers_or_the_leader_are_killed_while_they_join(tmp_path: Path, forks: process.Start) -> None:
    """No part is stored again that was there."""
    with system(tmp_path, forks, DOCUMENTS="tests.journey.slow_join", **LIMITS) as running:
        for who, kill in KILLS.items():
            export_id = ask_for_photos(running)
            kill(running)
            logs = logs_of_the_right_file(running, export_id, tmp_path)
            if who == "workers":
                assert parts_that_were_there(logs, export_id) >= 3
            client.wait_for_no_workers(running)


def test_workers_are_killed_while_they_copy_what_they_drew(tmp_path: Path, forks: process.Start) -> None:
    """What is copied is not copied again, what is drawn is not drawn again, and the file is right."""
    with system(tmp_path, forks, DOCUMENTS="tests.journey.slow_copy") as running:
        export_id = ask_for_photos(running)
        KILLS["workers"](running)
        logs = logs_of_the_right_file(running, export_id, tmp_path)
        assert parts_that_were_there(logs, export_id) >= 3
