"""Settings: one checked, frozen object, read from the environment once.

`Settings.from_env(os.environ)` is called at the edge (web, worker, command line) and passed to everything
else. Times are in seconds and sizes in bytes unless the name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import InvalidSetting
from . import oidc
from .environment import Environment
from .log_formats import LogFormat
from .memory import MIB, memory_limit
from .oidc import Oidc
from .tokens import Scope, Token

__all__ = ["BYTES_PER_PIXEL", "MAX_KEEPER_SECONDS", "MIB", "Scope", "Settings", "Token", "log_format"]

BYTES_PER_PIXEL = 24  # measured: decoding and packing a picture takes up to 10; the rest is for everything else
MAX_KEEPER_SECONDS = 30.0  # between two turns; a drain order expires after twice this time
LOCAL_REDIS = "redis://127.0.0.1:6379/0"
DAY = 86400  # seconds


@dataclass(frozen=True)
class Settings:
    """What a process knows about its environment and its limits."""

    # services and addresses
    redis_url: str = field(repr=False)
    bucket: str
    bucket_prefix: str
    s3_endpoint_url: str | None
    s3_region: str | None
    s3_key_id: str | None = field(repr=False)
    s3_secret: str | None = field(repr=False)
    s3_session_token: str | None = field(repr=False)
    base_url: str

    # sign-in, mail and links
    secret_keys: tuple[str, ...] = field(repr=False)
    panel_password: str | None = field(repr=False)
    oidc: Oidc | None
    api_tokens: Mapping[str, Token] = field(repr=False)
    owner_running: int
    owner_per_hour: int
    subject_running: int
    subject_per_hour: int
    metrics_token: str | None = field(repr=False)
    metrics_public: bool
    smtp_url: str | None = field(repr=False)
    mail_from: str
    mails_per_minute: int
    mail_locale: str
    house_name: str
    house_colour: str
    house_logo: str
    webhooks: Mapping[str, str] = field(repr=False)
    link_seconds: int
    download_seconds: int

    # workers
    heroku_api_key: str | None = field(repr=False)
    heroku_app: str | None
    heroku_api_url: str
    heroku_timeout: float
    scaler_mode: Literal["formation", "one-off", "none"]
    one_off_size: str | None
    one_off_seconds: int
    worker_type: str
    dyno_size: str
    min_workers: int
    max_workers: int
    waiting_price: float
    linger_seconds: float
    inline_seconds: float
    memory_bytes: int
    concurrency: int

    # documents and chunks
    documents: tuple[str, ...]
    fonts: tuple[str, ...]
    chunk_seconds: float
    max_chunks: int
    max_pages: int
    max_body_bytes: int
    max_input_bytes: int
    max_image_pixels: int

    # time limits, retries and logs
    soft_time_limit: float
    time_limit: float
    visibility_timeout: float
    shutdown_seconds: float
    lease_seconds: float
    keeper_seconds: float
    repair_patience: float
    export_deadline: float
    keep_seconds: float
    input_seconds: float
    max_attempts: int
    log_format: LogFormat
    monitoring: bool

    # schedules
    timezone: str
    schedules: tuple[str, ...]
    beat: Literal["keeper", "celery"]
    report_to: str | None

    @property
    def memory_per_process(self) -> int:
        """Bytes that one rendering process may use: the worker's memory, shared by its children."""
        return self.memory_bytes // self.concurrency

    @property
    def scaled(self) -> bool:
        """Whether workers are started when there is work: by this program, or by another one."""
        return self.scaler_mode == "none" or bool(self.heroku_api_key and self.heroku_app)

    @property
    def paid_size(self) -> str:
        """The dyno size on the bill. One-off dynos may have a size of their own; workers of another program cost
        nothing here."""
        if self.scaler_mode == "none":
            return "none"
        return (self.scaler_mode == "one-off" and self.one_off_size) or self.dyno_size

    @property
    def broker_url(self) -> str:
        """The address of Redis. Raises InvalidSetting if a dyno has none."""
        if not self.redis_url:
            advice = "Add Redis (heroku addons:create heroku-redis:mini --wait), or set REDIS_URL."
            raise InvalidSetting("REDIS_URL is not set, and a dyno has no Redis.", field="REDIS_URL", advice=advice)
        return self.redis_url

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read and check every variable. Raises InvalidSetting that names the first wrong one."""
        env = Environment(environ)
        workers = _workers(env)
        settings = cls(
            **_services(env),
            **_access(env),
            **workers,
            **_documents(env, workers["memory_bytes"] // workers["concurrency"]),
            **_times(env),
            **_schedules(env),
        )
        _check_times(settings)
        _check_workers(settings)
        return settings


def _services(env: Environment) -> dict[str, Any]:
    return {
        # On a dyno there is no Redis of its own; what needs none works there without the variable.
        "redis_url": env.url("REDIS_URL", "" if env.text("DYNO") else LOCAL_REDIS, ("redis", "rediss")),
        "bucket": env.first("S3_BUCKET", "BUCKETEER_BUCKET_NAME") or "pipeline",
        "bucket_prefix": env.text("S3_PREFIX"),
        "s3_endpoint_url": env.url(
            "S3_ENDPOINT_URL", "", ("https", "http"), "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"
        )
        or None,
        "s3_region": env.first("AWS_REGION", "BUCKETEER_AWS_REGION", "AWS_DEFAULT_REGION") or None,
        "s3_key_id": env.first("AWS_ACCESS_KEY_ID", "BUCKETEER_AWS_ACCESS_KEY_ID") or None,
        "s3_secret": env.first("AWS_SECRET_ACCESS_KEY", "BUCKETEER_AWS_SECRET_ACCESS_KEY") or None,
        # It belongs to the key beside it, never to one of Bucketeer.
        "s3_session_token": (env.text("AWS_ACCESS_KEY_ID") and env.text("AWS_SESSION_TOKEN")) or None,
        "base_url": env.url("BASE_URL", "http://127.0.0.1:5000", ("http", "https")).rstrip("/"),
    }


def _access(env: Environment) -> dict[str, Any]:
    return {
        "secret_keys": tuple(env.text("SECRET_KEY").split()),
        "panel_password": env.text("PANEL_PASSWORD") or None,
        "oidc": oidc.read(env),
        "api_tokens": env.tokens("API_TOKENS"),
        "owner_running": env.integer("OWNER_RUNNING", 0, least=0),
        "owner_per_hour": env.integer("OWNER_PER_HOUR", 0, least=0),
        "subject_running": env.integer("SUBJECT_RUNNING", 0, least=0),
        "subject_per_hour": env.integer("SUBJECT_PER_HOUR", 0, least=0),
        "metrics_token": env.token("METRICS_TOKEN"),
        "metrics_public": env.choice("METRICS_PUBLIC", "0", "1") == "1",
        "smtp_url": env.url("SMTP_URL", "", ("smtp", "smtps")) or None,
        "mail_from": env.sender("MAIL_FROM", "Documents <documents@localhost>"),
        "mails_per_minute": env.integer("MAILS_PER_MINUTE", 60),
        "mail_locale": env.choice("MAIL_LOCALE", "en", "de", "fr", "es", "ko", "ja"),
        "house_name": env.name("HOUSE_NAME"),
        "house_colour": env.colour("HOUSE_COLOUR", "#1f4e79"),
        "house_logo": env.url("HOUSE_LOGO", "", ("https",)),
        "webhooks": env.named_urls("WEBHOOKS"),
        "link_seconds": env.integer("LINK_DAYS", 7) * DAY,
        "download_seconds": env.integer("DOWNLOAD_SECONDS", 120),
    }


def _workers(env: Environment) -> dict[str, Any]:
    memory = env.integer("WORKER_MEMORY_MB", 0, least=0) * MIB or memory_limit(env.environ)
    return {
        "heroku_api_key": env.text("HEROKU_API_KEY") or None,
        "heroku_app": env.text("HEROKU_APP_NAME") or None,
        "heroku_api_url": env.url("HEROKU_API_URL", "https://api.heroku.com", ("http", "https")).rstrip("/"),
        "heroku_timeout": env.seconds("HEROKU_TIMEOUT", 10),
        "scaler_mode": env.choice("SCALER_MODE", "formation", "one-off", "none"),
        "one_off_size": env.text("ONE_OFF_SIZE") or None,
        "one_off_seconds": env.integer("ONE_OFF_HOURS", 12) * 3600,
        "worker_type": env.text("WORKER_TYPE", "worker"),
        "dyno_size": env.text("DYNO_SIZE", "standard-1x"),
        "min_workers": env.integer("MIN_WORKERS", 0, least=0),
        "max_workers": env.integer("MAX_WORKERS", 4),
        "waiting_price": env.seconds("WAITING_PRICE", 10),
        "linger_seconds": env.seconds("LINGER_SECONDS", 5),
        "inline_seconds": env.seconds("INLINE_SECONDS", 3, least=0),
        "memory_bytes": memory,
        "concurrency": env.integer("WORKER_CONCURRENCY", max(1, memory // (512 * MIB))),
    }


def _documents(env: Environment, memory_per_process: int) -> dict[str, Any]:
    return {
        "documents": tuple(env.text("DOCUMENTS").split()),
        "fonts": env.words("FONTS"),
        "chunk_seconds": env.seconds("CHUNK_SECONDS", 15),
        "max_chunks": env.integer("MAX_CHUNKS", 500),
        "max_pages": env.integer("MAX_PAGES", 1_000_000),
        "max_body_bytes": env.integer("MAX_BODY_BYTES", 1 * MIB),
        "max_input_bytes": env.integer("MAX_INPUT_BYTES", 1024 * MIB),
        "max_image_pixels": env.integer("MAX_IMAGE_PIXELS", memory_per_process // BYTES_PER_PIXEL),
    }


def _times(env: Environment) -> dict[str, Any]:
    return {
        "soft_time_limit": env.seconds("SOFT_TIME_LIMIT", 240),
        "time_limit": env.seconds("TIME_LIMIT", 270),
        "visibility_timeout": env.seconds("VISIBILITY_TIMEOUT", 600),
        "shutdown_seconds": env.seconds("SHUTDOWN_SECONDS", 22),
        "lease_seconds": env.seconds("LEASE_SECONDS", 60),
        "keeper_seconds": env.seconds("KEEPER_SECONDS", 5),
        "repair_patience": env.seconds("REPAIR_PATIENCE", 900),
        "export_deadline": env.seconds("EXPORT_DEADLINE", DAY),
        "keep_seconds": env.integer("KEEP_DAYS", 7) * DAY,
        "input_seconds": env.integer("INPUT_HOURS", 24) * 3600,
        "max_attempts": env.integer("MAX_ATTEMPTS", 3),
        "log_format": log_format(env.environ),
        "monitoring": env.choice("MONITORING", "off", "on") == "on",
    }


def _schedules(env: Environment) -> dict[str, Any]:
    return {
        "timezone": env.timezone("TIMEZONE", "UTC"),
        "schedules": tuple(env.text("SCHEDULES").split()),
        "beat": env.choice("BEAT", "keeper", "celery"),
        "report_to": env.address("REPORT_TO"),
    }


def log_format(environ: Mapping[str, str]) -> LogFormat:
    """Read LOG_FORMAT alone, for a process that logs before it reads its settings."""
    env = Environment(environ)
    return LogFormat(env.choice("LOG_FORMAT", *LogFormat))


def _check_times(settings: Settings) -> None:
    """Compare the limits with each other, and with what Heroku allows."""
    if not settings.soft_time_limit < settings.time_limit < settings.visibility_timeout:
        raise InvalidSetting(
            "SOFT_TIME_LIMIT must be below TIME_LIMIT, and TIME_LIMIT below VISIBILITY_TIMEOUT: otherwise a"
            " message is delivered again while its task still runs.",
            field="VISIBILITY_TIMEOUT",
        )
    if settings.keeper_seconds > MAX_KEEPER_SECONDS:
        raise InvalidSetting(
            f"KEEPER_SECONDS must be {MAX_KEEPER_SECONDS:.0f} or less: a drain order expires after"
            f" {2 * MAX_KEEPER_SECONDS:.0f} s, so a slower keeper could never stop a worker.",
            field="KEEPER_SECONDS",
        )
    if settings.shutdown_seconds >= 28:
        raise InvalidSetting(
            "SHUTDOWN_SECONDS must be below 28: Heroku kills a worker 30 s after asking it to stop.",
            field="SHUTDOWN_SECONDS",
        )


def _check_workers(settings: Settings) -> None:
    """Compare the limits of the number of workers, and of a one-off dyno's life."""
    if settings.min_workers > settings.max_workers:
        raise InvalidSetting(
            f"MIN_WORKERS is {settings.min_workers}, above MAX_WORKERS, which is {settings.max_workers}.",
            field="MIN_WORKERS",
        )
    if settings.one_off_seconds > DAY:
        raise InvalidSetting("ONE_OFF_HOURS must be 24 or less: Heroku allows no more.", field="ONE_OFF_HOURS")
