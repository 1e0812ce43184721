"""What a command opens: settings, services, files to write. Heavy imports wait until they are needed."""

from __future__ import annotations

import os
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..settings import Settings

if TYPE_CHECKING:
    from ..adapters.bucket.client import Timeouts
    from ..exports.stores import Stores
    from ..services import Services


def settings() -> Settings:
    return Settings.from_env(os.environ)


def services(patience: Timeouts | None = None) -> Services:
    """Everything, for commands that send messages."""
    from ..adapters.bucket.client import BACKGROUND
    from ..tasks.app import open_with_celery

    return open_with_celery(settings(), patience or BACKGROUND)


def stores() -> Stores:
    """What is needed to look at exports; no Celery."""
    from ..exports.stores import Stores

    return Stores.open(settings())


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
