"""Check that pages of this app may send files to the bucket: browsers ask the store before they do (CORS)."""

from __future__ import annotations

import json
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ...adapters.bucket import Bucket
from ...adapters.bucket.rules import uploads
from ...errors import StoreDown
from ...settings import Settings
from ...settings.urls import origin
from .finding import Check, Outcome

NAME = "browser uploads"


def browser_uploads(settings: Settings, bucket: Bucket, folder: str) -> Check:
    """Ask as a browser does before it sends a file from the panel."""
    page = origin(settings.base_url)
    status, allowed, methods = _preflight(bucket.presign_put(f"{folder}page", 1, 60), page)
    if status < 300 and allowed in ("*", page) and {"PUT", "*"} & {each.strip() for each in methods.split(",")}:
        return Check(NAME, Outcome.OK, f"Pages of {page} may send files.")
    words = f"Pages of {page} may not send files: the panel takes none from a browser."
    command = json.dumps({"CORSRules": [uploads(page, settings.bucket_prefix)]})
    advice = (
        "Run `python -m pipeline prepare --cors`, which keeps the other rules of the bucket. A store without that "
        "call has the rule in its console. For a bucket without other rules, which this replaces: "
        f"aws s3api put-bucket-cors --bucket {settings.bucket} --cors-configuration '{command}'"
    )
    return Check(NAME, Outcome.WARNING, words, advice)


def _preflight(url: str, page: str) -> tuple[int, str, str]:
    """Return status, allowed origin and allowed methods."""
    asked = Request(url, method="OPTIONS", headers={"Origin": page, "Access-Control-Request-Method": "PUT"})  # noqa: S310  # a URL of the bucket
    try:
        with urlopen(asked, timeout=10) as answer:  # noqa: S310  # as above
            headers = answer.headers
            return (
                answer.status,
                headers.get("Access-Control-Allow-Origin", ""),
                headers.get("Access-Control-Allow-Methods", ""),
            )
    except HTTPError as error:
        with error:
            return error.code, "", ""
    except (OSError, HTTPException) as error:
        raise StoreDown(f"The bucket was not asked about CORS: {type(error).__name__}.") from error
