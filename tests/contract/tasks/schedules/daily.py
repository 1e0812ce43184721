"""Schedules for tests: an export each day."""

from __future__ import annotations

from celery.schedules import crontab

from .clocked import beat_schedule as clocked

beat_schedule = {"album": {**clocked["album"], "schedule": crontab(minute=0, hour=7)}}
