"""Which picture files are read, by whom, and what is said of the others."""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import BinaryIO

from ...errors import UnreadableSource
from . import tiff
from .jpeg import SOI, unsupported_kind

_READ = ("PNG", "WEBP", "GIF", "TIFF", "BMP", "DIB", "JPEG", "AVIF")
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF = {b"avif", b"avis"}
_SIGNATURES = {
    SOI: "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF",
    b"MM\0+": "TIFF", b"RIFF": "WebP",
}  # fmt: skip
_NOT_READ = {
    b"\0\0\2\0\0\0\0\0": "TGA", b"\0\0\3\0\0\0\0\0": "TGA", b"\0\0\x0a\0\0\0\0\0": "TGA",
    b"\0\0\x0b\0\0\0\0\0": "TGA", b"\0\1\1\0\0": "TGA", b"\0\1\x09\0\0": "TGA",
    b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000", b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL", b"8BPS": "Photoshop", b"\0\0\1\0": "icon", b"\0\0\2\0": "cursor",
    b"<svg": "SVG", b"P4\n": "PBM", b"P5\n": "PGM", b"P6\n": "PPM", b"DDS ": "DDS", b"\x0a\5\1": "PCX",
    b"\x76\x2f\x31\1": "OpenEXR", b"\xd7\xcd\xc6\x9a": "WMF", b"gimp xcf": "GIMP", b"%!PS": "PostScript",
    b"%PDF-": "PDF",
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
    if _box_kind(start) == "HEIC" and "HEIF" not in readable():
        raise UnreadableSource(
            "HEIC pictures are not read here: the extra `heic` is not installed.",
            advice="Install the extra `heic`, or convert the picture to JPEG.",
        )


def _box_kind(start: bytes) -> str | None:
    """Return which of the kinds with ISO boxes it is, by the brands in the first one (ISO/IEC 14496-12, 4.3)."""
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
    start = file.read(32)
    if kind := _box_kind(start) or next(
        (name for mark, name in _SIGNATURES.items() if start.startswith(mark)), None
    ):
        words = tiff.description(file)
        if words:
            return UnreadableSource(
                f"This kind of TIFF is not supported: {words}; or its tags are damaged.",
                advice="Convert it to PNG.",
            )
        return UnreadableSource(f"The {kind} is damaged: its header makes no sense.")
    if other := next((name for mark, name in _NOT_READ.items() if start.startswith(mark)), None):
        return UnreadableSource(f"{other} files are not read as pictures.", advice=_ADVICE)
    text = start.decode("ascii", "replace").split("\n")[0].strip()
    shown = repr(text) if text.isascii() and text.isprintable() and text else f"the bytes {start[:8].hex(' ')}"
    return UnreadableSource(f"This is not a picture: it begins with {shown}.", advice=_ADVICE)
