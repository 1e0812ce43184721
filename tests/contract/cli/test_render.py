"""render."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pypdf
import pytest

import pipeline
from pipeline.cli.folder import pictures

from ...pictures import jpeg
from ...waiting import until
from .conftest import ROOT, SECONDS, Run, answer, error, started


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


def test_a_folder_is_rendered_in_natural_order(alone: Run, album: Path, tmp_path: Path) -> None:
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


def test_the_result_lists_skipped_pictures(alone: Run, album: Path, tmp_path: Path) -> None:
    result = alone("render", "photos", album, "-o", tmp_path / "out.pdf", "--rows", 2, "--columns", 2)
    assert "out.pdf: 3 pages" in result.stdout
    assert "1 of 12 could not be read:" in result.stdout
    assert "7.jpg: This is not a picture" in result.stdout
    assert "rendering pages: 3 of 3" in result.stderr


def test_quiet_prints_no_progress(alone: Run, album: Path, tmp_path: Path) -> None:
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


def test_a_listing_is_rendered(alone: Run, album: Path, tmp_path: Path) -> None:
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
        (("album", "--volume-size", "10kB"), "volume_bytes", "must be 1048576 or more"),
        (("album", "--volume-size", "many"), "volume_bytes", "such as 25MB"),
        (("album", "--volume-size", "5MB", "--volume-pages", "5"), "volume_bytes", "not both"),
        (("album", "--page-size", "A9"), "page_size", "'A9' is not one of"),
        (("album", "--rows", "0"), "rows", "photos down a page, 1 to 20"),
        (("album", "--rows", "two"), "rows", "not a valid integer"),
        (("album", "--colour", "red"), None, "No such option"),
        (("album", "-o", "no/such/out.pdf"), "output", "There is no folder no/such"),
    ],
)
def test_a_wrong_option_names_the_field(
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


def test_an_unfit_listing_is_explained(alone: Run, tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.pdf"
    rows.write_text('{"order": 1}\n{"order": 2\n')
    broken = alone("render", "table", rows, "-o", out, "--quiet").stderr.splitlines()
    assert broken[0].startswith("Error: Line 2 of rows.jsonl is not a JSON object")
    assert broken[1] == "Each line is a record: {column: value}."
    rows.write_text("source;caption\n1.jpg;Sea\n")
    assert "CSV is for tables" in alone("render", "photos", rows, "-o", out, "--quiet").stderr
    assert "SOURCE" in alone("render", "table", "-o", out, "--quiet").stderr


def test_a_file_is_overwritten_only_with_force(alone: Run, album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pdf"
    out.write_text("precious")
    refused = alone("render", "photos", album, "-o", out)
    assert (refused.exit_code, out.read_text()) == (2, "precious")
    assert "--force" in refused.stderr
    assert alone("render", "photos", album, "-o", out, "--force").exit_code == 0
    assert out.read_bytes().startswith(b"%PDF")


def test_an_unreadable_photo_can_fail_the_export(alone: Run, album: Path, tmp_path: Path) -> None:
    result = alone("render", "photos", album, "-o", tmp_path / "out.pdf", "--on-unreadable", "fail", "--json")
    assert (result.exit_code, error(result)["code"]) == (1, "UnreadableSource")
    assert "Photo 7, 7: This is not a picture" in error(result)["message"]
    assert list(tmp_path.iterdir()) == [album]


def test_an_album_of_nothing_but_placeholders_ends_with_4(alone: Run, album: Path, tmp_path: Path) -> None:
    for name in pictures(album).names:
        (album / name).write_bytes(b"no picture")
    result = alone("render", "photos", album, "-o", tmp_path / "out.pdf")
    assert result.exit_code == 4
    assert "Warning: None of the 12 records could be drawn." in result.stdout
    assert (tmp_path / "out.pdf").exists()


def test_ctrl_c_leaves_no_file_and_exits_with_130(album: Path, tmp_path: Path) -> None:
    for number in range(11, 3000):
        os.link(album / "1.jpg", album / f"{number}.jpg")
    out = tmp_path / "out"
    out.mkdir()
    with started(dict(os.environ), "render", "photos", album, "-o", out / "all.pdf", "--quiet") as process:
        until(lambda: list(out.iterdir()), seconds=SECONDS)
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


def test_a_terminal_shows_a_bar(album: Path, tmp_path: Path) -> None:
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


def test_only_visible_pictures_are_listed(album: Path) -> None:
    assert pictures(album).names == [*(f"{n}.jpg" for n in range(1, 11)), "trip/1.JPEG", "trip/2.png"]


def test_a_single_picture_is_rendered(alone: Run, album: Path, tmp_path: Path) -> None:
    made = answer(alone("render", "photos", album / "trip/1.JPEG", "-o", tmp_path / "out.pdf", "--json"))
    assert (made["pages"], made["drawn"], made["skipped_count"]) == (1, 1, 0)


@pytest.mark.parametrize(("source", "what"), [("", "a folder"), ("1.jpg", "a picture")])
def test_a_table_takes_no_pictures(alone: Run, album: Path, tmp_path: Path, source: str, what: str) -> None:
    result = alone("render", "table", album / source, "-o", tmp_path / "out.pdf", "--json")
    assert result.exit_code == 2
    assert f"is {what}; table takes no pictures" in error(result)["message"]
    assert "CSV" in error(result)["advice"]


def test_the_result_has_the_seconds_it_took(alone: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("net,gross,name\n1,2,Ada\n")
    arguments = ("render", "table", tmp_path / "rows.csv", "--columns", "net,gross", "-o", tmp_path / "out.pdf")
    made = answer(alone(*arguments, "--json"))
    assert made["seconds"] > 0
    result = alone(*arguments, "--force")
    assert " kB, " in result.stdout
    with pypdf.PdfReader(tmp_path / "out.pdf") as reader:
        assert "Ada" not in reader.pages[0].extract_text()
    assert pipeline.render("table", tmp_path / "second.pdf", [{"net": 1}]).seconds > 0


def test_what_a_folder_has_beside_pictures_is_named_and_the_rest_is_drawn(
    alone: Run, tmp_path: Path, album: Path
) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "8.jpg").write_bytes(jpeg(8))
    for name in ("2.jfif", "3.jpe", "6.mpo"):
        (album / name).write_bytes(jpeg(1))
    (album / "linked").symlink_to(outside)
    (album / "9.jpg").unlink()
    (album / "9.jpg").symlink_to(outside / "8.jpg")
    (album / "gone.png").symlink_to(album / "nowhere")
    (album / "inside.jpg").symlink_to(album / "1.jpg")
    os.mkfifo(album / "pipe.jpg")
    (album / "notes.txt").write_text("x")
    found = pictures(album)
    assert found.names == [
        *(f"{n}" for n in ("1.jpg", "2.jfif", "2.jpg", "3.jpe", "3.jpg", "4.jpg", "5.jpg", "6.jpg", "6.mpo")),
        "7.jpg", "8.jpg", "10.jpg", "inside.jpg", "trip/1.JPEG", "trip/2.png",
    ]  # fmt: skip
    told = answer(alone("render", "photos", album, "-o", tmp_path / "out.pdf", "--json"))
    assert told["records"] == told["drawn"] + 1 == len(found.names)  # 7.jpg is damaged
    assert told["warnings"] == list(found.left_out)
    words = " ".join(found.left_out)
    for name in ("linked", "9.jpg", "gone.png, pipe.jpg", "notes.txt"):
        assert f"({name})" in words or f": {name})" in words
