"""What every file says about itself: language, title, author and dates, in the catalog and as XMP."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pikepdf
import pytest

from pipeline.exports.request import ExportRequest
from pipeline.exports.volumes import UNCUT, VolumeLimit
from pipeline.services import Services
from pipeline.tasks.submit import submit

from ... import steps

HOUSE = "Müller & Söhne <GmbH>"
ROWS = [{"Order": n} for n in range(100)]


def files(s: Services, document: str, params: Mapping[str, Any], volume: VolumeLimit) -> list[bytes]:
    """Make an export. Returns its files, the index of volumes first."""
    export_id = submit(s, ExportRequest(document, {"title": "Été", **params}, "shop", volume=volume)).export.id
    steps.plan(s, export_id)
    for chunk in s.exports.plan(export_id).chunks:
        steps.render(s, export_id, chunk.number)
    steps.assemble(s, export_id)
    made = s.exports.load(export_id).result
    assert made
    stored = [s.bucket.get(file.key) for file in made.files]
    return [file.data for file in stored if file]


@pytest.mark.parametrize("volume", [UNCUT, VolumeLimit(pages=1)])
@pytest.mark.parametrize("house", [HOUSE, ""])
def test_every_file_has_language_title_author_and_dates(
    services: Services, put_photos: Callable[[int], str], volume: VolumeLimit, house: str
) -> None:
    s = replace(services, settings=replace(services.settings, house_name=house))
    documents: Mapping[str, Mapping[str, Any]] = {
        "photos": {"listing": put_photos(2)},
        "table": {"rows": ROWS, "locale": "de_DE"},
    }
    for document, params in documents.items():
        made = files(s, document, params, volume)
        assert len(made) >= (1 if volume is UNCUT else 3)
        for data in made:
            with pikepdf.open(io.BytesIO(data)) as pdf, pdf.open_metadata() as xmp:
                assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
                language = "de-DE" if document == "table" else "en"
                assert str(pdf.Root.Lang) == language and xmp["dc:language"] == {language}
                assert xmp["dc:title"] == str(pdf.docinfo["/Title"]) and xmp["dc:title"].startswith("Été")
                assert xmp["dc:creator"] == [str(pdf.docinfo["/Author"])] == [house or "pipeline"]
                assert xmp["xmp:CreateDate"] == xmp["xmp:ModifyDate"] and xmp["xmp:CreateDate"].endswith("Z")
