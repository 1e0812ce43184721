"""python -m pipeline.local demo | up"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import Progress

from ..errors import InvalidSetting, PipelineError
from .demo import LISTING, demo, upload
from .laptop import ROOT, laptop


def main(words: list[str]) -> int:
    """Run a command; the exit status. What it made and logged stays in demo/ or up/."""
    console = Console(highlight=False)
    commands = {"demo": _demo, "up": _up}
    if len(words) != 1 or words[0] not in commands:
        console.print(__doc__)
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        commands[words[0]](console)
    except PipelineError as error:
        console.print(f"[bold]{error.message}[/] {error.advice}")
        return error.exit_code
    except KeyboardInterrupt:
        console.print("stopped")
    return 0


def _demo(console: Console) -> None:
    folder = _emptied("demo")
    with laptop(folder) as running:
        demo(running, folder / "album.pdf", console)


def _up(console: Console) -> None:
    """Run until Ctrl-C, with sample photos to try."""
    port = int(os.environ.get("PORT", "5000"))
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        words = f"Port {port} is taken."
        raise InvalidSetting(words, field="PORT", advice=f"Name another: PORT={port + 1} make up") from error
    folder = _emptied("up")
    with laptop(folder, port=port) as running:
        with Progress(console=console) as bars:
            upload(running.store, bars)
        console.print(f"\nOpen {running.url} and sign in with the password [bold]{running.password}[/]")
        console.print(f"Photos to try: {LISTING}")
        console.print(f"API: curl -H 'Authorization: Bearer {running.token}' {running.url}/exports", soft_wrap=True)
        console.print(f"Mail, logs and files are in {folder}. Ctrl-C ends everything.")
        while True:
            time.sleep(3600)


def _emptied(name: str) -> Path:
    """A folder of the project for what a run makes and logs."""
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
