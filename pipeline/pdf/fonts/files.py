"""Font files: finds the fonts that FONTS names, and checks that a PDF can and may embed them."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ...errors import InvalidSetting
from ..numbering import MAX_FONTS

BUILT_IN = (
    "fontpkg_noto_sans", "fontpkg_ibm_plex_sans_arabic", "fontpkg_heebo", "noto_cjk_sans_jp_regular",
)  # fmt: skip
BOLD = 700  # on the weight axis of a variable font
DEFAULT = "default"  # in FONTS, means the built-in ones
ENDINGS = {".ttf", ".otf", ".ttc", ".otc"}
NEEDED = ("cmap", "head", "hhea", "hmtx", "maxp")
_KINDS = (b"\0\1\0\0", b"true", b"OTTO")


class FontFile(msgspec.Struct, frozen=True):
    """One font of a file. `directory` is its list of tables with their checksums, so it identifies the font.

    `weight` is a place on the weight axis of a variable font; 0 is its default.
    """

    path: Path
    index: int
    directory: bytes
    weight: int = 0

    @property
    def outlines(self) -> str:
        """The table with the outlines: glyf, CFF or CFF2."""
        return next(tag for tag in ("glyf", "CFF ", "CFF2") if tag in _tables(self.directory))


def font_files(names: Iterable[str]) -> list[FontFile]:
    """Return the fonts that FONTS names, in order, then the built-in ones unless `default` says where they go.

    Raises InvalidSetting when a font is missing, broken, or may not be embedded.
    """
    wanted = list(names)
    if DEFAULT not in wanted:
        wanted.append(DEFAULT)
    at = wanted.index(DEFAULT)
    wanted[at : at + 1] = BUILT_IN
    if len(wanted) > MAX_FONTS:
        raise _wrong(
            f"names {len(wanted) - len(BUILT_IN)} fonts; at most {MAX_FONTS - len(BUILT_IN)} are possible."
        )
    return [_font_file(name) for name in wanted]


def bold_face(file: FontFile) -> FontFile | None:
    """Return the bold face that belongs to a regular font; None when there is none.

    It is the same file when that has a weight axis, else the file beside it, or that of the package, whose name has
    Bold in place of Regular.
    """
    if "fvar" in (tables := _tables(file.directory)):
        offset, length = tables["fvar"]
        with file.path.open("rb") as data:
            data.seek(offset)
            if b"wght" in data.read(length):
                return replace(file, weight=BOLD)
    for path in _bold_paths(file.path):
        if path.is_file():
            return _font_file(str(path))
    return None


def _bold_paths(path: Path) -> Iterator[Path]:
    stem = path.stem.removesuffix("-Regular")
    for name in (f"{stem}-Bold{path.suffix}", f"{stem}Bold{path.suffix}"):
        yield path.with_name(name)
        yield path.parent.with_name(path.parent.name.replace("_regular", "_bold")) / name


def fingerprint(files: Iterable[FontFile]) -> str:
    """Return a hash of the fonts, their order and their bold faces."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.directory)
        if bold := bold_face(file):
            digest.update(b"%d " % bold.weight + bold.directory)
    return digest.hexdigest()[:16]


def _font_file(name: str) -> FontFile:
    stem, mark, index = name.rpartition("#")
    numbered = bool(mark) and index.isdecimal()
    path = _path(stem if numbered else name)
    try:
        with path.open("rb") as file:
            data = file.read(1 << 16)
            start = _start(name, data, int(index) if numbered else None)
            file.seek(start)
            count = struct.unpack_from(">H", _read(file.read(6), 6, name), 4)[0]
            file.seek(start)
            directory = _read(file.read(12 + 16 * count), 12 + 16 * count, name)
            tables = _tables(directory)
            _check(name, directory, path.stat().st_size)
            if "OS/2" in tables:
                file.seek(tables["OS/2"][0] + 8)
                _check_licence(name, struct.unpack(">H", _read(file.read(2), 2, name))[0])
    except OSError as error:
        raise _wrong(f"names {name}, which cannot be read: {error.strerror}.") from None
    return FontFile(path, int(index) if numbered else 0, directory)


def _path(name: str) -> Path:
    """Return the path of a file, or of the upright regular font of an installed package."""
    if Path(name).is_file():
        return Path(name)
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None:
        raise _wrong(f"names {name}, which is neither a file nor an installed package.")
    folder = Path((spec.submodule_search_locations or [""])[0])
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ENDINGS]
    upright = [path for path in found if "italic" not in path.name.lower()]
    regular = [path for path in upright if path.stem.endswith("-Regular")] if len(upright) > 1 else upright
    if len(regular) != 1:
        raise _wrong(f"names the package {name}, which has {len(upright)} upright fonts: name a file instead.")
    return regular[0]


def _start(name: str, data: bytes, index: int | None) -> int:
    """Return the offset of the font in its file; a collection has several fonts."""
    if not data.startswith(b"ttcf"):
        if index:
            raise _wrong(f"names {name}, but the file has only one font.")
        return 0
    count: int = struct.unpack_from(">I", _read(data, 12, name), 8)[0]
    if index is None or index >= count:
        raise _wrong(f"names {name}, a collection of {count} fonts: add #0 to #{count - 1} to choose one.")
    start: int = struct.unpack_from(">I", _read(data, 16 + 4 * index, name), 12 + 4 * index)[0]
    return start


def _check(name: str, directory: bytes, size: int) -> None:
    if directory[:4] not in _KINDS:
        raise _wrong(f"names {name}, which is not a TrueType or OpenType font.")
    tables = _tables(directory)
    missing = [tag for tag in NEEDED if tag not in tables]
    cut_off = [tag for tag, (offset, length) in tables.items() if offset + length > size]
    if missing or cut_off:
        raise _wrong(f"names {name}, a broken font: its table {(missing + cut_off)[0].strip()} is missing.")
    if not {"glyf", "CFF ", "CFF2"} & tables.keys():
        raise _wrong(f"names {name}, whose glyphs are not outlines; bitmap fonts cannot be used.")


def _check_licence(name: str, bits: int) -> None:
    """Check OS/2 fsType: of bits 1 to 3 only the lowest set one counts; bit 8 forbids subsets, bit 9 outlines."""
    if bits & 0xE == 2 or bits & 0x300:
        raise _wrong(f"names {name}, whose licence bits (fsType {bits:#06x}) forbid embedding it in a PDF.")


def _tables(directory: bytes) -> dict[str, tuple[int, int]]:
    """Return tag to offset and length."""
    count = struct.unpack_from(">H", directory, 4)[0]
    entries = [struct.unpack_from(">4sIII", directory, 12 + 16 * i) for i in range(count)]
    return {tag.decode("latin-1"): (offset, length) for tag, _, offset, length in entries}


def _read(data: bytes, least: int, name: str) -> bytes:
    if len(data) < least:
        raise _wrong(f"names {name}, a broken font: the file ends too early.")
    return data


def _wrong(words: str) -> InvalidSetting:
    return InvalidSetting(f"FONTS {words}", field="FONTS")
