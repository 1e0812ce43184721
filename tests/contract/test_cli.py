"""The command line, as a person and as a program use it."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import msgspec
import pypdf
import pytest
from click.testing import CliRunner, Result
from msgspec import Meta

from local.services import free_port
from pipeline.cli import options, program
from pipeline.cli.folder import listing, natural, pictures
from pipeline.cli.output import Lines
from pipeline.errors import InvalidRequest, PipelineError
from pipeline.exports.export import Charge, Export, State
from pipeline.exports.export import Result as Made
from pipeline.exports.ids import new_id
from pipeline.exports.request import ExportRequest
from pipeline.scaler.simulate.traces import Request, recorded
from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.tasks.submit import submit

from .. import steps
from ..conftest import Environ, SentMessages
from ..pictures import jpeg

ROOT = Path(__file__).parents[2]
SECONDS = 60.0  # patience with a subprocess

Run = Callable[..., Result]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Twelve photos in two folders, one of them broken, and things that are no photos."""
    folder = tmp_path / "album"
    (folder / "trip").mkdir(parents=True)
    (folder / ".cache").mkdir()
    for number in range(1, 11):
        (folder / f"{number}.jpg").write_bytes(jpeg(number))
    (folder / "trip" / "1.JPEG").write_bytes(jpeg(20))
    (folder / "7.jpg").write_bytes(b"nope")
    (folder / "trip" / "2.png").write_bytes(jpeg(21))
    for name in (".hidden.jpg", ".cache/thumb.jpg", "notes.txt"):
        (folder / name).write_bytes(jpeg(0))
    return folder


@pytest.fixture
def run(environ: Environ, services: Services) -> Run:
    """Call the program in this process, with the services of the test."""

    def call(*arguments: object, **variables: str) -> Result:
        return CliRunner(env=environ | variables).invoke(program, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def alone() -> Run:
    """Call the program in this process, with no service to be had."""
    closed = f"127.0.0.1:{free_port()}"
    variables = {"REDIS_URL": f"redis://{closed}/0", "S3_ENDPOINT_URL": f"http://{closed}"}

    def call(*arguments: object) -> Result:
        return CliRunner(env=variables).invoke(program, [str(argument) for argument in arguments])

    return call


@contextmanager
def started(environ: dict[str, str], *arguments: object, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """The program as a process of its own, killed when it is still there at the end."""
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    with subprocess.Popen(command, cwd=ROOT, env=environ, text=True, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def await_that(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def shown_on(terminal: int) -> str:
    """All that is written to a terminal until nobody has its other end open any more."""
    shown, deadline = bytearray(), time.monotonic() + SECONDS
    with suppress(OSError):  # EIO: so Linux says that it is over
        while select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
            if not (piece := os.read(terminal, 65536)):
                break
            shown += piece
    os.close(terminal)
    return shown.decode()


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def error(result: Result) -> Any:
    return answer(result)["error"]


def submitted(run: Run, source: object, *arguments: object) -> str:
    result = run("submit", "photos", source, "--quiet", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def finish(services: Services, export_id: str) -> None:
    """Do what workers do."""
    steps.plan(services, export_id)
    for chunk in range(services.exports.load(export_id).chunks):
        steps.render(services, export_id, chunk)
    steps.assemble(services, export_id)
    steps.deliver(services, export_id)


# render


def test_a_folder_is_rendered_in_the_order_a_person_counts(alone: Run, album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pdf"
    result = alone("render", "photos", album, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    made = answer(result)
    assert made["file"] == str(out)
    assert (made["pages"], made["records"], made["drawn"], made["skipped_count"]) == (12, 12, 11, 1)
    assert made["bytes"] == out.stat().st_size
    ((record, source),) = [(item["record"], item["source"]) for item in made["skipped"]]
    assert (record, source) == (7, "7.jpg")
    with pypdf.PdfReader(out) as reader:
        captions = [page.extract_text().split("\n")[1] for page in reader.pages]  # behind "x of y"
    del captions[6]  # the page that says why 7.jpg is not there
    assert captions == [*"12345689", "10", "1", "2"]


def test_the_result_is_told_in_words_with_reasons(alone: Run, album: Path, tmp_path: Path) -> None:
    result = alone("render", "photos", album, "-o", tmp_path / "out.pdf", "--rows", 2, "--columns", 2)
    assert "out.pdf: 3 pages" in result.stdout
    assert "1 of 12 could not be read:" in result.stdout
    assert "7.jpg: This is not a picture" in result.stdout
    assert "rendering pages: 3 of 3" in result.stderr


def test_quiet_is_quiet(alone: Run, album: Path, tmp_path: Path) -> None:
    assert alone("render", "photos", album, "-o", tmp_path / "out.pdf", "--quiet").stderr == ""


def test_the_parameters_of_the_document_are_options(alone: Run, album: Path, tmp_path: Path) -> None:
    arguments = ("--page-size", "A5", "--landscape", "--no-captions", "--on-unreadable", "skip", "--title", "Tést")
    result = alone("render", "photos", album, "-o", tmp_path / "out.pdf", *arguments)
    assert result.exit_code == 0, result.output
    with pypdf.PdfReader(tmp_path / "out.pdf") as reader:
        assert len(reader.pages) == 11
        assert reader.pages[0].mediabox.width > reader.pages[0].mediabox.height
        assert reader.pages[0].extract_text().strip() == "1 of 11"
        assert reader.metadata is not None
        assert reader.metadata.title == "Tést"


def test_captions_may_be_left_empty(alone: Run, album: Path, tmp_path: Path) -> None:
    alone("render", "photos", album, "-o", tmp_path / "out.pdf", "--caption", "none", "--no-page-numbers")
    with pypdf.PdfReader(tmp_path / "out.pdf") as reader:
        assert reader.pages[0].extract_text() == ""


def test_any_chunk_size_gives_the_same_pages(alone: Run, album: Path, tmp_path: Path) -> None:
    texts = []
    for size in (1, 5, 100):
        alone("render", "photos", album, "-o", tmp_path / "out.pdf", "--chunk-pages", size, "--force")
        with pypdf.PdfReader(tmp_path / "out.pdf") as reader:
            texts.append([page.extract_text() for page in reader.pages])
    assert texts[0] == texts[1] == texts[2]


@pytest.mark.parametrize(("option", "value"), [("--volume-pages", "5"), ("--volume-size", "1MiB")])
def test_a_document_is_rendered_in_volumes(
    alone: Run, album: Path, tmp_path: Path, option: str, value: str
) -> None:
    out = tmp_path / "out.pdf"
    made = answer(alone("render", "photos", album, "-o", out, option, value, "--json"))
    if option == "--volume-size":  # twelve small photos fit
        assert (made["file"], made["volumes"]) == (str(out), [])
        return
    assert made["file"] == str(tmp_path / "out-index.pdf")
    assert [volume["pages"] for volume in made["volumes"]] == [5, 5, 2]
    for number, volume in enumerate(made["volumes"], 1):
        assert volume["file"] == str(tmp_path / f"out-{number}-of-3.pdf")
        with pypdf.PdfReader(volume["file"]) as reader:
            assert f"Volume {number} of 3" in reader.pages[0].extract_text()
    assert not out.exists()
    again = alone("render", "photos", album, "-o", out, option, value, "--json")
    assert (again.exit_code, error(again)["field"]) == (2, "output")
    forced = alone("render", "photos", album, "-o", out, option, value, "--force")
    assert "out-2-of-3.pdf: pages 6 to 10" in forced.stdout


def test_a_listing_is_rendered_as_well(alone: Run, album: Path, tmp_path: Path) -> None:
    (album / "some.jsonl").write_text('{"source": "trip/2.png", "caption": "Sea"}\n{"source": "3.jpg"}\n')
    result = alone("render", "photos", album / "some.jsonl", "-o", tmp_path / "out.pdf", "--json")
    assert answer(result)["drawn"] == 2


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        (("nowhere",), "source", "nowhere is neither a folder nor a file"),
        (("empty",), "source", "There are no pictures"),
        (("album", "--chunk-pages", "0"), "chunk_pages", "x>=1"),
        (("album", "--volume-pages", "0"), "volume_pages", "x>=1"),
        (("album", "--volume-size", "10kB"), "volume_bytes", "1048576 is the least"),
        (("album", "--volume-size", "many"), "volume_bytes", "25MB is one"),
        (("album", "--volume-size", "5MB", "--volume-pages", "5"), "volume_bytes", "not both"),
        (("album", "--page-size", "A9"), "page_size", "'A9' is not one of"),
        (("album", "--rows", "0"), "rows", "photos down a page, 1 to 20"),
        (("album", "--rows", "two"), "rows", "not a valid integer"),
        (("album", "--colour", "red"), None, "No such option"),
        (("album", "-o", "no/such/out.pdf"), "output", "There is no folder no/such"),
    ],
)
def test_wrong_use_names_the_field_and_writes_nothing(
    alone: Run, album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], field: str | None, words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    result = alone("render", "photos", "-o", "out.pdf", *arguments, "--json")
    assert result.exit_code == 2
    assert error(result)["code"] == "InvalidRequest"
    assert error(result)["field"] == field
    assert words in error(result)["message"]
    assert {path.name for path in tmp_path.iterdir()} == {"album", "empty"}


def test_an_error_is_a_sentence_and_an_advice(alone: Run, tmp_path: Path) -> None:
    result = alone("render", "photos", tmp_path, "-o", tmp_path / "out.pdf", "--quiet")
    assert result.stdout == ""
    said = result.stderr.splitlines()
    assert said[0].startswith(f"Error: There are no pictures in {tmp_path}.")
    assert said[1].startswith("Pictures end in .bmp .gif .jpeg .jpg")


def test_an_unknown_document_names_the_known_ones(alone: Run, album: Path) -> None:
    result = alone("render", "letters", album, "-o", "out.pdf", "--json")
    assert (result.exit_code, error(result)["code"]) == (2, "UnknownDocument")
    assert "photos" in error(result)["message"]
    assert "DOCUMENTS" in error(result)["advice"]


@pytest.mark.parametrize("command", [(), ("render",)], ids=("program", "render"))
def test_a_command_without_its_word_shows_its_help_in_lines(alone: Run, command: tuple[str, ...]) -> None:
    result = alone(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert {"Options:", "Commands:"} <= set(result.stderr.splitlines())


def test_an_option_that_is_named_is_not_named_twice(alone: Run, album: Path) -> None:
    result = alone("render", "photos", album, "-o", "out.pdf", "--page-size", "A9")
    assert result.stderr.splitlines()[0].endswith("'Letter'.")


def test_a_listing_of_the_wrong_kind_is_shown_and_a_right_one_described(alone: Run, tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.pdf"
    rows.write_text('{"order": 1}\n{"order": 2\n')
    broken = alone("render", "table", rows, "-o", out, "--quiet").stderr.splitlines()
    assert broken[0].startswith("Error: The line '{\"order\": 2' is not a JSON object")
    assert broken[1] == "Each line is a record: {column: value}."
    rows.write_text("source;caption\n1.jpg;Sea\n")
    assert "CSV is for tables" in alone("render", "photos", rows, "-o", out, "--quiet").stderr
    assert "SOURCE" in alone("render", "table", "-o", out, "--quiet").stderr


def test_a_file_is_overwritten_only_when_told_to(alone: Run, album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pdf"
    out.write_text("precious")
    refused = alone("render", "photos", album, "-o", out)
    assert (refused.exit_code, out.read_text()) == (2, "precious")
    assert "--force" in refused.stderr
    assert alone("render", "photos", album, "-o", out, "--force").exit_code == 0
    assert out.read_bytes().startswith(b"%PDF")


def test_an_unreadable_photo_fails_when_asked_to(alone: Run, album: Path, tmp_path: Path) -> None:
    result = alone("render", "photos", album, "-o", tmp_path / "out.pdf", "--on-unreadable", "fail", "--json")
    assert (result.exit_code, error(result)["code"]) == (1, "UnreadableSource")
    assert "Photo 7, 7: This is not a picture" in error(result)["message"]
    assert list(tmp_path.iterdir()) == [album]


def test_ctrl_c_leaves_no_file_and_exits_with_130(album: Path, tmp_path: Path) -> None:
    for number in range(11, 3000):
        os.link(album / "1.jpg", album / f"{number}.jpg")
    out = tmp_path / "out"
    out.mkdir()
    with started(dict(os.environ), "render", "photos", album, "-o", out / "all.pdf", "--quiet") as process:
        await_that(lambda: list(out.iterdir()))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert list(out.iterdir()) == []


def test_rendering_needs_no_client_of_any_service(album: Path, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pipeline.cli import program\n"
        "try: program(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print({'boto3', 'celery', 'redis', 'heroku3', 'flask'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script, "render", "photos", str(album), "-o", str(tmp_path / "o.pdf")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_terminal_is_shown_a_bar(album: Path, tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    environ = dict(os.environ) | {"TERM": "xterm", "COLUMNS": "100"}
    arguments = ("render", "photos", album, "-o", tmp_path / "out.pdf")
    with started(environ, *arguments, stderr=theirs) as process:
        os.close(theirs)
        shown = shown_on(ours)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert "rendering pages" in shown
    assert "12/12" in shown


# submit


def test_a_folder_is_sent_once_and_the_same_key_gives_the_same_export(
    run: Run, album: Path, services: Services
) -> None:
    first = run("submit", "photos", album, "--key", "album-1", "--owner", "Ann B")
    assert first.exit_code == 0, first.output
    export_id = first.stdout.removesuffix("\n")
    assert "sending pictures: 12 of 12" in first.stderr
    again = run("submit", "photos", album, "--key", "album-1", "--owner", "Ann B")
    assert again.stdout.removesuffix("\n") == export_id
    assert "sending" not in again.stderr
    export = services.exports.load(export_id)
    assert (export.owner, export.state, list(export.params)) == ("Ann B", State.QUEUED, ["listing"])
    keys = [entry.key for entry in services.bucket.entries("inputs/")]
    assert len(keys) == 13
    assert export.params["listing"] in keys
    assert all(key.startswith("inputs/sent/Ann-B-") for key in keys)


def test_a_submit_that_broke_off_goes_on_where_it_was(run: Run, album: Path, services: Services) -> None:
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


def test_pictures_that_the_bucket_may_soon_remove_are_sent_again(
    run: Run, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted(run, album)
    monkeypatch.setattr("pipeline.cli.folder.FRESH", -60.0)  # as if they had been there for long
    assert "sending pictures: 12 of 12" in run("submit", "photos", album).stderr


def test_ctrl_c_stops_the_sending_at_once(environ: Environ, album: Path, services: Services) -> None:
    for number in range(11, 1000):
        os.link(album / "1.jpg", album / f"{number}.jpg")
    store = services.bucket
    with started(environ, "submit", "photos", album) as process:
        await_that(lambda: any(store.entries("inputs/")))
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in said
    assert len(list(store.entries("inputs/"))) < 900
    assert list(store.entries("exports/")) == []


def test_another_picture_under_the_same_name_is_not_taken_for_the_first(
    run: Run, album: Path, services: Services
) -> None:
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
    assert (export.owner, export.notify, export.chunk_pages) == ("cli", "ann@example.org", 2)


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
def test_a_wrong_order_sends_nothing(
    run: Run, album: Path, services: Services, arguments: tuple[str, ...], field: str
) -> None:
    result = run("submit", "photos", album, *arguments, "--json")
    assert (result.exit_code, error(result)["field"]) == (2, field)
    assert list(services.bucket.entries("")) == []


@pytest.mark.parametrize("source", ["inputs/nothing.jsonl", "nowhere", "exports/secret.jsonl"])
def test_a_source_that_is_not_there_is_refused(run: Run, services: Services, source: str) -> None:
    result = run("submit", "photos", source, "--json")
    assert result.exit_code == 2
    assert source in error(result)["message"]
    assert list(services.bucket.entries("")) == []


def test_an_export_is_kept_while_redis_is_down(
    run: Run, put_photos: Callable[[int], str], services: Services
) -> None:
    result = run("submit", "photos", put_photos(2), REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert result.exit_code == 0
    assert services.exports.load(result.stdout.strip()).state is State.QUEUED
    assert "begins when Redis is back" in result.stderr


def test_a_submit_that_is_killed_after_its_answer_has_submitted(
    run: Run, environ: Environ, album: Path, services: Services
) -> None:
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


def test_a_worker_makes_what_submit_waits_for(run: Run, environ: Environ, album: Path, tmp_path: Path) -> None:
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


# looking at exports


def test_a_ready_export_is_told_waited_for_and_fetched(
    run: Run, album: Path, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    export_id = submitted(run, album, "--title", "Our album")
    finish(services, export_id)
    told = run("status", export_id)
    assert told.stdout.startswith("ready  photos, Our album")
    assert "7.jpg: This is not a picture" in told.stdout
    assert answer(run("status", export_id, "--json"))["result"]["pages"] == 12
    assert run("wait", export_id).exit_code == 0
    fetched = run("fetch", export_id, "--json")
    assert fetched.exit_code == 0, fetched.output
    path = tmp_path / answer(fetched)["file"]
    assert path.stat().st_size == answer(fetched)["bytes"]
    with pypdf.PdfReader(path) as reader:
        assert len(reader.pages) == 12
    assert run("fetch", export_id).exit_code == 2  # it is there already
    assert run("fetch", export_id, "--force").exit_code == 0


def test_volumes_are_told_and_fetched_with_their_index(
    run: Run, album: Path, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    export_id = submitted(run, album, "--volume-pages", 5)
    finish(services, export_id)
    assert "3-of-3.pdf: pages 11 to 12, " in run("status", export_id).stdout
    own = answer(run("fetch", export_id, "--json"))
    assert own["file"].endswith("-index.pdf")
    named = answer(run("fetch", export_id, "-o", "garden.pdf", "--json"))
    assert named["file"] == "garden-index.pdf"
    assert [volume["file"] for volume in named["volumes"]] == [f"garden-{n}-of-3.pdf" for n in (1, 2, 3)]
    for one, other in zip(own["volumes"], named["volumes"], strict=True):
        assert (tmp_path / one["file"]).read_bytes() == (tmp_path / other["file"]).read_bytes()
        assert (tmp_path / one["file"]).stat().st_size == one["bytes"]
    assert run("fetch", export_id, "-o", "garden.pdf").exit_code == 2  # they are there already


def test_a_file_that_broke_off_gets_no_name(
    run: Run, put_photos: Callable[[int], str], services: Services, tmp_path: Path
) -> None:
    export_id = submitted(run, put_photos(1))
    finish(services, export_id)
    result = services.exports.load(export_id).result
    assert result is not None
    services.bucket.put(result.key, b"%PDF half")
    broken = run("fetch", export_id, "-o", tmp_path / "out.pdf", "--json")
    assert (broken.exit_code, error(broken)["code"]) == (6, "StoreDown")
    assert list(tmp_path.iterdir()) == []


def test_progress_is_known_with_and_without_redis(
    run: Run, put_photos: Callable[[int], str], services: Services
) -> None:
    export_id = submitted(run, put_photos(6), "--chunk-pages", 2)
    steps.plan(services, export_id)
    steps.render(services, export_id, 0)
    steps.render(services, export_id, 2)
    closed = f"redis://127.0.0.1:{free_port()}/0"
    assert "rendering pages: 4 of 6" in run("status", export_id).stdout
    services.redis.progress.forget(export_id)
    for variables in ({}, {"REDIS_URL": closed}):
        assert answer(run("status", export_id, "--json", **variables))["progress"]["pages_done"] == 4
    late = run("wait", export_id, "--timeout", 0)
    assert late.exit_code == 8, late.output
    assert "rendering pages: 4 of 6" in late.stderr
    assert "is rendering after 0 s" in late.stderr


def test_a_failed_export_says_why_and_exits_with_4(run: Run, album: Path, services: Services) -> None:
    export_id = submitted(run, album, "--on-unreadable", "fail", "--chunk-pages", 100)
    steps.plan(services, export_id)
    with pytest.raises(PipelineError) as broken:
        steps.render(services, export_id, 0)
    flow.fail(services, export_id, broken.value)  # as the task does
    for command in ("wait", "fetch"):
        result = run(command, export_id, "--json")
        assert (result.exit_code, error(result)["code"]) == (4, "ExportFailed")
        assert "Photo 7, 7: This is not a picture" in error(result)["message"]
    assert "Photo 7, 7: This is not a picture" in run("status", export_id).stdout


def test_an_export_is_cancelled_once(run: Run, put_photos: Callable[[int], str], services: Services) -> None:
    export_id = submitted(run, put_photos(2))
    assert run("cancel", export_id).stdout == f"{export_id}  cancelled\n"
    assert services.exports.load(export_id).state is State.CANCELLED
    for command in ("cancel", "wait", "fetch"):
        result = run(command, export_id, "--json")
        assert (result.exit_code, error(result)["code"]) == (5, "IllegalStep"), command


def test_cancelling_works_while_redis_is_down(
    run: Run, put_photos: Callable[[int], str], services: Services
) -> None:
    export_id = submitted(run, put_photos(2))
    result = run("cancel", export_id, "--json", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert (result.exit_code, answer(result)["state"]) == (0, "cancelled")


def test_an_unfinished_export_has_no_file_yet(run: Run, put_photos: Callable[[int], str]) -> None:
    result = run("fetch", submitted(run, put_photos(1)), "--json")
    assert result.exit_code == 5
    assert "pipeline wait" in error(result)["advice"]


@pytest.mark.parametrize("command", ["status", "wait", "fetch", "cancel"])
@pytest.mark.parametrize("export_id", ["01hqmzbg3a8yw2d4k6n8r0t2vx", "../../secret"])
def test_what_is_not_there_is_not_found(run: Run, command: str, export_id: str) -> None:
    result = run(command, export_id, "--json")
    assert (result.exit_code, error(result)["code"]) == (3, "NoExport")


def test_exports_are_listed_newest_first(run: Run, put_photos: Callable[[int], str]) -> None:
    source = put_photos(1)
    ids = [submitted(run, source, "--title", f"T{i}", "--owner", owner) for i, owner in enumerate("aba")]
    newest = ids[::-1]
    assert [e["id"] for e in answer(run("list", "--json"))["exports"]] == newest
    assert [e["id"] for e in answer(run("list", "--json", "--limit", 2))["exports"]] == newest[:2]
    assert [e["id"] for e in answer(run("list", "--json", "--owner", "a"))["exports"]] == [ids[2], ids[0]]
    lines = run("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == newest
    assert lines[0].endswith("a  T2")


def test_a_title_cannot_move_the_cursor(run: Run, put_photos: Callable[[int], str]) -> None:
    submitted(run, put_photos(1), "--title", "\x1b]0;gone\x07\rhere")
    said = run("list").stdout
    assert said.endswith("gone  here\n")
    assert not {"\x1b", "\x07", "\r"} & set(said)


def test_a_service_that_is_down_is_said(run: Run, environ: Environ) -> None:
    result = run("list", "--json", S3_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}")
    assert (result.exit_code, error(result)["code"]) == (6, "StoreDown")


# running


def test_a_wrong_setting_is_named(run: Run) -> None:
    result = run("list", "--json", MAX_WORKERS="none")
    assert (result.exit_code, error(result)["code"], error(result)["field"]) == (2, "InvalidSetting", "MAX_WORKERS")


def test_prepare_lets_the_bucket_expire_what_is_old(run: Run) -> None:
    result = run("prepare", KEEP_DAYS="3")
    assert result.exit_code == 0, result.output
    assert "inputs/sent/ after 7 days, exports/ after 93 days" in result.stdout
    assert "workers/ after 91 days" in result.stdout, "longer than an export may take that is charged for them"
    assert answer(run("prepare", "--json")) == {"lifecycle": True}


def test_prepare_goes_on_without_a_lifecycle_and_stops_without_a_secret(run: Run) -> None:
    refused = run("prepare", "--json", AWS_SECRET_ACCESS_KEY="wrong")
    assert (refused.exit_code, answer(refused)) == (0, {"lifecycle": False})
    assert "could not set the lifecycle" in refused.stderr
    unsafe = run("prepare", "--json", SECRET_KEY="")
    assert (unsafe.exit_code, error(unsafe)["field"]) == (2, "SECRET_KEY")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_keeper_repairs_until_it_is_told_to_stop(
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
    assert f"{number.name}, it stops" in log
    assert environ["AWS_SECRET_ACCESS_KEY"] not in log
    assert services.redis.leases.take("keeper", 1.0) is not None  # given back


def test_the_exit_codes_are_in_the_help(alone: Run) -> None:
    said = alone("--help").stdout
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 8, 130):
        assert f"\n{code:>7}  " in said


# the parts


@pytest.mark.parametrize(
    ("names", "counted"),
    [
        (["10.jpg", "2.jpg", "1.jpg"], ["1.jpg", "2.jpg", "10.jpg"]),
        (["b/1.jpg", "a/10.jpg", "a/9.jpg"], ["a/9.jpg", "a/10.jpg", "b/1.jpg"]),
        (["IMG_12b.jpg", "img_2.jpg", "IMG_12a.jpg"], ["img_2.jpg", "IMG_12a.jpg", "IMG_12b.jpg"]),
        (["x.jpg", "10", "²³.jpg"], ["10", "x.jpg", "²³.jpg"]),
        (["a/b.jpg", "a.jpg", "3/x.jpg"], ["3/x.jpg", "a/b.jpg", "a.jpg"]),
    ],
)
def test_names_are_sorted_as_a_person_counts(names: list[str], counted: list[str]) -> None:
    assert sorted(names, key=natural) == counted


def test_only_visible_pictures_are_listed(album: Path) -> None:
    assert pictures(album) == [*(f"{n}.jpg" for n in range(1, 11)), "trip/1.JPEG", "trip/2.png"]


def test_a_listing_has_a_record_a_line() -> None:
    lines = listing(['tri"p/a b.jpg', "c.jpg"], captions=True, below="inputs/x/")
    assert [json.loads(line) for line in lines] == [
        {"source": 'inputs/x/tri"p/a b.jpg', "caption": "a b"},
        {"source": "inputs/x/c.jpg", "caption": "c"},
    ]


def test_a_file_name_that_is_not_utf_8_is_named() -> None:
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        list(listing([os.fsdecode(b"caf\xe9.jpg")], captions=True))


def test_lines_of_progress_come_a_tenth_at_a_time() -> None:
    lines: list[str] = []
    show = Lines(lines.append)
    show("planning", 0, 0)
    for done in range(1, 1001):
        show("rendering", done, 1000)
    assert lines[:3] == ["planning", "rendering: 1 of 1000", "rendering: 100 of 1000"]
    assert lines[-1] == "rendering: 1000 of 1000"
    assert len(lines) == 12


class NewParams(msgspec.Struct, kw_only=True):
    """A kind of document that the command line has never heard of."""

    listing: str = ""
    copies: Annotated[Literal[1, 2], Meta(description="how many")] = 1
    max_rows: int | None = None
    columns: Annotated[list[str], Meta(description="which columns")] = []
    zebra: bool = True
    name: str


def test_a_new_document_brings_its_own_options() -> None:
    found: dict[str, Any] = {}
    command = click.Command("new", params=options.of(NewParams, {"listing"}), callback=found.update)
    run = CliRunner().invoke
    arguments = ["--name", "N", "--copies", "2", "--no-zebra", "--max-rows", "7", "--columns", '["a", "b"]']
    assert run(command, arguments).exit_code == 0
    assert found == {"name": "N", "copies": 2, "zebra": False, "max_rows": 7, "columns": ["a", "b"]}
    assert run(command, ["--name", "N"]).exit_code == 0
    assert found == {"name": "N", "copies": None, "zebra": None, "max_rows": None, "columns": None}
    assert "Missing option '--name'" in run(command, []).output
    assert "is not JSON" in run(command, ["--name", "N", "--columns", "a,b"]).output
    assert "how many [1 unless given]" in run(command, ["--help"]).output


def test_costs_are_summed_by_month_and_document(run: Run, services: Services) -> None:
    charges = [
        (1_790_000_000.0, Charge(10.0, 0.001)),
        (1_790_000_001.0, Charge(20.0, 0.002)),
        (1_795_000_000.0, None),
    ]
    for at, charge in charges:
        export = Export(new_id(at), "photos", {}, "shop", at, pages=5, charge=charge)
        services.exports.accept(dataclasses.replace(export, request_key=export.id), None, lasting=False)
    lines = answer(run("costs", "--json"))["costs"]
    assert [(line["month"], line["exports"], line["dollars"], line["open"]) for line in lines] == [
        ("2026-09", 2, 0.003, 0),
        ("2026-11", 1, 0.0, 1),
    ]
    said = run("costs", "--month", "2026-09").stdout
    assert "2 exports" in said and "30 dyno-seconds" in said and "Total: $0.0030" in said


def test_exports_are_written_as_a_trace_that_the_simulator_reads(
    run: Run, services: Services, tmp_path: Path
) -> None:
    at = 1_790_000_000.0
    made = Made("key", "name.pdf", 1, 100, 100, 100, seconds=24.0)
    first = Export(new_id(at), "photos", {}, "shop", at, State.READY, chunks=4, result=made,
                   started_at=at + 9, planned_at=at + 11, rendered_at=at + 30, finished_at=at + 33)  # fmt: skip
    later = dataclasses.replace(first, id=new_id(at + 50), created_at=at + 50, ready_by=at + 200)
    failed = dataclasses.replace(first, id=new_id(at + 60), created_at=at + 60, state=State.FAILED, result=None)
    for export in (first, later, failed):
        services.exports.accept(dataclasses.replace(export, request_key=export.id), None, lasting=False)
    file = tmp_path / "real.jsonl"
    assert "2 exports" in run("costs", "--trace", str(file)).stderr
    assert recorded(file).requests == [
        Request(0.0, (6.0,) * 4, 2.0, 3.0),
        Request(50.0, (6.0,) * 4, 2.0, 3.0, 150.0),
    ]
    assert "ours" in run("simulate", "--trace", str(file)).stdout
    assert "exists" in run("costs", "--trace", str(file)).stderr


@pytest.mark.parametrize("month", ["november", "2026-13", "", "٢٠٢٦-٠٩"])
def test_a_month_that_is_none_is_refused(alone: Run, month: str) -> None:
    result = alone("costs", "--month", month, "--json")
    assert result.exit_code == 2
    assert error(result)["field"] == "month"


def test_a_dry_run_without_heroku_says_what_is_missing(run: Run) -> None:
    result = run("keeper", "--dry-run", "--json")
    assert result.exit_code == 6
    assert "HEROKU_API_KEY" in error(result)["advice"]


def test_a_simulation_says_what_is_wrong_before_it_runs(alone: Run, tmp_path: Path) -> None:
    picture = tmp_path / "picture.svg"
    picture.write_text("precious")
    refused = alone("simulate", "--picture", picture)
    assert (refused.exit_code, refused.stdout, picture.read_text()) == (2, "", "precious")
    missing = alone("simulate", "--trace", tmp_path / "none.jsonl", "--json")
    assert (missing.exit_code, error(missing)["field"]) == (2, "trace")
