from __future__ import annotations

from pathlib import Path

import pytest

from local.__main__ import asked_port
from pipeline.adapters.redis.workers import DRAIN_SECONDS
from pipeline.errors import InvalidSetting
from pipeline.scaler.learned import Learned
from pipeline.scaler.prices import price
from pipeline.scaler.quotes import quotes_for_pages
from pipeline.settings import MAX_KEEPER_SECONDS, MIB, Scope, Settings
from pipeline.settings.memory import memory_limit
from pipeline.tasks.notices.words import WORDS

OIDC = {
    "OIDC_ISSUER": "https://login.example.org", "OIDC_CLIENT_ID": "pdfs", "OIDC_CLIENT_SECRET": "hush-8",
    "OIDC_ROLES": 'operate=group:admins "ask=group:PDF users" view=domain:@Example.org ask=email:Ann@x.org',
}  # fmt: skip
V1 = "sys/fs/cgroup/memory/memory.limit_in_bytes"
V2 = "sys/fs/cgroup/memory.max"


@pytest.mark.parametrize(
    ("environ", "files", "expected"),
    [
        ({"DYNO_RAM": "1024"}, {V1: "300"}, 1024 * MIB),
        ({}, {V1: str(300 * MIB), V2: str(400 * MIB)}, 300 * MIB),
        ({}, {V1: str(2**63 - 4096), V2: str(400 * MIB)}, 400 * MIB),  # v1 says "no limit" with a number
        ({}, {V2: "max"}, 512 * MIB),
        ({}, {}, 512 * MIB),
    ],
)
def test_the_memory_limit_is_found(
    tmp_path: Path, environ: dict[str, str], files: dict[str, str], expected: int
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert memory_limit(environ, tmp_path) == expected


def test_a_setting_overrides_the_machine() -> None:
    settings = Settings.from_env({"WORKER_MEMORY_MB": "700", "DYNO_RAM": "1024", "WORKER_CONCURRENCY": "2"})
    assert settings.memory_per_process == 350 * MIB


@pytest.mark.parametrize(
    ("environ", "field"),
    [
        ({"MAX_WORKERS": "many"}, "MAX_WORKERS"),
        ({"MAX_WORKERS": "0"}, "MAX_WORKERS"),
        ({"LEASE_SECONDS": "-1"}, "LEASE_SECONDS"),
        ({"DYNO_RAM": "lots"}, "DYNO_RAM"),
        ({"REDIS_URL": "http://somewhere"}, "REDIS_URL"),
        ({"S3_ENDPOINT_URL": "s3.example.org"}, "S3_ENDPOINT_URL"),
        ({"HOUSE_LOGO": "https://[logo.png"}, "HOUSE_LOGO"),
        ({"WEBHOOKS": "shop=https://[hooks"}, "WEBHOOKS"),
        ({"WEBHOOKS": "shop=https:///pdf"}, "WEBHOOKS"),
        ({"API_TOKENS": "short=abc"}, "API_TOKENS"),
        ({"API_TOKENS": "no-token"}, "API_TOKENS"),
        ({"API_TOKENS": "shop:write=long-enough"}, "API_TOKENS"),
        ({"API_TOKENS": ":read=long-enough"}, "API_TOKENS"),
        ({"API_TOKENS": "shop=long-enough archive:read=long-enough"}, "API_TOKENS"),
        ({"WEBHOOKS": "shop=https://a.example.org shop=https://b.example.org"}, "WEBHOOKS"),
        ({"REDIS_URL": "redis://host:99999"}, "REDIS_URL"),
        ({"SMTP_URL": "smtp://host:25x"}, "SMTP_URL"),
        ({"SMTP_URL": "smtp://host:0"}, "SMTP_URL"),
        ({"MAIL_LOCALE": "xx"}, "MAIL_LOCALE"),
        ({"MAIL_LOCALE": "English"}, "MAIL_LOCALE"),
        ({"OIDC_ISSUER": "login.example.org"}, "OIDC_ISSUER"),
        ({"OIDC_ISSUER": "http://login.example.org"}, "OIDC_ISSUER"),
        ({**OIDC, "OIDC_ISSUER": ""}, "OIDC_ROLES"),
        ({"OIDC_GROUPS": "roles"}, "OIDC_GROUPS"),
        (OIDC | {"OIDC_CLIENT_ID": ""}, "OIDC_CLIENT_ID"),
        (OIDC | {"OIDC_CLIENT_SECRET": ""}, "OIDC_CLIENT_SECRET"),
        (OIDC | {"OIDC_ROLES": ""}, "OIDC_ROLES"),
        (OIDC | {"OIDC_ROLES": "admin=anyone"}, "OIDC_ROLES"),
        (OIDC | {"OIDC_ROLES": "view=admins"}, "OIDC_ROLES"),
        (OIDC | {"OIDC_ROLES": "view=group:"}, "OIDC_ROLES"),
        (OIDC | {"OIDC_ROLES": "view=anyone:x"}, "OIDC_ROLES"),
        (OIDC | {"OIDC_ROLES": '"view=anyone'}, "OIDC_ROLES"),
        ({"SUBJECT_PER_HOUR": "-1"}, "SUBJECT_PER_HOUR"),
        ({"SCALER_MODE": "oneoff"}, "SCALER_MODE"),
        ({"TIMEZONE": "Mars/Olympus"}, "TIMEZONE"),
        ({"TIMEZONE": "../etc/passwd"}, "TIMEZONE"),
        ({"BEAT": "cron"}, "BEAT"),
        ({"MAIL_FROM": "the office"}, "MAIL_FROM"),
        ({"MAIL_FROM": "a@example.org, b@example.org"}, "MAIL_FROM"),
        ({"MAIL_FROM": "a@example.org\nBcc: b@example.org"}, "MAIL_FROM"),
        ({"MAIL_FROM": "a@"}, "MAIL_FROM"),
        ({"MAIL_FROM": "a@["}, "MAIL_FROM"),
        ({"MAIL_FROM": " .,"}, "MAIL_FROM"),
        ({"MAIL_FROM": "office@[ "}, "MAIL_FROM"),
        ({"REPORT_TO": "a@["}, "REPORT_TO"),
        ({"REPORT_TO": "a@[ "}, "REPORT_TO"),
        ({"REPORT_TO": "nowhere"}, "REPORT_TO"),
        ({"REPORT_TO": "a@example.org, b@example.org"}, "REPORT_TO"),
        ({"ONE_OFF_HOURS": "25"}, "ONE_OFF_HOURS"),
        ({"KEEPER_SECONDS": "31"}, "KEEPER_SECONDS"),
        ({"MIN_WORKERS": "5", "MAX_WORKERS": "4"}, "MIN_WORKERS"),
        ({"WAITING_PRICE": "0"}, "WAITING_PRICE"),
        ({"WAITING_PRICE": "nan"}, "WAITING_PRICE"),
        ({"TIME_LIMIT": "900"}, "VISIBILITY_TIMEOUT"),
    ],
)
def test_a_wrong_variable_is_named(environ: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_env(environ)
    assert caught.value.field == field
    assert field in caught.value.message


def test_roles_are_given_to_groups_addresses_and_domains() -> None:
    oidc = Settings.from_env(OIDC).oidc
    assert oidc and [(rule.scope, rule.kind, rule.name) for rule in oidc.rules] == [
        (Scope.ALL, "group", "admins"), (Scope.ASK, "group", "PDF users"), (Scope.READ, "domain", "example.org"),
        (Scope.ASK, "email", "ann@x.org"),
    ]  # fmt: skip
    assert oidc.claims == {"email", "email_verified", "groups"}
    other = Settings.from_env(OIDC | {"OIDC_ROLES": "view=anyone", "OIDC_PERSON": "sub"}).oidc
    assert other and other.claims == {"sub"}
    assert Settings.from_env(dict.fromkeys(OIDC, "")).oidc is None


@pytest.mark.parametrize("said", [{}, {"REDIS_URL": ""}])
def test_a_dyno_without_redis_is_not_sent_to_its_own_machine(said: dict[str, str]) -> None:
    settings = Settings.from_env({"DYNO": "worker.1", **said})  # rendering without services needs no Redis
    with pytest.raises(InvalidSetting, match="REDIS_URL is not set") as caught:
        _ = settings.broker_url
    assert "heroku addons:create heroku-redis:mini --wait" in caught.value.advice
    assert Settings.from_env(said).broker_url == "redis://127.0.0.1:6379/0"


@pytest.mark.parametrize(
    ("mode", "own", "paid"),
    [
        ("one-off", "performance-l", "performance-l"),
        ("one-off", "", "basic"),
        ("formation", "performance-l", "basic"),
    ],
)
def test_a_worker_is_charged_at_its_size(mode: str, own: str, paid: str) -> None:
    settings = Settings.from_env(
        {"SCALER_MODE": mode, "ONE_OFF_SIZE": own, "DYNO_SIZE": "basic", "WORKER_CONCURRENCY": "1"}
    )
    assert settings.paid_size == paid
    (quote, *_) = quotes_for_pages("table", 10, 1, Learned(), settings)
    assert quote.dollars == pytest.approx(price(paid) * quote.seconds, rel=0.01)


def test_a_drain_order_outlives_a_turn_of_the_keeper() -> None:
    assert DRAIN_SECONDS >= 2 * MAX_KEEPER_SECONDS


def test_secrets_are_not_shown() -> None:
    secrets = {
        "REDIS_URL": "redis://:hush-1@host:1/0",
        "SECRET_KEY": "hush-2",
        "PANEL_PASSWORD": "hush-3",
        **OIDC,
        "API_TOKENS": "a=hush-4-long",
        "SMTP_URL": "smtp://u:hush-5@host",
        "HEROKU_API_KEY": "hush-6",
        "AWS_SECRET_ACCESS_KEY": "hush-7",
        "AWS_ACCESS_KEY_ID": "hush-8",
        "AWS_SESSION_TOKEN": "hush-9",
    }
    assert "hush" not in repr(Settings.from_env(secrets))
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_env({"REDIS_URL": "http://:hush@host"})
    assert "hush" not in str(caught.value)


def test_the_usual_variables_of_aws_are_used() -> None:
    usual = {
        "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "https://all.example.org",
        "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
    }  # fmt: skip
    settings = Settings.from_env(usual)
    assert (settings.s3_region, settings.s3_endpoint_url) == ("eu-central-1", "https://all.example.org")
    assert (settings.s3_key_id, settings.s3_secret, settings.s3_session_token) == ("id", "secret", "token")
    more = usual | {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL_S3": "https://s3.example.org"}
    assert Settings.from_env(more).s3_region == "eu-west-1"
    assert Settings.from_env(more).s3_endpoint_url == "https://s3.example.org"
    ours = Settings.from_env(more | {"S3_ENDPOINT_URL": "https://ours.example.org"})
    assert ours.s3_endpoint_url == "https://ours.example.org"
    with pytest.raises(InvalidSetting, match="AWS_ENDPOINT_URL_S3 is not a URL"):
        Settings.from_env(usual | {"AWS_ENDPOINT_URL_S3": "s3.example.org"})


def test_a_session_token_goes_with_the_key_beside_it() -> None:
    bucketeer = {"BUCKETEER_AWS_ACCESS_KEY_ID": "id", "BUCKETEER_AWS_SECRET_ACCESS_KEY": "secret"}
    settings = Settings.from_env(bucketeer | {"AWS_SESSION_TOKEN": "of another key"})
    assert (settings.s3_key_id, settings.s3_session_token) == ("id", None)


def test_each_language_of_mails_may_be_set() -> None:
    assert [Settings.from_env({"MAIL_LOCALE": each}).mail_locale for each in WORDS] == list(WORDS)


def test_mails_come_from_one_address() -> None:
    for sender in ("pdf@example.org", "The office <pdf@example.org>", '"Müller, Söhne" <pdf@example.org>'):
        assert Settings.from_env({"MAIL_FROM": sender}).mail_from == sender


def test_an_empty_variable_is_unset() -> None:
    usual = Settings.from_env({})
    for name in ("MAIL_FROM", "MAIL_LOCALE", "WORKER_TYPE", "DYNO_SIZE", "HOUSE_COLOUR", "TIMEZONE", "MAX_WORKERS"):
        assert Settings.from_env({name: ""}) == usual


def test_an_empty_bucket_name_is_unset() -> None:
    assert Settings.from_env({"S3_BUCKET": ""}).bucket == "pipeline"
    assert Settings.from_env({"S3_BUCKET": "", "BUCKETEER_BUCKET_NAME": "bucketeer-1"}).bucket == "bucketeer-1"


@pytest.mark.parametrize("port", ["", "http", "-1", "0", "65536"])
def test_an_invalid_port_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(InvalidSetting, match="must be a number from 1 to 65535"):
        asked_port()
