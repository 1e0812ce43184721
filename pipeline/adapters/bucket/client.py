"""boto3: a connected client, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ...errors import Conflict, NotFound, NotSupported, StoreDown, StoreRefused, UploadGone
from ...settings import Settings
from . import Timeouts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MISSING = {"NoSuchKey", "404", "NotFound", "InvalidRange", "416"}  # 416: a range of an empty object
_UNKNOWN = {"NotImplemented", "MethodNotAllowed", "501", "405"}
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


def connect(settings: Settings, timeouts: Timeouts) -> S3Client:
    """Return a client for the bucket that the settings name. Nothing is sent yet."""
    return _session().client(
        "s3",
        region_name=settings.s3_region or "us-east-1",
        endpoint_url=settings.s3_endpoint_url,
        aws_access_key_id=settings.s3_key_id,
        aws_secret_access_key=settings.s3_secret,
        config=Config(
            signature_version="s3v4",
            connect_timeout=timeouts.connect,
            read_timeout=timeouts.read,
            retries={"mode": "standard", "total_max_attempts": timeouts.tries},
            max_pool_connections=8,
            s3={"addressing_style": "path" if settings.s3_endpoint_url else "virtual"},
            # S3-compatible stores differ in the newer trailing checksums; segments carry their own hash.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # Without it, botocore puts the user agent together from thirty pieces for each call.
            user_agent=f"pipeline boto3/{boto3.__version__}",
        ),
    )


def _session() -> boto3.session.Session:
    """Return a session that leaves times as text.

    Parsing times that are not used takes a tenth of a call's processor time.
    """
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    return boto3.session.Session(botocore_session=core)


def timestamp(moment: object) -> float:
    """Return the seconds since 1970 of a time in an answer.

    The session leaves it as text, whatever boto3's types say: headers have it as in RFC 9110, 5.6.7, listings as in
    ISO 8601.
    """
    text = str(moment)
    return (datetime.fromisoformat(text) if text[:1].isdigit() else parsedate_to_datetime(text)).timestamp()


@contextmanager
def s3_errors(action: str) -> Iterator[None]:
    """Raise our errors for those of S3. `action` completes the sentence "The bucket could not …"."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise NotFound(f"The bucket could not {action}: there is no such object.") from error
        if code in _UNKNOWN:
            raise NotSupported(f"The bucket cannot {action}: {code}.") from error
        if code == "NoSuchUpload":
            raise UploadGone(f"The bucket could not {action}: the upload was aborted.") from error
        if code in _CHANGED:
            raise Conflict(f"The bucket did not {action}: another process changed it first.") from error
        refused = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (401, 403, 404)
        raise (StoreRefused if refused else StoreDown)(
            f"The bucket could not {action}: {code or error}."
        ) from error
    except BotoCoreError as error:
        raise StoreDown(f"The bucket could not {action}: {error}.") from error
