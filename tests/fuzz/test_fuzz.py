"""What is fuzzed for hours by hand, for seconds: samples, and some changes of them. And that faults are found.

`EXAMPLES=20000 pytest tests/fuzz/test_fuzz.py -k csv` tries more changes, without atheris.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from pipeline.errors import ChunkFailed, InvalidRequest, UnreadableSource
from pipeline.pdf import images
from pipeline.pdf.images.jpeg import Jpeg, read_jpeg

from . import watch
from .__main__ import environment, found, main, replay
from .parsers import PARSERS, Run, is_refusal
from .watch import Current, find, keep, wait

CHANGES = int(os.environ.get("EXAMPLES", "60"))


@pytest.mark.parametrize("name", PARSERS)
def test_samples_and_changes_of_them_are_read_or_refused(name: str, tmp_path: Path) -> None:
    parser, rng = PARSERS[name], Random(CHANGES)
    begin = parser.samples()
    assert begin
    with environment(parser) as environ, parser.open(environ) as run:
        for number in range(len(begin) + CHANGES):
            data = begin[number] if number < len(begin) else parser.mutate(rng.choice(begin), rng)
            if error := find(parser, run, data):
                keep(tmp_path / "found", data, error)
    assert not found(tmp_path)


def fails(data: bytes) -> None:
    raise KeyError(data)


def hangs(data: bytes) -> None:
    while data:
        pass


def takes_memory(data: bytes) -> None:
    assert len(data * (40 << 20))


def puts_a_mistake_into_words(data: bytes) -> None:
    try:
        fails(data)
    except KeyError as error:
        raise ChunkFailed("The document failed.") from error


def refuses(data: bytes) -> None:
    raise InvalidRequest("The bytes are not good.")


PARSER = PARSERS["csv"]


@pytest.mark.parametrize(
    ("run", "kind"),
    [(fails, "KeyError"), (hangs, "Hang"), (takes_memory, "Wrong"), (puts_a_mistake_into_words, "ChunkFailed")],
)
def test_a_mistake_is_found(run: Run, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HANG_SECONDS", 1)
    assert type(find(PARSER, run, b"x" * 10)).__name__ == kind


def test_a_library_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(watch, "HANG_SECONDS", 0.2)
    current = Current(tmp_path / "current")
    begun = "from pathlib import Path; from tests.fuzz.watch import Current; import sys, time; time.sleep(1)"
    program = f"{begun}; Current(Path(sys.argv[1])).begin(b'x'); sum(range(10**12))"
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "current")]) as child:
        assert wait(child, current) > 0.6
    assert child.returncode == -signal.SIGKILL
    assert current.data == b"x"


def test_a_refusal_is_none() -> None:
    assert find(PARSER, refuses, b"x") is None


def test_a_mistake_in_our_own_code_is_none_of_the_picture() -> None:
    """What decoders raise is translated, so a mistake between them would look like a damaged file."""
    for module, expected in (("pipeline.pdf.images.raster", False), ("PIL.PngImagePlugin", True)):
        try:
            exec("None.size", {"__name__": module})  # noqa: S102
        except AttributeError as error:
            refused = UnreadableSource("The picture cannot be decoded.")
            refused.__cause__ = error
        assert is_refusal(refused) is expected


def test_changes_reach_a_fault_that_is_planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It takes a grey JPEG that stands on its side, which none of the samples is."""

    def planted(*args: object) -> Jpeg | None:
        jpeg = read_jpeg(*args)  # type: ignore[arg-type]
        if jpeg and jpeg.components == 1 and jpeg.orientation.value == 6:
            raise ZeroDivisionError
        return jpeg

    monkeypatch.setattr(images, "read_jpeg", planted)
    parser, rng = PARSERS["jpeg"], Random(1)
    begin = parser.samples()
    with parser.open({}) as run:
        assert not [data for data in begin if find(parser, run, data)]
        wrong = next(
            data for _ in range(50_000) if find(parser, run, data := parser.mutate(rng.choice(begin), rng))
        )
    error = find(parser, run, wrong)
    assert isinstance(error, ZeroDivisionError)
    kept = keep(tmp_path, wrong, error)
    assert kept
    assert keep(tmp_path, wrong + b"more", error) is None  # one input is kept of each fault
    assert "ZeroDivisionError" in (tmp_path / f"{kept}.txt").read_text()
    assert replay(parser, {}, [tmp_path / kept]) == 1
    monkeypatch.undo()
    assert replay(parser, {}, [tmp_path / kept]) == 0


def test_the_input_in_hand_is_known_when_the_process_is_killed(tmp_path: Path) -> None:
    Current(tmp_path / "current").begin(b"before")
    Current(tmp_path / "current").begin(b"then")
    assert (Current(tmp_path / "current").data, Current(tmp_path / "current").runs) == (b"then", 2)


@pytest.mark.by_hand
def test_atheris_finds_a_fault_that_is_planted(tmp_path: Path) -> None:
    """Run it in the environment that `make fuzz` makes."""
    result = CliRunner().invoke(main, ["planted", "--minutes", "2", "--keep", str(tmp_path)])
    assert result.exit_code == 1
    assert [path.read_bytes()[:4] for path in found(tmp_path / "planted")] == [b"FUZZ"]
