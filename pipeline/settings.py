"""One checked, frozen object, read from the environment once.

`Settings.from_env(os.environ)` is called at the edge (web, worker, command line); everything else is
given the object. Durations are seconds, sizes bytes, unless the name says otherwise.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from .errors import InvalidSetting

MIB = 1024 * 1024
BYTES_PER_PIXEL = 24  # measured: decoding and packing a picture takes up to 10; the rest is for everything else
KEEPER_MOST = 30.0  # seconds between two looks; the line in roster.py stands twice as long
N = TypeVar("N", int, float)


@dataclass(frozen=True)
class Settings:
    """What this process knows about its surroundings and its limits."""

    # where things are
    redis_url: str = field(repr=False)
    bucket: str
    bucket_prefix: str
    s3_endpoint_url: str | None
    s3_region: str | None
    s3_key_id: str | None = field(repr=False)
    s3_secret: str | None = field(repr=False)
    base_url: str

    # who may come in
    secret_keys: tuple[str, ...] = field(repr=False)
    panel_password: str | None = field(repr=False)
    api_tokens: Mapping[str, str] = field(repr=False)

    # how people hear of it
    smtp_url: str | None = field(repr=False)
    mail_from: str
    mails_per_minute: int
    link_seconds: int
    download_seconds: int

    # workers
    heroku_api_key: str | None = field(repr=False)
    heroku_app: str | None
    heroku_api_url: str
    heroku_timeout: float
    scaler_way: str
    one_off_size: str | None
    one_off_seconds: int
    worker_type: str
    dyno_size: str
    min_workers: int
    max_workers: int
    waiting_price: float
    linger_seconds: float
    memory_bytes: int
    concurrency: int

    # what can be made, and the cut
    documents: tuple[str, ...]
    fonts: tuple[str, ...]
    chunk_seconds: float
    max_chunks: int
    max_pages: int
    max_body_bytes: int
    max_image_pixels: int

    # patience
    soft_time_limit: float
    time_limit: float
    visibility_timeout: float
    shutdown_seconds: float
    lease_seconds: float
    keeper_seconds: float
    repair_patience: float
    export_deadline: float
    keep_seconds: float
    max_attempts: int

    @property
    def memory_per_process(self) -> int:
        """Bytes that one rendering process may use: the worker's memory, shared by its children."""
        return self.memory_bytes // self.concurrency

    @property
    def paid_size(self) -> str:
        """The size of a worker on the bill: one-off dynos may be of one of their own."""
        return (self.scaler_way == "one-off" and self.one_off_size) or self.dyno_size

    @classmethod
    def from_env(cls, environ: Mapping[str, str], root: Path = Path("/")) -> Settings:
        """Read and check every variable; raises InvalidSetting that names the first wrong one."""
        env = _Environment(environ)
        memory = env.integer("WORKER_MEMORY_MB", 0, least=0) * MIB or memory_limit(environ, root)
        concurrency = env.integer("WORKER_CONCURRENCY", max(1, memory // (512 * MIB)))
        settings = cls(
            redis_url=env.url("REDIS_URL", "redis://127.0.0.1:6379/0", ("redis", "rediss")),
            bucket=env.text("S3_BUCKET", "") or environ.get("BUCKETEER_BUCKET_NAME", "") or "pipeline",
            bucket_prefix=env.text("S3_PREFIX", ""),
            s3_endpoint_url=env.url("S3_ENDPOINT_URL", "", ("https", "http")) or None,
            s3_region=env.text("AWS_REGION", environ.get("BUCKETEER_AWS_REGION", "")) or None,
            s3_key_id=env.text("AWS_ACCESS_KEY_ID", environ.get("BUCKETEER_AWS_ACCESS_KEY_ID", "")) or None,
            s3_secret=env.text("AWS_SECRET_ACCESS_KEY", environ.get("BUCKETEER_AWS_SECRET_ACCESS_KEY", "")) or None,
            base_url=env.url("BASE_URL", "http://127.0.0.1:5000", ("http", "https")).rstrip("/"),
            secret_keys=tuple(env.text("SECRET_KEY", "").split()),
            panel_password=env.text("PANEL_PASSWORD", "") or None,
            api_tokens=env.pairs("API_TOKENS"),
            smtp_url=env.url("SMTP_URL", "", ("smtp", "smtps")) or None,
            mail_from=env.text("MAIL_FROM", "Documents <documents@localhost>"),
            mails_per_minute=env.integer("MAILS_PER_MINUTE", 60),
            link_seconds=env.integer("LINK_DAYS", 7) * 86400,
            download_seconds=env.integer("DOWNLOAD_SECONDS", 120),
            heroku_api_key=env.text("HEROKU_API_KEY", "") or None,
            heroku_app=env.text("HEROKU_APP_NAME", "") or None,
            heroku_api_url=env.url("HEROKU_API_URL", "https://api.heroku.com", ("http", "https")).rstrip("/"),
            heroku_timeout=env.seconds("HEROKU_TIMEOUT", 10),
            scaler_way=env.choice("SCALER_WAY", "formation", "one-off"),
            one_off_size=env.text("ONE_OFF_SIZE", "") or None,
            one_off_seconds=env.integer("ONE_OFF_HOURS", 12) * 3600,
            worker_type=env.text("WORKER_TYPE", "worker"),
            dyno_size=env.text("DYNO_SIZE", "standard-1x"),
            min_workers=env.integer("MIN_WORKERS", 0, least=0),
            max_workers=env.integer("MAX_WORKERS", 4),
            waiting_price=env.seconds("WAITING_PRICE", 10),
            linger_seconds=env.seconds("LINGER_SECONDS", 5),
            memory_bytes=memory,
            concurrency=concurrency,
            documents=tuple(env.text("DOCUMENTS", "").split()),
            fonts=env.words("FONTS"),
            chunk_seconds=env.seconds("CHUNK_SECONDS", 15),
            max_chunks=env.integer("MAX_CHUNKS", 500),
            max_pages=env.integer("MAX_PAGES", 1_000_000),
            max_body_bytes=env.integer("MAX_BODY_BYTES", 1 * MIB),
            max_image_pixels=env.integer("MAX_IMAGE_PIXELS", memory // concurrency // BYTES_PER_PIXEL),
            soft_time_limit=env.seconds("SOFT_TIME_LIMIT", 240),
            time_limit=env.seconds("TIME_LIMIT", 270),
            visibility_timeout=env.seconds("VISIBILITY_TIMEOUT", 600),
            shutdown_seconds=env.seconds("SHUTDOWN_SECONDS", 22),
            lease_seconds=env.seconds("LEASE_SECONDS", 60),
            keeper_seconds=env.seconds("KEEPER_SECONDS", 5),
            repair_patience=env.seconds("REPAIR_PATIENCE", 900),
            export_deadline=env.seconds("EXPORT_DEADLINE", 24 * 3600),
            keep_seconds=env.integer("KEEP_DAYS", 7) * 86400,
            max_attempts=env.integer("MAX_ATTEMPTS", 3),
        )
        if not settings.soft_time_limit < settings.time_limit < settings.visibility_timeout:
            raise InvalidSetting(
                "SOFT_TIME_LIMIT must be below TIME_LIMIT, and that below VISIBILITY_TIMEOUT: a message that"
                " comes back while its task still runs is done twice.",
                field="VISIBILITY_TIMEOUT",
            )
        if settings.min_workers > settings.max_workers:
            raise InvalidSetting(
                f"MIN_WORKERS is {settings.min_workers}, above MAX_WORKERS, {settings.max_workers}.",
                field="MIN_WORKERS",
            )
        if settings.keeper_seconds > KEEPER_MOST:
            raise InvalidSetting(
                f"KEEPER_SECONDS must be {KEEPER_MOST:.0f} or less: workers soon forget what the keeper told them,"
                " and are never stopped.",
                field="KEEPER_SECONDS",
            )
        if settings.one_off_seconds > 24 * 3600:
            raise InvalidSetting("ONE_OFF_HOURS must be 24 or less: Heroku allows no more.", field="ONE_OFF_HOURS")
        if settings.shutdown_seconds >= 28:
            raise InvalidSetting(
                "SHUTDOWN_SECONDS must be below 28: Heroku kills a worker 30 s after it was told to go.",
                field="SHUTDOWN_SECONDS",
            )
        return settings


def memory_limit(environ: Mapping[str, str], root: Path = Path("/")) -> int:
    """Bytes this machine allows: DYNO_RAM (MB), cgroup v1, cgroup v2, else 512 MB.

    cgroup v1 says "no limit" with a number near 2**63, so anything over 1 TiB counts as none.
    """
    if ram := environ.get("DYNO_RAM", ""):
        if not ram.isdecimal() or not int(ram):
            raise InvalidSetting(f"DYNO_RAM is {ram!r}; a number of megabytes is needed.", field="DYNO_RAM")
        return int(ram) * MIB
    for path in ("sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory.max"):
        try:
            limit = int((root / path).read_text())
        except (OSError, ValueError):  # no such controller, or "max"
            continue
        if limit < 1 << 40:
            return limit
    return 512 * MIB


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Environment:
    """Typed reading of variables; each failure names the variable and what would be right."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def text(self, key: str, default: str) -> str:
        return self.environ.get(key, default)

    def choice(self, key: str, default: str, *others: str) -> str:
        value = self.environ.get(key, "") or default
        if value not in (default, *others):
            words = " or ".join((default, *others))
            raise InvalidSetting(f"{key} is {value!r}; {words} is needed.", field=key)
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Words in a row; one with spaces stands in quotation marks."""
        try:
            return tuple(shlex.split(self.environ.get(key, "")))
        except ValueError:
            raise InvalidSetting(f"{key} has a quotation mark that is not closed.", field=key) from None

    def integer(self, key: str, default: int, least: int = 1) -> int:
        return self._number(key, default, int, least, "a whole number")

    def seconds(self, key: str, default: float) -> float:
        return self._number(key, float(default), float, 0.1, "a number of seconds")

    def url(self, key: str, default: str, schemes: tuple[str, ...]) -> str:
        value = self.environ.get(key, default)
        if value and (urlsplit(value).scheme not in schemes or not urlsplit(value).hostname):
            # The value is not repeated: it may hold a password.
            raise InvalidSetting(f"{key} is not a URL of the form {schemes[0]}://host.", field=key)
        return value

    def pairs(self, key: str) -> Mapping[str, str]:
        """`name=token other=token` as token -> name."""
        found: dict[str, str] = {}
        for pair in self.environ.get(key, "").split():
            owner, _, token = pair.partition("=")
            if not owner or len(token) < 8:
                raise InvalidSetting(f"{key} must read name=token, tokens of 8 characters or more.", field=key)
            found[token] = owner
        return found

    def _number(self, key: str, default: N, kind: Callable[[str], N], least: N, what: str) -> N:
        text = self.environ.get(key, "")
        try:
            value = kind(text) if text else default
        except ValueError:
            raise InvalidSetting(f"{key} is {text!r}; {what} is needed.", field=key) from None
        if not (least <= value < inf):
            raise InvalidSetting(f"{key} is {text or value}; it must be {least:g} or more, and finite.", field=key)
        return value
