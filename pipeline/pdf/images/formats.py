"""Which picture files are read, by whom, and what is said of the others."""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import BinaryIO

from ...errors import UnreadableSource
from . import tiff
from .jpeg import unsupported_kind
from .jpeg_segments import SOI
from .other_kinds import HEAD, other_kind

_READ = ("PNG", "WEBP", "GIF", "TIFF", "BMP", "DIB", "JPEG", "AVIF")
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF = {b"avif", b"avis"}
_SIGNATURES = {
    SOI: "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}  # fmt: skip
_NO_CODECS = ("webp", "zstd", "lzma")  # which Pillow's wheels do not bring for TIFF
_ADVICE = "Use JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF; or choose `on_unreadable` = skip or placeholder."


@cache
def readable() -> tuple[str, ...]:
    """Return Pillow's names of the formats that are read. HEIC is one of them when its decoder is installed."""
    if importlib.util.find_spec("pi_heif") is None:
        return _READ
    from pi_heif import register_heif_opener

    register_heif_opener()
    return (*_READ, "HEIF")


def check_kind(start: bytes) -> None:
    """Raise UnreadableSource for a file that is empty, or HEIC without its decoder."""
    if not start:
        raise UnreadableSource("The file is empty.")
    if start.startswith(tiff.MARKS) and (other := other_kind(start)):  # Pillow draws the small copy in it
        raise _not_read(other)
    if _box_kind(start) == "HEIC" and "HEIF" not in readable():
        raise UnreadableSource(
            "HEIC pictures are not read here: the extra `heic` is not installed.",
            advice="Install the extra `heic`, or convert the picture to JPEG.",
        )


def _box_kind(start: bytes) -> str | None:
    """Return which of the kinds in boxes it is: WebP, or by the brands in the first one (ISO/IEC 14496-12, 4.3)."""
    if start[:4] + start[8:12] == b"RIFFWEBP":
        return "WebP"
    if start[4:8] != b"ftyp":
        return None
    brands = {start[at : at + 4] for at in (8, *range(16, len(start) - 3, 4))}
    return "AVIF" if brands & _AVIF else "HEIC" if brands & _HEIC else None


def unsupported(file: BinaryIO) -> UnreadableSource | None:
    """Return the error for a JPEG or TIFF of a kind that no decoder here reads; None for others."""
    file.seek(0)
    if file.read(2) == SOI and (kind := unsupported_kind(file)):
        return UnreadableSource(f"This kind of JPEG is not supported: {kind}.", advice="Convert it to PNG.")
    words = tiff.description(file) or ""
    if words[-1:].isdigit() or words.endswith(_NO_CODECS):  # a compression without a name ends in its number
        return UnreadableSource(f"This kind of TIFF is not supported: {words}.", advice="Convert it to PNG.")
    return None


def not_a_picture(file: BinaryIO) -> UnreadableSource:
    """Return the error for a file that no decoder takes."""
    if known := unsupported(file):
        return known
    file.seek(0)
    start = file.read(HEAD)
    if kind := _box_kind(start[:32]) or next(
        (name for mark, name in _SIGNATURES.items() if start.startswith(mark)), None
    ):
        words = tiff.description(file)
        if words:
            return UnreadableSource(
                f"This kind of TIFF is not supported: {words}; or its tags are damaged.",
                advice="Convert it to PNG.",
            )
        return UnreadableSource(f"The {kind} is damaged: its header makes no sense.")
    if other := other_kind(start):
        return _not_read(other)
    start = start[:32]
    text = start.decode("ascii", "replace").split("\n")[0].strip()
    shown = repr(text) if text.isascii() and text.isprintable() and text else f"the bytes {start[:8].hex(' ')}"
    return UnreadableSource(f"This is not a picture: it begins with {shown}.", advice=_ADVICE)


def _not_read(kind: str) -> UnreadableSource:
    return UnreadableSource(f"{kind} files are not read as pictures.", advice=_ADVICE)
