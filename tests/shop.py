"""The example `examples/django` on a real pipeline: its database, its commands, its web server."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import requests

from local import process
from local.services import Valkey, free_port

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples/django"
PYTHON = os.environ.get("SHOP_PYTHON", sys.executable)  # of an environment with another Django
PATH = os.pathsep.join(map(str, (EXAMPLE, ROOT / "client", ROOT)))
FILL = """
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("make_orders", orders={orders}, customers=50)
User.objects.create_superuser("ann", password="ann")
for name in ("bob", "eve"):
    user = User.objects.create_user(name, password=name, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
"""


class Pdfs(Protocol):
    """What the example needs of the app that makes PDFs, and a Redis for its own Celery."""

    @property
    def url(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def valkey(self) -> Valkey: ...


@dataclass(frozen=True)
class Shop:
    """The example, with its database in a file."""

    database: Path
    env: dict[str, str]

    def manage(self, *command: str, stdin: str = "") -> str:
        """Run `manage.py`. Returns what it printed."""
        done = subprocess.run(
            [PYTHON, "manage.py", *command],
            cwd=EXAMPLE, env=self.env, input=stdin, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Run a statement beside the program."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            return list(connection.execute(statement, values))


def environment(pdfs: Pdfs, database: Path, settings: str) -> dict[str, str]:
    """The variables of the example's processes."""
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PDF_URL": pdfs.url, "PDF_TOKEN": pdfs.token,
        "SHOP_REDIS_URL": pdfs.valkey.url.rsplit("/", 1)[0] + "/3",
        "SHOP_DATABASE": str(database), "DJANGO_SETTINGS_MODULE": settings,
        "PYTHONPATH": PATH,
    }  # fmt: skip


def shop(pdfs: Pdfs, folder: Path, settings: str = "shop.settings", orders: int = 2000) -> Shop:
    """Make the example's database: ann may do everything, bob and eve may view orders."""
    database = folder / "shop.sqlite3"
    made = Shop(database, environment(pdfs, database, settings))
    made.manage("shell", stdin=FILL.format(orders=orders))  # in one process: each takes a second to start
    return made


@contextmanager
def served(made: Shop, log: Path) -> Iterator[tuple[str, process.ProcessTree]]:
    """Serve the example. Yields its address, and its process."""
    address = f"127.0.0.1:{free_port()}"
    command = (PYTHON, "manage.py", "runserver", "--noreload", address)
    web = process.start(command, cwd=EXAMPLE, env=made.env, output=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                requests.get(f"http://{address}/admin/login/", timeout=10)
                break
            except requests.ConnectionError:
                assert time.monotonic() < deadline and web.running, log.read_text()
                time.sleep(0.1)
        yield f"http://{address}", web
    finally:
        web.end(10.0)
