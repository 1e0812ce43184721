"""python -m pipeline.local demo | up"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from types import FrameType

from rich.console import Console
from rich.progress import Progress

from ..errors import PipelineError
from .demo import LISTING, demo, upload
from .laptop import ROOT, laptop

FOLDER = ROOT / "demo"
PORT = 5000


def main(words: list[str]) -> int:
    """Run a command; the exit status. What it made and logged stays in demo/."""
    console = Console(highlight=False)
    commands = {"demo": _demo, "up": _up}
    if len(words) != 1 or words[0] not in commands:
        console.print(__doc__)
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        commands[words[0]](console)
    except PipelineError as error:
        console.print(f"[bold]{error.message}[/] {error.advice}")
        return error.exit_code
    except KeyboardInterrupt:
        console.print("stopped")
    return 0


def _demo(console: Console) -> None:
    with laptop(FOLDER) as running:
        demo(running, FOLDER / "hills.pdf", console)


def _up(console: Console) -> None:
    """Run until Ctrl-C, with sample photos to try."""
    with laptop(FOLDER, port=PORT) as running:
        with Progress(console=console) as bars:
            upload(running.store, bars)
        console.print(f"\nOpen {running.url} and sign in with the password [bold]{running.password}[/]")
        console.print(f"Photos to try: {LISTING}")
        console.print(f"API: curl -H 'Authorization: Bearer {running.token}' {running.url}/exports")
        console.print(f"Mail, logs and files are in {FOLDER}. Ctrl-C ends everything.")
        while True:
            time.sleep(3600)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
