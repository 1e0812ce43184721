"""`python -m local store URL`: tries an S3-compatible store, with the checks of `doctor` and with a whole export.

The keys come from the environment, as for any installation. Everything is below a prefix, and is removed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.cli.doctor import show
from pipeline.cli.doctor.bucket import bucket_checks
from pipeline.cli.doctor.finding import Outcome
from pipeline.errors import ExportFailed
from pipeline.settings import Settings

from .demo import LOOK_SECONDS, demo
from .laptop import laptop

PHOTOS = 60  # about 23 MB, in segments that the store copies
NAMES = ("S3_BUCKET", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def try_store(url: str, folder: Path, console: Console) -> None:
    """Check a store and make an album there, also if a check fails. Raises ExportFailed if any of it fails."""
    store = variables(url, os.environ)
    settings = Settings.from_env(store)
    bucket = S3Bucket.open(settings)
    bucket.create_bucket()
    checks = list(bucket_checks(settings))
    show(checks)
    if checks[0].outcome is Outcome.FAILED:
        raise ExportFailed("This store cannot be used.", advice=checks[0].advice)
    try:
        with laptop(folder, look_seconds=LOOK_SECONDS, store=store) as running:
            demo(running, folder / "album.pdf", console, PHOTOS)
    finally:
        bucket.delete_under("")
    if failed := [check.name for check in checks if check.outcome is Outcome.FAILED]:
        raise ExportFailed(f"The export is complete, but do not use this store: {', '.join(failed)}.", advice="")


def variables(url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a store at this address, with a prefix of its own."""
    given = {name: environ[name] for name in NAMES if environ.get(name)}
    return given | {"S3_ENDPOINT_URL": url, "S3_PREFIX": f"trial-{secrets.token_hex(4)}/"}
