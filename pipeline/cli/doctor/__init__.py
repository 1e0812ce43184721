"""What to check before trusting an installation: every service really used once, every finding a value.

Checks are independent: one that fails does not keep the others from running.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from email.policy import EmailPolicy

from ... import documents
from ...adapters.mail import Mailer
from ...adapters.redis import Coordination
from ...errors import HerokuDown, InvalidSetting, MailDown, MailUnencrypted, RedisDown
from ...pdf.fonts import default_chain
from ...pdf.fonts import load as load_fonts
from ...scaler.heroku import status_of
from ...scaler.loop import check_size
from ...scaler.pool import WorkerPool
from ...services import worker_pool
from ...settings import MIB, Settings, is_local
from .bucket import bucket_checks
from .finding import Check, Outcome, failed, guarded, skipped

SECRET_LEAST = 32  # characters; what `generator: secret` of app.json makes is longer
CLIENTS_PER_WORKER, CLIENTS_BESIDE = 6, 7  # measured: a web process and one, two, three workers had 12, 19, 24
INTERPRETER = 64 * MIB  # a rendering process before its first page: 57 MB were measured
DECODING = 10  # bytes a pixel, measured, see settings.BYTES_PER_PIXEL


def examine(environ: Mapping[str, str]) -> list[Check]:
    """Every check, in the order of a table."""
    try:
        settings = Settings.from_env(environ)
    except InvalidSetting as error:
        return [
            failed("settings", error, "Correct the variable."),
            skipped("everything else", "it needs settings"),
        ]
    return [
        *settings_checks(settings),
        *guarded("redis", redis_checks(settings)),
        *guarded("bucket", bucket_checks(settings)),
        *guarded("mail", mail_checks(settings)),
        *guarded("heroku", heroku_checks(settings)),
        memory_check(settings, environ),
        *guarded("fonts", font_checks(settings)),
        *guarded("DOCUMENTS", document_checks(settings)),
    ]


def show(checks: Iterable[Check]) -> None:
    """The checks as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    marks = {
        Outcome.OK: ("✓", "green"), Outcome.WARNING: ("!", "yellow"),
        Outcome.FAILED: ("✗", "bold red"), Outcome.SKIPPED: ("-", "dim"),
    }  # fmt: skip
    table = Table("check", "", "what was found, and what to do")
    for check in checks:
        mark, style = marks[check.outcome]
        words = Text(check.words).append(f"\n{check.advice}" if check.advice else "", style="italic")
        table.add_row(Text(check.name), Text(f"{mark} {check.outcome}", style=style), words)
    Console().print(table)


# settings


def settings_checks(settings: Settings) -> Iterator[Check]:
    """What is there and can still be wrong: secrets, the public address, who may come in."""
    yield _secret_key(settings)
    yield _base_url(settings)
    ways = {"PANEL_PASSWORD": settings.panel_password, "API_TOKENS": settings.api_tokens}
    if given := [name for name, value in ways.items() if value]:
        yield Check("sign-in", Outcome.OK, f"By {' and '.join(given)}.")
    else:
        advice = "Set PANEL_PASSWORD or API_TOKENS; the command line needs neither."
        yield Check("sign-in", Outcome.WARNING, "Nobody can sign in to the web process.", advice)


def _secret_key(settings: Settings) -> Check:
    new = "what this prints: python -c 'import secrets; print(secrets.token_hex(32))'"
    if not settings.secret_keys:
        return Check("SECRET_KEY", Outcome.FAILED, "It is not set; links cannot be signed.", f"Set it to {new}")
    if len(settings.secret_keys[0]) < SECRET_LEAST:
        words = f"It has fewer than {SECRET_LEAST} characters; links signed with it could be forged."
        return Check("SECRET_KEY", Outcome.WARNING, words, f"Put a longer one before it: {new}")
    return Check("SECRET_KEY", Outcome.OK, f"{len(settings.secret_keys)} key(s), the first signs.")


def _base_url(settings: Settings) -> Check:
    local, secure = is_local(settings.base_url), settings.base_url.startswith("https:")
    if local and settings.heroku_app:
        words = f"Mails lead to {settings.base_url}, which only this machine can reach."
        return Check("BASE_URL", Outcome.WARNING, words, "Set BASE_URL to the app's https address.")
    if not local and not secure:
        words = f"{settings.base_url} is not https: passwords and links travel in the clear."
        return Check("BASE_URL", Outcome.FAILED, words, "Set BASE_URL to an https address.")
    return Check("BASE_URL", Outcome.OK, settings.base_url)


# Redis


def redis_checks(settings: Settings) -> Iterator[Check]:
    """Whether it answers, keeps what it is given, and has connections left."""
    try:
        info = Coordination.open(settings).info()
    except RedisDown as error:
        yield failed("redis", error, "Check REDIS_URL; rediss:// when the server wants TLS, redis:// when not.")
        return
    version = info.get("valkey_version") or info.get("redis_version", "?")
    if settings.redis_url.startswith("rediss:") or is_local(settings.redis_url):
        yield Check("redis", Outcome.OK, f"It answers, version {version}.")
    else:
        words = f"It answers, version {version}, but not over TLS."
        yield Check("redis", Outcome.WARNING, words, "Use a rediss:// URL.")
    yield _eviction(str(info.get("maxmemory_policy", "unknown")))
    yield _connections(int(info.get("maxclients", 0)), int(info.get("connected_clients", 0)), settings.max_workers)


def _eviction(policy: str) -> Check:
    if policy == "noeviction":
        return Check("redis memory", Outcome.OK, "maxmemory-policy is noeviction.")
    words = f"maxmemory-policy is {policy}: when memory runs out, messages vanish; the keeper sends them again."
    return Check("redis memory", Outcome.WARNING, words, "Set noeviction (heroku redis:maxmemory -p noeviction).")


def _connections(most: int, now: int, workers: int) -> Check:
    """Every worker at once must find a connection: Heroku's smallest Redis allows twenty in all."""
    needed = CLIENTS_PER_WORKER * workers + CLIENTS_BESIDE
    words = f"{now} of {most} connections are in use; web process and {workers} workers need about {needed}."
    if most >= needed:
        return Check("redis connections", Outcome.OK, words)
    fitting = max(1, (most - CLIENTS_BESIDE) // CLIENTS_PER_WORKER)
    return Check("redis connections", Outcome.WARNING, words, f"Set MAX_WORKERS={fitting}, or take a larger plan.")


# mail, workers, this machine


def mail_checks(settings: Settings) -> Iterator[Check]:
    """Connect and sign in; nothing is sent."""
    post = Mailer(settings)
    if not post.configured:
        words, advice = "No mail is sent.", "Set SMTP_URL=smtp://user:password@host:587."
        yield Check("mail", Outcome.WARNING, words, advice)
        return
    yield sender_check(settings)
    try:
        with post.connection() as smtp:
            smtp.noop()
        yield Check("mail", Outcome.OK, "The server takes our sign-in.")
    except MailUnencrypted as error:
        yield failed("mail", error, error.advice)
    except MailDown as error:
        advice = "Check SMTP_URL, smtp://user:password@host:587, with special characters written as %40."
        yield failed("mail", error, advice)


def sender_check(settings: Settings) -> Check:
    """Whether MAIL_FROM is one address at a host that others know."""
    name, wanted = "MAIL_FROM", "Set it to one address, such as Documents <documents@example.org>."
    header = EmailPolicy().header_factory("From", settings.mail_from)
    if header.defects or len(header.addresses) != 1 or not header.addresses[0].domain:
        return Check(name, Outcome.FAILED, f"{settings.mail_from!r} is not one mail address.", wanted)
    (sender,) = header.addresses
    if sender.domain == "localhost" and not is_local(settings.smtp_url or ""):
        words = f"Mails come from {sender.addr_spec}, which most servers refuse."
        return Check(name, Outcome.WARNING, words, wanted)
    return Check(name, Outcome.OK, f"Mails come from {sender.addr_spec}.")


def heroku_checks(settings: Settings) -> Iterator[Check]:
    """Count the workers, and see whether the key may change that, by a change of nothing: setting the
    quantity here could undo what the keeper does at this moment."""
    way = worker_pool(settings, Coordination.open(settings))
    yield from _price(settings, way)
    if not way.configured:
        words, advice = "Workers are not scaled.", "Set HEROKU_API_KEY and HEROKU_APP_NAME."
        yield Check("heroku", Outcome.WARNING, words, advice)
        return
    try:
        now = way.check()
        words = f"{settings.heroku_app}: {now} of at most {settings.max_workers} workers; the key may scale them."
        yield Check("heroku", Outcome.OK, words)
    except HerokuDown as error:
        yield failed("heroku", error, _heroku_advice(error))


def _price(settings: Settings, way: WorkerPool) -> Iterator[Check]:
    """Nothing, unless nobody knows what a worker costs: then web and workers do not start."""
    try:
        check_size(settings, way)
    except InvalidSetting as error:
        yield failed("DYNO_SIZE", error, error.advice)


def _heroku_advice(error: HerokuDown) -> str:
    status = status_of(error)
    if status == 404:
        return "Check HEROKU_APP_NAME, and that the key's account may use this app."
    return error.advice if error.advice != HerokuDown.advice else "Try again; check HEROKU_API_URL."


def memory_check(settings: Settings, environ: Mapping[str, str]) -> Check:
    """Whether the largest picture that is let through can be decoded beside the program."""
    named = [name for name in ("WORKER_MEMORY_MB", "DYNO_RAM") if environ.get(name, "0") != "0"]
    source = named[0] if named else "the system's limit, or 512 where there is none"
    each = settings.memory_per_process
    words = (
        f"{settings.memory_bytes // MIB} MiB ({source}) for {settings.concurrency} process(es): {each // MIB} each."
    )
    needed = INTERPRETER + DECODING * settings.max_image_pixels
    if each >= needed:
        return Check("memory", Outcome.OK, words)
    words += f" A picture of MAX_IMAGE_PIXELS needs {needed // MIB}."
    return Check("memory", Outcome.WARNING, words, "Lower WORKER_CONCURRENCY or MAX_IMAGE_PIXELS.")


def font_checks(settings: Settings) -> Iterator[Check]:
    try:
        load_fonts(settings.fonts)
    except InvalidSetting as error:
        yield failed("fonts", error, "Correct the variable, or install requirements.txt again.")
        return
    face = default_chain()
    words = ", then ".join(font.name for font in face.fonts)
    if all(map(face.has, "aä€Ωжשع")):
        yield Check("fonts", Outcome.OK, f"{words}: Latin, Greek, Cyrillic, Hebrew and Arabic among others.")
    else:
        yield Check("fonts", Outcome.FAILED, f"{words} lack letters.", "Install requirements.txt again.")


def document_checks(settings: Settings) -> Iterator[Check]:
    """Import every module with documents, as each process does when it starts."""
    try:
        documents.load(settings.documents)
    except InvalidSetting as error:
        yield failed("DOCUMENTS", error, "Name modules that can be imported here, with spaces between them.")
    else:
        yield Check("DOCUMENTS", Outcome.OK, f"Can be made: {', '.join(documents.names())}.")
