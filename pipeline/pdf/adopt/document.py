"""What belongs to a whole file, or to a page but not to its picture, and is not copied."""

from __future__ import annotations

from pypdf.generic import ArrayObject, BooleanObject, DictionaryObject

from ..foreign_objects import object_key
from ..reader import ForeignPdf
from ..tally import Tally
from . import remarks
from .looks import inherited, is_filled

# What is said of entries of the catalog, of its names, and of pages (ISO 32000-2, 7.7.2, 7.7.3.3, 7.7.4)
_OF_FILE = {
    "/AA": remarks.SCRIPT, "/AF": remarks.ATTACHED, "/Collection": remarks.ATTACHED, "/DPartRoot": remarks.OTHER,
    "/DSS": remarks.SIGNATURE, "/Legal": remarks.OTHER, "/OutputIntents": remarks.INTENT,
    "/Perms": remarks.SIGNATURE, "/SpiderInfo": remarks.OTHER, "/Threads": remarks.OTHER,
}  # fmt: skip
_OF_NAMES = {
    "/AlternatePresentations": remarks.OTHER, "/EmbeddedFiles": remarks.ATTACHED, "/JavaScript": remarks.SCRIPT,
    "/Pages": remarks.OTHER, "/Renditions": remarks.OTHER, "/Templates": remarks.OTHER,
}  # fmt: skip
_OF_TAGS = {"/K": remarks.TAGS}
_OF_PAGE = {
    "/AA": remarks.CLICK, "/AF": remarks.ATTACHED, "/Dur": remarks.OTHER, "/OutputIntents": remarks.INTENT,
    "/PresSteps": remarks.OTHER, "/SeparationInfo": remarks.OTHER, "/Trans": remarks.OTHER, "/VP": remarks.OTHER,
}  # fmt: skip
_NO_EFFECT = (None, "/R")  # of a slide that follows another


def note_losses(pdf: ForeignPdf, tally: Tally) -> None:
    """Note what a file has of scripts, attached files, tags, and of what its pages are called and printed for."""
    catalog = pdf.catalog
    names, opening, form, tags = (
        pdf.dictionary(catalog.get(key)) for key in ("/Names", "/OpenAction", "/AcroForm", "/StructTreeRoot")
    )
    found = _told(pdf, catalog, _OF_FILE) | _told(pdf, names, _OF_NAMES)
    if "/XFA" in form or pdf.resolve(opening.get("/S")) not in (None, "/GoTo") or "/Next" in opening:
        found[remarks.SCRIPT] = "/OpenAction"
    found |= _told(pdf, tags, _OF_TAGS)
    if "/XFA" in form and pdf.resolve(catalog.get("/NeedsRendering")) == BooleanObject(True):
        found[remarks.XFA] = "/XFA"
    if _has_labels(pdf):
        found[remarks.LABELS] = "/PageLabels"
    for words, key in found.items():
        tally.warn(words, key if words == remarks.OTHER else "")
    for words in _unseen_fields(pdf, form):
        tally.warn(words)


def note_losses_of_page(pdf: ForeignPdf, page: DictionaryObject, tally: Tally, where: str) -> None:
    """Note what a page has besides its picture, such as attached files; annotations are not looked at."""
    for words, key in _told(pdf, page, _OF_PAGE).items():
        tally.warn(words, f"{where}, {key}" if words == remarks.OTHER else where)


def _told(pdf: ForeignPdf, value: DictionaryObject, known: dict[str, str]) -> dict[str, str]:
    """Return what is said of the entries of a dictionary, each with the first of them."""
    found: dict[str, str] = {}
    for key, words in known.items():
        if key in value and not _is_empty(pdf, key, pdf.resolve(value.get(key))):
            found.setdefault(words, key)
    return found


def _is_empty(pdf: ForeignPdf, key: str, value: object) -> bool:
    """Return whether an entry says nothing, as a list of names without names."""
    if isinstance(value, ArrayObject):
        return not value
    if not isinstance(value, DictionaryObject):
        return not isinstance(value, int | float)
    if key == "/Trans":
        return pdf.resolve(value.get("/S")) in _NO_EFFECT
    parts = [pdf.resolve(part) for part in value.values()]
    return all(isinstance(part, ArrayObject) and not part for part in parts)


def _unseen_fields(pdf: ForeignPdf, form: DictionaryObject) -> list[str]:
    """Return what is said of filled fields and signatures that are on no page."""
    waiting = pdf.references(form.get("/Fields"))
    shown = {object_key(each) for page in pdf.pages if waiting for each in pdf.references(page.get("/Annots"))}
    found, seen = list[str](), set[tuple[int, int]]()
    while waiting:
        each = waiting.pop()
        field = pdf.resolve(each)
        if object_key(each) in seen or not isinstance(field, DictionaryObject):
            continue
        seen.add(object_key(each))
        kids = pdf.references(field.get("/Kids"))
        values = [pdf.resolve(kid) for kid in kids]
        if any(isinstance(value, DictionaryObject) and "/T" in value for value in values):
            waiting += kids
        elif not any(object_key(place) in shown for place in (each, *kids)) and is_filled(pdf, field):
            found.append(remarks.SIGNATURE if inherited(pdf, field, "/FT") == "/Sig" else remarks.UNSEEN)
    return found


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
