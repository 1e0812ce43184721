"""The Dockerfile, played into a folder: there may be no Docker where the tests run.

Not covered: the base image itself, and that an engine accepts the file.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from local.formation import parse_procfile
from local.services import free_port

from ..conftest import Environ

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SECONDS = 60.0  # patience with a process that starts
UNTESTED: dict[str, str] = {}  # RUN lines that cannot be executed here, each with the reason


def instructions() -> Iterator[tuple[str, str]]:
    """Each instruction with its arguments, continuation lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    for line in filter(None, "\n".join(lines).replace("\\\n", " ").splitlines()):
        name, _, arguments = line.partition(" ")
        yield name, " ".join(arguments.split())


INSTRUCTIONS = list(instructions())


def arguments(name: str) -> list[str]:
    return [arguments for found, arguments in INSTRUCTIONS if found == name]


def variables() -> Environ:
    """What ENV sets."""
    return dict(word.split("=", 1) for line in arguments("ENV") for word in shlex.split(line))


def copied() -> list[tuple[list[str], str]]:
    """Sources and target of each COPY."""
    return [(words[:-1], words[-1]) for words in map(str.split, arguments("COPY"))]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of WORKDIR, with what is copied there."""
    folder = tmp_path_factory.mktemp("image")
    for sources, target in copied():
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, folder / target)
    return folder


def in_image(image: Path, *command: str, **environ: str) -> str:
    """Returns what a command prints in the image, with the variables of ENV."""
    known = {"PATH": f"{BIN}:{os.environ['PATH']}", **variables(), **environ}
    return subprocess.check_output(command, cwd=image, env=known, text=True)


def test_only_instructions_that_are_tested_here_are_used() -> None:
    assert {name for name, _ in INSTRUCTIONS} == {
        "FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "EXPOSE", "CMD",
    }  # fmt: skip


def test_the_image_has_the_python_of_the_project() -> None:
    version = (ROOT / ".python-version").read_text().strip()
    assert arguments("FROM") == [f"python:{version}-slim-bookworm"]


@pytest.mark.parametrize("line", arguments("RUN"))
def test_each_run_line_is_executed_or_named(line: str, image: Path, tmp_path: Path) -> None:
    if line in UNTESTED:
        pytest.skip(UNTESTED[line])
    program, *rest = shlex.split(line)
    match program:
        case "pip":  # all of it is installed here, or there is an error: nothing is fetched
            told = in_image(image, sys.executable, "-m", program, *rest, "--dry-run", "--no-deps", "--no-index")
            assert "Requirement already satisfied" in told and "Would install" not in told
        case "useradd":
            if os.geteuid() or not shutil.which(program):
                pytest.skip("useradd needs root, and Linux")
            (tmp_path / "etc").mkdir()
            subprocess.run([program, "--prefix", str(tmp_path), *rest], check=True)
            users = [entry.split(":") for entry in (tmp_path / "etc/passwd").read_text().splitlines()]
            assert [f"{user[2]}:{user[3]}" for user in users] == arguments("USER")
            assert (tmp_path / users[0][5][1:]).is_dir()
        case _:
            pytest.fail("execute this line here, or name it in UNTESTED with the reason")


def test_run_lines_that_are_named_as_untested_are_there() -> None:
    assert UNTESTED.keys() <= set(arguments("RUN"))


def test_the_requirements_are_copied_before_they_are_installed() -> None:
    (copy,) = [i for i, (name, words) in enumerate(INSTRUCTIONS) if name == "COPY" and "requirements" in words]
    (install,) = [i for i, (name, words) in enumerate(INSTRUCTIONS) if name == "RUN" and "requirements" in words]
    assert copy < install


def test_every_source_exists_and_is_sent_to_the_engine() -> None:
    sources = {source for sources, _ in copied() for source in sources}
    assert not [source for source in sources if not (ROOT / source).exists()]
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == sources
    assert lines[-1] == "**/__pycache__"


def test_the_processes_do_not_run_as_root() -> None:
    (user,) = arguments("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)  # numbers: Kubernetes knows by them that it is not root
    names = [name for name, _ in INSTRUCTIONS]
    assert names.index("USER") < names.index("CMD") and "RUN" not in names[names.index("USER") :]


def test_the_port_that_is_exposed_is_the_one_that_is_listened_to(image: Path) -> None:
    bind = "import pipeline.web.gunicorn as config; print(config.bind)"
    assert in_image(image, sys.executable, "-c", bind) == f"0.0.0.0:{variables()['PORT']}\n"
    assert arguments("EXPOSE") == [variables()["PORT"]]


def test_the_command_line_runs_in_the_image(image: Path) -> None:
    assert "\n  worker " in in_image(image, "python", "-m", "pipeline", "--help")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert in_image(image, "python", "-m", "pipeline", "--version") == f"pipeline {version}\n"


def test_the_command_is_the_web_process_of_the_procfile() -> None:
    web = parse_procfile((ROOT / "Procfile").read_text())["web"]
    assert json.loads(arguments("CMD")[0]) == shlex.split(web.removeprefix("exec "))


def test_the_command_serves(image: Path, environ: Environ) -> None:
    port = free_port()
    known = {**environ, **variables(), "PATH": f"{BIN}:{environ['PATH']}", "PORT": str(port)}
    with subprocess.Popen(json.loads(arguments("CMD")[0]), cwd=image, env=known) as process:
        try:
            assert answer(f"http://127.0.0.1:{port}/health").status_code == 200
        finally:
            process.terminate()
    assert process.returncode == 0


def answer(url: str) -> requests.Response:
    """The first answer that comes; the process may not listen yet."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            return requests.get(url, timeout=60)
        except requests.ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
