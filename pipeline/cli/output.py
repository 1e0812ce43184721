"""What commands print: results to stdout; progress, notes and errors to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import PipelineError
from ..errors.one_line import plain
from ..exports.export import MB, File, Result

if TYPE_CHECKING:
    from ..tasks.inline import OnProgress


def say(text: str) -> None:
    """Print a line of the result."""
    click.echo(plain(text))


def note(text: str) -> None:
    """Print a line to stderr."""
    click.echo(plain(text), err=True)


def answer(body: Any) -> None:
    """Print the result for programs: one JSON value on one line."""
    click.echo(msgspec.json.encode(body))


def complain(error: PipelineError, machine: bool) -> None:
    """Print an error with its field and its advice."""
    if machine:
        told = {"code": error.code, "message": error.message, "advice": error.advice, "field": error.field}
        answer({"error": told})
        return
    named = error.message.replace("-", "_")  # --page-size is page_size
    field = f" ({error.field})" if error.field and error.field not in named else ""
    note(f"Error: {error.message}{field}")
    if error.advice:
        note(error.advice)


@contextmanager
def progress(quiet: bool = False) -> Iterator[OnProgress]:
    """Yield a function that shows progress: bars on a terminal, lines elsewhere, nothing if `quiet`."""
    if quiet:
        yield _nothing
    elif sys.stderr.isatty():
        with _bars() as show:
            yield show
    else:
        yield Lines(note)


def _nothing(*_: object) -> None:
    """Show no progress."""


class Lines:
    """Progress as lines: one at the start of a step, then one per 10 %."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last: tuple[str, int] | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        mark = (what, done * 10 // total if total else 0)
        if mark != self._last:
            self._last = mark
            self._write(f"{what}: {done} of {total}" if total else what)


@contextmanager
def _bars() -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=None)
            bars.update(tasks[what], completed=done, total=total or None)

        yield show


def tell_file(result: Result, places: Sequence[Path], seconds: float, machine: bool) -> None:
    """Print pages, size, `seconds` of the command, skipped inputs and warnings. `places`: where the files are.

    In JSON, seconds are the result's: how long it was drawn.
    """
    where, *volumes = places
    if machine:
        shown = msgspec.to_builtins(result)
        del shown["key"], shown["name"], shown["index"]
        for volume, place in zip(shown["volumes"], volumes, strict=True):
            del volume["key"], volume["name"]
            volume["file"] = str(place)
        answer({"file": str(where), **shown})
        return
    say(f"{where}: {counted(result.pages, 'page')}, {size(result.bytes)}, {seconds:.1f} s")
    for file, place in zip(result.volumes, volumes, strict=True):
        say(f"{place}: {_pages(file)}, {size(file.bytes)}")
    tell_skipped(result)


def tell_files(result: Result, write: Callable[[str], None] = say) -> None:
    """Print the file and its size, and those of every volume."""
    write(f"{result.name}: {counted(result.pages, 'page')}, {size(result.bytes)}")
    for volume in result.volumes:
        write(f"{volume.name}: {_pages(volume)}, {size(volume.bytes)}")


def size(count: int) -> str:
    """Return a number of bytes in words, as the panel and mails write it: 940 bytes, 3.2 kB, 12.0 MB."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.1f} kB" if count < MB else f"{count / MB:.1f} MB"


def counted(number: int, one: str) -> str:
    """Return a number of things in words: 1 page, 400 pages."""
    return f"{number} {one}{'' if number == 1 else 's'}"


def _pages(volume: File) -> str:
    return f"pages {volume.first_page} to {volume.first_page + volume.pages - 1}"


def tell_skipped(result: Result) -> None:
    """Print inputs that could not be read, with reasons, and warnings."""
    if result.skipped_count:
        say(f"{result.skipped_count} of {result.records} could not be read:")
    for item in result.skipped:
        say(f"  {item.record}  {item.source}: {item.reason}")
    if (more := result.skipped_count - len(result.skipped)) > 0:
        say(f"  and {more} more")
    for warning in result.warnings:
        say(f"Warning: {warning}")


def end(result: Result) -> None:
    """Exit with 4 if none of the records was drawn. The file is there; it shows why."""
    if result.records and not result.drawn:
        sys.exit(4)


def moment(seconds: float) -> str:
    """Return a time in the local time zone, to the minute."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
