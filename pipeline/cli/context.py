"""What a command opens, and closes at its end. Heavy imports wait until they are needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from ..settings import Settings

if TYPE_CHECKING:
    from ..adapters.bucket import Timeouts
    from ..adapters.redis import Coordination
    from ..exports.stores import Stores
    from ..services import Services


def settings() -> Settings:
    return Settings.from_env(os.environ)


def services(timeouts: Timeouts | None = None) -> Services:
    """Open everything, for commands that send messages."""
    from ..adapters.bucket import BACKGROUND
    from ..tasks.app import open_with_celery

    found = open_with_celery(settings(), timeouts or BACKGROUND)
    _close_at_end(found.redis)
    return found


def stores() -> Stores:
    """Open what is needed to look at exports. Imports no Celery."""
    from ..exports.stores import Stores

    found = Stores.open(settings())
    _close_at_end(found.redis)
    return found


def redis() -> Coordination:
    """Open Redis alone."""
    from ..adapters.redis import Coordination

    found = Coordination.open(settings())
    _close_at_end(found)
    return found


def _close_at_end(redis: Coordination) -> None:
    click.get_current_context().call_on_close(redis.close)
