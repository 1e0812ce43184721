"""The doctor finds what is wrong, says what to do, and goes on with the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from local.dynos import Dynos
from local.services import smtp, valkey
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.cli import program
from pipeline.cli.doctor import examine, memory_check, redis_checks, sender_check, settings_checks
from pipeline.cli.doctor.bucket import bucket_checks
from pipeline.cli.doctor.finding import Check, Outcome
from pipeline.settings import Settings
from pipeline.settings.urls import is_local

from ...conftest import Environ
from ...nowhere import closed_port
from ..lesser_s3 import Lacks, lesser

LONG = "0123456789abcdef" * 4


@pytest.fixture
def whole(environ: Environ, settings: Settings, tmp_path: Path) -> Iterator[Environ]:
    """Variables of an installation that lacks nothing."""
    (tmp_path / "Procfile").write_text("worker: sleep 60\n")
    env = {"PATH": os.environ["PATH"]}
    with (
        smtp(tmp_path) as mail,
        Dynos(tmp_path / "Procfile", env, cwd=tmp_path, log_folder=tmp_path / "logs") as dynos,
    ):
        yield environ | {
            "SECRET_KEY": LONG, "SMTP_URL": mail.url, "HEROKU_API_URL": dynos.url,
            "HEROKU_API_KEY": dynos.key, "HEROKU_APP_NAME": dynos.app, "BASE_URL": "https://pdf.example.org",
            "REPORT_TO": "ops@example.org",
        }  # fmt: skip


def outcomes(checks: list[Check]) -> dict[str, Outcome]:
    return {check.name: check.outcome for check in checks}


def found(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def test_a_complete_installation_is_ok(whole: Environ) -> None:
    checks = examine(whole)
    assert [check for check in checks if check.outcome is not Outcome.OK] == []
    assert {check.name for check in checks} == {
        "SECRET_KEY", "BASE_URL", "sign-in", "redis", "redis memory", "redis connections", "bucket",
        "conditional writes", "ranges", "checksums", "listing", "part copy", "parts", "uploads", "download link",
        "browser uploads", "mail", "heroku", "memory", "fonts", "MAIL_FROM", "DOCUMENTS", "SCHEDULES",
    }  # fmt: skip


def test_nothing_is_left_in_the_bucket(environ: Environ, settings: Settings) -> None:
    store = S3Bucket.open(settings)
    list(bucket_checks(settings))
    assert list(store.entries("")) == []
    assert store.uploads("") == []


@pytest.mark.parametrize(
    ("variables", "name", "words", "advice"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "bucket", "SignatureDoesNotMatch", "clock"),
        ({"REDIS_URL": "closed"}, "redis", "does not answer", "Tried 127.0.0.1:"),
        ({"SMTP_URL": "wrong password"}, "mail", "535", "SMTP_URL"),
        ({"SMTP_URL": "no TLS elsewhere"}, "mail", "offers no TLS", "smtps://"),
        ({"SCHEDULES": "no_such_module"}, "SCHEDULES", "No module named 'no_such_module'", "Correct the module"),
        ({"DOCUMENTS": "no_such_module"}, "DOCUMENTS", "No module named 'no_such_module'", "imported"),
        ({"HEROKU_API_KEY": "wrong"}, "heroku", "key is not valid", "heroku authorizations:create -s write"),
        ({"HEROKU_APP_NAME": "other"}, "heroku", "no such app", "HEROKU_APP_NAME"),
        ({"DYNO_SIZE": "huge"}, "DYNO_SIZE", "no price for a dyno of size huge", "standard-1x"),
        (
            {"SCALER_MODE": "one-off", "ONE_OFF_SIZE": "huge"},
            "DYNO_SIZE",
            "no price for a dyno of size huge",
            "standard-1x",
        ),
        ({"WORKER_TYPE": "clock"}, "heroku", "no process type clock", "WORKER_TYPE"),
        ({"SECRET_KEY": ""}, "SECRET_KEY", "not set", "secrets.token_hex"),
        ({"BASE_URL": "http://pdf.example.org"}, "BASE_URL", "not https", "https"),
    ],
)
def test_one_failure_leaves_the_others(
    whole: Environ, variables: dict[str, str], name: str, words: str, advice: str
) -> None:
    if variables.get("REDIS_URL") == "closed":
        variables = {"REDIS_URL": f"redis://:secret@127.0.0.1:{closed_port()}/0"}
    if variables.get("SMTP_URL") == "wrong password":
        variables = {"SMTP_URL": whole["SMTP_URL"].replace("demo:", "demo:not-")}
    if variables.get("SMTP_URL") == "no TLS elsewhere":  # 0.0.0.0 leads here and is no loopback address
        variables = {"SMTP_URL": whole["SMTP_URL"].replace("127.0.0.1", "0.0.0.0")}  # noqa: S104
    checks = examine(whole | variables)
    failed = [check for check in checks if check.outcome is Outcome.FAILED]
    assert [check.name for check in failed] == [name]
    assert words in failed[0].words
    assert advice in failed[0].advice and "secret@" not in failed[0].advice
    tried = {check.name for check in checks if check.outcome is Outcome.OK}
    assert {"sign-in", "memory", "fonts"} <= tried
    assert len({"redis", "bucket", "mail", "heroku"} & tried) >= 3


def test_a_dyno_without_redis_is_told_so(whole: Environ) -> None:
    checks = examine({name: value for name, value in whole.items() if name != "REDIS_URL"} | {"DYNO": "web.1"})
    assert found(checks, "redis").outcome is Outcome.FAILED
    assert "REDIS_URL is not set" in found(checks, "redis").words
    assert "heroku addons:create heroku-redis:mini" in found(checks, "redis").advice
    assert found(checks, "bucket").outcome is Outcome.OK


def test_a_local_sender_is_a_warning(settings: Settings) -> None:
    elsewhere = replace(settings, smtp_url="smtps://mail.example.org", mail_from="Us <us@localhost>")
    assert sender_check(elsewhere).outcome is Outcome.WARNING
    assert sender_check(replace(elsewhere, mail_from="Us <us@example.org>")).outcome is Outcome.OK


def test_a_wrong_secret_is_not_repeated(whole: Environ) -> None:
    checks = examine(whole | {"AWS_SECRET_ACCESS_KEY": "hunter22", "HEROKU_API_KEY": "hunter22"})
    assert "hunter22" not in repr(checks)


def test_missing_settings_are_warnings(environ: Environ, settings: Settings) -> None:
    checks = outcomes(examine(environ | {"PANEL_PASSWORD": "", "API_TOKENS": ""}))
    assert checks["mail"] is checks["heroku"] is checks["sign-in"] is Outcome.WARNING
    assert checks["SECRET_KEY"] is Outcome.WARNING  # the one of the tests is short
    assert Outcome.FAILED not in checks.values()


def test_a_wrong_setting_skips_the_rest(environ: Environ) -> None:
    checks = examine(environ | {"MAX_WORKERS": "many"})
    assert [check.outcome for check in checks] == [Outcome.FAILED, Outcome.SKIPPED]
    assert "MAX_WORKERS is 'many'" in checks[0].words


def test_a_small_evicting_redis_is_a_warning(environ: Environ, tmp_path: Path) -> None:
    with valkey(tmp_path, extra=("--maxclients", "20", "--maxmemory-policy", "allkeys-lru")) as server:
        changes = {"REDIS_URL": server.url, "WORKER_CONCURRENCY": "1"}
        checks = list(redis_checks(Settings.from_env(environ | changes)))
    assert outcomes(checks) == {
        "redis": Outcome.OK, "redis memory": Outcome.WARNING, "redis connections": Outcome.WARNING,
    }  # fmt: skip
    assert "allkeys-lru" in found(checks, "redis memory").words
    assert "of 20 connections" in found(checks, "redis connections").words
    assert "No more than 2 are started" in found(checks, "redis connections").words
    assert "MAX_WORKERS=2" in found(checks, "redis connections").advice


def test_a_full_redis_is_a_failure(environ: Environ, tmp_path: Path) -> None:
    with valkey(tmp_path, extra=("--maxmemory", "500kb")) as server:
        checks = list(redis_checks(Settings.from_env(environ | {"REDIS_URL": server.url})))
    assert found(checks, "redis memory").outcome is Outcome.FAILED
    assert "of 0.5 MB are in use" in found(checks, "redis memory").words
    assert "larger plan" in found(checks, "redis memory").advice


def test_missing_conditional_writes_are_a_warning(settings: Settings) -> None:
    with lesser(settings, Lacks(conditions=True)) as lacking:
        checks = list(bucket_checks(lacking))
    check = found(checks, "conditional writes")
    assert check.outcome is Outcome.WARNING
    assert "If-None-Match and If-Match" in check.words
    assert "Two processes may advance the same export" in check.words
    assert "one worker" in check.advice
    assert outcomes(checks)["part copy"] is Outcome.OK


def test_missing_part_copy_is_a_warning(settings: Settings) -> None:
    with lesser(settings, Lacks(part_copy=True)) as lacking:
        checks = list(bucket_checks(lacking))
        assert S3Bucket.open(settings).uploads("") == []
    check = found(checks, "part copy")
    assert check.outcome is Outcome.WARNING
    assert "NotImplemented" in check.words
    assert "files pass through the worker" in check.words
    assert outcomes(checks)["conditional writes"] is Outcome.OK


@pytest.mark.parametrize(
    ("lacks", "name", "outcome", "words"),
    [
        (Lacks(own_etag=True), "conditional writes", Outcome.FAILED, "is refused with the object's own ETag"),
        (Lacks(lost=(503, "SlowDown")), "conditional writes", Outcome.FAILED, "is answered with another error"),
        (Lacks(quotes=False), "conditional writes", Outcome.OK, "refused when another was first"),
        (Lacks(lost=(501, "NotImplemented")), "conditional writes", Outcome.OK, "refused when another was first"),
        (Lacks(ranges=True), "ranges", Outcome.FAILED, "sent 100 instead of 10 bytes"),
        (Lacks(long_suffixes=True), "ranges", Outcome.OK, "Any part of an object"),
        (Lacks(checksums=True), "checksums", Outcome.WARNING, "SHA-256 is ignored"),
        (Lacks(pages=True), "listing", Outcome.FAILED, "not complete and in order"),
        (Lacks(copy_guard=True), "part copy", Outcome.WARNING, "copied inside the bucket, but whatever their ETag"),
        (Lacks(copied_etag=True), "part copy", Outcome.OK, "copied inside the bucket"),
        (Lacks(copied_etag=True, listed_parts=True), "part copy", Outcome.WARNING, "pass through the worker"),
        (Lacks(equal_parts=True), "parts", Outcome.WARNING, "Only parts of equal size are taken"),
    ],
)
def test_what_a_store_does_otherwise_is_said(
    settings: Settings, lacks: Lacks, name: str, outcome: Outcome, words: str
) -> None:
    with lesser(settings, lacks) as other:
        checks = list(bucket_checks(other))
    check = found(checks, name)
    assert check.outcome is outcome
    assert words in check.words
    assert [each.name for each in checks if each.outcome is not Outcome.OK] == [name] * (outcome is not Outcome.OK)


def test_a_redis_that_forbids_info_is_ok(environ: Environ, tmp_path: Path) -> None:
    with valkey(tmp_path) as server:
        with redis.Redis.from_url(server.url) as client:
            client.execute_command("ACL", "SETUSER", "app", "on", ">hunter22", "~*", "&*", "+@all", "-info")
        url = server.url.replace("//", "//app:hunter22@")
        checks = list(redis_checks(Settings.from_env(environ | {"REDIS_URL": url})))
    assert outcomes(checks) == {
        "redis": Outcome.OK, "redis memory": Outcome.SKIPPED, "redis connections": Outcome.SKIPPED,
    }  # fmt: skip
    assert found(checks, "redis").words == "It answers."
    assert "INFO" in found(checks, "redis memory").words


def test_a_public_bucket_fails(settings: Settings) -> None:
    with lesser(settings, Lacks(signatures=True)) as lacking:
        check = found(list(bucket_checks(lacking)), "download link")
    assert check.outcome is Outcome.FAILED
    assert "the bucket is public" in check.words


def test_a_proxied_store_is_ok(settings: Settings) -> None:
    with lesser(settings, Lacks()) as same:
        assert {check.outcome for check in bucket_checks(same)} == {Outcome.OK}


@pytest.mark.parametrize(
    ("variables", "words", "outcome"),
    [
        ({"WORKER_MEMORY_MB": "1024", "WORKER_CONCURRENCY": "2"}, "1024 MiB (WORKER_MEMORY_MB)", Outcome.OK),
        ({"DYNO_RAM": "512"}, "512 MiB (DYNO_RAM), 512 for each process that draws (1).", Outcome.OK),
        (
            {"DYNO_RAM": "512", "WORKER_CONCURRENCY": "4", "MAX_IMAGE_PIXELS": "40000000"},
            "128 for each process that draws (4)",
            Outcome.WARNING,
        ),
    ],
)
def test_memory_is_shown_with_its_source(variables: dict[str, str], words: str, outcome: Outcome) -> None:
    check = memory_check(Settings.from_env(variables), variables)
    assert words in check.words
    assert check.outcome is outcome


@pytest.mark.parametrize(
    ("variables", "outcome"),
    [
        ({"BASE_URL": "http://127.0.0.1:5000"}, Outcome.OK),
        ({"BASE_URL": "http://127.0.0.1:5000", "HEROKU_APP_NAME": "app"}, Outcome.WARNING),
        ({"BASE_URL": "https://pdf.example.org"}, Outcome.OK),
        ({"BASE_URL": "http://pdf.example.org"}, Outcome.FAILED),
    ],
)
def test_the_public_address_is_https_unless_local(variables: dict[str, str], outcome: Outcome) -> None:
    assert outcomes(list(settings_checks(Settings.from_env(variables))))["BASE_URL"] is outcome


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:5000", True), ("redis://127.0.0.2/0", True), ("http://[::1]/", True),
        ("https://localhost.example.org", False), ("http://10.0.0.1", False),
    ],
)  # fmt: skip
def test_a_local_address_is_this_machine(url: str, local: bool) -> None:
    assert is_local(url) is local


def test_the_exit_code_is_6_if_a_check_failed(environ: Environ, settings: Settings) -> None:
    run = CliRunner(env=environ).invoke
    good = run(program, ["doctor", "--json"])
    assert good.exit_code == 0
    shown = json.loads(good.stdout)["checks"]
    assert {"name", "outcome", "words", "advice"} == set(shown[0])
    bad = run(program, ["doctor"], env={"REDIS_URL": f"redis://127.0.0.1:{closed_port()}/0"})
    assert bad.exit_code == 6
    assert "✗ failed" in bad.stdout
    assert "! warning" in bad.stdout
    assert "✓ ok" in bad.stdout


def test_what_monitoring_takes_is_added_up(environ: Environ, tmp_path: Path) -> None:
    with valkey(tmp_path, extra=("--maxclients", "60")) as small:
        env = environ | {"REDIS_URL": small.url, "MAX_WORKERS": "4"}
        plain, monitored = (
            found([*redis_checks(Settings.from_env(env | {"MONITORING": each}))], "redis connections")
            for each in ("off", "on")
        )
    assert (plain.outcome, monitored.outcome) == (Outcome.OK, Outcome.WARNING)
    assert "Flower (MONITORING=on), a web process and 4 workers need 90" in monitored.words


def test_workers_of_another_program_are_counted(whole: Environ) -> None:
    check = found(examine(whole | {"SCALER_MODE": "none", "HEROKU_API_KEY": ""}), "workers")
    assert (check.outcome, check.words) == (Outcome.OK, "SCALER_MODE=none: another program runs them. 0 report.")


def test_the_bucket_takes_files_from_pages_of_the_app_once_it_has_a_rule(settings: Settings) -> None:
    """In a bucket of its own: the rule is for all of it. The rules of others stay."""
    own = replace(settings, bucket="uploads-from-pages", base_url="https://pdf.example.org/")
    store = S3Bucket.open(own)
    store.create_bucket()
    other = {"AllowedOrigins": ["https://shop.example.org"], "AllowedMethods": ["GET"], "ID": "shop"}
    store._client.put_bucket_cors(Bucket=own.bucket, CORSConfiguration={"CORSRules": [other]})  # type: ignore[list-item]
    check = found(list(bucket_checks(own)), "browser uploads")
    assert check.outcome is Outcome.WARNING and "Pages of https://pdf.example.org may not" in check.words
    rule = json.loads(check.advice.partition("--cors-configuration '")[2].removesuffix("'"))["CORSRules"][0]
    assert (rule["AllowedOrigins"], rule["AllowedMethods"]) == (["https://pdf.example.org"], ["PUT"])
    assert rule["ExposeHeaders"] == ["ETag"] and "without other rules, which this replaces" in check.advice
    env = {
        "S3_ENDPOINT_URL": own.s3_endpoint_url, "S3_BUCKET": own.bucket, "AWS_ACCESS_KEY_ID": own.s3_key_id,
        "AWS_SECRET_ACCESS_KEY": own.s3_secret, "BASE_URL": own.base_url, "SECRET_KEY": LONG,
        "REDIS_URL": own.redis_url,
    }  # fmt: skip
    for _ in range(2):  # the second time it replaces its own rule
        made = CliRunner().invoke(program, ["prepare", "--cors"], env=env, catch_exceptions=False)
        assert made.exit_code == 0 and "takes files from pages of https://pdf.example.org." in made.output
    assert found(list(bucket_checks(own)), "browser uploads").outcome is Outcome.OK
    S3Bucket.open(replace(own, bucket_prefix="second/")).allow_uploads("https://second.example.org")
    rules = store._client.get_bucket_cors(Bucket=own.bucket)["CORSRules"]
    assert [each.get("ID") for each in rules] == ["shop", "pipeline", "pipeline second/"]
