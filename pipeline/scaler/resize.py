"""The way that the settings choose: dynos of the formation, or one-off dynos."""

from __future__ import annotations

from ..adapters.redis.live import Live
from ..settings import Settings
from .formation import Formation
from .oneoff import OneOffs
from .way import Way


def chosen_way(settings: Settings, live: Live) -> Way:
    return OneOffs(settings, live) if settings.scaler_way == "one-off" else Formation(settings, live)
