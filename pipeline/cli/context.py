"""What a command opens: settings, services, stores. Heavy imports wait until they are needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..settings import Settings

if TYPE_CHECKING:
    from ..adapters.bucket import Timeouts
    from ..exports.stores import Stores
    from ..services import Services


def settings() -> Settings:
    return Settings.from_env(os.environ)


def services(timeouts: Timeouts | None = None) -> Services:
    """Open everything, for commands that send messages."""
    from ..adapters.bucket import BACKGROUND
    from ..tasks.app import open_with_celery

    return open_with_celery(settings(), timeouts or BACKGROUND)


def stores() -> Stores:
    """Open what is needed to look at exports. Imports no Celery."""
    from ..exports.stores import Stores

    return Stores.open(settings())
