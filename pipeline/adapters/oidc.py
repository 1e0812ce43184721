"""Signs people in at an issuer of identities: OpenID Connect, authorization code with PKCE, state and nonce.

The issuer is trusted as the mail server is: the operator names it, and it may be in a private network. So it is not
fetched as untrusted URLs are (https.py). But what it names must be https, and no redirect is followed.

Each sign-in reads the issuer's metadata and keys anew. A person signs in once in twelve hours, so they need not be
kept, and are never old. Authlib's client for Flask is not used: it keeps each sign-in that was begun in the cookie
for an hour, until the cookie is too large.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from authlib.common.urls import add_params_to_uri
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from requests import RequestException

from ..errors import ProviderDown, SignInFailed
from ..errors.one_line import plain
from ..settings.oidc import EMAIL, VERIFIED, Oidc, is_safe

log = logging.getLogger(__name__)
Claims = Mapping[str, Any]

TIMEOUT = 5  # seconds for each of at most four answers; a web request has 30 on Heroku
LEEWAY = 120  # seconds by which the clocks may differ
ALGORITHMS = [f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)]
"""Signatures by a key of the issuer: neither `none`, nor those that can be made with the client secret."""
SCOPES = ("openid", "email", "profile", "groups")
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")

DOWN = "{host} does not answer, so no one can be signed in. Try again in a minute."
WRONG = "{host} does not answer as an issuer of identities does ({what})."
OTHER_ISSUER = "The answer is from another issuer than {host}. Sign in again."
DENIED = "{host} did not sign you in, or you did not agree."
REFUSED = "{host} refuses the sign-in ({what})."
USED = "This sign-in was used already, or took too long. Sign in again."
UNKNOWN_APP = "{host} does not accept the id or the secret of this app."
NOT_VALID = "What {host} says about you is not valid ({what}). Sign in again."
CLOCK = "The clocks of {host} and of this app differ too much, or its answer is old. Sign in again."
TEXTS = (DOWN, WRONG, OTHER_ISSUER, DENIED, REFUSED, USED, UNKNOWN_APP, NOT_VALID, CLOCK)


@dataclass(frozen=True)
class Begun:
    """A sign-in that was begun: where the person goes, and what the answer is compared with."""

    url: str
    state: str
    nonce: str
    verifier: str


class Issuer:
    """Signs people in. `redirect_uri`: where the issuer sends them back to."""

    def __init__(self, oidc: Oidc, redirect_uri: str) -> None:
        self.oidc = oidc
        self.redirect_uri = redirect_uri

    def begin(self) -> Begun:
        """Return where a person signs in. Raises ProviderDown."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._session() as session, self._errors():
            metadata = self._metadata(session)
            known = metadata.get("scopes_supported") or SCOPES[:3]
            session.scope = " ".join(scope for scope in SCOPES if scope in known)
            url, _ = session.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return Begun(url, state, nonce, verifier)

    def finish(self, answer: Mapping[str, str], nonce: str, verifier: str) -> Claims:
        """Return what the issuer says about a person that it sends back. Raises SignInFailed, ProviderDown."""
        with self._session() as session, self._errors():
            metadata = self._metadata(session)
            self._check_answer(answer, metadata)
            token = self._exchange(session, metadata, answer["code"], verifier)
            claims = self._claims(token, self._keys(session, metadata), nonce)
            if self.oidc.claims <= claims.keys() or "userinfo_endpoint" not in metadata:
                return claims
            more = self._fetched(session, metadata["userinfo_endpoint"], withhold_token=False)
            if more.get("sub") != claims["sub"]:
                raise self._failed(NOT_VALID, what="sub")
            return _joined(claims, more)

    def sign_out(self) -> str | None:
        """Return where a person signs out of the issuer (RP-initiated logout); None if it has no such page.

        No ID token is kept for it, so the issuer asks the person first: its session is that of other apps too.
        """
        with self._session() as session, self._errors():
            url = self._metadata(session).get("end_session_endpoint")
            if url is None:
                return None
            if not (isinstance(url, str) and is_safe(url)):
                raise self._down(WRONG, what="end_session_endpoint")
            return str(add_params_to_uri(url, [("client_id", self.oidc.client_id)]))

    def check(self) -> Mapping[str, Any]:
        """Return the metadata, after the issuer refused a code that it never gave. Raises SignInFailed."""
        with self._session() as session, self._errors():
            metadata = self._metadata(session)
            self._keys(session, metadata)
            try:
                self._exchange(session, metadata, "doctor", secrets.token_urlsafe(32))
            except SignInFailed as error:
                if error.text == UNKNOWN_APP:
                    raise
            return metadata

    def _session(self) -> OAuth2Session:
        return OAuth2Session(
            self.oidc.client_id,
            self.oidc.client_secret,
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
            default_timeout=TIMEOUT,
        )

    def _metadata(self, session: OAuth2Session) -> Mapping[str, Any]:
        """Fetch the metadata (discovery); they must be of this issuer, and name safe endpoints."""
        found: Mapping[str, Any] = self._fetched(
            session, f"{self.oidc.issuer.rstrip('/')}/.well-known/openid-configuration"
        )
        if found.get("issuer") != self.oidc.issuer:
            words = f"OIDC_ISSUER is {self.oidc.issuer}; the issuer there calls itself {found.get('issuer')}."
            raise self._down(WRONG, what="issuer", advice=plain(words))
        used = {name: found.get(name) for name in ENDPOINTS}
        if "userinfo_endpoint" in found:
            used["userinfo_endpoint"] = found["userinfo_endpoint"]
        for name, url in used.items():
            if not (isinstance(url, str) and is_safe(url)):
                raise self._down(WRONG, what=name)
        return found

    def _keys(self, session: OAuth2Session, metadata: Mapping[str, Any]) -> KeySet:
        """Fetch the keys that sign; those of kinds that came later are left out."""
        keys = self._fetched(session, metadata["jwks_uri"])["keys"]
        return KeySet.import_key_set(
            {"keys": [key for key in keys if key.get("kty") in ("RSA", "EC") and key.get("use") != "enc"]}
        )

    def _check_answer(self, answer: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        """Check that the answer is of this issuer (RFC 9207), and has a code."""
        named = answer.get("iss")
        if named != self.oidc.issuer and (named or metadata.get("authorization_response_iss_parameter_supported")):
            raise self._failed(OTHER_ISSUER)
        if error := answer.get("error"):
            raise self._failed(DENIED if error == "access_denied" else REFUSED, what=_code(error))
        if not answer.get("code"):
            raise self._failed(REFUSED, what="code")

    def _exchange(
        self, session: OAuth2Session, metadata: Mapping[str, Any], code: str, verifier: str
    ) -> Mapping[str, Any]:
        """Exchange the code for tokens. A secret in the body needs no escaping, on which issuers do not agree."""
        ways = metadata.get("token_endpoint_auth_methods_supported") or ()
        session.token_endpoint_auth_method = f"client_secret_{'post' if 'client_secret_post' in ways else 'basic'}"
        try:
            token: Mapping[str, Any] = session.fetch_token(
                metadata["token_endpoint"], code=code, code_verifier=verifier, grant_type="authorization_code",
                redirect_uri=self.redirect_uri, allow_redirects=False,
            )  # fmt: skip
        except OAuthError as error:
            log.warning("oidc: the token endpoint answers %s", plain(str(error)))
            if error.error in ("invalid_client", "unauthorized_client"):
                raise self._failed(UNKNOWN_APP, advice="Check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET.") from error
            raise self._failed(
                USED if error.error == "invalid_grant" else REFUSED, what=_code(error.error)
            ) from error
        return token

    def _claims(self, token: Mapping[str, Any], keys: KeySet, nonce: str) -> Claims:
        """Return the claims of the ID token, whose signature, issuer, audience, times and nonce are right."""
        try:
            decoded = jwt.decode(
                token["id_token"], keys, registry=JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
            )
            options = {"iss": self.oidc.issuer, "aud": self.oidc.client_id, "nonce": nonce}
            claims = CodeIDToken(
                decoded.claims, decoded.header,
                {name: {"essential": True, "value": value} for name, value in options.items()},
                {"client_id": self.oidc.client_id, "nonce": nonce, "access_token": token.get("access_token")},
            )  # fmt: skip
            claims.validate(leeway=LEEWAY)
        except ClaimError as error:
            if error.claim in ("exp", "iat", "nbf"):
                raise self._failed(CLOCK) from error
            raise self._failed(NOT_VALID, what=error.claim) from error
        except (JoseError, ValueError, KeyError, TypeError) as error:
            log.warning("oidc: the ID token cannot be read: %s", plain(str(error)))
            raise self._failed(NOT_VALID, what="id_token") from error
        return dict(claims)

    def _fetched(self, session: OAuth2Session, url: str, *, withhold_token: bool = True) -> Any:
        """Fetch a JSON object."""
        response = session.get(url, withhold_token=withhold_token, allow_redirects=False)
        if response.status_code >= 500:
            raise self._down(DOWN)
        if response.status_code != 200:
            raise self._down(WRONG, what=f"HTTP {response.status_code}", advice=f"Check OIDC_ISSUER: {plain(url)}")
        return msgspec.json.decode(response.content, type=dict[str, Any])

    def _failed(self, text: str, what: str = "", advice: str | None = None) -> SignInFailed:
        return SignInFailed(text, advice=advice, host=self.oidc.host, what=what)

    def _down(self, text: str, what: str = "", advice: str | None = None) -> ProviderDown:
        return ProviderDown(text, advice=advice, host=self.oidc.host, what=what)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise our errors for those of the network, and for answers that are not JSON or of another shape."""
        try:
            yield
        except RequestException as error:
            log.warning("oidc: %s", plain(str(error)))
            raise self._down(DOWN) from error
        except (OAuthError, JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("oidc: an answer cannot be read: %s: %s", type(error).__name__, plain(str(error)))
            raise self._down(WRONG, what="JSON") from error


def _joined(claims: Claims, more: Claims) -> Claims:
    """Return the claims of the ID token, and those that userinfo has beyond them.

    A mail address and whether it is verified come from one of the two, as they may name different addresses.
    """
    both = claims if {EMAIL, VERIFIED} <= claims.keys() else more
    mail = {name: both[name] for name in (EMAIL, VERIFIED) if name in both}
    others = {name: value for name, value in {**more, **claims}.items() if name not in (EMAIL, VERIFIED)}
    return others | mail


def _code(error: str | None) -> str:
    """Return the code of an error, which anyone may have put into a link, if it looks like one."""
    return error if error and re.fullmatch(r"[a-z_]{1,40}", error) else "error"
