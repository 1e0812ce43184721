"""Set the rules of a bucket in S3: read all, put ours in, write all. S3 has no call for one of them.

Two programs that do it at the same moment may undo each other; S3 has no condition for this call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import NotFound
from .client import s3_errors
from .rules import Lifecycle, with_lifecycle, with_uploads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SIZES = "TransitionDefaultMinimumObjectSize"  # it is set with the rules; left out, it goes back to its default


def set_lifecycle(client: S3Client, bucket: str, app: str, days: Mapping[str, int]) -> Lifecycle:
    """See Bucket.set_lifecycle. `app`: the prefix of this app."""
    there: Any = {}
    try:
        with s3_errors("read its lifecycle rules"):
            there = client.get_bucket_lifecycle_configuration(Bucket=bucket)
    except NotFound:  # it has none
        pass
    rules, done = with_lifecycle(there.get("Rules", ()), app, days)
    if done.changed:
        sizes: Any = {_SIZES: there[_SIZES]} if _SIZES in there else {}
        with s3_errors("set its lifecycle rules"):
            client.put_bucket_lifecycle_configuration(
                Bucket=bucket, LifecycleConfiguration={"Rules": rules}, **sizes
            )
    return done


def allow_uploads(client: S3Client, bucket: str, app: str, origin: str) -> None:
    """See Bucket.allow_uploads. `app`: the prefix of this app."""
    rules: Any = []
    try:
        with s3_errors("read its CORS rules"):
            rules = client.get_bucket_cors(Bucket=bucket)["CORSRules"]
    except NotFound:  # it has none
        pass
    with s3_errors("set its CORS rules"):
        client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": with_uploads(rules, origin, app)})
