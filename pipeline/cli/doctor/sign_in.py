"""Check how people and programs sign in, and the issuer of identities (OpenID Connect)."""

from __future__ import annotations

from collections.abc import Iterator

from ...settings import Settings
from .finding import Check, Outcome


def sign_in_check(settings: Settings) -> Check:
    """Check that there is a way to sign in."""
    ways = {
        "PANEL_PASSWORD": settings.panel_password,
        "OIDC_ISSUER": settings.oidc,
        "API_TOKENS": settings.api_tokens,
    }
    if given := [name for name, value in ways.items() if value]:
        return Check("sign-in", Outcome.OK, f"By {' and '.join(given)}.")
    advice = "Set PANEL_PASSWORD, OIDC_ISSUER or API_TOKENS. The command line needs none of them."
    return Check("sign-in", Outcome.WARNING, "No one can sign in to the web process.", advice)


def issuer_checks(settings: Settings) -> Iterator[Check]:
    """Read the issuer's metadata and keys, and show it the id and the secret of this app. Raises SignInFailed."""
    from ...web.sign_in import open_issuer  # with Authlib, which takes 14 MB

    issuer = open_issuer(settings)
    if issuer is None:
        return
    metadata, oidc = issuer.check(), issuer.oidc
    words = f"{oidc.host} answers, and accepts the id and the secret. It must know {issuer.redirect_uri}."
    missing = sorted(oidc.claims - set(metadata.get("claims_supported") or oidc.claims))
    advice = f"It does not list {', '.join(missing)} among its claims: sign in to see whether they come."
    yield Check("OIDC", Outcome.OK, words, advice if missing else "")
