"""Sign-in of people by OpenID Connect: who issues their identity, and what each may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from ..errors import InvalidSetting
from .environment import Environment
from .tokens import ROLES, Scope
from .urls import is_local

EMAIL, VERIFIED, GROUPS = "email", "email_verified", "groups"  # claims: what an issuer says about a person
KINDS = ("group", "email", "domain", "anyone")
T = TypeVar("T", str, tuple[str, ...])
FORM = "OIDC_ROLES must be role=kind:name, separated by spaces, such as operate=group:admins or view=domain:x.org"


@dataclass(frozen=True)
class Rule:
    """Gives a role to a group, the owner of a mail address, all addresses of a domain, or anyone."""

    scope: Scope
    kind: str
    name: str = ""


@dataclass(frozen=True)
class Oidc:
    """An issuer, this app's account there, and the roles of people. `person` and `groups` name claims."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    rules: tuple[Rule, ...]
    person: str
    groups: str

    @property
    def host(self) -> str:
        """The name of the issuer for people."""
        return urlsplit(self.issuer).netloc

    @property
    def claims(self) -> frozenset[str]:
        """The claims by which a person gets a name and a role."""
        kinds = {rule.kind for rule in self.rules}
        mail = {EMAIL, VERIFIED} if self.person == EMAIL or kinds & {"email", "domain"} else set()
        return frozenset({self.person, *mail, *({self.groups} if "group" in kinds else ())})


def read(env: Environment) -> Oidc | None:
    """Read the variables; None without any. Raises InvalidSetting for one that is missing or wrong."""
    issuer = env.url("OIDC_ISSUER", "", ("https", "http"))
    if not issuer:
        for key in ("OIDC_ROLES", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_PERSON", "OIDC_GROUPS"):
            if env.text(key):
                words = f"{key} is set, and does nothing without OIDC_ISSUER. Set that too, or remove {key}."
                raise InvalidSetting(words, field=key)
        return None
    if not is_safe(issuer):
        raise InvalidSetting("OIDC_ISSUER must begin with https://.", field="OIDC_ISSUER")
    return Oidc(
        issuer,
        _needed("OIDC_CLIENT_ID", env.text("OIDC_CLIENT_ID")),
        _needed("OIDC_CLIENT_SECRET", env.text("OIDC_CLIENT_SECRET")),
        tuple(map(_rule, _needed("OIDC_ROLES", env.words("OIDC_ROLES")))),
        env.text("OIDC_PERSON") or EMAIL,
        env.text("OIDC_GROUPS") or GROUPS,
    )


def is_safe(url: str) -> bool:
    """Return whether what is sent to a URL cannot be read on its way: https, or this machine."""
    return url.startswith("https://") or (url.startswith("http://") and is_local(url))


def _needed(key: str, value: T) -> T:
    if not value:
        raise InvalidSetting(f"{key} is not set; OIDC_ISSUER needs it.", field=key)
    return value


def _rule(word: str) -> Rule:
    role, _, who = word.partition("=")
    kind, _, name = who.partition(":")
    if role not in ROLES or kind not in KINDS or bool(name) is (kind == "anyone"):
        raise InvalidSetting(f"{FORM}; {word!r} is not.", field="OIDC_ROLES")
    return Rule(ROLES[role], kind, name if kind == "group" else name.lower().removeprefix("@"))
