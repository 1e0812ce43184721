"""Fetches a file in one go or in several: what has arrived is kept beside it until it is whole."""

from __future__ import annotations

import os
import time
from pathlib import Path

import requests

from .errors import ManypagesError, Unavailable
from .transport import Transport, error_of, pause, unavailable

BLOCK = 256 * 1024
TRIES = 5  # without a byte that arrives


def fetch(transport: Transport, export_id: str, volume: int, path: Path) -> Path:
    """Fetch a file of an export. Raises Refused, and Unavailable after five tries without progress."""
    part = path.with_name(f".{path.name}.{export_id}-{volume}.part")
    failed = 0
    while failed < TRIES:
        before, error = _size(part), None
        url = transport.call("GET", f"/exports/{export_id}/download/{volume}").headers["Location"]
        try:
            error = _fetch_rest(transport, url, part)
        except (requests.RequestException, EOFError) as broken:
            error = unavailable("The bucket", broken)
        if error is None:
            part.replace(path)
            return path
        if not isinstance(error, Unavailable) and error.status != 403:  # 403: the URL expired on the way
            raise error
        failed = 0 if _size(part) > before else failed + 1
        last = error
        time.sleep(pause(failed + 1))
    raise last


def _fetch_rest(transport: Transport, url: str, part: Path) -> ManypagesError | None:
    """Append what is missing. Returns the error of an answer; raises what broke the connection."""
    begin = _size(part)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={begin}-"} if begin else {})}
    with transport.get(url, headers) as answer:
        if answer.status_code == 416:  # all of it is there, or more than all
            if answer.headers.get("Content-Range", "").endswith(f"/{begin}"):
                return None
            part.unlink()
            return Unavailable("The file has another size.", status=416)
        if error := error_of(answer):
            return error
        resumed = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {begin}-"
        )
        wanted = int(answer.headers["Content-Length"]) + (begin if resumed else 0)
        with part.open("ab" if resumed else "wb") as file:
            for block in answer.iter_content(BLOCK):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
    if _size(part) != wanted:
        raise EOFError
    return None


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
