"""render and submit, with a subcommand for each kind of document."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from ..errors import InvalidRequest
from . import context, destination, options, output
from .importing import importing

if TYPE_CHECKING:
    from ..documents import Document
    from ..exports.export import Result
    from ..exports.request import ExportRequest
    from ..services import Services
    from ..tasks.inline import OnProgress


class MakeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of render and submit, apart from the document's own."""

    force: bool
    chunk_pages: int | None
    volume_pages: int | None
    volume_bytes: int | None
    quiet: bool
    machine: bool
    picture_caption: str = "none"

    @property
    def captions(self) -> bool:
        """Whether the file name of a picture becomes its caption."""
        return self.picture_caption == "name"


class RenderOptions(MakeOptions, frozen=True, kw_only=True):
    output: Path


class SubmitOptions(MakeOptions, frozen=True, kw_only=True):
    output: Path | None
    notify: str | None
    key: str | None
    owner: str
    waiting: bool


Chosen = TypeVar("Chosen", bound=MakeOptions)


def split(kind: type[Chosen], given: Mapping[str, Any]) -> tuple[Chosen, dict[str, Any]]:
    """Split click's values into the options of `kind`, and the document's parameters that were given."""
    names = set(kind.__struct_fields__)
    chosen = {name: value for name, value in given.items() if name in names}
    params = {name: value for name, value in given.items() if name not in names and value is not None}
    return kind(**chosen), params


class Kinds(click.Group):
    """A subcommand for each kind of document, with the shared options and the document's own."""

    def __init__(self, shared: click.Command) -> None:
        super().__init__(shared.name, help=shared.help, short_help=shared.short_help)
        self._shared = shared

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        from .. import documents

        documents.load(context.settings().documents)
        return documents.names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:  # noqa: ARG002  # click's signature
        with importing():
            from .. import documents

            documents.load(context.settings().documents, cmd_name)
        document = documents.find(cmd_name)
        own = options.options_for(document.params, ("listing", "left_out", document.records_field))
        if _has_captions(document):
            own.append(options.caption())
        callback, words = self._shared.callback, documents.description(document)
        return click.Command(
            cmd_name,
            callback=partial(callback, cmd_name) if callback else None,
            params=[*self._shared.params, *own],
            help=f"{words}\n\n{cleandoc(self._shared.help or '')}",
            short_help=words or self._shared.short_help,
        )


@click.command("render", short_help="Make a document here, without any service.")
@click.argument("source", type=click.Path(path_type=Path), required=False)
@options.output("The file to write.", required=True)
@options.making
def render(kind: str, source: Path | None, **given: Any) -> None:
    """Make a document here, without any service. SOURCE is a folder of pictures, a picture, or a listing of
    records: JSON lines or Parquet, or CSV for a table. Some documents need no SOURCE. Volumes are written beside
    FILE (-o), as FILE-1-of-5.pdf and FILE-index.pdf.

    \b
    JSON: {"file", "seconds", "bytes", "pages", "records", "drawn",
           "skipped": [{"record", "source", "reason"}], "skipped_count", "warnings",
           "volumes": [{"file", "bytes", "first_page", "pages"}]}
    """
    chosen, params = split(RenderOptions, given)
    result = _render(kind, source, chosen, params)
    output.tell_file(result, [Path(file.key) for file in result.files], result.seconds, chosen.machine)
    output.end(result)


def _render(kind: str, source: Path | None, chosen: RenderOptions, params: dict[str, Any]) -> Result:
    with importing():
        from .. import documents
        from ..documents.inputs.folder import FolderInputs
        from ..documents.job import DocumentJob
        from ..exports.volumes import UNCUT, VolumeLimit
        from ..pdf import fonts
        from ..tasks.inline import make_file
        from .folder import check_source, listed

    settings = context.settings()
    fonts.load(settings.fonts)
    volume = VolumeLimit(chosen.volume_pages, chosen.volume_bytes)
    volume.check()
    destination.check_free(chosen.output, chosen.force)
    if volume != UNCUT:
        destination.check_free_for_volumes(chosen.output, chosen.force)
    document = documents.find(kind)
    if source:
        check_source(document, source)
    with listed(source, chosen.captions) as (listing, folder, left_out), output.progress(chosen.quiet) as show:
        named = {"listing": listing.name if source else "", "left_out": left_out}
        decoded = documents.decode(document, params | named)
        job = DocumentJob(document, decoded, str(listing), FolderInputs(folder))
        return make_file(job, chosen.output, settings, show, chosen.chunk_pages, volume)


@click.command("submit", short_help="Request a document from the workers.")
@click.argument("source", required=False)
@click.option("--notify", help="A mail address to notify when the export is over.")
@click.option("--key", help="Your own text: the same key gives the same export.")
@click.option("--owner", envvar="PIPELINE_OWNER", default="cli", help="The owner [PIPELINE_OWNER, else cli].")
@click.option("--wait", "waiting", is_flag=True, help="Wait until it is over.")
@options.output("Wait, then download the file to here.")
@options.making
def submit(kind: str, source: str | None, **given: Any) -> None:
    """Request a document from the workers. SOURCE is a folder of pictures, a picture or a listing, which are
    sent to the bucket, or the key of a listing that is there (inputs/….jsonl).

    Prints the export's id. An interrupted command can be repeated: what was sent is not sent again.

    \b
    JSON: the export as GET /v1/exports/ID shows it; with --wait a second line when it is ready.
    """
    from ..exports.request import ExportRequest
    from ..exports.volumes import VolumeLimit

    chosen, params = split(SubmitOptions, given)
    if chosen.output:
        destination.check_free(chosen.output, chosen.force)
    services = context.services()
    volume = VolumeLimit(chosen.volume_pages, chosen.volume_bytes)
    request = ExportRequest(
        kind, params, chosen.owner, chosen.notify, chosen.key, chunk_pages=chosen.chunk_pages, volume=volume
    )
    with output.progress(chosen.quiet) as show:
        request = _with_listing(services, source, request, chosen.captions, show)
    export_id = _submit(services, request, chosen.machine)
    if chosen.waiting or chosen.output:
        from .watch import follow

        result = follow(services, export_id, None, quiet=chosen.quiet, machine=chosen.machine)
        if chosen.output:
            from .download import save

            save(services, export_id, chosen.output, quiet=chosen.quiet, force=chosen.force)
        output.end(result)


def _with_listing(
    services: Services, source: str | None, request: ExportRequest, captions: bool, show: OnProgress
) -> ExportRequest:
    """Return the request with its listing's key. Sends a local listing; pictures only once the request is valid."""
    from .. import documents
    from ..tasks.submit import validate
    from .folder import check_source, is_picture
    from .send import PictureUpload, send_listing

    if source is None:
        return request.with_params(listing="")
    check_source(documents.find(request.document), Path(source))
    if Path(source).is_file() and not is_picture(Path(source)):
        return request.with_params(listing=send_listing(services.bucket, Path(source), request.owner))
    if not Path(source).exists():
        if source.startswith("inputs/"):
            return request.with_params(listing=source)
        message = f"{source} is neither a folder, nor a file, nor the key of a listing in the bucket."
        raise InvalidRequest(message, field="source", advice="Such a key begins with inputs/.")
    upload = PictureUpload(Path(source), request.owner, show)
    if upload.left_out:
        request = request.with_params(left_out=upload.left_out)
    first = [{"source": upload.prefix + upload.names[0]}]
    validate(services, request.with_params(**{documents.find(request.document).records_field: first}))
    return request.with_params(listing=upload.send(services.bucket, captions))


def _submit(services: Services, request: ExportRequest, machine: bool) -> str:
    """Submit and print the id, also while Redis is down: the export is accepted, and begins later."""
    from ..tasks.submit import submit

    submitted = submit(services, request)
    export = submitted.export
    if machine:
        from ..scaler.quotes import represent

        output.answer(represent(services, export))
    else:
        output.say(export.id)
    if not submitted.queued:
        output.note("Redis is down. The export is accepted and begins when Redis is back.")
    return export.id


def _has_captions(document: Document[Any]) -> bool:
    """Return whether a picture's name can be its caption: records have both, and no parameter has that name."""
    from .. import documents

    fields = documents.record_fields(document)
    return {"source", "caption"} <= set(fields) and "caption" not in document.params.__struct_fields__


commands = {each.name: Kinds(each) for each in (render, submit)}
