"""Rules that a bucket keeps by itself: what it removes, and from whose pages it takes files. Pure.

Such rules are set all at once for a bucket, so those of others are passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

SECONDS = 3600  # for which a browser need not ask again


class Lifecycle(msgspec.Struct, frozen=True):
    """What setting the lifecycle rules did: prefixes whose rule is new or other than before, and rules of others.

    `kept`: their ids. `sooner`: those of `kept` that remove objects of this app before its own rules do.
    """

    changed: list[str]
    kept: list[str]
    sooner: list[str]


def lifecycle(full_prefix: str, days: int) -> dict[str, Any]:
    """Return the rule that removes objects below a prefix after `days`, and unfinished uploads after one."""
    return {
        "ID": f"pipeline lifecycle {full_prefix}", "Status": "Enabled", "Filter": {"Prefix": full_prefix},
        "Expiration": {"Days": days}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }  # fmt: skip


def with_lifecycle(rules: Iterable[Any], app: str, days: Mapping[str, int]) -> tuple[list[Any], Lifecycle]:
    """Return the rules of a bucket with ours, in place of our earlier ones, and what that changes.

    `app`: the prefix of this app, as several may share a bucket; `days`: by the prefix behind it.
    """
    ours = {prefix: lifecycle(app + prefix, count) for prefix, count in days.items()}
    ids = {name for prefix, rule in ours.items() for name in (rule["ID"], f"pipeline {prefix}")}
    there = [_filtered(rule) for rule in rules]
    earlier = [rule for rule in there if rule.get("ID") in ids and _below(rule) in {app + each for each in ours}]
    others = [rule for rule in there if rule not in earlier]
    done = Lifecycle(
        changed=[prefix for prefix, rule in ours.items() if rule not in earlier],
        kept=[_name(rule) for rule in others],
        sooner=[_name(rule) for rule in others if any(_sooner(rule, own) for own in ours.values())],
    )
    return [*others, *ours.values()], done


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


def _filtered(rule: Any) -> Any:
    """Return a rule in the newer of two forms of the same: S3 takes no set of rules in which both occur."""
    if "Prefix" not in rule:
        return rule
    return {name: value for name, value in rule.items() if name != "Prefix"} | {
        "Filter": {"Prefix": rule["Prefix"]}
    }


def _name(rule: Any) -> str:
    return str(rule.get("ID") or f"a rule for {_below(rule) or 'all objects'}")


def _below(rule: Any) -> str:
    """Return the prefix of the objects to which a rule applies."""
    chosen = rule.get("Filter", {})
    return str(chosen.get("Prefix") or chosen.get("And", {}).get("Prefix", ""))


def _sooner(rule: Any, own: Any) -> bool:
    """Return whether a rule removes objects before our own does. Ours have no tags."""
    chosen, expiration = rule.get("Filter", {}), rule.get("Expiration", {})
    if rule.get("Status") != "Enabled" or "Tag" in chosen or chosen.get("And", {}).get("Tags"):
        return False
    prefix, ours = _below(rule), _below(own)
    overlap = prefix.startswith(ours) or ours.startswith(prefix)
    return overlap and (
        "Date" in expiration or expiration.get("Days", own["Expiration"]["Days"]) < own["Expiration"]["Days"]
    )
