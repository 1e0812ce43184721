"""Looks: the pictures of annotations (their appearance streams, ISO 32000-1, 12.5.5), drawn by the page itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pypdf.generic import DictionaryObject, IndirectObject, NameObject, NullObject, StreamObject

from ..objects import Matrix, Stream
from ..reader import Box, ForeignPdf
from .values import real, rectangle

_AS_IT_IS: Matrix = (1, 0, 0, 1, 0, 0)
_NO_ROTATE = 16  # a flag (12.5.3)
_TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}  # counterclockwise


@dataclass(frozen=True)
class Look:
    """A form XObject of the new file, where it is drawn, and the layer that it is on, if any; both spelled."""

    form: bytes
    matrix: Matrix
    layer: bytes = b""


def appearance(pdf: ForeignPdf, annotation: DictionaryObject) -> IndirectObject | None:
    """Return an annotation's normal appearance in its present state; None when it has none."""
    found = pdf.dictionary(annotation.get("/AP")).get("/N")
    states = pdf.resolve(found)
    if isinstance(states, DictionaryObject) and not isinstance(states, StreamObject):
        found = states.get(_state(pdf, annotation, states))
    value = pdf.resolve(found)
    if not isinstance(found, IndirectObject) or not isinstance(value, StreamObject):
        return None
    value[NameObject("/Subtype")] = NameObject("/Form")  # some programs forget it
    return found


def _state(pdf: ForeignPdf, annotation: DictionaryObject, states: DictionaryObject) -> str:
    """Return the present state. One that is told has no picture where it is not among the `states`."""
    told = pdf.resolve(annotation.get("/AS"))
    if isinstance(told, NameObject):
        return str(told)
    wanted = inherited(pdf, annotation, "/V")
    return str(wanted) if isinstance(wanted, NameObject) and wanted in states else "/Off"


def inherited(pdf: ForeignPdf, field: DictionaryObject, key: str) -> object:
    """Return an entry of a form field or page, or of what is above it (12.7.3.1, 7.7.3.4). Null counts as none."""
    for _ in range(32):
        value = pdf.resolve(field.get(key))
        if value is not None and not isinstance(value, NullObject):
            return value
        above = pdf.resolve(field.get("/Parent"))
        if not isinstance(above, DictionaryObject):
            break
        field = above
    return None


def is_filled(pdf: ForeignPdf, field: DictionaryObject) -> bool:
    """Return whether a form field has a value; a button that is off has none."""
    return (inherited(pdf, field, "/V") or "") not in ("", "/Off")


def placement(pdf: ForeignPdf, look: object, box: Box) -> Matrix | None:
    """Return the matrix that puts an appearance into an annotation's rectangle; None when it has no size."""
    form = pdf.dictionary(look)
    inner = pdf.box(form.get("/BBox"))
    if not inner:
        return None
    a, b, c, d, e, f = _matrix(pdf, form)
    corners = [(inner[i], inner[j]) for i in (0, 2) for j in (1, 3)]
    across = [a * x + c * y + e for x, y in corners]
    up = [b * x + d * y + f for x, y in corners]
    wide, high = max(across) - min(across), max(up) - min(up)
    if not wide or not high:
        return None
    scale_x, scale_y = (box[2] - box[0]) / wide, (box[3] - box[1]) / high
    return scale_x, 0, 0, scale_y, box[0] - min(across) * scale_x, box[1] - min(up) * scale_y


def upright(pdf: ForeignPdf, annotation: DictionaryObject, matrix: Matrix, box: Box, turned: int) -> Matrix:
    """Return the matrix of a look on a page that is turned: some stay upright, hanging from their upper left
    corner (NoRotate, 12.5.3)."""
    flags = pdf.resolve(annotation.get("/F"))
    if turned not in _TURNS or not isinstance(flags, int) or not flags & _NO_ROTATE:
        return matrix
    p, q, r, s = _TURNS[turned]
    x, y = box[0], box[3]
    a, b, c, d, e, f = matrix
    e, f = e - x, f - y
    return p * a + r * b, q * a + s * b, p * c + r * d, q * c + s * d, p * e + r * f + x, q * e + s * f + y


def _matrix(pdf: ForeignPdf, form: DictionaryObject) -> Matrix:
    values = pdf.numbers(form.get("/Matrix"))
    if len(values) != 6:
        return _AS_IT_IS
    a, b, c, d, e, f = values
    return a, b, c, d, e, f


def form_of_looks(looks: Sequence[Look], box: Box) -> Stream:
    """Return a form XObject that draws looks, in order. `box` is the page's."""
    operators = []
    for i, look in enumerate(looks):
        shown = b"q %s cm /L%d Do Q" % (b" ".join(map(real, look.matrix)), i)
        operators.append(b"/OC /P%d BDC %s EMC" % (i, shown) if look.layer else shown)
    forms = b"".join(b"/L%d %s" % (i, look.form) for i, look in enumerate(looks))
    layers = b"".join(b"/P%d %s" % (i, look.layer) for i, look in enumerate(looks) if look.layer)
    resources = b"/XObject<<%s>>" % forms + (b"/Properties<<%s>>" % layers if layers else b"")
    entries = b"/Type/XObject/Subtype/Form/BBox%s/Resources<<%s>>" % (rectangle(box), resources)
    return Stream.from_bytes(entries, b"\n".join(operators))
