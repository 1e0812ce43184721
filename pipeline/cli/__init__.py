"""The command line, for a laptop and for `heroku run`.

A command stores its result in the bucket before it answers, so an interrupted command can be repeated. Commands
import what only they need (Celery, boto3, rich).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from ..errors import Interrupted, InvalidRequest, PipelineError
from . import costs, inspect, make, output, run, simulate

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


class Program(click.Group):
    """A group that prints an expected error as message and advice, and exits with its exit code."""

    def main(  # type: ignore[override]  # it always exits, so `standalone_mode` has no effect
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(arguments, prog_name, **extra | {"standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)  # the whole help, line by line
            code = error.exit_code
        except (PipelineError, click.ClickException, click.Abort, OSError) as error:
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
    """Returns the version in pyproject.toml: from the file beside the package, or from the installed metadata.

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


program.add_command(make.Kinds(make.render))
program.add_command(make.Kinds(make.submit))
for command in (
    inspect.status, inspect.wait, inspect.fetch, inspect.cancel, inspect.list_,
    run.keeper, run.worker, run.drain, run.prepare, run.doctor, costs.costs, simulate.simulate,
):  # fmt: skip
    program.add_command(command)
