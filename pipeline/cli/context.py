"""What a command opens: settings, services, files to write. Heavy imports wait until they are needed."""

from __future__ import annotations

import os
import time
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest
from ..settings import Settings

if TYPE_CHECKING:
    from ..adapters.bucket.client import Timeouts
    from ..adapters.redis.live import Live
    from ..exports.export import Export
    from ..exports.repository import ExportRepository
    from ..services import Services


def settings() -> Settings:
    return Settings.from_env(os.environ)


def services(patience: Timeouts | None = None) -> Services:
    """Everything, for commands that send messages."""
    from ..adapters.bucket.client import BACKGROUND
    from ..tasks.app import open_with_celery

    return open_with_celery(settings(), patience or BACKGROUND)


def records() -> tuple[ExportRepository, Live]:
    """What is needed to look at exports; no Celery."""
    from ..adapters.bucket.bucket import S3Bucket
    from ..adapters.redis.live import Live
    from ..exports.repository import ExportRepository

    own = settings()
    return ExportRepository(S3Bucket.open(own)), Live.open(own)


def represented(exports: ExportRepository, live: Live, export: Export) -> dict[str, Any]:
    """An export as GET /exports/ID shows it."""
    from ..exports.views import full, progress
    from ..scaler.quotes import current_quotes, quotes_as_json

    own = settings()
    seen, price = progress(exports, live, export), quotes_as_json(current_quotes(live, export, own))
    return full(export, seen, time.time(), own.base_url, price)


def free(output: Path, force: bool) -> None:
    """InvalidRequest unless a file may be written here."""
    if not output.parent.is_dir():
        raise InvalidRequest(f"There is no folder {output.parent}.", field="output", advice="Make it first.")
    if output.exists() and not output.is_file():
        raise InvalidRequest(f"{output} is not a file.", field="output", advice="Name a file.")
    if output.exists() and not force:
        raise InvalidRequest(f"{output} exists.", field="output", advice="Add --force to overwrite it.")


def free_for_volumes(output: Path, force: bool) -> None:
    """InvalidRequest when volumes of an earlier time stand beside this file."""
    names = f"{escape(output.stem)}-*-of-*{escape(output.suffix)}"
    there = sorted(output.parent.glob(names))
    if there and not force:
        raise InvalidRequest(f"{there[0]} exists.", field="output", advice="Add --force to overwrite volumes.")
