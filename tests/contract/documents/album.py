"""An album of photos in a folder, drawn without services."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import documents
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.job import DocumentJob
from pipeline.exports.export import Result
from pipeline.pdf.catalog import About
from pipeline.settings import Settings
from pipeline.tasks.inline import render_file

from ...readback import Seen, read

SETTINGS = Settings.from_env({})
ABOUT = About("Photos", 1_700_000_000, "an-export")


@dataclass(frozen=True)
class Album:
    """A folder with photos and a listing of them."""

    folder: Path

    def put(self, *photos: bytes | None, captions: list[str] | None = None) -> None:
        """None is a photo that is missing."""
        lines = []
        for n, photo in enumerate(photos):
            if photo is not None:
                (self.folder / f"{n}.jpg").write_bytes(photo)
            lines.append(
                json.dumps({"source": f"{n}.jpg", "caption": captions[n] if captions else f"Photo {n + 1}"})
            )
        self.listed(*lines)

    def listed(self, *lines: str) -> None:
        (self.folder / "listing.jsonl").write_text("\n".join(lines))

    def job(self, **params: Any) -> DocumentJob:
        document = documents.find("photos")
        decoded = documents.decode(document, {"listing": "listing.jsonl", **params})
        return DocumentJob(document, decoded, str(self.folder / "listing.jsonl"), FolderInputs(self.folder))

    def made(self, chunk_pages: int = 2, **params: Any) -> tuple[Path, Result]:
        job, out = self.job(**params), self.folder / "out.pdf"
        made = render_file(job, job.plan(SETTINGS, chunk_pages), ABOUT, out, SETTINGS, lambda pages: None)
        return out, made

    def seen(self, **params: Any) -> Seen:
        seen = read(self.made(**params)[0])
        assert not seen.complaints
        return seen
