"""The command `pipeline`, as `pip install .` brings it: version and completion."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from pipeline.cli import COMMANDS, program

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = re.findall(r"`([^`]*_PIPELINE_COMPLETE=(\w+)_source[^`]*)`", (ROOT / "docs/cli.md").read_text())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH that begins with a folder in which pip would have written the console script."""
    folder = tmp_path_factory.mktemp("bin")
    module, _, name = PROJECT["scripts"]["pipeline"].partition(":")
    script = folder / "pipeline"
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import {name}\nsys.exit({name}())\n")
    script.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def run(path: str, *command: str, **variables: str) -> str:
    """Returns what a command prints; it must succeed and print no error."""
    environ = {"PATH": path, "PYTHONPATH": str(ROOT), **variables}
    ended = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def completed(path: str, words: str) -> list[str]:
    """What bash offers for the last word of a line, once the line of docs/cli.md was executed."""
    (line,) = [line for line, shell in LINES if shell == "bash"]
    script = f"""
        {line}
        COMP_WORDS=({words}) COMP_CWORD=$(({len(words.split())} - 1))
        _pipeline_completion pipeline
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return run(path, "bash", "--norc", "-c", script).split()


def test_the_version_of_a_checkout_is_the_one_of_pyproject(path: str) -> None:
    assert run(path, "pipeline", "--version") == f"pipeline {PROJECT['version']}\n"


def test_a_checkout_does_not_show_the_version_of_another_installation(path: str, tmp_path: Path) -> None:
    """`tests/unit/test_wheel.py` shows the version of an installed one."""
    info = tmp_path / "pipeline-7.8.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: pipeline\nVersion: 7.8.9\n")
    shown = run(path, "pipeline", "--version", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert shown == f"pipeline {PROJECT['version']}\n"


def test_python_m_pipeline_shows_the_same_version(path: str) -> None:
    assert run(path, sys.executable, "-m", "pipeline", "--version") == run(path, "pipeline", "--version")


def test_the_docs_have_a_line_for_each_shell() -> None:
    assert [shell for _, shell in LINES] == ["bash", "zsh", "fish"]


@pytest.mark.parametrize(("shell", "sign"), [("bash", "complete -o"), ("zsh", "compdef "), ("fish", "complete --")])
def test_the_completion_script_of_each_shell_is_printed(path: str, shell: str, sign: str) -> None:
    script = run(path, "pipeline", _PIPELINE_COMPLETE=f"{shell}_source")
    assert sign in script and f"_PIPELINE_COMPLETE={shell}_complete" in script


@pytest.mark.parametrize(
    ("words", "expected"),
    [("pipeline ren", "render"), ("pipeline render pho", "photos"), ("pipeline render photos --row", "--rows")],
)
def test_bash_completes_commands_documents_and_options(path: str, words: str, expected: str) -> None:
    assert expected in completed(path, words)


def test_the_help_says_of_each_command_what_it_says_itself() -> None:
    context = click.Context(program)
    for name, (_, words) in COMMANDS.items():
        command = program.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert (command.help or "").strip().startswith(words.rstrip(".")), name


@pytest.mark.parametrize("command", ["render", "submit"])
def test_the_help_of_a_command_says_what_each_document_is(path: str, command: str) -> None:
    shown = " ".join(run(path, "pipeline", command, "--help").split())
    assert "photos Photos with captions: one on each page, or several as a contact sheet." in shown
    one = run(path, "pipeline", command, "photos", "--help").split("\n\n")
    assert " ".join(one[1].split()).startswith("Photos with captions: one on each page")
    assert "JSON:" in one[-2].strip().splitlines()[0]


def test_the_help_imports_no_command() -> None:
    script = "import sys; from pipeline.cli import program\ntry: program(['--help'])\n"
    script += "except SystemExit: print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert "Run a worker until stopped." in shown
    modules = shown.splitlines()[-1].split()
    found = [each for each in modules if each.startswith(("pipeline.cli.", "pipeline.settings", "msgspec"))]
    assert found == ["pipeline.cli.importing"]


def test_a_plain_table_imports_only_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    script = "import sys; from pipeline.cli import program\n"
    script += "try: program(['render', 'table', 'rows.csv', '-o', 'rows.pdf'])\n"
    script += "except SystemExit: print(*sys.modules)"
    environ = {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path, env=environ
    )
    unneeded = {"PIL", "babel", "email", "pipeline.documents.photos", "pypdf", "reportlab", "celery", "boto3"}
    unneeded |= {
        "asyncio",
        "json",
        "logging",
        "multiprocessing",
        "pipeline.logs",
        "requests",
        "socket",
        "ssl",
        "zoneinfo",
    }
    assert not unneeded & set(run.stdout.splitlines()[-1].split())


def test_the_collector_leaves_out_what_was_imported() -> None:
    script = "import gc; from pipeline.cli.importing import importing\nbefore = gc.get_freeze_count()\n"
    script += "with importing(): inside = gc.isenabled(); import decimal\n"
    script += "print(inside, gc.isenabled(), before, gc.get_freeze_count() > 0)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.split() == ["False", "True", "0", "True"]
