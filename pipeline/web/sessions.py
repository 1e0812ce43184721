"""Sessions of people: signed cookies. They end after 12 hours, or when what was proved changes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from flask import session
from werkzeug.exceptions import Forbidden

from ..settings import Scope, Settings
from .people import Person

HOURS = 12
PROOF, FORM_TOKEN, PERSON, BEGUN = "proof", "form", "person", "begun"  # keys in the session
MOST_BEGUN = 4  # sign-ins at an issuer at a time, such as of several tabs; a cookie has 4 kB
BEGUN_SECONDS = 600
BY_PASSWORD = Person("", Scope.ALL)


@dataclass(frozen=True)
class Pending:
    """A sign-in that was begun at an issuer. `target` is where the person wanted to go."""

    state: str
    nonce: str
    verifier: str
    target: str
    at: float


def begin(settings: Settings, person: Person) -> None:
    """Start a session. Nothing of an earlier one is kept; of a person, other sign-ins that were begun."""
    begun = session.get(BEGUN) if person.name else None
    session.clear()
    session.permanent = True
    session[PROOF] = _proofs(settings, person)[0]
    session[FORM_TOKEN] = secrets.token_urlsafe()
    if person.name:
        # The cookie is signed again, and so younger, when a sign-in in another tab is over; the session is not.
        session[PERSON] = [person.name, int(person.scope), int(time.time()) + HOURS * 3600]
    if begun:
        session[BEGUN] = begun


def find(settings: Settings) -> Person | None:
    """Return the person of the session; None without a valid one."""
    person, proof = BY_PASSWORD, str(session.get(PROOF, ""))
    if PERSON in session:
        name, scope, end = session[PERSON]
        person = Person(name, Scope(scope))
        if time.time() > end:
            return None
    return person if any(same(proof, valid) for valid in _proofs(settings, person)) else None


def form_token() -> str:
    """Return the CSRF token of the panel's forms."""
    return str(session.get(FORM_TOKEN, ""))


def end(token: str) -> None:
    """End the session, if there is one. Raises Forbidden without the CSRF token."""
    if FORM_TOKEN not in session:
        return  # another site's request has no session cookie; clearing would remove the user's
    if not same(token, form_token()):
        raise Forbidden("Sign out on the panel.")
    session.clear()


def note_begun(pending: Pending) -> None:
    """Note a sign-in that was begun, beside the last ones."""
    each = (pending.state, pending.nonce, pending.verifier, pending.target, pending.at)
    session[BEGUN] = [*session.get(BEGUN, []), list(each)][-MOST_BEGUN:]


def take_begun(state: str) -> Pending | None:
    """Return a sign-in that was begun in this browser within 10 minutes. It counts once."""
    begun = session.get(BEGUN, [])
    found = next((Pending(*each) for each in begun if same(each[0], state)), None)
    if found is None:
        return None
    session[BEGUN] = [each for each in begun if each[0] != state]
    return found if time.time() - found.at < BEGUN_SECONDS else None


def same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _proofs(settings: Settings, person: Person) -> list[str]:
    """Return a session's possible proofs: of the password, or of the issuer and its roles.

    So a new password ends every session by password, and new roles end every session by an issuer.
    """
    oidc = repr(settings.oidc) if settings.oidc else None
    known = oidc if person.name else settings.panel_password
    keys = settings.secret_keys if known else ()
    return [hmac.new(key.encode(), str(known).encode(), hashlib.sha256).hexdigest() for key in keys]
