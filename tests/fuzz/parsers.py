"""The parsers that are fuzzed: what each is given to begin with, how that is changed, and what must hold."""

from __future__ import annotations

import io
import json
import logging
import socket
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, cast
from unittest import mock

import pikepdf
from msgspec.structs import replace

from pipeline import documents
from pipeline.documents.inputs.first import FirstRecords
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.job import DocumentJob
from pipeline.errors import ChunkFailed, ExportFailed, PipelineError
from pipeline.exports.plan import Plan
from pipeline.pdf.adopt import adopt_pages
from pipeline.pdf.catalog import About
from pipeline.pdf.images import count_frames, read_picture
from pipeline.pdf.images.scaling import Room
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment import SegmentWriter
from pipeline.services import Message, Services, open_services
from pipeline.settings import Settings
from pipeline.tasks.child.preview import Preview, PreviewRequest, try_preview
from pipeline.tasks.drawing import draw_chunk
from pipeline.tasks.inline import render_file
from pipeline.web import create_app, previews

from ..make_pdf import filled
from . import mutations, planted, samples

Run = Callable[[bytes], None]
"""Reads an input. Raises what the product refuses it with, or a finding."""

HOME = Path("/dev/shm") if Path("/dev/shm").is_dir() else None  # noqa: S108  # files of a moment, on no disk


@dataclass(frozen=True)
class Parser:
    """What is fuzzed. `memory_mb` is what one input may add to the memory of the process."""

    open: Callable[[Mapping[str, str]], AbstractContextManager[Run]]
    samples: Callable[[], list[bytes]]
    mutate: mutations.Mutation
    memory_mb: int = 200
    servers: bool = False


class Wrong(AssertionError):
    """Something that must hold does not."""


_OWN_MISTAKES = (TypeError, AttributeError, AssertionError, LookupError, NameError, MemoryError, ZeroDivisionError)


def is_refusal(error: Exception) -> bool:
    """True for words that are meant for a person; False for a mistake of the program that was put into words."""
    if not isinstance(error, PipelineError) or type(error) is ExportFailed:
        return False
    cause = error.__cause__
    if cause is None:
        return True
    if isinstance(error, ChunkFailed) or isinstance(cause, MemoryError):
        return False
    last = cause.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    ours = last is not None and str(last.tb_frame.f_globals.get("__name__", "")).startswith("pipeline.")
    return not (ours and isinstance(cause, _OWN_MISTAKES))


WISHES: list[dict[str, Any]] = [
    *({} for _ in range(8)), {"strict": True}, {"format": "csv"}, {"format": "jsonl"}, {"delimiter": ";"},
    {"encoding": "utf-8"}, {"encoding": "cp1252"}, {"encoding": "gb18030"}, {"summary": "front"},
    {"summary": "back"}, {"page_size": "A5", "font_size": 18}, {"page_mm": [400, 300]}, {"bookmark_every": 1},
    {"locale": "de"},
]  # fmt: skip


@contextmanager
def _listing(_: Mapping[str, str]) -> Iterator[Run]:
    settings = Settings.from_env({"MAX_PAGES": "300"})
    documents.load(settings.documents)
    table = documents.find("table")

    def run(data: bytes) -> None:
        """All rows that are read are drawn, in chunks of one to three pages. Some inputs are joined, too."""
        which, listings = zlib.crc32(data), [data]

        def keep(pieces: Iterable[bytes]) -> str:
            listings[:] = [b"".join(pieces)]
            return "rows"

        params = documents.decode(table, {"listing": "rows", **WISHES[which % len(WISHES)]})
        files = FolderInputs(Path())
        job = DocumentJob(table, params, "rows", FirstRecords(files, data)).snapshot(keep)
        job = replace(job, inputs=FirstRecords(files, listings[0]))
        plan = job.plan(settings, 1 + which % 3)
        drawn = _joined(job, plan, settings) if which % 16 == 0 else _drawn(job, plan)
        if not drawn == plan.records > 0:
            raise Wrong(f"{drawn} rows drawn of {plan.records}")

    yield run


def _drawn(job: DocumentJob, plan: Plan) -> int:
    return sum(
        draw_chunk(job, plan, chunk, chunk.first_page, 0, 100_000, io.BytesIO(), lambda _: False).drawn
        for chunk in plan.chunks
    )


def _joined(job: DocumentJob, plan: Plan, settings: Settings) -> int:
    with TemporaryDirectory(dir=HOME) as folder:
        out = Path(folder) / "file.pdf"
        result = render_file(job, plan, About("T", 0.0, "id"), out, settings, lambda pages: None)
    if plan.strict and result.warnings:
        raise Wrong(f"warnings though strict: {result.warnings}")
    return result.drawn


def _opened(data: bytes) -> BinaryIO:
    """Return the data as a file on the disk is read: a buffer that takes the memory that it is asked for."""
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, io.BytesIO(data))))


ROOMS = [None, None, Room(9, 9), Room(3, 3, fill=True), Room(40, 20)]


@contextmanager
def _picture(_: Mapping[str, str]) -> Iterator[Run]:
    def run(data: bytes) -> None:
        """What is read has as many bytes as it says, and makes a picture of its size."""
        which = zlib.crc32(data)
        if not count_frames(_opened(data)) >= 1:
            raise Wrong("no frames")
        picture = read_picture(_opened(data), 100_000, ROOMS[which % 5], (None, None, 0, 1)[which % 4])
        if picture.orientation not in range(1, 9) or min(picture.width, picture.height) < 1:
            raise Wrong(f"{picture.width} x {picture.height}, turned by {picture.orientation}")
        for stream in filter(None, (picture.image, picture.mask, picture.profile)):
            if len(b"".join(stream.read())) != stream.length:
                raise Wrong("a stream has another length than it says")

    yield run


@contextmanager
def _pdf(_: Mapping[str, str]) -> Iterator[Run]:
    def run(data: bytes) -> None:
        """A copy, if it is looked at, is a file that qpdf need not repair, with as many pages as were copied."""
        if zlib.crc32(data) % 3:
            adopt_pages(SegmentWriter(io.BytesIO(), Lane(0, 1), 0, header=True), _opened(data), list)
            return
        pages: list[int] = []
        copy = filled(lambda out: pages.append(adopt_pages(out, _opened(data), list)))
        with pikepdf.open(io.BytesIO(copy)) as pdf:
            if len(pdf.pages) != pages[0]:
                raise Wrong(f"{pages[0]} pages were copied, {len(pdf.pages)} are there")
            for each in pdf.objects:
                repr(type(each))
            if told := pdf.get_warnings():
                raise Wrong(f"qpdf: {told[0]}")

    yield run


class _Errors(logging.Handler):
    """Keeps the error that the program logs when it made a mistake."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.exc_info[1] if record.exc_info else RuntimeError(record.getMessage())


class _Messages:
    """Takes messages; no worker runs."""

    def send(self, message: Message) -> None:
        pass


@dataclass(frozen=True)
class _PreviewsHere:
    """Makes previews in this process, where it is seen which lines run."""

    services: Services

    def make(self, wanted: PreviewRequest) -> Preview:
        return try_preview(self.services, wanted).result()


@contextmanager
def _requests(environ: Mapping[str, str]) -> Iterator[Run]:
    settings = Settings.from_env(environ)
    services = open_services(settings, _Messages())
    for key, data in samples.INPUTS.items():
        services.bucket.put(key, data)
    app = create_app(services)
    app.extensions[previews.EXTENSION] = _PreviewsHere(services)
    client, errors, sent = app.test_client(), _Errors(), {"Authorization": f"Bearer {samples.TOKEN}"}
    begun = client.post("/v1/inputs", json={"name": "b.csv", "bytes": 99_000_000}, headers=sent)
    input_id = str(begun.get_json()["id"])

    def run(data: bytes) -> None:
        """No answer says that the program made a mistake. An export is cancelled and removed again."""
        path, _, body = data.partition(b"\n")
        to = f"/v1/{path.decode('latin-1')}".replace("{}", input_id)
        errors.last = None
        answer = client.post(to, data=body.replace(b"{}", input_id.encode()), headers=sent,
                             content_type="application/json")  # fmt: skip
        if errors.last and not (isinstance(errors.last, PipelineError) and is_refusal(errors.last)):
            raise errors.last
        failed = answer.status_code >= 500 and answer.status_code != 503  # the store does not answer in time
        if failed or "Internal error" in answer.text:
            raise Wrong(f"{answer.status_code}: {answer.text[:300]}")
        made = json.loads(answer.text) if answer.is_json else {}
        if answer.status_code == 202:
            for _ in range(2):
                client.delete(f"/v1/exports/{made['id']}", headers=sent)

    logging.getLogger("pipeline").addHandler(errors)
    try:
        with (
            mock.patch.object(previews, "PER_MINUTE", 10**9),
            mock.patch.object(socket, "getaddrinfo", partial(_of_this_machine, socket.getaddrinfo)),
        ):
            yield run
    finally:
        logging.getLogger("pipeline").removeHandler(errors)


def _of_this_machine(look_up: Callable[..., Any], host: Any, *args: Any, **kwargs: Any) -> Any:
    """Look up no name but this machine's: an input may name any host."""
    if host not in ("127.0.0.1", "localhost"):
        raise socket.gaierror(socket.EAI_NONAME, "not looked up while fuzzing")
    return look_up(host, *args, **kwargs)


@contextmanager
def _planted(_: Mapping[str, str]) -> Iterator[Run]:
    yield planted.run


PARSERS = {
    "csv": Parser(_listing, samples.listings, mutations.listing),
    "jpeg": Parser(_picture, samples.jpegs, mutations.jpeg, 100),
    "pictures": Parser(_picture, samples.pictures, mutations.picture, 100),
    "pdf": Parser(_pdf, samples.pdfs, mutations.pdf),
    "requests": Parser(_requests, samples.requests, partial(mutations.body, names=samples.NAMES), servers=True),
    "planted": Parser(_planted, lambda: [b"some text"], mutations.changed),
}
