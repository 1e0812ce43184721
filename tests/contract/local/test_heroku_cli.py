"""The real Heroku CLI drives the local dynos."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.dynos import Dynos

from ...heroku_cli import environment, heroku, require_cli, started
from ...waiting import until
from .stage import SECONDS, Stage, wait_until_up

Cli = Callable[..., str]
README = Path(__file__).parents[3] / "README.md"


@pytest.fixture
def dynos(stage: Stage) -> Dynos:
    require_cli()
    return stage.dynos("echo $COLOUR; exec sleep 600", config_vars={"COLOUR": "red"})


@pytest.fixture
def cli(dynos: Dynos, tmp_path: Path) -> Iterator[Cli]:
    """Runs a command that must succeed. Returns what it printed."""
    with started(dynos, tmp_path) as command:

        def run(*words: str) -> str:
            done = command(*words)
            assert done["status"] == 0, done["stderr"]
            warnings = re.compile(r"^ \u203a.*\n", re.MULTILINE)  # the CLI's own words, about its terms of service
            return str(done["stdout"]) + warnings.sub("", done["stderr"])

        yield run


def ids(dynos: Dynos) -> set[str]:
    """The ids of the dynos that were not told to stop."""
    return {dyno.id for row in dynos.rows.values() for dyno in row.dynos.values()}


def test_it_scales_and_shows_dynos(dynos: Dynos, cli: Cli) -> None:
    assert "running worker at 2:Standard-1X" in cli("ps:scale", "worker=2")
    assert "running worker at 3:Standard-2X" in cli("ps:scale", "worker+1:standard-2x")
    assert cli("ps:scale").strip() == "worker=3:Standard-2X"
    wait_until_up(dynos, 3)
    assert "worker (Standard-2X)" in (shown := cli("ps"))
    assert "worker.3: up" in shown
    assert "Standard-1X" in cli("ps:type", "worker=standard-1x")
    assert "at 0:Standard-1X" in cli("ps:scale", "worker=0")
    until(lambda: not dynos.dynos())


def test_it_restarts_and_stops_dynos(dynos: Dynos, cli: Cli) -> None:
    dynos.scale({"worker": 2})
    first = ids(dynos)
    cli("ps:restart")
    assert not ids(dynos) & (before := first)
    for words, replaced in (
        (("ps:restart", "--dyno-name", "worker.1"), 1),
        (("ps:restart", "--process-type", "worker"), 2),
        (("ps:stop", "--dyno-name", "worker.2"), 1),
        (("ps:stop", "--process-type", "worker"), 2),
    ):
        before = ids(dynos)
        cli(*words)
        assert len(ids(dynos) - before) == replaced, words


def test_it_runs_detached_dynos_and_reads_their_output(dynos: Dynos, cli: Cli) -> None:
    assert "run.1" in cli("run:detached", "--size", "standard-2x", "--", "echo", "hello")
    until(lambda: not dynos.dynos())
    assert cli("logs", "--dyno-name", "run.1").rstrip().endswith("app[run.1]: hello")
    cli("run:detached", "--", "exec", "sleep", "600")
    cli("ps:stop", "--process-type", "run")
    until(lambda: not dynos.dynos())


def test_it_reads_and_sets_config_vars(dynos: Dynos, cli: Cli) -> None:
    assert json.loads(cli("config", "--json")) == {"COLOUR": "red"}
    assert "v2" in cli("config:set", "COLOUR=blue", "SHAPE=round")
    assert cli("config:get", "COLOUR").strip() == "blue"
    assert "v3" in cli("config:unset", "SHAPE")
    shown = cli("releases")
    assert "Current: v3" in shown
    assert "Set COLOUR, SHAPE config vars" in shown
    assert "COLOUR: blue" in cli("releases:info")
    assert dynos.release.config_vars == {"COLOUR": "blue"}


def test_the_readme_takes_over_the_settings_but_not_the_key(dynos: Dynos, tmp_path: Path) -> None:
    (line,) = re.findall(r"^set -a; source .*$", README.read_text(), re.MULTILINE)
    dynos.set_config({"API_TOKENS": "shop=a-token other=b'token", "HEROKU_API_KEY": "of-the-app"})
    script = f"{line}\nenv"
    done = subprocess.run(
        ["bash", "-c", script],
        env=environment(dynos, tmp_path),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    found = dict(entry.split("=", 1) for entry in done.stdout.splitlines() if "=" in entry)
    assert found["API_TOKENS"] == "shop=a-token other=b'token"
    assert found["HEROKU_API_KEY"] == dynos.key


def test_it_shows_the_app_and_the_account(cli: Cli) -> None:
    assert "stack=heroku-24" in cli("apps:info", "--shell")
    assert "owner@example.com" in cli("apps:info")
    assert "demo" in cli("apps")
    assert "owner@example.com" in cli("auth:whoami")


def test_an_attached_dyno_is_refused_with_what_to_do(dynos: Dynos, tmp_path: Path) -> None:
    done = heroku(dynos, tmp_path, "run", "--", "echo", "hello")
    assert done.returncode != 0
    assert "heroku run:detached" in done.stderr
