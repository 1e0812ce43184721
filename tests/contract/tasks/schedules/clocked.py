"""Schedules for tests: an export each second."""

from __future__ import annotations

beat_schedule = {
    "album": {
        "task": "pipeline.export",
        "schedule": 1.0,
        "kwargs": {"document": "photos", "params": {"listing": "inputs/album.jsonl"}, "exclusive": "skip"},
    }
}
