"""The doctor looks at the issuer of identities."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.cli.doctor.finding import Check, Outcome, guarded
from pipeline.cli.doctor.sign_in import issuer_checks, sign_in_check
from pipeline.settings import Settings

from ...issuer import Faults, Issuer, serving
from ...nowhere import closed_port


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving(Issuer()) as issuer:
        yield issuer


def found(issuer: Issuer, **changes: str) -> Check:
    settings = Settings.from_env(issuer.environ() | changes)
    (check,) = guarded("OIDC", issuer_checks(settings))
    return check


def test_an_issuer_that_works_is_ok_and_the_address_to_register_is_named(issuer: Issuer) -> None:
    check = found(issuer, BASE_URL="https://pdf.example.org/")
    assert check.outcome is Outcome.OK and check.advice == ""
    assert "https://pdf.example.org/sign-in/oidc" in check.words
    issuer.faults = Faults(metadata={"claims_supported": ["sub", "email", "email_verified"]})
    assert "does not list groups among its claims" in found(issuer).advice


def test_what_is_wrong_is_said(issuer: Issuer) -> None:
    check = found(issuer, OIDC_CLIENT_SECRET="another")
    assert check.outcome is Outcome.FAILED and "does not accept the id or the secret" in check.words
    assert check.advice == "Check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET."
    check = found(issuer, OIDC_ISSUER=f"{issuer.url}/")
    assert check.outcome is Outcome.FAILED
    assert check.advice == f"OIDC_ISSUER is {issuer.url}/; the issuer there calls itself {issuer.url}."
    check = found(issuer, OIDC_ISSUER=f"{issuer.url}/realms/none")
    assert "(HTTP 404)" in check.words and "/realms/none/.well-known/openid-configuration" in check.advice
    check = found(issuer, OIDC_ISSUER=f"http://127.0.0.1:{closed_port()}")
    assert check.outcome is Outcome.FAILED and "does not answer" in check.words


def test_the_ways_to_sign_in_are_named(issuer: Issuer) -> None:
    assert sign_in_check(Settings.from_env(issuer.environ())).words == "By OIDC_ISSUER."
    assert not list(issuer_checks(Settings.from_env({})))
