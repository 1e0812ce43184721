"""This program, used as a person uses it: the command `render`."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any


def render(kind: str, source: Path, out: Path, **params: Any) -> None:
    """`python -m pipeline render KIND SOURCE -o OUT …`; raises RuntimeError when it fails."""
    from pipeline.cli import program

    arguments = ["render", kind, str(source), "-o", str(out), "--force", "--quiet"]
    arguments += [word for name, value in params.items() for word in _option(name, value)]
    try:
        with redirect_stdout(StringIO()):
            program.main(arguments, "python -m pipeline")
    except SystemExit as ended:
        if ended.code:
            raise RuntimeError(f"render {kind} ended with {ended.code}") from ended


def _option(name: str, value: Any) -> list[str]:
    name = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", value if isinstance(value, str) else json.dumps(value)]
