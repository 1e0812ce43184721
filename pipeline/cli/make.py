"""render and submit, with a subcommand for each kind of document."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InvalidRequest
from . import context, inspect, options
from . import output as terminal

if TYPE_CHECKING:
    from ..exports.request import ExportRequest
    from ..services import Services
    from ..tasks.inline import OnProgress

    Ordering = Callable[[dict[str, Any]], ExportRequest]


class Kinds(click.Group):
    """A subcommand for each kind of document: what is the same for all, and the document's own options."""

    def __init__(self, shared: click.Command) -> None:
        super().__init__(shared.name, help=shared.help, short_help=shared.short_help)
        self._shared = shared

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        from .. import documents

        documents.load(context.settings().documents)
        return documents.names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:  # noqa: ARG002  # click's signature
        from .. import documents

        documents.load(context.settings().documents)
        document = documents.find(cmd_name)
        own = options.of(document.params, ("listing", document.records_field))
        callback = self._shared.callback
        return click.Command(
            cmd_name,
            callback=partial(callback, cmd_name) if callback else None,
            params=[*self._shared.params, *own],
            help=self._shared.help,
        )


@click.command("render", short_help="Make a document here, without any service.")
@click.argument("source", type=click.Path(path_type=Path), required=False)
@options.output("The file to write.", required=True)
@options.making
def render(
    kind: str, source: Path | None, output: Path, force: bool, caption: str, chunk_pages: int | None,
    volume_pages: int | None, volume_bytes: int | None, quiet: bool, machine: bool, **given: Any,
) -> None:  # fmt: skip
    """Make a document here, without any service. SOURCE is a folder of pictures, or a listing of records:
    JSON lines, or a CSV for a table. Documents that read nothing need none. Volumes stand beside the FILE
    that is named by -o, as FILE-1-of-5.pdf, and FILE-index.pdf.

    \b
    JSON: {"file", "seconds", "bytes", "pages", "records", "drawn",
           "skipped": [{"record", "source", "reason"}], "skipped_count", "warnings",
           "volumes": [{"file", "bytes", "first_page", "pages"}]}
    """
    from .. import documents
    from ..documents.inputs.folder import FolderInputs
    from ..documents.job import DocumentJob
    from ..exports.volumes import UNCUT, VolumeLimit
    from ..pdf import fonts
    from ..tasks.inline import make_file
    from .folder import listed

    settings, began = context.settings(), time.monotonic()
    fonts.load(settings.fonts)
    volume = VolumeLimit(volume_pages, volume_bytes)
    volume.check()
    context.free(output, force)
    if volume != UNCUT:
        context.free_for_volumes(output, force)
    document = documents.find(kind)
    with listed(source, caption == "name") as (listing, folder), terminal.progress(quiet) as show:
        params = documents.decode(document, _chosen(given) | {"listing": listing.name if source else ""})
        job = DocumentJob(document, params, str(listing), FolderInputs(folder))
        result = make_file(job, output, settings, show, chunk_pages, volume)
    places = [Path(file.key) for file in result.files]
    terminal.tell_file(result, places, time.monotonic() - began, machine)


@click.command("submit", short_help="Ask workers for a document.")
@click.argument("source", required=False)
@click.option("--notify", help="A mail address to tell when it is over.")
@click.option("--key", help="Your own text: the same key gives the same export.")
@click.option("--owner", envvar="PIPELINE_OWNER", default="cli", help="Whose it is [PIPELINE_OWNER, else cli].")
@click.option("--wait", "waiting", is_flag=True, help="Wait until it is over.")
@options.output("Wait, then fetch the file to here.")
@options.making
def submit(
    kind: str, source: str | None, notify: str | None, key: str | None, owner: str, waiting: bool,
    output: Path | None, force: bool, caption: str, chunk_pages: int | None, volume_pages: int | None,
    volume_bytes: int | None, quiet: bool, machine: bool, **given: Any,
) -> None:  # fmt: skip
    """Ask workers for a document. SOURCE is a folder of pictures or a listing, which are sent to the bucket,
    or the key of a listing that is there (inputs/….jsonl).

    Prints the export's id. Repeat a command that broke off: what was sent is not sent again.

    \b
    JSON: the export as GET /exports/ID shows it; with --wait a second line when it is ready.
    """
    from ..exports.request import ExportRequest
    from ..exports.volumes import VolumeLimit

    if output:
        context.free(output, force)
    services, params = context.services(), _chosen(given)
    volume = VolumeLimit(volume_pages, volume_bytes)
    order = partial(
        ExportRequest, kind, owner=owner, notify=notify, key=key, chunk_pages=chunk_pages, volume=volume
    )
    with terminal.progress(quiet) as show:
        listing = _listing(services, source, caption == "name", params, order, show)
    export_id = _hand_in(services, order(params | {"listing": listing}), machine)
    if waiting or output:
        inspect.follow(services, export_id, None, quiet, machine)
    if output:
        inspect.save(services, export_id, output, quiet, force)


def _listing(
    services: Services,
    source: str | None,
    captions: bool,
    params: dict[str, Any],
    order: Ordering,
    show: OnProgress,
) -> str:
    """The key of a listing in the bucket. A folder's pictures are sent, once the order is seen to be right."""
    from .. import documents
    from ..tasks.submit import validate
    from .folder import Upload, send_listing

    if source is None:
        return ""
    if Path(source).is_file():
        return send_listing(services.bucket, Path(source), order(params).owner)
    if not Path(source).is_dir():
        if source.startswith("inputs/"):
            return source
        message = f"{source} is neither a folder, nor a file, nor the key of a listing in the bucket."
        raise InvalidRequest(message, field="source", advice="Such a key begins with inputs/.")
    upload = Upload(Path(source), order(params).owner, show)
    first = [{"source": upload.prefix + upload.names[0]}]
    validate(services, order(params | {documents.find(order(params).document).records_field: first}))
    return upload.send(services.bucket, captions)


def _hand_in(services: Services, order: ExportRequest, machine: bool) -> str:
    """Submit and print the id, also when Redis is down: the export is kept, and begins later."""
    from ..tasks.submit import submit

    submitted = submit(services, order)
    export = submitted.export
    if machine:
        from ..scaler.quotes import represent

        terminal.answer(represent(services, export))
    else:
        terminal.say(export.id)
    if not submitted.queued:
        terminal.note("Redis is down. The export is accepted and begins when Redis is back.")
    return export.id


def _chosen(given: dict[str, Any]) -> dict[str, Any]:
    """The document's parameters that were given."""
    return {name: value for name, value in given.items() if value is not None}
