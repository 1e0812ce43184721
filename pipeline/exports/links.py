"""Links in mails: signed, they expire, and lead to the app, never to the bucket."""

from __future__ import annotations

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from ..errors import InvalidSetting, LinkExpired, LinkRefused
from ..settings import Settings


class Links:
    """Signs and reads the links in mails. The first of SECRET_KEY signs, all of them are accepted."""

    def __init__(self, settings: Settings) -> None:
        if not settings.secret_keys:
            raise InvalidSetting("SECRET_KEY is not set; links cannot be signed.", field="SECRET_KEY")
        self._base = settings.base_url
        self._seconds = settings.link_seconds
        self._signer = URLSafeTimedSerializer(list(reversed(settings.secret_keys)), salt="download")

    def sign(self, export_id: str, volume: int = 0) -> str:
        """The address under which an export, or one of its volumes, can be downloaded for a while."""
        return f"{self._base}/d/{self._signer.dumps(export_id)}{f'/{volume}' if volume else ''}"

    def read(self, token: str) -> str:
        """The export that a link leads to; LinkExpired or LinkRefused."""
        try:
            return str(self._signer.loads(token, max_age=self._seconds))
        except SignatureExpired as error:
            raise LinkExpired("The time of this link is over.") from error
        except BadData as error:
            raise LinkRefused("This link is not one of ours, or was changed on its way.") from error
