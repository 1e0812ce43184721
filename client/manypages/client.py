"""The client: ask for a document, follow it, fetch the file."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

from .download import fetch
from .errors import ManypagesError, NotFound, Refused, TimedOut, Unavailable
from .export import Export, export_of
from .rows import Row, lines, plain
from .transport import Transport
from .upload import Input, send

PAGE = 100  # exports that are asked for at once
BLOCK = 1024 * 1024  # read from a file at once
SOON, LATER = 0.5, 5.0  # seconds between two looks, from the first to the last
PATIENCE = 300.0  # seconds for which following outlives an app that does not answer, such as during a deploy


class Client:
    """A connection to the app at `url`, with one of its API tokens.

    `timeout`: seconds to wait for the next bytes; `tries`: attempts of each request, with growing pauses. Use it in
    one thread at a time, and close it, or use it in a `with` statement.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 30.0, tries: int = 5) -> None:
        self._transport = Transport(url, token, timeout, max(1, tries))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def export(
        self, document: str, rows: Iterable[Row] | None = None, *, titles: Sequence[str] = (),
        params: Mapping[str, Any] | None = None, subject: str = "", key: str = "", **options: Any,
    ) -> Export:  # fmt: skip
        """Ask for a document, and return its export at once.

        `rows` are mappings, or sequences named by `titles`. They are read one by one and sent as a stream, so there
        may be any number. `subject` is the user of your app who asks. `key` is your own text: a call with the same
        key and rows gives the same export, also after a crash. `options` are those of POST /v1/exports: notify,
        webhook, return_url, within, volume_pages, volume_bytes, keep_inputs, chunk_pages. Raises InvalidRow,
        Refused and Unavailable.
        """
        body: dict[str, Any] = {"document": document, "params": dict(params or {}), **options}
        if subject:
            body["subject"] = subject
        body["key"] = key or str(uuid.uuid4())  # a request that is sent twice makes one export
        sent = ""
        try:
            if rows is not None:
                handed = send(self._transport, lines(rows, titles), f"{document}.jsonl")
                sent, body["params"]["listing"], body["content"] = handed.id, handed.key, handed.content
            export = export_of(self._transport.call("POST", "/exports", plain(body)).json())
        except ManypagesError as error:
            self._forget(sent or error.input_id)
            raise
        if rows is not None and (export.data.get("params") or {}).get("listing") != handed.key:
            self._forget(sent)  # the export of an earlier call with this key
        return export

    def upload(self, file: str | Path | BinaryIO, *, name: str = "", beside: str = "", resume: str = "") -> Input:
        """Hand in a file, such as a CSV or a photo, and return its key for parameters.

        `beside` is the id of an earlier input, with which it is removed. After an error, `resume` takes the error's
        `input_id`: parts that have arrived are not sent again.
        """
        if isinstance(file, (str, Path)):
            with Path(file).open("rb") as opened:
                return self.upload(opened, name=name or Path(file).name, beside=beside, resume=resume)
        return send(self._transport, iter(lambda: file.read(BLOCK), b""), name or "file", beside, resume)

    def get(self, export: Export | str) -> Export:
        """Return an export as it is now. Raises NotFound."""
        return export_of(self._transport.call("GET", f"/exports/{_id(export)}").json())

    def exports(self, *, state: str = "", document: str = "", subject: str = "") -> Iterator[Export]:
        """Yield your exports, newest first, in a shorter form. A page of them is asked for when it is needed.

        `state`, `document` and `subject`: only those exports.
        """
        asked = {"limit": str(PAGE), "state": state, "document": document, "subject": subject}
        while True:
            query = urlencode({name: value for name, value in asked.items() if value})
            page = self._transport.call("GET", f"/exports?{query}").json()
            yield from map(export_of, page["exports"])
            if not page["next"]:
                return
            asked["after"] = page["next"]

    def documents(self) -> Sequence[Mapping[str, Any]]:
        """Return what can be made: name, description and the JSON schema of the parameters of each."""
        found: Sequence[Mapping[str, Any]] = self._transport.call("GET", "/documents").json()["documents"]
        return found

    def look(self, export: Export | str, etag: str = "") -> tuple[Export | None, str]:
        """Return an export and its ETag; None and the same ETag while nothing changed. Raises NotFound."""
        known = {"If-None-Match": etag} if etag else {}
        response = self._transport.call("GET", f"/exports/{_id(export)}", headers=known)
        if response.status_code == 304:
            return None, etag
        return export_of(response.json()), response.headers.get("ETag", "")

    def follow(self, export: Export | str, *, timeout: float | None = None) -> Iterator[Export]:
        """Yield the export now and whenever it changed, until it is over. Raises TimedOut after `timeout` s."""
        etag, pause, answered = "", SOON, time.monotonic()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                found, etag = self.look(export, etag)
                answered = time.monotonic()
            except Unavailable:
                if time.monotonic() - answered > PATIENCE:
                    raise
                found = None
            if found is not None:
                pause = SOON
                yield found
                if found.over:
                    return
            if deadline is not None and time.monotonic() + pause > deadline:
                raise TimedOut(f"The export {_id(export)} is not over after {timeout} s.", advice="It goes on.")
            time.sleep(pause)
            pause = min(LATER, pause * 1.5)

    def wait(self, export: Export | str, *, timeout: float | None = None) -> Export:
        """Return the export when it is ready. Raises ExportFailed, Cancelled and TimedOut."""
        for found in self.follow(export, timeout=timeout):
            last = found
        last.check()
        return last

    def download(self, export: Export | str, path: str | Path, *, volume: int = 0) -> Path:
        """Fetch the file of an export that is ready, to `path`, and return the path.

        A part that arrived before a break, also of an earlier call, is not fetched again; `path` appears when the
        file is whole. `volume` counts from 1; 0 is the only file, or the index of the volumes.
        """
        return fetch(self._transport, _id(export), volume, Path(path))

    def download_url(self, export: Export | str, *, volume: int = 0) -> str:
        """Return a URL of the file that needs no token and expires soon, to redirect a browser to."""
        return self._transport.call("GET", f"/exports/{_id(export)}/download/{volume}").headers["Location"]

    def cancel(self, export: Export | str) -> Export:
        """Cancel an export that is not over. Raises NotFound if it had just ended: then it is removed."""
        response = self._transport.call("DELETE", f"/exports/{_id(export)}")
        if response.status_code == 204:
            raise NotFound(f"The export {_id(export)} was over, and is removed.", code="NoExport", status=410)
        return export_of(response.json())

    def retry(self, export: Export | str) -> Export:
        """Let a failed export go on. What was drawn is kept. Raises Refused in any other state."""
        return export_of(self._transport.call("POST", f"/exports/{_id(export)}/retry").json())

    def again(self, export: Export | str) -> Export:
        """Ask for the same as an earlier export did, and return the new one.

        Raises NotFound if its rows came inside the request and were removed with its file.
        """
        key = {"Idempotency-Key": f'"{uuid.uuid4()}"'}  # a request that is sent twice makes one export
        return export_of(self._transport.call("POST", f"/exports/{_id(export)}/again", headers=key).json())

    def delete(self, export: Export | str) -> None:
        """Remove an export that is over: its files, its record, and what was handed in for it.

        Raises Refused while it is not over, or is being closed.
        """
        found = self.get(export)
        if not found.over:
            raise Refused(f"The export {found.id} is {found.state}.", code="IllegalStep", advice="Cancel it first.")
        self._transport.call("DELETE", f"/exports/{found.id}")

    def _forget(self, input_id: str) -> None:
        """Remove an input that no export uses. It would expire by itself."""
        if input_id:
            with suppress(ManypagesError):
                self._transport.call("DELETE", f"/inputs/{input_id}")


def _id(export: Export | str) -> str:
    found = export if isinstance(export, str) else export.id
    if not found.isalnum():
        raise NotFound(f"{found!r} is no id of an export.")
    return found
