"""python -m bench.panel [EXPORTS]: how long a page of the panel's list takes, and what it asks the bucket for."""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from flask.testing import FlaskClient

from local.services import s3, valkey
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.exports.encoding import encode
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.lists import marks
from pipeline.settings import Settings
from pipeline.tasks.app import open_with_celery
from pipeline.web import create_app

PASSWORD = "a password for the bench"  # noqa: S105  # of servers that end with it
ROUNDS = 30
RECORDS = 1000  # of the newest exports; a page reads 200 at most
STATES = (State.CANCELLED, State.FAILED, State.EXPIRED)


def main(count: int) -> None:
    """Store exports, then ask for the first page again and again, through the whole application."""
    with (
        TemporaryDirectory() as folder,
        valkey(Path(folder)) as redis,
        s3(Path(folder) / "s3", key_id="bench", secret="bench-secret", bucket="pipeline") as store,  # noqa: S106
    ):
        settings = Settings.from_env(
            {
                "REDIS_URL": redis.url, "S3_ENDPOINT_URL": store.endpoint_url, "S3_BUCKET": store.bucket,
                "AWS_ACCESS_KEY_ID": store.key_id, "AWS_SECRET_ACCESS_KEY": store.secret,
                "SECRET_KEY": "bench", "PANEL_PASSWORD": PASSWORD,
            }
        )  # fmt: skip
        bucket = S3Bucket.open(settings)
        bucket.create_bucket()
        _store(bucket, count)
        services = open_with_celery(settings)
        asked: Counter[str] = Counter()
        events = services.bucket._client.meta.events  # type: ignore[attr-defined]  # a bench may look inside
        events.register("before-call.s3", lambda model, **_: asked.update([model.name]))
        client = create_app(services).test_client()
        client.post("/sign-in", data={"password": PASSWORD})
        for query in ("", "?state=failed", "?owner=owner-1", "?state=ready"):
            _measure(client, query, asked)


def _store(bucket: S3Bucket, count: int) -> None:
    """Write marks as `accept` does, and the records that a page may read."""

    def put(number: int) -> None:
        made = time.time() - count + number
        owner, state = f"owner-{number % 5}", STATES[number % len(STATES)]
        export = Export(
            new_id(made), "table", {"listing": "inputs/a.csv"}, owner, made, state, name=f"Export {number}"
        )
        if number >= count - RECORDS:
            bucket.put(f"exports/{export.id}/export.json", encode(export))
        for mark in marks(export):
            bucket.put(mark, b"")

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        for number, _ in enumerate(pool.map(put, range(count)), 1):
            if number % 1000 == 0:
                click.echo(f"  {number:,} exports after {time.monotonic() - began:.0f} s")


def _measure(client: FlaskClient, query: str, asked: Counter[str]) -> None:
    times: list[float] = []
    rows: list[Any] = []
    asked.clear()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = client.get(f"/panel/exports{query}")
        times.append(1000 * (time.perf_counter() - began))
        rows = answer.get_json()["exports"]
    calls = ", ".join(f"{number / ROUNDS:g} {name}" for name, number in sorted(asked.items()))
    first, usual, slowest = times[0], statistics.median(times), max(times)
    name = f"{query or 'first page'}, {len(rows)} rows"
    click.echo(f"{name:24} first {first:.0f} ms, median {usual:.0f} ms, slowest {slowest:.0f} ms; {calls}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
