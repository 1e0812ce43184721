"""Download links for mails. They are signed, expire, and lead to the app, never to the bucket."""

from __future__ import annotations

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from ..errors import InvalidSetting, LinkExpired, LinkRefused
from ..settings import Settings

SALTS = {False: "download", True: "open"}
"""A token of one kind is not one of the other."""


def check_secret_key(settings: Settings) -> None:
    """Raise InvalidSetting without SECRET_KEY: when a process starts that sends notices, not at the first one."""
    if not settings.secret_keys:
        raise InvalidSetting("SECRET_KEY is not set; links cannot be signed.", field="SECRET_KEY")


class DownloadLinks:
    """Signs and reads download links. The first of SECRET_KEY signs; all of them are accepted."""

    def __init__(self, settings: Settings) -> None:
        check_secret_key(settings)
        self._base = settings.base_url
        self._seconds = settings.link_seconds
        keys = list(reversed(settings.secret_keys))
        self._signers = {signed: URLSafeTimedSerializer(keys, salt=salt) for signed, salt in SALTS.items()}

    def sign(self, export_id: str, volume: int = 0, *, signed: bool = False) -> str:
        """Return a URL that downloads an export, or one of its volumes (from 1), for LINK_DAYS.

        With `signed` it opens without an account, as long as the export is there; else one must be signed in.
        """
        token = self._signers[signed].dumps(export_id)
        return f"{self._base}/{'o' if signed else 'd'}/{token}{f'/{volume}' if volume else ''}"

    def read(self, token: str, *, signed: bool = False) -> str:
        """Return the export id in a link's token. Raises LinkExpired or LinkRefused."""
        try:
            return str(self._signers[signed].loads(token, max_age=self._seconds))
        except SignatureExpired as error:
            raise LinkExpired("This link has expired.") from error
        except BadData as error:
            raise LinkRefused("This link is not valid: it was not made by this app, or it was changed.") from error
