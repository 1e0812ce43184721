"""Who a person is, and what its role is, by what an issuer of identities says (OpenID Connect)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import SignInFailed
from ..settings.oidc import EMAIL, VERIFIED, Oidc, Rule
from ..settings.tokens import ROLES, Scope

MAX_NAME = 200  # characters, as of the subject of an export
NAMELESS = "{host} does not say who you are: the claim {claim} is missing, or not verified."
NO_ROLE = "{name} may not use this app: no entry of OIDC_ROLES fits. Groups that {host} names: {groups}."
TEXTS = (NAMELESS, NO_ROLE)


@dataclass(frozen=True)
class Person:
    """A person with the scope of its role."""

    name: str
    scope: Scope


def identify(claims: Mapping[str, Any], oidc: Oidc) -> Person:
    """Return the person, with the highest role of all rules that fit. Raises SignInFailed if none does."""
    mail = _mail(claims)
    name = mail if oidc.person == EMAIL else claims.get(oidc.person)
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= MAX_NAME:
        raise SignInFailed(NAMELESS, host=oidc.host, claim=oidc.person)
    groups = _groups(claims.get(oidc.groups))
    scopes = [rule.scope for rule in oidc.rules if _fits(rule, mail, groups)]
    if not scopes:
        raise SignInFailed(NO_ROLE, name=name, host=oidc.host, groups=", ".join(groups)[:500] or "-")
    return Person(name, max(scopes))


def role(scope: Scope) -> str:
    """Return what the scope of a person is called: view, ask or operate."""
    return next(name for name, each in ROLES.items() if each is scope)


def _fits(rule: Rule, mail: str, groups: tuple[str, ...]) -> bool:
    match rule.kind:
        case "group":
            return rule.name in groups
        case "email":
            return rule.name == mail
        case "domain":
            return bool(mail) and rule.name == mail.rpartition("@")[2]
    return True


def _mail(claims: Mapping[str, Any]) -> str:
    """Return the mail address if the issuer has verified it: else people could give themselves one of another."""
    mail = claims.get(EMAIL)
    if not isinstance(mail, str) or claims.get(VERIFIED) is not True:
        return ""
    return "".join(c.lower() if c.isascii() else c for c in mail)  # the Kelvin sign would become a k


def _groups(claim: object) -> tuple[str, ...]:
    """Return the names of groups. Some issuers send a text for one group; it is not taken apart."""
    each = [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return tuple(name for name in each if isinstance(name, str))
