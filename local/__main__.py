"""python -m local demo | up | dashboard | pictures | store URL"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import Progress

from pipeline.errors import InvalidSetting, PipelineError

from .dashboard import draw
from .demo import LISTING, LOOK_SECONDS, demo, upload
from .laptop import ENV_FILE, ROOT, laptop
from .monitors import flower
from .store import try_store

LOCK = "lock"


def main(words: list[str]) -> int:
    """Run a command. Returns the exit status. Files and logs stay in demo/, up/ or store/."""
    console = Console(highlight=False)
    commands: dict[tuple[str, int], Callable[..., None]] = {
        ("demo", 0): _demo,
        ("up", 0): _up,
        ("dashboard", 0): _dashboard,
        ("pictures", 0): _pictures,
        ("store", 1): _store,
    }
    command = commands.get((words[0], len(words) - 1)) if words else None
    if command is None:
        console.print(__doc__)
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        command(console, *words[1:])
    except PipelineError as error:
        console.print(f"[bold]{error.message}[/] {error.advice}")
        return error.exit_code
    except KeyboardInterrupt:
        console.print("stopped")
    return 0


def _demo(console: Console) -> None:
    with emptied(ROOT / "demo") as folder, laptop(folder, look_seconds=LOOK_SECONDS) as running:
        demo(running, folder / "album.pdf", console)


def _up(console: Console) -> None:
    """Run until Ctrl-C, with sample photos to try; with FLOWER=1 also Flower."""
    watched = os.environ.get("FLOWER") == "1"
    environ = {"MONITORING": "on"} if watched else {}
    with ExitStack() as stack:
        folder = stack.enter_context(emptied(ROOT / "up"))
        running = stack.enter_context(laptop(folder, port=asked_port(), environ=environ))
        if watched:
            console.print(f"Flower: {stack.enter_context(flower(folder, running.env)).url}")
        with Progress(console=console) as bars:
            upload(running.store, bars)
        console.print(f"\nOpen {running.url} and sign in with the password [bold]{running.password}[/]")
        console.print(
            f"API: curl -H 'Authorization: Bearer {running.token}' {running.url}/v1/exports", soft_wrap=True
        )
        env = os.path.relpath(running.folder / ENV_FILE)
        console.print(
            f"Commands, in another terminal: . {env}; .venv/bin/python -m pipeline doctor", soft_wrap=True
        )
        console.print(
            f"An album of sample photos, there: .venv/bin/python -m pipeline submit photos {LISTING}",
            soft_wrap=True,
        )
        console.print(f"Mail, logs and files are in {folder}. Ctrl-C stops everything.")
        while True:
            time.sleep(3600)


def _dashboard(console: Console) -> None:
    with emptied(ROOT / "up") as folder:
        draw(folder, console)


def _pictures(console: Console) -> None:
    from .pictures import take  # playwright is for development only

    with emptied(ROOT / "up") as folder:
        take(folder, console)


def _store(console: Console, url: str) -> None:
    with emptied(ROOT / "store") as folder:
        try_store(url, folder, console)


def asked_port() -> int:
    """Return PORT, or 5000; InvalidSetting if the port is taken."""
    said = os.environ.get("PORT", "5000")
    if not said.isdecimal() or not 0 < (port := int(said)) < 1 << 16:
        words = f"PORT is {said!r}; it must be a number from 1 to 65535."
        raise InvalidSetting(words, field="PORT", advice="Set it: PORT=5001 make up")
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        words = f"Port {port} is taken."
        raise InvalidSetting(words, field="PORT", advice=f"Use another: PORT={port + 1} make up") from error
    return port


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """An empty folder for the files and logs of one run; PipelineError while another run uses it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when the process ends, however it dies
        except BlockingIOError as error:
            advice = "Stop it with Ctrl-C, or start this one in a copy of the project."
            raise PipelineError(f"Another run uses {folder}.", advice=advice) from error
        for left in folder.iterdir():
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            elif left.name != LOCK:
                left.unlink()
        yield folder


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
