"""status, wait, fetch, cancel, list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pypdf
import pytest
from msgspec.structs import replace

from pipeline.errors import PipelineError
from pipeline.exports import notices
from pipeline.exports.export import Channel, Notice, Recipient, State
from pipeline.services import Services
from pipeline.tasks import flow

from ... import steps
from ...conftest import Environ
from ...nowhere import closed_port
from .conftest import Run, answer, error, finish, submitted


def test_a_ready_export_is_shown_and_fetched(
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


def test_volumes_are_fetched_with_their_index(
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


def test_an_incomplete_file_gets_no_name(
    run: Run, put_photos: Callable[[int], str], services: Services, tmp_path: Path
) -> None:
    export_id = submitted(run, put_photos(1))
    finish(services, export_id)
    result = services.exports.load(export_id).result
    assert result is not None
    services.bucket.put(result.key, b"%PDF half")
    broken = run("fetch", export_id, "-o", tmp_path / "out.pdf", "--json")
    assert (broken.exit_code, error(broken)["code"]) == (6, "ReadFailed")
    assert list(tmp_path.iterdir()) == []


def test_progress_is_known_with_and_without_redis(
    run: Run, put_photos: Callable[[int], str], services: Services
) -> None:
    export_id = submitted(run, put_photos(6), "--chunk-pages", 2)
    steps.plan(services, export_id)
    steps.render(services, export_id, 0)
    steps.render(services, export_id, 2)
    closed = f"redis://127.0.0.1:{closed_port()}/0"
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


def test_a_mail_that_waits_says_why(run: Run, put_photos: Callable[[int], str], services: Services) -> None:
    export_id = submitted(run, put_photos(1))
    finish(services, export_id)
    assert "mail" not in run("status", export_id).stdout, "none is requested"
    mail = Notice(1, Channel.MAIL, Recipient("a@example.org"), State.READY, 0.0, 0.0)
    services.exports.change(export_id, lambda e: replace(e, notices=(mail,)))
    services.exports.change(export_id, notices.waiting(1, "The mail server answered 535."))
    told = run("status", export_id).stdout
    assert "mail to a@example.org, ready: waiting. The mail server answered 535.\n" in told
    problem = {"state": "waiting", "problem": "The mail server answered 535."}
    assert answer(run("status", export_id, "--json"))["mail"] == problem


def test_webhooks_are_replayed_and_verified(run: Run, put_photos: Callable[[int], str], services: Services) -> None:
    hook = {"WEBHOOKS": "cli=https://hooks.example.org/pdf"}
    without = submitted(run, put_photos(1))
    export_id = answer(run("submit", "photos", put_photos(1), "--title", "Other", "--json", **hook))["id"]
    flow.cancel(services, export_id)
    services.exports.change(export_id, notices.given_up(1, "The receiver answered 500."))
    told = "webhook to hooks.example.org, cancelled: given up. The receiver answered 500."
    assert told in run("status", export_id).stdout
    for named in (("--given-up",), (export_id,)):
        assert export_id in run("webhook", "replay", *named).stdout
    assert notices.unsent(services.bucket, Channel.WEBHOOK) == [export_id]
    assert run("webhook", "replay", without).exit_code == 5
    assert run("webhook", "replay").exit_code == 2
    assert run("webhook", "secret", "shop").stdout.split() == services.webhooks.secrets("shop")
    assert "API_TOKENS has no name shpo." in run("webhook", "secret", "shpo").stderr


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
    result = run("cancel", export_id, "--json", REDIS_URL=f"redis://127.0.0.1:{closed_port()}/0")
    assert (result.exit_code, answer(result)["state"]) == (0, "cancelled")


def test_an_unfinished_export_has_no_file_yet(run: Run, put_photos: Callable[[int], str]) -> None:
    result = run("fetch", submitted(run, put_photos(1)), "--json")
    assert result.exit_code == 5
    assert "pipeline wait" in error(result)["advice"]


@pytest.mark.parametrize("command", ["status", "wait", "fetch", "cancel"])
@pytest.mark.parametrize("export_id", ["01hqmzbg3a8yw2d4k6n8r0t2vx", "../../secret"])
def test_a_missing_export_is_not_found(run: Run, command: str, export_id: str) -> None:
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


def test_a_service_that_is_down_is_named(run: Run, environ: Environ) -> None:
    result = run("list", "--json", S3_ENDPOINT_URL=f"http://127.0.0.1:{closed_port()}")
    assert (result.exit_code, error(result)["code"]) == (6, "StoreDown")
