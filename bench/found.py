"""python -m bench.found FOLDER…: draw every file that is found, and say what was drawn, refused and why.

Tables and pictures go through `render`, PDFs are copied page by page and compared with PDFium's view of them. Each
file has a process of its own, with limits of time and memory.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import re
import resource
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import pypdfium2
from PIL import Image, ImageChops

from pipeline import documents, render
from pipeline.errors import ChunkFailed, PipelineError
from pipeline.pdf.adopt import adopt_pages
from pipeline.pdf.assembly import Assembly
from pipeline.pdf.catalog import About
from pipeline.pdf.fonts import default_chain
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter

KINDS = {
    "tables": {"csv", "tsv", "tab", "jsonl", "ndjson", "parquet"},
    "pictures": {"jpg", "jpeg", "png", "gif", "tif", "tiff", "bmp", "webp"},
    "PDFs": {"pdf"},
}
SECONDS = 60
MEMORY = 2 << 30  # bytes of address space
LARGEST = 20_000_000  # bytes of a file
COMPARED = 3  # pages of a PDF
SMOOTHED = 48  # of 255: what smoothing may change
NAMES = re.compile(r"'[^']*'|\"[^\"]*\"|[\w.-]+\.\w{2,7}\b|[\d,.]*\d")
REASONS = 6  # that are shown of a kind


@dataclass(frozen=True)
class Outcome:
    """What became of a file: drawn, refused, crashed, hung or differs; and the first remark or the reason."""

    kind: str
    what: str
    words: str = ""


def found(folders: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Yields each file once, whatever its name, with its kind."""
    seen: set[bytes] = set()
    for path in (path for folder in folders for path in sorted(folder.rglob("*"))):
        ending = path.suffix.lstrip(".").lower()
        kind = next((kind for kind, endings in KINDS.items() if ending in endings), None)
        if kind and path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST:
            digest = hashlib.sha256(path.read_bytes()).digest()
            if digest not in seen:
                seen.add(digest)
                yield kind, path


def drawn(kind: str, path: Path, out: Path) -> Outcome:
    """Draws a file here."""
    if kind == "PDFs":
        return copied(path)
    given = {"params": {"listing": path.name}} if kind == "tables" else {"rows": [{"source": path.name}]}
    result = render("table" if kind == "tables" else "photos", out, folder=path.parent, **given)
    if result.skipped:
        return Outcome(kind, "refused", result.skipped[0].reason)
    return Outcome(kind, "drawn", next(iter(result.warnings), ""))


def copied(path: Path) -> Outcome:
    """Copies the pages of a PDF, and compares the first ones."""
    file = io.BytesIO()
    writer = SegmentWriter(file, Lane(0, 1), 0, header=True)
    with path.open("rb") as source:
        adopt_pages(writer, source, list)
    index = writer.finish(writer.pages)
    copy = file.getvalue() + b"".join(Assembly(lambda: iter([index]), About("Copy", 0.0, "copy")).tail())
    words = next(iter(map(str, writer.tally.remarks)), "")
    try:
        before = seen(path.read_bytes())
    except pypdfium2.PdfiumError:
        return Outcome("PDFs", "drawn", words or "PDFium does not open the source")
    if alike(before, seen(copy)):
        return Outcome("PDFs", "drawn", words)
    return Outcome("PDFs", "differs, as named" if words else "differs", words)


def seen(pdf: bytes) -> list[Image.Image]:
    """The first pages as PDFium shows them, with their forms."""
    document = pypdfium2.PdfDocument(pdf)
    document.init_forms()
    return [document[i].render(scale=0.5).to_pil().convert("L") for i in range(min(COMPARED, len(document)))]


def alike(before: list[Image.Image], after: list[Image.Image]) -> bool:
    """Whether pages look alike. PDFium smooths the text of form fields in another way than that of pages."""
    return len(before) == len(after) and all(
        one.size == other.size and ImageChops.difference(one, other).reduce(2).getextrema()[1] <= SMOOTHED  # type: ignore[operator]
        for one, other in zip(before, after, strict=True)
    )


def one(kind: str, path: Path, answer: Connection) -> None:
    """In a process of its own: draws a file, and sends what became of it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        with TemporaryDirectory() as folder:
            answer.send(drawn(kind, path, Path(folder) / "out.pdf"))
    except ChunkFailed as error:
        answer.send(Outcome(kind, "crashed", error.message))
    except PipelineError as error:
        answer.send(Outcome(kind, "refused", error.message))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is a finding
        answer.send(Outcome(kind, "crashed", f"{type(error).__name__}: {error}"))


def outcome(kind: str, path: Path) -> Outcome:
    """Draws a file in a process of its own."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=one, args=(kind, path, theirs))
    process.start()
    theirs.close()
    try:
        got: Outcome = ours.recv() if ours.poll(SECONDS) else Outcome(kind, "hung")
    except EOFError:
        got = Outcome(kind, "crashed", "its process died")
    process.kill()
    process.join()
    return got


def report(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yields the rows of a table in Markdown: kind, outcome, how many, and the most frequent words."""
    files: Counter[tuple[str, str]] = Counter()
    words: dict[tuple[str, str], Counter[str]] = {}
    for each in outcomes:
        files[each.kind, each.what] += 1
        if each.words:
            words.setdefault((each.kind, each.what), Counter())[NAMES.sub("…", each.words.partition(" (")[0])] += 1
    yield "| files | outcome | | remarks and reasons |\n|---|---|---|---|"
    for (kind, what), count in sorted(files.items()):
        often = words.get((kind, what), Counter()).most_common(REASONS)
        yield f"| {kind} | {what} | {count:,} | {'; '.join(f'{text} ({times:,})' for text, times in often)} |"


@click.command()
@click.argument("folders", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
def main(folders: tuple[Path, ...]) -> None:
    """Draw every file in FOLDERS. Prints a line of JSON for each, then a table."""
    documents.load()  # once, not in each process
    default_chain()
    Image.init()
    outcomes = []
    for kind, path in found(folders):
        outcomes.append(outcome(kind, path))
        click.echo(json.dumps([str(path), outcomes[-1].what, outcomes[-1].words], ensure_ascii=False))
    click.echo("\n".join(report(outcomes)))
    if any(each.what in ("crashed", "hung", "differs") for each in outcomes):
        sys.exit(1)


if __name__ == "__main__":
    main()
