"""prepare, in a bucket that has rules of its owner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.adapters.bucket import BACKGROUND
from pipeline.adapters.bucket.client import connect
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.exports.export import Export
from pipeline.exports.ids import new_id
from pipeline.exports.lists import marks
from pipeline.settings import Settings

from ..lesser_s3 import Lacks, lesser
from .conftest import Run, answer, error

Rules = list[dict[str, Any]]


class Owned:
    """A bucket for one test, whose owner sets and reads its lifecycle rules."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.environ = {"S3_BUCKET": settings.bucket}
        self._client: Any = connect(settings, BACKGROUND)
        S3Bucket.open(settings).create_bucket()

    def set(self, rules: Rules) -> None:
        self._client.put_bucket_lifecycle_configuration(
            Bucket=self.settings.bucket, LifecycleConfiguration={"Rules": rules}
        )

    def rules(self) -> Rules:
        found: Rules = self._client.get_bucket_lifecycle_configuration(Bucket=self.settings.bucket)["Rules"]
        return found


@pytest.fixture
def owned(settings: Settings) -> Owned:
    bucket = replace(settings, bucket=settings.bucket_prefix.strip("/").lower().replace("_", "-")[-60:].strip("-"))
    return Owned(bucket)


def rule(name: str, prefix: str, days: int, **more: Any) -> dict[str, Any]:
    return {"ID": name, "Status": "Enabled", "Filter": {"Prefix": prefix}, "Expiration": {"Days": days}} | more


def below(each: dict[str, Any]) -> str:
    return str(each["Filter"]["Prefix"])


def test_prepare_sets_the_lifecycle_and_says_what_changed(run: Run, owned: Owned) -> None:
    """In a bucket without any lifecycle at first."""
    first = run("prepare", KEEP_DAYS="3", **owned.environ)
    assert first.exit_code == 0, first.output
    assert "inputs/sent/ after 7 days, exports/ after 93 days" in first.stdout
    assert "workers/ after 91 days" in first.stdout, "longer than an export may take that is charged for them"
    assert "new or changed: inputs/sent/, exports/," in first.stdout
    again = run("prepare", KEEP_DAYS="3", **owned.environ)
    assert "new or changed: none." in again.stdout and "which stay: none." in again.stdout
    longer = answer(run("prepare", "--json", KEEP_DAYS="4", **owned.environ))
    assert (longer["lifecycle"], longer["kept"], longer["released"]) == (True, [], [])
    assert "exports/" in longer["changed"] and "workers/" not in longer["changed"]
    assert {each["Expiration"]["Days"] for each in owned.rules() if "/exports/" in below(each)} == {94}


def test_what_lists_an_export_goes_with_its_record(run: Run) -> None:
    said = run("prepare", KEEP_DAYS="3").stdout
    for mark in marks(Export(new_id(), "table", {}, "shop", 0.0, subject="user-1")):
        assert f" {mark.partition('/')[0]}/ after 93 days" in said


def test_rules_of_others_stay(run: Run, owned: Owned) -> None:
    """Of the bucket's owner, in each form that S3 has, and of an app with another prefix."""
    tags = {"And": {"Prefix": "", "Tags": [{"Key": "kind", "Value": "draft"}]}}
    others = [
        rule("shop", "shop/", 7, Status="Disabled"),
        rule("tagged", "", 1, Filter=tags),
        rule("dated", "old/", 1, Expiration={"Date": "2030-01-01T00:00:00Z"}),
        rule("pipeline exports/", "other-app/exports/", 9),
        rule("pipeline lifecycle other-app/exports/", "other-app/exports/", 9),
    ]
    first_form = {"ID": "first form", "Prefix": "letters/", "Status": "Enabled", "Expiration": {"Days": 30}}
    owned.set([*others, first_form])
    done = run("prepare", "--json", **owned.environ)
    assert answer(done)["kept"] == [*(each["ID"] for each in others), "first form"]
    assert "sooner than" not in done.stderr
    assert "stay: shop, tagged, dated, pipeline exports/," in run("prepare", **owned.environ).stdout
    kept, own = owned.rules()[: len(others) + 1], owned.rules()[len(others) + 1 :]
    assert kept == [*others, rule("first form", "letters/", 30)]
    assert [each["ID"] for each in own] == [f"pipeline lifecycle {below(each)}" for each in own] != []


def test_a_rule_that_removes_exports_sooner_is_named(run: Run, owned: Owned) -> None:
    owned.set([rule("everything", "", 5), rule("shop", "shop/", 5), rule("later", "", 500)])
    done = run("prepare", KEEP_DAYS="3", **owned.environ)
    assert done.stderr.count("sooner than its own rules") == 1 and 'rule "everything"' in done.stderr


def test_rules_of_an_earlier_version_are_replaced(run: Run, owned: Owned) -> None:
    """Their ids did not tell two apps in one bucket from each other."""
    exports = f"{owned.settings.bucket_prefix}exports/"
    owned.set([rule("pipeline exports/", exports, 3)])
    assert answer(run("prepare", "--json", **owned.environ))["kept"] == []
    assert [each["ID"] for each in owned.rules() if below(each) == exports] == [f"pipeline lifecycle {exports}"]


def test_a_default_that_is_set_with_the_rules_stays(owned: Owned) -> None:
    owned._client.put_bucket_lifecycle_configuration(
        Bucket=owned.settings.bucket, LifecycleConfiguration={"Rules": [rule("shop", "shop/", 7)]},
        TransitionDefaultMinimumObjectSize="varies_by_storage_class",
    )  # fmt: skip
    S3Bucket.open(owned.settings).set_lifecycle({"exports/": 3})
    after = owned._client.get_bucket_lifecycle_configuration(Bucket=owned.settings.bucket)
    assert after["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"


@pytest.mark.parametrize(
    ("status", "code"), [(501, "NotImplemented"), (405, "MethodNotAllowed"), (403, "AccessDenied")]
)
def test_nothing_is_written_where_the_rules_cannot_be_read(run: Run, owned: Owned, status: int, code: str) -> None:
    owned.set([rule("shop", "shop/", 7)])
    with lesser(owned.settings, Lacks(lifecycle=(status, code))) as other:
        done = run("prepare", "--json", S3_ENDPOINT_URL=other.s3_endpoint_url or "", **owned.environ)
        assert (done.exit_code, answer(done)["lifecycle"]) == (0, False)
        assert "read its lifecycle rules" in done.stderr
    assert owned.rules() == [rule("shop", "shop/", 7)]


def test_prepare_needs_a_secret_but_no_lifecycle(run: Run) -> None:
    refused = run("prepare", "--json", AWS_SECRET_ACCESS_KEY="wrong")
    assert (refused.exit_code, answer(refused)) == (
        0, {"lifecycle": False, "changed": [], "kept": [], "released": []},
    )  # fmt: skip
    assert "could not read its lifecycle rules" in refused.stderr
    unsafe = run("prepare", "--json", SECRET_KEY="")
    assert (unsafe.exit_code, error(unsafe)["field"]) == (2, "SECRET_KEY")
