"""Services on a real bucket, Redis and mail server, whose messages are kept; no worker runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from local.services import Smtp
from pipeline.adapters.bucket import Bucket
from pipeline.exports.encoding import encode
from pipeline.exports.export import Export
from pipeline.exports.plan import Listing
from pipeline.exports.recipients import Notify
from pipeline.exports.repository import ExportRepository
from pipeline.exports.request import ExportRequest
from pipeline.exports.volumes import UNCUT, VolumeLimit
from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.tasks.notices.sender import Sender
from pipeline.tasks.notices.transports import MailTransport
from pipeline.tasks.outcomes import Again
from pipeline.tasks.submit import submit

from ... import steps
from ...conftest import SentMessages
from ...readback import read

ALBUM = "inputs/album.jsonl"
FIVE = [f"Photo {n}" for n in range(1, 6)]


class Stage:
    """Services whose messages are kept, the album that exports draw, and the mail server."""

    def __init__(self, services: Services, messages: SentMessages, mail: Smtp) -> None:
        self.s = services
        self.queue = messages
        self.mail = mail

    @property
    def store(self) -> Bucket:
        return self.s.bucket

    def put_album(self, photos: list[bytes]) -> None:
        lines = []
        for n, photo in enumerate(photos):
            self.store.put(f"inputs/album/{n}.jpg", photo)
            lines.append(msgspec.json.encode({"source": f"inputs/album/{n}.jpg", "caption": f"Photo {n + 1}"}))
        self.store.put(ALBUM, b"\n".join(lines))

    def submit(
        self, *, chunk_pages: int = 2, notify: Notify = "admin@example.org", volume: VolumeLimit = UNCUT,
        owner: str = "shop", webhook: str = "", **params: Any,
    ) -> str:  # fmt: skip
        params = {"listing": ALBUM, **params}
        order = ExportRequest(
            "photos", params, owner, notify, chunk_pages=chunk_pages, volume=volume, webhook=webhook
        )
        return submit(self.s, order).export.id

    def planned(self, **order: Any) -> str:
        """Returns an export whose chunks were sent."""
        export_id = self.submit(**order)
        steps.plan(self.s, export_id)
        self.queue.sent.clear()
        return export_id

    def rendered(self, **order: Any) -> str:
        """Returns an export with all its segments."""
        export_id = self.planned(**order)
        for chunk in self.s.exports.plan(export_id).chunks:
            steps.render(self.s, export_id, chunk.number)
        return export_id

    def spoil(self, export_id: str, data: bytes) -> None:
        """Give the album other bytes, and let the plan say that they are the ones that were counted."""
        version = self.store.put(ALBUM, data)
        plan = structs.replace(self.s.exports.plan(export_id), listing=Listing(ALBUM, len(data), version))
        self.store.put(f"exports/{export_id}/plan.json", encode(plan))
        self.restart()

    def restart(self) -> None:
        """As in a new process, which knows no plan."""
        self.s = dataclasses.replace(self.s, exports=ExportRepository(self.store))

    def work(self) -> None:
        """What workers do: take each message that was sent, until none is left."""
        while self.queue.sent:
            self.work_once()

    def work_once(self) -> None:
        """What a worker does: take one message."""
        step, export_id, *chunks = self.queue.sent.pop(0)
        for chunk in chunks:
            while isinstance(flow.take(self.s, step, export_id, int(chunk)), Again):
                pass
        flow.take(self.s, {"render": "assemble", "measure": "plan"}.get(step, step), export_id)

    def send_mails(self) -> None:
        """What a leading keeper does."""
        Sender(self.s, MailTransport(self.s)).send_due(lambda: True)

    def load(self, export_id: str) -> Export:
        return self.s.exports.load(export_id)

    def subjects(self, export_id: str) -> list[str]:
        """Of the mails about an export, after those that wait were sent."""
        self.send_mails()
        mails = [message_from_bytes(path.read_bytes(), policy=default) for path in self.mail.folder.glob("*.eml")]
        return [str(mail["Subject"]) for mail in mails if export_id in str(mail["Message-ID"])]

    def objects(self, export_id: str, under: str = "") -> dict[str, str]:
        """Key -> ETag of an export's objects."""
        return {entry.key: entry.etag for entry in self.store.entries(f"exports/{export_id}/{under}")}

    def captions(self, export_id: str, folder: Path) -> list[str]:
        """The caption of each page of the file, which two readers find nothing wrong with."""
        result = self.load(export_id).result
        assert result is not None
        path = folder / "result.pdf"
        with path.open("wb") as file:
            self.store.download(result.key, file, 1 << 30)
        seen = read(path)
        assert not seen.complaints
        return [page.text.splitlines()[-1] for page in seen.pages]


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> None:
        raise error

    return fail
