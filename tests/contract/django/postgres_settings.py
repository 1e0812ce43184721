"""The settings of the example, with a PostgreSQL server."""

from __future__ import annotations

import os

from shop.settings import *  # noqa: F403

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": os.environ["SHOP_POSTGRES_PORT"],
        "NAME": "postgres",
        "USER": "shop",
    }
}
