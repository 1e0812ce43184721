"""Options from the parameters of a document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import click
import msgspec
from click.testing import CliRunner
from msgspec import Meta

from pipeline.cli import options


class NewParams(msgspec.Struct, kw_only=True):
    """A kind of document that the command line has never heard of."""

    listing: str = ""
    copies: Annotated[Literal[1, 2], Meta(description="how many")] = 1
    max_rows: int | None = None
    columns: Annotated[list[str], Meta(description="which columns")] = []
    zebra: bool = True
    name: str


def test_a_document_has_its_own_options() -> None:
    found: dict[str, Any] = {}
    command = click.Command("new", params=options.options_for(NewParams, {"listing"}), callback=found.update)
    run = CliRunner().invoke
    arguments = ["--name", "N", "--copies", "2", "--no-zebra", "--max-rows", "7", "--columns", '["a", "b"]']
    assert run(command, arguments).exit_code == 0
    assert found == {"name": "N", "copies": 2, "zebra": False, "max_rows": 7, "columns": ["a", "b"]}
    assert run(command, ["--name", "N"]).exit_code == 0
    assert found == {"name": "N", "copies": None, "zebra": None, "max_rows": None, "columns": None}
    assert "Missing option '--name'" in run(command, []).output
    assert "is not JSON" in run(command, ["--name", "N", "--columns", "a,b"]).output
    assert "how many [default: 1]" in run(command, ["--help"]).output
