"""What belongs to a whole file and is not copied with its pages."""

from __future__ import annotations

from pypdf.generic import DictionaryObject

from ..reader import ForeignPdf
from ..tally import Tally
from . import remarks


def note_losses(pdf: ForeignPdf, tally: Tally) -> None:
    """Note what a file has of scripts, attached files and tags."""
    catalog = pdf.catalog
    names, opening, form = (_entry(pdf, key) for key in ("/Names", "/OpenAction", "/AcroForm"))
    opens = pdf.resolve(opening.get("/S"))
    if "/JavaScript" in names or "/AA" in catalog or "/XFA" in form or opens not in (None, "/GoTo"):
        tally.warn(remarks.SCRIPT)
    if "/EmbeddedFiles" in names or "/AF" in catalog:
        tally.warn(remarks.ATTACHED)
    if "/StructTreeRoot" in catalog:
        tally.warn(remarks.TAGS)


def _entry(pdf: ForeignPdf, key: str) -> DictionaryObject:
    found = pdf.resolve(pdf.catalog.get(key))
    return found if isinstance(found, DictionaryObject) else DictionaryObject()
