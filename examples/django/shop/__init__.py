"""A small shop. Its Celery app is loaded with it, so that shared tasks find it."""

from __future__ import annotations

from .celery import app as celery_app

__all__ = ["celery_app"]
