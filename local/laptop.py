"""The whole system on one computer: Valkey, S3, mail, dynos, and the web process of the Procfile.

The code and the Procfile are those of production; only the addresses in the environment differ.
"""

from __future__ import annotations

import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import ServiceDown
from pipeline.exports.repository import ExportRepository
from pipeline.scaler.learned import Learned
from pipeline.scaler.usage import UsageLog
from pipeline.settings import Settings

from . import process
from .dynos import Dynos
from .formation import parse_procfile
from .services import S3, Smtp, Valkey, free_port, s3, smtp, valkey

ROOT = Path(__file__).parents[1]
API_OWNER = "demo"
ENV_FILE = "env"
START_SECONDS = 120.0  # for the web process, on a machine as busy as can be
IMPORT_SECONDS = 1.5  # from a worker's start to its first look at the queue


@dataclass(frozen=True)
class Laptop:
    """A running system, and its addresses and passwords."""

    url: str
    token: str = field(repr=False)
    password: str = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    settings: Settings
    store: S3Bucket
    dynos: Dynos
    valkey: Valkey
    smtp: Smtp
    web: process.ProcessTree
    folder: Path

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an API client."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def laptop(
    folder: Path,
    *,
    environ: Mapping[str, str] | None = None,
    route: Callable[[Mapping[str, str]], Mapping[str, str]] = dict,
    workers: int = 2,
    boot_seconds: float = 1.0,
    stop_seconds: float = 30.0,
    look_seconds: float = 2.0,
    port: int = 0,
    store: Mapping[str, str] | None = None,
    start: process.Start = process.start,
) -> Iterator[Laptop]:
    """Run everything, with its files in `folder`; nothing is left running after the block.

    `folder`/env exports the settings to a shell, for commands beside it.
    `environ` changes variables of web and workers; `store` are those of a store elsewhere, used instead of a local
    one. `route` is given the variables that name the services, and returns them with other addresses, such as those
    of proxies. The memory of workers is sampled every `look_seconds`. `start` starts the web process and workers.
    Raises ServiceDown if a part does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        redis = stack.enter_context(valkey(folder))
        if store is None:
            secret = secrets.token_hex(16)
            made = s3(_made(folder / "s3"), key_id="demo", secret=secret, bucket="pipeline")
            store = _variables(stack.enter_context(made))
        mail = stack.enter_context(smtp(folder))
        token, password = secrets.token_urlsafe(16), secrets.token_urlsafe(9)
        ports = port or free_port(), free_port()
        config = {
            **route(
                {
                    **store,
                    "REDIS_URL": redis.url,
                    "SMTP_URL": mail.url,
                    "HEROKU_API_URL": f"http://127.0.0.1:{ports[1]}",
                }
            ),
            **_processes(ports[0], token, password, workers),
            **(environ or {}),
        }
        _write_exports(folder / ENV_FILE, config)
        env = {**_inherited(), **config}
        settings = Settings.from_env(env)
        bucket = _bucket(settings, boot_seconds)
        dynos = stack.enter_context(
            Dynos(
                ROOT / "Procfile", _inherited(), config_vars=config, cwd=ROOT, port=ports[1],
                log_folder=folder / "logs", boot_seconds=boot_seconds,
                stop_seconds=stop_seconds, look_seconds=look_seconds, start=start,
            )
        )  # fmt: skip
        web = start_web(env, folder, start)
        stack.callback(web.end, 10.0)
        url = f"http://127.0.0.1:{ports[0]}"
        _await(url, token, web)
        yield Laptop(url, token, password, env, settings, bucket, dynos, redis, mail, web, folder)


def _write_exports(file: Path, config: Mapping[str, str]) -> None:
    """Write lines for a shell. With HEROKU_HOST and HEROKU_APP, the Heroku CLI there drives the local dynos; with
    PDF_URL and PDF_TOKEN, the examples and the client reach this system."""
    words = {
        **config,
        "HEROKU_HOST": config["HEROKU_API_URL"],
        "HEROKU_APP": config["HEROKU_APP_NAME"],
        "PDF_URL": config["BASE_URL"],
        "PDF_TOKEN": config["API_TOKENS"].partition("=")[2],
    }
    file.touch(mode=0o600)  # it holds keys
    file.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in words.items()))


def _variables(store: S3) -> dict[str, str]:
    """Return the variables that name a store."""
    return {
        "S3_ENDPOINT_URL": store.endpoint_url,
        "S3_BUCKET": store.bucket,
        "AWS_ACCESS_KEY_ID": store.key_id,
        "AWS_SECRET_ACCESS_KEY": store.secret,
    }


def _processes(port: int, token: str, password: str, workers: int) -> dict[str, str]:
    """Return the variables for web and workers."""
    return {
        "BASE_URL": f"http://127.0.0.1:{port}",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "SECRET_KEY": secrets.token_hex(32),
        "PANEL_PASSWORD": password,
        "API_TOKENS": f"{API_OWNER}={token}",
        "HEROKU_APP_NAME": "demo",
        "HEROKU_API_KEY": "local-key",
        "MAX_WORKERS": str(workers),
        "KEEPER_SECONDS": "1",
        "LINGER_SECONDS": "2",
        "INLINE_SECONDS": "0",  # small exports show here what workers do
    }


def _bucket(settings: Settings, boot_seconds: float) -> S3Bucket:
    """Create the bucket, and tell the scaler how fast local dynos boot."""
    store = S3Bucket.open(settings)
    store.create_bucket()
    usage = UsageLog(store, ExportRepository(store))
    if not usage.learned():
        usage.write_learned(Learned(boot=boot_seconds + IMPORT_SECONDS).encode())
    return store


def start_web(env: Mapping[str, str], folder: Path, start: process.Start = process.start) -> process.ProcessTree:
    """Start the web process, with its log below `folder`."""
    command, log = parse_procfile((ROOT / "Procfile").read_text())["web"], folder / "logs" / "web.log"
    return start(("bash", "-c", command), cwd=ROOT, env={**env, "DYNO": "web.1"}, output=log)


def _await(url: str, token: str, web: process.ProcessTree) -> None:
    """Wait until the web process answers, and not another program at its port, which does not know the token."""
    deadline = time.monotonic() + START_SECONDS
    while web.running and time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/v1/documents", headers={"Authorization": f"Bearer {token}"}, timeout=1).ok:
                return
        except (requests.ConnectionError, requests.Timeout):  # not up yet, or busy
            pass
        time.sleep(0.05)
    raise ServiceDown("The web process did not start.", advice="Read its log, logs/web.log.")


def _inherited() -> dict[str, str]:
    """Return this environment without variables that would connect the demo to real services."""
    foreign = ("AWS_", "S3_", "BUCKETEER_", "HEROKU_", "REDIS_", "SMTP_", "DYNO")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
