"""Environment variables as typed values. Each error names the variable and what is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import TypeVar
from urllib.parse import urlsplit

from ..errors import InvalidSetting
from .tokens import Scope, Token

SHORTEST_TOKEN = 8  # characters
LONGEST_NAME = 200  # characters
SCOPES = {scope.name.lower(): scope for scope in Scope}
N = TypeVar("N", int, float)


class Environment:
    """Variables by name. Every method raises InvalidSetting for a value of the wrong form."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def text(self, key: str, default: str = "") -> str:
        """Return a text; the default also when the variable is empty."""
        return self.environ.get(key, "") or default

    def name(self, key: str) -> str:
        """Return a name of a few words, empty if there is none."""
        value = self.text(key).strip()
        if len(value) > LONGEST_NAME:
            raise InvalidSetting(f"{key} may have at most {LONGEST_NAME} characters.", field=key)
        return value

    def first(self, *keys: str) -> str:
        """Return the first of these variables that is not empty, else an empty text."""
        return next((value for key in keys if (value := self.text(key))), "")

    def choice(self, key: str, default: str, *others: str) -> str:
        value = self.environ.get(key, "") or default
        if value not in (default, *others):
            words = " or ".join((default, *others))
            raise InvalidSetting(f"{key} is {value!r}; {words} is needed.", field=key)
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Return words separated by spaces; a word with spaces is in quotation marks."""
        if not (value := self.environ.get(key, "")):
            return ()
        import shlex

        try:
            return tuple(shlex.split(value))
        except ValueError:
            raise InvalidSetting(f"{key} has a quotation mark that is not closed.", field=key) from None

    def integer(self, key: str, default: int, least: int = 1) -> int:
        return self._number(key, default, int, least, "a whole number")

    def seconds(self, key: str, default: float, least: float = 0.1) -> float:
        return self._number(key, float(default), float, least, "a number of seconds")

    def url(self, key: str, default: str, schemes: tuple[str, ...], *others: str) -> str:
        """Return the URL in `key`, or in the first of the `others` that is not empty."""
        used = next((name for name in (key, *others) if self.text(name)), key)
        value = self.text(used) or default
        if value and not _is_url(value, schemes):
            # The message leaves the value out: it may contain a password.
            raise InvalidSetting(f"{used} is not a URL of the form {schemes[0]}://host.", field=used)
        return value

    def token(self, key: str) -> str | None:
        """Return a token of at least 8 characters; None when the variable is empty."""
        value = self.text(key)
        if 0 < len(value) < SHORTEST_TOKEN:
            raise InvalidSetting(f"{key} must have at least {SHORTEST_TOKEN} characters.", field=key)
        return value or None

    def address(self, key: str) -> str | None:
        """Return one mail address; None when the variable is empty."""
        if not (value := self.text(key)):
            return None
        from email.headerregistry import Address  # 30 ms

        try:
            return Address(addr_spec=value).addr_spec
        except Exception:  # noqa: BLE001  # Python's parser raises anything for what it does not expect
            words = f"{key} is {value!r}; one mail address is needed, such as name@example.org."
            raise InvalidSetting(words, field=key) from None

    def sender(self, key: str, default: str) -> str:
        """Return the sender of mails: an address, perhaps with a name: Documents <documents@example.org>."""
        if not (value := self.text(key)):
            return default
        from email.policy import EmailPolicy  # 30 ms

        try:
            header = EmailPolicy().header_factory("From", value)
            one = not header.defects and len(header.addresses) == 1
        except Exception:  # noqa: BLE001  # as above
            one = False
        if not one:
            words = f"{key} is {value!r}; one mail address is needed, such as Documents <documents@example.org>."
            raise InvalidSetting(words, field=key)
        return value

    def timezone(self, key: str, default: str) -> str:
        """Return the name of a time zone, such as Asia/Seoul."""
        if not (value := self.text(key)):
            return default
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(value).key
        except (ValueError, KeyError, OSError):
            words = f"{key} is {value!r}; the name of a time zone is needed, such as Asia/Seoul."
            raise InvalidSetting(words, field=key) from None

    def tokens(self, key: str) -> Mapping[str, Token]:
        """Return `name=token other:scope=token` as a mapping from each token to what it stands for."""
        found: dict[str, Token] = {}
        for pair in self.environ.get(key, "").split():
            name, _, token = pair.partition("=")
            owner, colon, scope = name.partition(":")
            if not owner or len(token) < SHORTEST_TOKEN:
                words = f"{key} must be name=token, with tokens of at least {SHORTEST_TOKEN} characters."
                raise InvalidSetting(words, field=key)
            if colon and scope not in SCOPES:
                words = f"{key} has {name}=…; the scope behind the colon must be {', '.join(SCOPES)}."
                raise InvalidSetting(words, field=key)
            if token in found:  # the message leaves it out
                raise InvalidSetting(f"{key} gives {name} a token that {found[token].owner} has.", field=key)
            found[token] = Token(owner, SCOPES[scope]) if colon else Token(owner)
        return found

    def named_urls(self, key: str) -> Mapping[str, str]:
        """Return `name=https://host/path other=…` as a mapping from name to URL."""
        found: dict[str, str] = {}
        for pair in self.environ.get(key, "").split():
            owner, _, url = pair.partition("=")
            if not owner or not _is_url(url, ("https",)):
                raise InvalidSetting(f"{key} must be name=https://host/path, separated by spaces.", field=key)
            if owner in found:
                raise InvalidSetting(f"{key} names {owner} twice; each name has one URL.", field=key)
            found[owner] = url
        return found

    def colour(self, key: str, default: str) -> str:
        """Return a colour as #rrggbb."""
        value = self.environ.get(key, "") or default
        if len(value) != 7 or value[0] != "#" or not set(value[1:].lower()) <= set("0123456789abcdef"):
            raise InvalidSetting(f"{key} is {value!r}; a colour such as {default} is needed.", field=key)
        return value

    def _number(self, key: str, default: N, kind: Callable[[str], N], least: N, what: str) -> N:
        text = self.environ.get(key, "")
        try:
            value = kind(text) if text else default
        except ValueError:
            raise InvalidSetting(f"{key} is {text!r}; {what} is needed.", field=key) from None
        if not (least <= value < inf):
            raise InvalidSetting(f"{key} is {text or value}; it must be finite and at least {least:g}.", field=key)
        return value


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    """Return whether a text is a URL with one of these schemes, with a host, and with a port only if it is one."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
