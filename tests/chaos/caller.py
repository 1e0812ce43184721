"""A client of the API as it should be: it sends a request again until it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from .checks import Late, Wrong
from .orders import ORDERS
from .stage import Stage

OVER = ("ready", "failed", "cancelled")
REQUEST_SECONDS = 20.0
LOOK_SECONDS = 0.5  # between two looks at an export; longer on a busy machine, of which each takes 10 ms


class Caller:
    """Asks for one export, and looks at it until it is over. The address for its mail is also the request's key.

    `ended` returns the time by which it must be over; a fault that begins later moves it.
    """

    def __init__(self, stage: Stage, document: str, address: str, ended: Callable[[], float]) -> None:
        self._stage = stage
        self._document = document
        self.order = ORDERS[document]
        self.address = address
        self.ended = ended
        self.id = ""
        self.export: dict[str, Any] = {}

    def ask(self) -> None:
        body = {
            "document": self._document, "params": self.order.params, "notify": self.address,
            "chunk_pages": self.order.chunk_pages, "key": self.address,
        }  # fmt: skip
        self.id = str(self._call("POST", "/v1/exports", self.ended, json=body).json()["id"])

    def wait_for_end(self) -> None:
        while time.monotonic() < self.ended():
            self.export = self._call("GET", f"/v1/exports/{self.id}", self.ended).json()
            if self.export["state"] in OVER:
                return
            time.sleep(self._stage.allowed(LOOK_SECONDS))
        raise Late(f"it is still {self.export.get('state')}")

    def download(self, folder: Path, ended: Callable[[], float]) -> Path:
        path = folder / f"{self.id}.pdf"
        path.write_bytes(self._call("GET", f"/v1/exports/{self.id}/download", ended).content)
        return path

    def _call(self, method: str, path: str, ended: Callable[[], float], **more: Any) -> requests.Response:
        """Return an answer of 2xx. Sends the request again when the web process or a service is away."""
        running, problem = self._stage.running, ""
        while time.monotonic() < ended():
            try:
                answer = requests.request(
                    method, running.url + path, headers=running.headers, timeout=REQUEST_SECONDS, **more
                )
            except requests.RequestException as error:  # also while the file is read from the bucket
                problem = repr(error)
            else:
                if answer.ok:
                    return answer
                problem = f"{answer.status_code}: {answer.text[:200]}"
                if answer.status_code != 503:
                    raise Wrong(f"{method} {path.partition('/0')[0]} was answered {problem}")
            time.sleep(0.2)
        raise Late(f"{method} {path} had no answer: {problem}")
