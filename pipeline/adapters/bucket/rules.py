"""Rules that a bucket keeps by itself: what it removes, and from whose pages it takes files. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SECONDS = 3600  # for which a browser need not ask again


def lifecycle(prefix: str, full_prefix: str, days: int) -> Any:
    """Return the rule that removes objects below a prefix after `days`, and unfinished uploads after one."""
    return {
        "ID": f"pipeline {prefix}", "Status": "Enabled", "Filter": {"Prefix": full_prefix},
        "Expiration": {"Days": days}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }  # fmt: skip


def uploads(origin: str, prefix: str) -> dict[str, Any]:
    """Return the rule by which pages of an origin send files (CORS). It allows PUT alone: each URL is signed for
    one object of one size. `prefix`: of this app, as several may share a bucket."""
    return {
        "ID": f"pipeline {prefix}".strip(), "AllowedOrigins": [origin], "AllowedMethods": ["PUT"],
        "AllowedHeaders": ["content-type"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": SECONDS,
    }  # fmt: skip


def with_uploads(rules: Iterable[Any], origin: str, prefix: str) -> list[Any]:
    """Return the rules of a bucket with ours, in the place of an earlier one."""
    own = uploads(origin, prefix)
    return [*(each for each in rules if each.get("ID") != own["ID"]), own]
