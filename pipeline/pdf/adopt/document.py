"""What belongs to a whole file and is not copied with its pages."""

from __future__ import annotations

from pypdf.generic import ArrayObject, BooleanObject, DictionaryObject

from ..reader import ForeignPdf
from ..tally import Tally
from . import remarks


def note_losses(pdf: ForeignPdf, tally: Tally) -> None:
    """Note what a file has of scripts, attached files, tags, and of what its pages are called and printed for."""
    catalog = pdf.catalog
    names, opening, form = (pdf.dictionary(catalog.get(key)) for key in ("/Names", "/OpenAction", "/AcroForm"))
    opens = pdf.resolve(opening.get("/S"))
    if "/JavaScript" in names or "/AA" in catalog or "/XFA" in form or opens not in (None, "/GoTo"):
        tally.warn(remarks.SCRIPT)
    if "/EmbeddedFiles" in names or "/AF" in catalog:
        tally.warn(remarks.ATTACHED)
    if "/StructTreeRoot" in catalog:
        tally.warn(remarks.TAGS)
    if "/XFA" in form and pdf.resolve(catalog.get("/NeedsRendering")) == BooleanObject(True):
        tally.warn(remarks.XFA)
    if pdf.resolve(catalog.get("/OutputIntents")):
        tally.warn(remarks.INTENT)
    if _has_labels(pdf):
        tally.warn(remarks.LABELS)


def _has_labels(pdf: ForeignPdf) -> bool:
    """Return whether pages are not just numbered from 1: many programs write labels that say only that."""
    labels = pdf.dictionary(pdf.catalog.get("/PageLabels"))
    numbers = pdf.resolve(labels.get("/Nums"))
    if not isinstance(numbers, ArrayObject) or len(numbers) != 2:
        return bool(labels)
    style = pdf.resolve(numbers[1])
    plain = {"/S": "/D", "/St": 1}
    return not isinstance(style, DictionaryObject) or any(
        pdf.resolve(value) != plain.get(key) for key, value in style.items() if key != "/Type"
    )
