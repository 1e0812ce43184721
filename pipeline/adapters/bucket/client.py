"""The one door to S3, and the only importer of boto3: a connected client, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ...errors import Conflict, NotFound, NotSupported, StoreDown, UploadGone
from ...settings import Settings

_MISSING = {"NoSuchKey", "404", "NotFound", "InvalidRange", "416"}  # a range of no bytes
_UNKNOWN = {"NotImplemented", "MethodNotAllowed", "501", "405"}
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


@dataclass(frozen=True)
class Timeouts:
    """How long one call waits for a bucket that does not answer: so many seconds for a connection, so many
    for each word, and how many tries."""

    connect: float
    read: float
    tries: int


BACKGROUND = Timeouts(5, 30, 3)  # joining and copying take their time
REQUEST = Timeouts(2, 4, 2)  # under 10 s in all: a request may take 30


def connect(settings: Settings, patience: Timeouts) -> Any:
    """A client as the settings say; nothing is sent yet."""
    return _session().client(
        "s3",
        region_name=settings.s3_region or "us-east-1",
        endpoint_url=settings.s3_endpoint_url,
        aws_access_key_id=settings.s3_key_id,
        aws_secret_access_key=settings.s3_secret,
        config=Config(
            signature_version="s3v4",
            connect_timeout=patience.connect,
            read_timeout=patience.read,
            retries={"mode": "standard", "total_max_attempts": patience.tries},
            max_pool_connections=8,
            s3={"addressing_style": "path" if settings.s3_endpoint_url else "virtual"},
            # S3-compatible stores differ in the newer trailing checksums; segments carry their own hash.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # Put together for each call otherwise, from thirty pieces.
            user_agent=f"pipeline boto3/{boto3.__version__}",
        ),
    )


def _session() -> boto3.session.Session:
    """A session whose answers hold times as they were sent: to parse those that nobody looks at costs a tenth
    of a call's processor time."""
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    return boto3.session.Session(botocore_session=core)


def timestamp(moment: str) -> float:
    """Seconds since 1970 of a time as headers have it (RFC 9110, 5.6.7), or as listings do (ISO 8601)."""
    iso = moment[:1].isdigit()
    return (datetime.fromisoformat(moment) if iso else parsedate_to_datetime(moment)).timestamp()


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """S3's errors as ours; `doing` says what the bucket was to do."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise NotFound(f"The bucket could not {doing}: there is no such object.") from error
        if code in _UNKNOWN:
            raise NotSupported(f"The bucket cannot {doing}: {code}.") from error
        if code == "NoSuchUpload":
            raise UploadGone(f"The bucket could not {doing}: the upload was aborted.") from error
        if code in _CHANGED:
            raise Conflict(f"The bucket did not {doing}: somebody else changed it first.") from error
        raise StoreDown(f"The bucket could not {doing}: {code or error}.") from error
    except BotoCoreError as error:
        raise StoreDown(f"The bucket could not {doing}: {error}.") from error
