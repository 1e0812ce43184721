"""Download links for mails. They are signed, expire, and lead to the app, never to the bucket."""

from __future__ import annotations

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from ..errors import InvalidSetting, LinkExpired, LinkRefused
from ..settings import Settings


class Links:
    """Signs and reads download links. The first of SECRET_KEY signs; all of them are accepted."""

    def __init__(self, settings: Settings) -> None:
        if not settings.secret_keys:
            raise InvalidSetting("SECRET_KEY is not set; links cannot be signed.", field="SECRET_KEY")
        self._base = settings.base_url
        self._seconds = settings.link_seconds
        self._signer = URLSafeTimedSerializer(list(reversed(settings.secret_keys)), salt="download")

    def sign(self, export_id: str, volume: int = 0) -> str:
        """Return a URL that downloads an export, or one of its volumes (from 1), for LINK_DAYS."""
        return f"{self._base}/d/{self._signer.dumps(export_id)}{f'/{volume}' if volume else ''}"

    def read(self, token: str) -> str:
        """Return the export id in a link's token. Raises LinkExpired or LinkRefused."""
        try:
            return str(self._signer.loads(token, max_age=self._seconds))
        except SignatureExpired as error:
            raise LinkExpired("This link has expired.") from error
        except BadData as error:
            raise LinkRefused("This link is not valid: it was not made by this app, or it was changed.") from error
