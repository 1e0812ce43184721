"""submit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pypdf
import pytest

from pipeline.exports.export import Recipient, State
from pipeline.services import Services

from ...conftest import Environ
from ...nowhere import closed_port
from ...waiting import until
from .conftest import SECONDS, Run, answer, error, finish, started, submitted


def test_a_folder_is_sent_once(run: Run, album: Path, services: Services) -> None:
    first = run("submit", "photos", album, "--key", "album-1", "--owner", "Ann B")
    assert first.exit_code == 0, first.output
    export_id = first.stdout.removesuffix("\n")
    assert "sending pictures: 12 of 12" in first.stderr
    again = run("submit", "photos", album, "--key", "album-1", "--owner", "Ann B")
    assert again.stdout.removesuffix("\n") == export_id
    assert "sending" not in again.stderr
    export = services.exports.load(export_id)
    assert (export.owner, export.state) == ("Ann B", State.QUEUED)
    assert list(export.params) == ["left_out", "listing"]
    keys = [entry.key for entry in services.bucket.entries("inputs/")]
    assert len(keys) == 13
    assert export.params["listing"] in keys
    assert all(key.startswith("inputs/sent/Ann-B-") for key in keys)


def test_what_is_left_out_of_a_folder_goes_with_the_request(run: Run, album: Path, services: Services) -> None:
    (album / "linked").symlink_to(album / "trip")
    export = services.exports.load(submitted(run, album))
    assert list(export.params["left_out"]) == [
        "A folder behind a link is left out (linked).",
        "A file whose name does not end like that of a picture is left out (notes.txt).",
    ]


def test_a_repeated_submit_sends_what_is_missing(run: Run, album: Path, services: Services) -> None:
    export_id = submitted(run, album)
    store = services.bucket
    lost = next(entry.key for entry in store.entries("inputs/") if entry.key.endswith("/5.jpg"))
    torn = next(entry.key for entry in store.entries("inputs/") if entry.key.endswith("/6.jpg"))
    store.delete([lost])
    store.put(torn, b"half")
    result = run("submit", "photos", album)
    assert result.stdout.strip() == export_id  # the same request, while the first still runs
    assert "sending pictures: 2 of 2" in result.stderr
    stored = store.get(torn)
    assert stored is not None
    assert stored.data == (album / "6.jpg").read_bytes()


def test_old_pictures_are_sent_again(run: Run, album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(run, album)
    monkeypatch.setattr("pipeline.cli.send.FRESH", -60.0)  # as if they had been there for long
    assert "sending pictures: 12 of 12" in run("submit", "photos", album).stderr


def test_ctrl_c_stops_sending_at_once(environ: Environ, album: Path, services: Services) -> None:
    for number in range(11, 4000):
        os.link(album / "1.jpg", album / f"{number}.jpg")
    store = services.bucket
    with started(environ, "submit", "photos", album) as process:
        until(lambda: any(store.entries("inputs/")), seconds=SECONDS)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in said
    assert len(list(store.entries("inputs/"))) < 3900
    assert list(store.entries("exports/")) == []


def test_a_changed_picture_is_sent_again(run: Run, album: Path, services: Services) -> None:
    submitted(run, album)
    same_size = bytearray((album / "3.jpg").read_bytes())
    same_size[-3] ^= 1
    (album / "3.jpg").write_bytes(same_size)
    export = services.exports.load(submitted(run, album))
    with services.inputs.open(export.params["listing"].rsplit("/", 1)[0] + "/3.jpg") as file:
        assert file.read() == same_size


def test_a_listing_in_the_bucket_is_named_by_its_key(
    run: Run, put_photos: Callable[[int], str], services: Services
) -> None:
    export_id = submitted(run, put_photos(3), "--rows", 2, "--notify", "ann@example.org", "--chunk-pages", 2)
    export = services.exports.load(export_id)
    assert export.params == {"rows": 2, "listing": "inputs/album.jsonl"}
    assert (export.owner, export.recipients, export.chunk_pages) == ("cli", (Recipient("ann@example.org"),), 2)


def test_the_owner_comes_from_the_environment(
    run: Run, put_photos: Callable[[int], str], services: Services
) -> None:
    result = run("submit", "photos", put_photos(1), "--json", PIPELINE_OWNER="shop")
    assert services.exports.load(answer(result)["id"]).owner == "shop"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("--notify", "nobody"), "notify"),
        (("--rows", "99"), "rows"),
        (("--chunk-pages", "-1"), "chunk_pages"),
        (("--title", ""), "title"),
    ],
)
def test_an_invalid_request_sends_nothing(
    run: Run, album: Path, services: Services, arguments: tuple[str, ...], field: str
) -> None:
    result = run("submit", "photos", album, *arguments, "--json")
    assert (result.exit_code, error(result)["field"]) == (2, field)
    assert list(services.bucket.entries("")) == []


@pytest.mark.parametrize("source", ["inputs/nothing.jsonl", "nowhere", "exports/secret.jsonl"])
def test_a_missing_source_is_refused(run: Run, services: Services, source: str) -> None:
    result = run("submit", "photos", source, "--json")
    assert result.exit_code == 2
    assert source in error(result)["message"]
    assert list(services.bucket.entries("")) == []


def test_an_export_is_kept_while_redis_is_down(
    run: Run, put_photos: Callable[[int], str], services: Services
) -> None:
    result = run("submit", "photos", put_photos(2), REDIS_URL=f"redis://127.0.0.1:{closed_port()}/0")
    assert result.exit_code == 0
    assert services.exports.load(result.stdout.strip()).state is State.QUEUED
    assert "begins when Redis is back" in result.stderr


def test_a_killed_submit_has_submitted(run: Run, environ: Environ, album: Path, services: Services) -> None:
    arguments = ("submit", "photos", album, "--key", "k", "--wait")
    with started(environ, *arguments) as process:
        assert process.stdout is not None
        export_id = process.stdout.readline().strip()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGKILL
    assert submitted(run, album, "--key", "k") == export_id
    finish(services, export_id)
    assert services.exports.load(export_id).state is State.READY


def test_submit_waits_for_a_worker(run: Run, environ: Environ, album: Path, tmp_path: Path) -> None:
    with started(environ, "worker", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as worker:
        result = run("submit", "photos", album, "-o", tmp_path / "out.pdf", "--json")
        worker.terminate()
        _, said = worker.communicate(timeout=SECONDS)
    accepted, ready = map(json.loads, result.stdout.splitlines())
    assert (result.exit_code, accepted["state"], ready["state"]) == (0, "queued", "ready")
    with pypdf.PdfReader(tmp_path / "out.pdf") as reader:
        assert len(reader.pages) == 12
    assert environ["AWS_SECRET_ACCESS_KEY"] not in said
    assert worker.returncode == 0


def test_a_single_picture_is_sent(run: Run, services: Services, album: Path) -> None:
    export_id = submitted(run, album / "trip/1.JPEG")
    finish(services, export_id)
    assert (made := services.exports.load(export_id).result)
    assert (made.pages, made.drawn) == (1, 1)


def test_a_table_of_pictures_is_refused_before_anything_is_sent(run: Run, services: Services, album: Path) -> None:
    result = run("submit", "table", album, "--json")
    assert (result.exit_code, error(result)["field"]) == (2, "source")
    assert list(services.bucket.entries("inputs/")) == []
