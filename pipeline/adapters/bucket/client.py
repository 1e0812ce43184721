"""boto3: a connected client, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.loaders import Loader, create_loader
from botocore.utils import determine_content_length

from ...errors import (
    Conflict,
    NotFound,
    NotSupported,
    PipelineError,
    ReadFailed,
    StoreDown,
    StoreRefused,
    UploadGone,
)
from ...settings import Settings
from . import Timeouts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SMALL_BODY = 256 * 1024  # bytes that are sent without asking first
_NO_RULES = {"NoSuchCORSConfiguration", "NoSuchLifecycleConfiguration"}
_MISSING = {"NoSuchKey", "404", "NotFound", *_NO_RULES, "InvalidRange", "416"}
"""416: a range of an empty object."""
_UNKNOWN = {"NotImplemented", "MethodNotAllowed", "501", "405"}
_CHANGED = (304, 409, 412)  # whatever the code says: stores differ in it
_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_EXPIRED = "Set new temporary keys, all three: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."
_REGION = ("this is not the bucket's region", "Set AWS_REGION to the region of the bucket.")
_REDIRECTED = "Check S3_ENDPOINT_URL: https instead of http? AWS_REGION: the bucket's region?"
_FORBIDDEN = (
    "the key may not do this",
    f"Check that {_KEYS} are this bucket's, and that the key may read, write, list and delete there.",
)
_REFUSALS = {
    "SignatureDoesNotMatch": (
        "the secret does not fit the key",
        f"Check {_KEYS} (copied whole?), AWS_REGION, and this machine's clock.",
    ),
    "InvalidAccessKeyId": ("the store does not know the key", f"Check {_KEYS}, and the address of the store."),
    "AccessDenied": _FORBIDDEN,
    "403": _FORBIDDEN,
    "401": _FORBIDDEN,
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "Set the clock; the store allows 15 minutes."),
    "ExpiredToken": ("the temporary keys have expired", _EXPIRED),
    "InvalidToken": ("the session token does not fit the key", _EXPIRED),
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "301": _REGION,
    "NoSuchBucket": (
        "there is no such bucket",
        "Make it, or check S3_BUCKET and the address of the store.",
    ),
}
"""What the codes of S3 mean, and what to do. They are S3's; other stores use the same."""


def connect(settings: Settings, timeouts: Timeouts) -> S3Client:
    """Return a client for the bucket that the settings name. Nothing is sent yet."""
    session = _session()
    client: S3Client = session.client(
        "s3",
        region_name=settings.s3_region or session.region_name or "us-east-1",
        endpoint_url=settings.s3_endpoint_url,
        # Without keys boto3 looks for them itself: AWS_PROFILE, its files, the role of a container or a machine.
        aws_access_key_id=settings.s3_key_id,
        aws_secret_access_key=settings.s3_secret,
        aws_session_token=settings.s3_session_token,
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
    client.meta.events.register("before-call.s3", _send_small_bodies_at_once)
    return client


def _send_small_bodies_at_once(params: dict[str, Any], **_: object) -> None:
    """Take back that botocore asks before each body (Expect: 100-continue): that takes a round trip.

    What is large is sent after an answer: a store that refuses it need not read it.
    """
    length = determine_content_length(params["body"]) if "Expect" in params["headers"] else None
    if length is not None and length <= SMALL_BODY:
        del params["headers"]["Expect"]


def _session() -> boto3.session.Session:
    """Return a session that leaves times as text.

    Parsing times that are not used takes a tenth of a call's processor time.
    """
    core = botocore.session.get_session()
    core.register_component("data_loader", _descriptions(core.get_config_variable("data_path")))
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    return boto3.session.Session(botocore_session=core)


@cache
def _descriptions(folders: str | None) -> Loader:
    """Return what reads botocore's descriptions of services: 1.5 MB of JSON, which takes 0.1 s.

    They are read once, also for the processes that a worker forks. `folders`: where there are more (AWS_DATA_PATH).
    """
    return create_loader(folders)


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
        raise _ours(error, action) from error
    except FlexibleChecksumError as error:
        raise ReadFailed(f"The bucket could not {action}: what it sent does not match its checksum.") from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise StoreRefused(f"The bucket could not {action}: there are no keys.", advice=f"Set {_KEYS}.") from error
    except BotoCoreError as error:
        raise StoreDown(f"The bucket could not {action}: {error}.") from error
    except RecursionError as error:  # botocore asks for the bucket's region, is redirected again, and so on
        words = "the store redirects every request."
        raise StoreRefused(f"The bucket could not {action}: {words}", advice=_REDIRECTED) from error
    except KeyError as error:  # of an answer
        raise NotSupported(f"The bucket cannot {action}: its answer has no {error.args[0]}.") from error


def status_of(error: BaseException) -> int:
    """Return the HTTP status that S3 answered to raise this error, 0 if it answered nothing."""
    return _answered(error).get("HTTPStatusCode", 0)


def was_repeated(error: BaseException) -> bool:
    """Return whether boto sent the request of this error more than once: an earlier one may have been done."""
    return _answered(error).get("RetryAttempts", 0) > 0


def _answered(error: BaseException) -> Mapping[str, int]:
    """Return what boto knows of the answer that raised this error."""
    while error.__cause__:
        error = error.__cause__
    response: Mapping[str, Any] = error.response if isinstance(error, ClientError) else {}
    answered: Mapping[str, int] = response.get("ResponseMetadata", {})
    return answered


def _ours(error: ClientError, action: str) -> PipelineError:
    code, status = error.response.get("Error", {}).get("Code", ""), status_of(error)
    if code in _MISSING:
        return NotFound(f"The bucket could not {action}: there is no such object.")
    if code in _UNKNOWN:
        return NotSupported(f"The bucket cannot {action}: {code}.")
    if code == "NoSuchUpload":
        return UploadGone(f"The bucket could not {action}: the upload was aborted.")
    if status in _CHANGED:
        return Conflict(f"The bucket did not {action}: another process changed it first.")
    if code in _REFUSALS:
        words, advice = _REFUSALS[code]
        return StoreRefused(f"The bucket could not {action}: {words} ({code}).", advice=advice)
    kind = StoreRefused if status in (401, 403, 404) else StoreDown
    return kind(f"The bucket could not {action}: {code or error}.")
