"""The command line, for a laptop and for `heroku run`.

A command stores its result in the bucket before it answers, so an interrupted command can be repeated. Only the
module of the command that runs is imported, and that imports what only it needs (Celery, boto3, rich).
"""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from ..errors import Interrupted, InvalidRequest, PipelineError
from .importing import importing

HELP = """Very large PDFs on very small workers.

\b
Exit codes:
    0  done
    1  any other error
    2  a wrong parameter or setting
    3  not found
    4  the export failed, or none of its records could be drawn
    5  cancelled, or not possible in the export's state
    6  a service is down: Redis, S3, mail, Heroku
    7  not allowed
    8  timed out
  130  interrupted

With --json a command writes one JSON value per line to stdout, and an error as
{"error": {"code", "message", "advice", "field"}}.
"""


COMMANDS = {
    "cancel": ("inspect", "Cancel an export that is not over yet."),
    "costs": ("costs", "Show the cost of exports, by month (UTC) and document."),
    "doctor": ("run", "Check every setting and service, and print what to do."),
    "drain": ("run", "Stop a worker as Heroku does, and wait for its end."),
    "fetch": ("inspect", "Download the file of an export."),
    "keeper": ("run", "Repair, scale and clean up until stopped."),
    "list": ("inspect", "List the last exports, newest first."),
    "locks": ("locks", "List the locks: name, holder, seconds left."),
    "prepare": ("run", "Prepare a release."),
    "render": ("make", "Make a document here, without any service."),
    "schedules": ("schedules", "List what runs by the clock, with its last and next run."),
    "simulate": ("simulate", "Simulate the scaler."),
    "status": ("inspect", "Show the state and progress of an export."),
    "submit": ("make", "Request a document from the workers."),
    "wait": ("inspect", "Wait until an export is over."),
    "webhook": ("webhook", "Show the secret of an owner's webhooks, or send webhooks again."),
    "worker": ("run", "Run a worker until stopped."),
}
"""The module of each command, and what the help says of it: to import them all takes longer than to print it."""


class Program(click.Group):
    """A group that imports a command when it is used.

    It prints an expected error as message and advice, and exits with its exit code.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # as above
        if cmd_name not in COMMANDS:
            return None
        with importing():
            found: click.Command = import_module(f".{COMMANDS[cmd_name][0]}", __name__).commands[cmd_name]
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # as above
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])

    def main(  # type: ignore[override]  # it always exits, so `standalone_mode` has no effect
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        atexit.register(gc.freeze)  # or Python looks through all that is left when it ends
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(arguments, prog_name, **extra | {"standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)  # the whole help, line by line
            code = error.exit_code
        except (PipelineError, click.ClickException, click.Abort, OSError) as error:
            from . import output  # it brings the types of results; a command that works has them anyway

            told = _told(error)
            output.complain(told, machine="--json" in arguments)  # looked up here, since parsing may have failed
            code = told.exit_code
        sys.exit(code if isinstance(code, int) else 0)


def _told(error: Exception) -> PipelineError:
    """Return any error that ends a command as a PipelineError."""
    if isinstance(error, PipelineError):
        return error
    if isinstance(error, click.Abort):
        return Interrupted("Interrupted.")
    if isinstance(error, OSError):  # a folder without permission, a full disk
        where = f"{error.filename}: " if error.filename else ""
        return PipelineError(f"{where}{error.strerror or error}.")
    parameter, context = getattr(error, "param", None), getattr(error, "ctx", None)
    message = error.format_message() if isinstance(error, click.ClickException) else str(error)
    advice = f"See `{context.command_path} --help`." if context else ""
    return InvalidRequest(message, field=parameter.name if parameter else None, advice=advice)


def _version() -> str:
    """Return the version in pyproject.toml: from the file beside the package, or from the installed metadata.

    The app on Heroku runs from its checkout and is not installed.
    """
    import tomllib
    from importlib import metadata

    checkout = Path(__file__).parents[2] / "pyproject.toml"
    if checkout.is_file():
        return str(tomllib.loads(checkout.read_text(encoding="utf-8"))["project"]["version"])
    return metadata.version("pipeline")


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the version and exit, when --version is given."""
    if wanted:
        click.echo(f"pipeline {_version()}")
        context.exit()


@click.group(cls=Program, help=HELP)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="Show the version and exit.",
)  # fmt: skip
def program() -> None:
    pass
