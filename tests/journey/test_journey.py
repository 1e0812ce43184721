"""The whole journey over HTTP: real Valkey, real S3, real workers under the dyno manager, real SMTP."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.demo import fetch, link_in, mails
from local.laptop import ROOT, Laptop, laptop

from ..readback import read
from . import client

pytestmark = pytest.mark.xdist_group("journey")  # one system for all, whoever runs them


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Laptop:  # type: ignore[misc]  # a generator, below
    with laptop(tmp_path_factory.mktemp("system"), boot_seconds=0.2, environ={"KEEPER_SECONDS": "0.5"}) as running:
        yield running


def test_an_album_arrives_as_it_was_asked_for(system: Laptop, tmp_path: Path) -> None:
    listing = client.put_album(system, 40)
    export_id = client.ask(system, listing=listing, title="Álbum", chunk_pages=3)
    export = client.wait_for_end(system, export_id)
    assert export["state"] == "ready", export
    assert (export["result"]["records"], export["result"]["drawn"]) == (40, 40)

    seen = read(client.download(system, export_id, tmp_path))
    assert not seen.complaints
    assert [page.text.split("\n")[0] for page in seen.pages] == [f"{n} of 40" for n in range(1, 41)]
    assert all(f"Photo number {n}" in page.text for n, page in enumerate(seen.pages, 1))
    assert [(title, page) for title, page, _, _ in seen.bookmarks] == [
        (f"Photo number {n + 1}", n) for n in range(40)
    ]

    client.wait_until_told(system, export_id)
    (mail,) = [mail for mail in mails(system) if export_id in str(mail["Message-ID"])]
    assert mail["Subject"] == "Ready: Álbum"
    linked = tmp_path / "linked.pdf"
    fetch(system, link_in(mail), linked)
    assert linked.read_bytes() == (tmp_path / f"{export_id}.pdf").read_bytes()

    client.wait_for_no_workers(system)
    assert system.dynos.max_at_once <= 2
    assert not list(system.store.entries(f"exports/{export_id}/segments/"))
    assert not system.store.uploads(f"exports/{export_id}/")


def test_what_cannot_be_read_is_said_and_counted(system: Laptop, tmp_path: Path) -> None:
    listing = client.put_album(system, 6, pictures=[*(b"not a picture",), *people_pictures(5)], name="broken")
    for policy, pages in (("placeholder", 6), ("skip", 5)):
        export_id = client.ask(system, listing=listing, on_unreadable=policy, title=f"Broken {policy}")
        export = client.wait_for_end(system, export_id)
        assert export["state"] == "ready", export
        result = export["result"]
        assert (result["pages"], result["drawn"], result["skipped_count"]) == (pages, 5, 1)
        assert result["skipped"][0]["source"] == "inputs/broken/000000.jpg"
        seen = read(client.download(system, export_id, tmp_path))
        assert [page.text.split("\n")[0] for page in seen.pages][-1] == f"{pages} of {pages}"
    export_id = client.ask(system, listing=listing, on_unreadable="fail", title="Broken fail")
    export = client.wait_for_end(system, export_id)
    assert export["state"] == "failed"
    assert "Photo number 1" in export["failure"]["message"]
    client.wait_until_told(system, export_id)
    assert client.mails_to(system, "admin@example.org").count("Failed: Broken fail") == 1
    assert not list(system.store.entries(f"exports/{export_id}/result/"))


def test_segments_of_five_mib_are_copied_inside_the_bucket(system: Laptop, tmp_path: Path) -> None:
    """Law 2: the file does not pass through the process that assembles it."""
    from local.samples import photo

    listing = client.put_album(system, 60, pictures=[photo(n) for n in range(4)], name="large")
    export_id = client.ask(system, listing=listing, title="Large", chunk_pages=20)
    export = client.wait_for_end(system, export_id)
    assert export["state"] == "ready", export
    seen = read(client.download(system, export_id, tmp_path))
    assert len(seen.pages) == 60
    assert not seen.complaints
    logs = "".join(path.read_text() for path in (system.folder / "logs").glob("worker.*.log"))
    (through,) = [
        int(line.split(" bytes passed through")[0].rsplit(" ", 1)[1])
        for line in logs.splitlines()
        if export_id in line and "passed through" in line
    ]
    assert through < 0.02 * export["result"]["bytes"]


def people_pictures(count: int) -> list[bytes]:
    from ..pictures import jpeg

    return [jpeg(n, 80, 60) for n in range(count)]


def test_commands_work_beside_it(system: Laptop, tmp_path: Path) -> None:
    """In a shell that knows nothing but the file of exports."""
    (tmp_path / "rows.csv").write_text("Order,Total\n1,9.50\n")
    submit = f"submit table {tmp_path / 'rows.csv'} --wait -o {tmp_path / 'rows.pdf'} --quiet"
    for command in (submit, "list", "doctor"):
        script = f". {system.folder}/env && exec {sys.executable} -m pipeline {command}"
        env = {"PATH": os.environ["PATH"]}
        done = subprocess.run(
            ["bash", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "9.50" in read(tmp_path / "rows.pdf").pages[0].text
    assert (system.folder / "env").stat().st_mode & 0o077 == 0
    assert {f"export PDF_URL={system.url}", f"export PDF_TOKEN={system.token}"} <= set(
        (system.folder / "env").read_text().split("\n")
    )
