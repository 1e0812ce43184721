"""What was answered about exports lately, so that a poll for which nothing changed asks Redis alone."""

from __future__ import annotations

import secrets

from .connection import DAY, Client, redis_errors

ANSWER_SECONDS = 30  # for which an answer counts: also when the note of a change was lost with Redis


class Polls:
    """The version of each export, which every change replaces, and the ETag of the last answer about it."""

    def __init__(self, client: Client) -> None:
        self._redis = client

    def look(self, export: str, owner: str) -> tuple[str, str]:
        """Return the version of an export, and the ETag of the last answer to its owner.

        The ETag is empty if there was no answer lately, or something has changed since. The version is read before
        the export is, and noted with the answer: what changes in between makes the answer count no longer.
        """
        with redis_errors():
            version, noted = self._redis.mget(_version(export), _answer(export))
        answered, etag, to = [*(noted or "").split(" ", 2), "", ""][:3]
        return version or "", etag if (answered, to) == (version or "", owner) else ""

    def version(self, export: str) -> str:
        """Return the version of an export; empty if it has not changed for a day."""
        with redis_errors():
            found: str | None = self._redis.get(_version(export))
        return found or ""

    def note(self, export: str, owner: str, version: str, etag: str) -> None:
        """Note what was answered."""
        with redis_errors():
            self._redis.set(_answer(export), f"{version} {etag} {owner}", ex=ANSWER_SECONDS)

    def note_change(self, export: str) -> None:
        """Note that an export has changed."""
        with redis_errors():
            send_change(self._redis, export)


def send_change(client: Client, export: str) -> None:
    """Send the command that notes a change of an export."""
    client.set(_version(export), secrets.token_hex(8), ex=DAY)


def _version(export: str) -> str:
    return f"pipeline:version:{export}"


def _answer(export: str) -> str:
    return f"pipeline:answer:{export}"
