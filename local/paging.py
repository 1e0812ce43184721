"""Lists in pages, as the Platform API sends them: `Range`, 206, `Content-Range` and `Next-Range`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, jsonify, request

from .formation import Refused

PAGE, MAX_PAGE = 200, 1000
# field, then "]" if the start is excluded, start, "..", end, and options: "version ..; order=desc, max=15"
_RANGE = re.compile(r"(\w+)\s+(\]?)([^\s.;\]\[]*)\.\.([^\s;\]\[]*)\s*(?:;(.*))?")


@dataclass(frozen=True)
class Range:
    """What a `Range` header asks for. `after`: the start itself is left out."""

    field: str
    after: bool = False
    start: str = ""
    end: str = ""
    descending: bool = False
    most: int = PAGE

    def has(self, value: Any) -> bool:
        """Return whether a value of the field is inside."""
        first, last = (self.end, self.start) if self.descending else (self.start, self.end)
        return (
            not (first and value < type(value)(first))
            and not (last and value > type(value)(last))
            and not (self.after and str(value) == self.start)
        )


def page(rows: Sequence[Mapping[str, Any]], *fields: str) -> Response:
    """Return the rows that the request's `Range` names, sorted by one of `fields`; the first is the default."""
    asked = parse_range(request.headers.get("Range", ""), fields)
    found = sorted(rows, key=lambda row: row[asked.field], reverse=asked.descending)
    found = [row for row in found if asked.has(row[asked.field])]
    shown = found[: asked.most]
    response = jsonify(shown)
    response.headers["Accept-Ranges"] = ", ".join(fields)
    if shown:
        first, last = (shown[place][asked.field] for place in (0, -1))
        response.headers["Content-Range"] = f"{asked.field} {first}..{last}"
    if len(shown) < len(found):
        response.status_code = 206
        order = "order=desc, " if asked.descending else ""
        response.headers["Next-Range"] = f"{asked.field} ]{last}..{asked.end}; {order}max={asked.most}"
    return response


def parse_range(header: str, fields: Sequence[str]) -> Range:
    """Return the range of a header; Refused with 416 if it is none, or of a field by which nothing is sorted."""
    if not header:
        return Range(fields[0])
    found = _RANGE.fullmatch(header.strip())
    options = dict(re.findall(r"(\w+)\s*=\s*(\w+)", (found and found[5]) or ""))
    most = options.get("max", str(PAGE))
    if not found or found[1] not in fields or not most.isdecimal() or not 0 < int(most) <= MAX_PAGE:
        raise Refused(416, "requested_range_not_satisfiable", f"The range {header!r} cannot be served.")
    return Range(found[1], bool(found[2]), found[3], found[4], options.get("order") == "desc", int(most))
