"""Check an installation by using every service once. Each check returns a finding.

Checks are independent: the others run if one fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from email.policy import EmailPolicy
from typing import Any
from urllib.parse import urlsplit

from ... import documents
from ...adapters.mail import Mailer
from ...adapters.redis import Coordination, memory_in_use
from ...errors import (
    HerokuDown,
    InvalidSetting,
    MailDown,
    MailUnencrypted,
    RedisDown,
    RedisFull,
    UnknownDocument,
)
from ...pdf.fonts import default_chain
from ...pdf.fonts import load as load_fonts
from ...scaler import connections
from ...scaler.billing import check_price
from ...scaler.heroku import status_of
from ...scaler.pool import WorkerPool
from ...services import worker_pool
from ...settings import MIB, Settings
from ...settings.urls import is_local
from ...tasks.schedules.entries import entries
from .bucket import bucket_checks
from .finding import Check, Outcome, failed, guarded, skipped
from .sign_in import issuer_checks, sign_in_check

MIN_SECRET = 32  # characters; `generator: secret` in app.json makes longer ones
FULL = 0.98  # of maxmemory: it refuses writes soon, or already
INTERPRETER = 64 * MIB  # bytes of a rendering process before its first page; measured: 57 MB
SCRIPTS = {
    "ä": "Latin", "Ω": "Greek", "ж": "Cyrillic", "क": "Devanagari", "ש": "Hebrew", "ع": "Arabic",
    "漢": "Chinese", "か": "Japanese", "한": "Korean",
}  # fmt: skip
DECODING = 10  # bytes per pixel, measured; see settings.BYTES_PER_PIXEL


def examine(environ: Mapping[str, str]) -> list[Check]:
    """Run every check. Returns the findings in the order of the table."""
    try:
        settings = Settings.from_env(environ)
    except InvalidSetting as error:
        return [
            failed("settings", error, "Correct the variable."),
            skipped("everything else", "the settings are wrong"),
        ]
    return [
        *settings_checks(settings),
        *guarded("OIDC", issuer_checks(settings)),
        *guarded("redis", redis_checks(settings)),
        *guarded("bucket", bucket_checks(settings)),
        *guarded("mail", mail_checks(settings)),
        *guarded("heroku", heroku_checks(settings)),
        memory_check(settings, environ),
        *guarded("fonts", font_checks(settings)),
        *guarded("DOCUMENTS", document_checks(settings)),
        *guarded("SCHEDULES", schedule_checks(settings)),
    ]


def show(checks: Iterable[Check]) -> None:
    """Print the findings as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    marks = {
        Outcome.OK: ("✓", "green"), Outcome.WARNING: ("!", "yellow"),
        Outcome.FAILED: ("✗", "bold red"), Outcome.SKIPPED: ("-", "dim"),
    }  # fmt: skip
    table = Table("check", "", "result, and what to do")
    for check in checks:
        mark, style = marks[check.outcome]
        words = Text(check.words).append(f"\n{check.advice}" if check.advice else "", style="italic")
        table.add_row(Text(check.name), Text(f"{mark} {check.outcome}", style=style), words)
    Console().print(table)


# settings


def settings_checks(settings: Settings) -> Iterator[Check]:
    """Check settings that are valid and may still be wrong: secrets, the public address, sign-in."""
    yield _secret_key(settings)
    yield _base_url(settings)
    yield sign_in_check(settings)


def _secret_key(settings: Settings) -> Check:
    new = "the output of: python -c 'import secrets; print(secrets.token_hex(32))'"
    if not settings.secret_keys:
        return Check("SECRET_KEY", Outcome.FAILED, "It is not set, so links cannot be signed.", f"Set it to {new}")
    if len(settings.secret_keys[0]) < MIN_SECRET:
        words = f"It has fewer than {MIN_SECRET} characters, so its links could be forged."
        return Check("SECRET_KEY", Outcome.WARNING, words, f"Put a longer one before it: {new}")
    return Check("SECRET_KEY", Outcome.OK, "It is set and long enough. The first key in it signs.")


def _base_url(settings: Settings) -> Check:
    local, secure = is_local(settings.base_url), settings.base_url.startswith("https:")
    if local and settings.heroku_app:
        words = f"Links in mails begin with {settings.base_url}, which only this machine can reach."
        return Check("BASE_URL", Outcome.WARNING, words, "Set BASE_URL to the app's https address.")
    if not local and not secure:
        words = f"{settings.base_url} is not https: passwords and links are sent unencrypted."
        return Check("BASE_URL", Outcome.FAILED, words, "Set BASE_URL to an https address.")
    return Check("BASE_URL", Outcome.OK, settings.base_url)


# Redis


def redis_checks(settings: Settings) -> Iterator[Check]:
    """Check that Redis answers, does not evict keys, and has connections left."""
    try:
        info = Coordination.open(settings).info()
    except RedisDown as error:
        tried = f"Tried {urlsplit(settings.redis_url).netloc.rpartition('@')[2]}. "
        yield failed("redis", error, f"{tried}Check REDIS_URL: rediss:// if the server uses TLS, else redis://.")
        return
    known = info or {}
    version = known.get("valkey_version") or known.get("redis_version")
    words = f"Version {version} answers" if version else "It answers"
    if settings.redis_url.startswith("rediss:") or is_local(settings.redis_url):
        yield Check("redis", Outcome.OK, f"{words}.")
    else:
        yield Check("redis", Outcome.WARNING, f"{words}, but not over TLS.", "Use a rediss:// URL.")
    if info is None:
        for name in ("redis memory", "redis connections"):
            yield skipped(name, "this user may not use INFO (ACL)")
        return
    yield _memory(info)
    yield _connections(int(info.get("maxclients", 0)), int(info.get("connected_clients", 0)), settings)


def _memory(info: Mapping[str, Any]) -> Check:
    """Check that keys are not evicted, and that there is room."""
    policy = str(info.get("maxmemory_policy", "unknown"))
    if policy != "noeviction":
        words = f"maxmemory-policy is {policy}: when memory is full, messages are lost; the keeper resends them."
        advice = "Set noeviction (heroku redis:maxmemory -p noeviction)."
        return Check("redis memory", Outcome.WARNING, words, advice)
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most and used >= FULL * most:
        return Check("redis memory", Outcome.FAILED, f"Redis is full: {memory_in_use(info)}.", RedisFull.advice)
    return Check("redis memory", Outcome.OK, f"{memory_in_use(info)}; maxmemory-policy is noeviction.")


def _connections(most: int, now: int, settings: Settings) -> Check:
    """Check that all workers together can connect: Heroku's smallest Redis allows 20 connections."""
    workers, processes = settings.max_workers, settings.concurrency
    watched, parts = settings.monitoring, "Flower (MONITORING=on), a" if settings.monitoring else "A"
    needed = connections.needed(workers, processes, watched)
    fitting = connections.fitting(most, processes, watched)
    words = f"{now} of {most} connections are in use. {parts} web process and {workers} workers need {needed}."
    if workers <= fitting:
        return Check("redis connections", Outcome.OK, words)
    words += f" No more than {fitting} are started."
    return Check("redis connections", Outcome.WARNING, words, f"Set MAX_WORKERS={fitting}, or use a larger plan.")


# mail, workers, this machine


def mail_checks(settings: Settings) -> Iterator[Check]:
    """Connect and sign in to the mail server. Sends nothing."""
    post = Mailer(settings)
    if not post.configured:
        words, advice = "No mail is sent.", "Set SMTP_URL=smtp://user:password@host:587."
        yield Check("mail", Outcome.WARNING, words, advice)
        return
    yield sender_check(settings)
    try:
        with post.connection() as server:
            server.check()
        yield Check("mail", Outcome.OK, "The server accepts the sign-in.")
    except MailUnencrypted as error:
        yield failed("mail", error, error.advice)
    except MailDown as error:
        advice = "Check SMTP_URL, smtp://user:password@host:587. Write special characters as %40."
        yield failed("mail", error, advice)


def sender_check(settings: Settings) -> Check:
    """Check that MAIL_FROM is at a public host."""
    name, wanted = "MAIL_FROM", "Set it to one address, such as Documents <documents@example.org>."
    (sender,) = EmailPolicy().header_factory("From", settings.mail_from).addresses
    if sender.domain == "localhost" and not is_local(settings.smtp_url or ""):
        words = f"Mails come from {sender.addr_spec}, which most servers refuse."
        return Check(name, Outcome.WARNING, words, wanted)
    return Check(name, Outcome.OK, f"Mails come from {sender.addr_spec}.")


def heroku_checks(settings: Settings) -> Iterator[Check]:
    """Count the workers, and check that the key may scale them, with a request that changes nothing.

    Setting the quantity here could undo what the keeper does at the same time.
    """
    pool = worker_pool(settings, Coordination.open(settings))
    if settings.scaler_mode == "none":
        words = f"SCALER_MODE=none: another program runs them. {pool.check()} report."
        yield Check("workers", Outcome.OK, words)
        return
    yield from _price(settings, pool)
    if not pool.configured:
        words, advice = "Workers are not scaled.", "Set HEROKU_API_KEY and HEROKU_APP_NAME."
        yield Check("heroku", Outcome.WARNING, words, advice)
        return
    try:
        now = pool.check()
        words = f"{settings.heroku_app}: {now} of at most {settings.max_workers} workers. The key may scale them."
        yield Check("heroku", Outcome.OK, words)
    except HerokuDown as error:
        yield failed("heroku", error, _heroku_advice(error))


def _price(settings: Settings, pool: WorkerPool) -> Iterator[Check]:
    """Yield a failure if the price of a worker is unknown: web and workers would not start."""
    try:
        check_price(settings, pool)
    except InvalidSetting as error:
        yield failed("DYNO_SIZE", error, error.advice)


def _heroku_advice(error: HerokuDown) -> str:
    status = status_of(error)
    if status == 404:
        return "Check HEROKU_APP_NAME, and that the account of the key has access to this app."
    return error.advice if error.advice != HerokuDown.advice else "Try again; check HEROKU_API_URL."


def memory_check(settings: Settings, environ: Mapping[str, str]) -> Check:
    """Check that a process has enough memory to decode the largest allowed picture."""
    named = [name for name in ("WORKER_MEMORY_MB", "DYNO_RAM") if environ.get(name, "0") != "0"]
    source = named[0] if named else "the system's limit, else 512"
    each = settings.memory_per_process
    share = f"{each // MIB} for each process that draws ({settings.concurrency})"
    words = f"{settings.memory_bytes // MIB} MiB ({source}), {share}."
    needed = INTERPRETER + DECODING * settings.max_image_pixels
    if each >= needed:
        return Check("memory", Outcome.OK, words)
    words += f" A picture of MAX_IMAGE_PIXELS needs {needed // MIB} MiB."
    return Check("memory", Outcome.WARNING, words, "Lower WORKER_CONCURRENCY or MAX_IMAGE_PIXELS.")


def font_checks(settings: Settings) -> Iterator[Check]:
    try:
        load_fonts(settings.fonts)
    except InvalidSetting as error:
        yield failed("fonts", error, "Correct the variable, or install requirements.txt again.")
        return
    face = default_chain()
    words = ", then ".join(font.name for font in face.fonts.values())
    if all(map(face.has, SCRIPTS)):
        yield Check("fonts", Outcome.OK, f"{words}: they contain {', '.join(SCRIPTS.values())}.")
    else:
        yield Check("fonts", Outcome.FAILED, f"{words}: letters are missing.", "Install requirements.txt again.")


def document_checks(settings: Settings) -> Iterator[Check]:
    """Import every module of DOCUMENTS, as each process does at its start."""
    try:
        documents.load(settings.documents)
    except InvalidSetting as error:
        yield failed("DOCUMENTS", error, "Name modules that can be imported, separated by spaces.")
    else:
        yield Check("DOCUMENTS", Outcome.OK, f"Available: {', '.join(documents.names())}.")


def schedule_checks(settings: Settings) -> Iterator[Check]:
    """Check the entries of SCHEDULES, and that the documents they name are known."""
    name = "SCHEDULES"
    try:
        found = entries(settings)
        for entry in found:
            if entry.call:
                documents.find(entry.call.document)
    except (InvalidSetting, UnknownDocument) as error:
        yield failed(name, error, "Correct the module that SCHEDULES names.")
        return
    words = f"{', '.join(entry.name for entry in found)}; times are in {settings.timezone}."
    if settings.report_to:
        yield Check(name, Outcome.OK, f"{words} Reports go to {settings.report_to}.")
    else:
        advice = "Set REPORT_TO to a mail address."
        yield Check(name, Outcome.WARNING, f"{words} Reports and alarms are only logged.", advice)
