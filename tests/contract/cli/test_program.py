"""What all commands share: help, errors, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run, error


def test_a_wrong_setting_is_named(run: Run) -> None:
    result = run("list", "--json", MAX_WORKERS="none")
    assert (result.exit_code, error(result)["code"], error(result)["field"]) == (2, "InvalidSetting", "MAX_WORKERS")


def test_the_exit_codes_are_in_the_help(alone: Run) -> None:
    said = alone("--help").stdout
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 8, 130):
        assert f"\n{code:>7}  " in said


def test_an_error_has_a_message_and_advice(alone: Run, tmp_path: Path) -> None:
    result = alone("render", "photos", tmp_path, "-o", tmp_path / "out.pdf", "--quiet")
    assert result.stdout == ""
    said = result.stderr.splitlines()
    assert said[0].startswith(f"Error: There are no pictures in {tmp_path}.")
    assert said[1].startswith("Pictures end in .apng .avif .bmp")


def test_an_unknown_document_names_the_known_ones(alone: Run, album: Path) -> None:
    result = alone("render", "letters", album, "-o", "out.pdf", "--json")
    assert (result.exit_code, error(result)["code"]) == (2, "UnknownDocument")
    assert "photos" in error(result)["message"]
    assert "DOCUMENTS" in error(result)["advice"]


@pytest.mark.parametrize("command", [(), ("render",)], ids=("program", "render"))
def test_a_command_without_arguments_shows_help(alone: Run, command: tuple[str, ...]) -> None:
    result = alone(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert {"Options:", "Commands:"} <= set(result.stderr.splitlines())


def test_an_error_names_the_field_once(alone: Run, album: Path) -> None:
    result = alone("render", "photos", album, "-o", "out.pdf", "--page-size", "A9")
    assert result.stderr.splitlines()[0].endswith("'Letter'.")
