"""Which layers of a file are hidden when it is opened: its default configuration (ISO 32000-1, 8.11.4)."""

from __future__ import annotations

from collections.abc import Iterator

from pypdf.generic import ArrayObject, DictionaryObject

from ..foreign_objects import object_key
from ..reader import ForeignPdf


def layers(pdf: ForeignPdf) -> dict[tuple[int, int], bool]:
    """Return the optional content groups of a file, and which are seen."""
    properties = pdf.dictionary(pdf.catalog.get("/OCProperties"))
    default = pdf.dictionary(properties.get("/D"))
    every = pdf.references(properties.get("/OCGs"))
    off = {object_key(group) for group in every} if pdf.resolve(default.get("/BaseState")) == "/OFF" else set()
    off -= {object_key(group) for group in pdf.references(default.get("/ON"))}
    off |= {object_key(group) for group in pdf.references(default.get("/OFF"))}
    automatic = dict(_automatic(pdf, default))
    intents = _names(pdf, default.get("/Intent"))
    return {
        object_key(group): not automatic.get(object_key(group), object_key(group) in off)
        or not _intended(_names(pdf, pdf.dictionary(group).get("/Intent")), intents)
        for group in every
    }


def _automatic(pdf: ForeignPdf, default: DictionaryObject) -> Iterator[tuple[tuple[int, int], bool]]:
    """Yield the groups whose state on a screen follows from their usage (8.11.4.4), and whether it is off."""
    for each in pdf.array(default.get("/AS")):
        usage = pdf.dictionary(each)
        if pdf.resolve(usage.get("/Event")) != "/View":
            continue
        categories = _names(pdf, usage.get("/Category"))
        for group in pdf.references(usage.get("/OCGs")):
            told = pdf.dictionary(pdf.dictionary(group).get("/Usage"))
            states = [
                pdf.resolve(pdf.dictionary(told.get(category)).get(f"{category}State")) for category in categories
            ]
            if known := [state for state in states if state in ("/ON", "/OFF")]:
                yield object_key(group), "/OFF" in known


def _intended(group: list[str], configuration: list[str]) -> bool:
    """Return whether a group obeys the configuration; if not, it is always seen."""
    wanted = set(configuration or ["/View"])
    return "/All" in wanted or bool(wanted & set(group or ["/View"]))


def _names(pdf: ForeignPdf, value: object) -> list[str]:
    """Return one name, or an array of names."""
    found = pdf.resolve(value)
    parts = found if isinstance(found, ArrayObject) else [found]
    return [str(name) for part in parts if isinstance(name := pdf.resolve(part), str)]
