"""Fetches a file in one go or in several: what has arrived is kept beside it until it is whole."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import requests

from .errors import ManypagesError, Unavailable
from .transport import Transport, error_of, pause, unavailable

BLOCK = 256 * 1024
TRIES = 5  # without a byte that arrives
PART = re.compile(r"bytes (?P<begin>\d+)-\d+/(?P<size>\d+|\*)")


def fetch(transport: Transport, export_id: str, volume: int, path: Path) -> Path:
    """Fetch a file of an export. Raises Refused, and Unavailable after five tries without progress."""
    part = path.with_name(f".{path.name}.{export_id}-{volume}.part")
    failed = 0
    last: ManypagesError
    while failed < TRIES:
        before = _size(part)
        url = transport.call("GET", f"/exports/{export_id}/download/{volume}").headers["Location"]
        try:
            size = _fetch_rest(transport, url, part)
        except requests.RequestException as broken:
            last = unavailable("The bucket", broken)
        except ManypagesError as told:
            if not isinstance(told, Unavailable) and told.status != 403:  # 403: the URL expired on the way
                raise
            last = told
        else:
            if size is None:  # the answer came without a length, as through some proxies
                size = _size_of(transport, export_id, volume)
            if size in (None, _size(part)):
                part.replace(path)
                return path
            last = unavailable("The bucket", EOFError())
        failed = 0 if _size(part) > before else failed + 1
        time.sleep(pause(failed + 1))
    raise last


def _fetch_rest(transport: Transport, url: str, part: Path) -> int | None:
    """Append what is missing.

    Returns how many bytes the file has, None if the answer does not say. Raises the error of an answer, and what
    broke the connection.
    """
    begin = _size(part)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={begin}-"} if begin else {})}
    with transport.get(url, headers) as answer:
        if answer.status_code == 416:  # all of it is there, or more than all
            if answer.headers.get("Content-Range", "").endswith(f"/{begin}"):
                return begin
            raise _begin_again(part, answer)
        if error := error_of(answer):
            raise error
        sent = PART.fullmatch(answer.headers.get("Content-Range", "")) if answer.status_code == 206 else None
        if answer.status_code == 206 and (not sent or int(sent["begin"]) != begin or _is_encoded(answer)):
            raise _begin_again(part, answer)
        with part.open("ab" if sent else "wb") as file:
            for block in answer.iter_content(BLOCK):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if sent and sent["size"] != "*":
            return int(sent["size"])
        length = answer.headers.get("Content-Length", "")
        return int(length) + (begin if sent else 0) if length.isdigit() and not _is_encoded(answer) else None


def _begin_again(part: Path, answer: requests.Response) -> ManypagesError:
    part.unlink()
    return Unavailable("The bucket sent another part than the missing one.", status=answer.status_code)


def _is_encoded(answer: requests.Response) -> bool:
    """Return whether a proxy compressed the answer, unasked: its length is not that of the file."""
    return answer.headers.get("Content-Encoding", "identity") != "identity"


def _size_of(transport: Transport, export_id: str, volume: int) -> int | None:
    """Ask the app how many bytes a file has; None for the index of volumes, of which it does not say."""
    result = transport.call("GET", f"/exports/{export_id}").json().get("result") or {}
    volumes = result.get("volumes") or ()
    if not volumes:
        return result.get("bytes")
    return volumes[volume - 1]["bytes"] if volume else None


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
