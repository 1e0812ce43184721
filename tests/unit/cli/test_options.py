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
    assert 'Write a list as ["a", "b"]' in run(command, ["--name", "N", "--columns", "a,b"]).output
    assert "how many [default: 1]" in run(command, ["--help"]).output


class Shown(msgspec.Struct):
    field: str
    width: float = 0.0


class Dated(msgspec.Struct):
    field: str
    date: str


class ListParams(msgspec.Struct, kw_only=True):
    columns: Annotated[tuple[Shown, ...], Meta(max_length=9)] = ()
    dates: list[Dated] = []
    lines: tuple[str, ...] = ()


def test_names_separated_by_commas_are_enough_where_an_object_needs_no_more() -> None:
    found: dict[str, Any] = {}
    command = click.Command("new", params=options.options_for(ListParams), callback=found.update)
    run = CliRunner().invoke
    for given, columns in (
        ("net,gross", [{"field": "net"}, {"field": "gross"}]),
        ("net amount , 2024", [{"field": "net amount"}, {"field": "2024"}]),
        ('[{"field": "a,b", "width": 9}]', [{"field": "a,b", "width": 9}]),
    ):
        assert run(command, ["--columns", given]).exit_code == 0
        assert found["columns"] == columns
    for wrong in ("net,,gross", "net,", "", "[net"):
        said = run(command, ["--columns", wrong])
        assert said.exit_code == 2
        assert "Write" in said.output
    assert "is not JSON" in run(command, ["--dates", "a,b"]).output, "an object needs two fields"
    assert "is not JSON" in run(command, ["--lines", "Dear Ada, hello"]).output, "a line may have a comma"
