"""Changes of inputs: of their bytes, and of the parts that their formats have, so that checks at the door pass."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

BYTES = [b"\0", b"\xff", b"\x7f", b"\x80", b"\n", b"\r", b" ", b"-1", b"0", b"9" * 30, b"\0" * 8, b"\xff" * 4]
_NUMBERS = [0, 1, 2, 7, 8, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
LISTING = [
    b'"', b"'", b",", b";", b"\t", b"|", b"\n", b"\r", b"\r\n", b"\n\n", b'""', b"sep=;\n", b"\xef\xbb\xbf",
    b"\xff\xfe", b"\xe9", b"\x81", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\xe2\x80\xa8", b"\x85", b"\x1c", b"\x0b",
    b"\xed\xa0\xbd", b"{", b"}", b"[", b"]", b":", b'"a":1,', b"\\", b"\\ud800", b"\\u0000", b"null", b"true",
    b"1e999", b"-0", b"NaN", b"1.234,5", b"12%", b"2024-01-31", b"31/12/24", b"$1.00", b"(5)", b"PAR1", b"a" * 900,
    b"," * 99, b"[" * 99, b"\xd7\xa9\xd7\x9c", b"\xe2\x80\x8f", b"\xcc\x81", b"=1+1", b"total",
]  # fmt: skip
_ENCODINGS = ["utf-16", "utf-8-sig", "cp1252", "gb18030", "shift_jis", "utf-32", "utf-16-le", "koi8-r"]
PDF = rb"""
null|true|0|-1|1|0.5|99999999999|1 0 R|2 0 R|3 0 R|4 0 R|99 0 R|<<|>>|[|]|()|(\376\377\330\000)|<00>|/Type|/Page
|/Pages|/Catalog|/Kids|/Parent
|/Annots|/Subtype/Widget|/Link|/AP|/N|/AcroForm|/Fields|/FT/Tx|/Ch|/Btn|/V(x)|/Q 2|/MaxLen 3
|/DA(/F 0 Tf)|/Ff 4096|/OCProperties|/OCG|/OCMD|/D|/Dest|/A|/S/GoTo|/URI|/Names|/Outlines|/First|/Next|/Last|/Size
|/Count|/Rotate 90|/MediaBox[0 0 9 9]|/CropBox|/UserUnit 2|/Resources|/XObject|/Font|/Contents|/Length|/LZWDecode
|/Filter/FlateDecode|/ASCII85Decode|/DecodeParms<</Predictor 12/Columns 4>>|/ObjStm|/XRef|/Encrypt|/Prev|/Root
|stream|endstream|endobj|7 0 obj|q|Q|Do|BT|BI|EI|cm""".replace(b"\n", b"").split(b"|")
_PDF_TOKEN = re.compile(
    rb"\d+ \d+ (?:R|obj)\b|/[^\s()<>\[\]{}/%]*|-?\d+\.?\d*|\((?:[^()\\]|\\.)*\)|<[0-9A-Fa-f\s]*>"
    rb"|<<|>>|[\[\]]|[A-Za-z*']+"
)
_PDF_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_MARKERS = b"\xc0\xc1\xc2\xc4\xc8\xc9\xd8\xd9\xda\xdb\xdd\xe0\xe1\xe2\xec\xed\xee\xfe\xd0\xd7\xff\x01"
_SEGMENTS = [
    b"\xff\xeeAdobe\0d\0\0\0\0\x00", b"\xff\xeeAdobe\0d\0\0\0\0\x02", b"\xff\xdd\0\1", b"\xff\xfe",
    b"\xff\xe1Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0",
    b"\xff\xe2ICC_PROFILE\0\1\1", b"\xff\xe0JFIF\0\1\2\1\0\1\0\2\0\0",
    b"\xff\xe1http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation='6'>",
]  # fmt: skip
_TAGS = [254, 258, 259, 262, 274, 277, 278, 284, 317, 322, 330, 339]
_CHUNKS = b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP pHYs eXIf acTL fcTL fdAT tEXt zTXt iTXt bKGD sBIT".split()


def changed(data: bytes, rng: Random, tokens: Sequence[bytes] = BYTES) -> bytes:
    """Return the data after a few changes of their bytes."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.choice((1, 1, 2, 4, 16, rng.randrange(200) + 1)))
        kind = rng.randrange(8)
        if kind == 0:
            out[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del out[at:end]
        elif kind == 3:
            out[at:at] = out[at:end] * rng.choice((1, 2, 20))
        elif kind == 4:
            number, size = rng.choice(_NUMBERS), rng.choice("BHI")
            out[at : at + struct.calcsize(size)] = struct.pack(rng.choice("<>") + size, number & _MASKS[size])
        elif kind == 5:
            begin = rng.randrange(len(out) + 1)
            out[at:at] = out[begin : begin + end - at]
        else:
            token = rng.choice(tokens)
            out[at : at if kind == 6 else at + len(token)] = token
    return bytes(out)


_MASKS = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFFFFFF}


def one_of(parts: list[Any], rng: Random, change: Callable[[Any], Any]) -> list[Any]:
    """Return parts of a file with one of them changed, repeated, moved or left out."""
    at = rng.randrange(len(parts))
    kind = rng.randrange(8)
    if kind < 5:
        parts[at] = change(parts[at])
    elif kind == 5:
        parts.insert(rng.randrange(len(parts) + 1), parts[at])
    elif kind == 6:
        parts.insert(rng.randrange(len(parts)), parts.pop(at))
    else:
        del parts[at]
    return parts


def listing(data: bytes, rng: Random) -> bytes:
    """Change a text of rows: its bytes, its lines, or its encoding."""
    kind = rng.randrange(8)
    if kind == 0 and (lines := data.splitlines(keepends=True)):
        return b"".join(one_of(lines, rng, lambda line: changed(line, rng, LISTING)))
    if kind == 1:
        with suppress(UnicodeError, LookupError):
            return data.decode(rng.choice(["utf-8", "utf-16", "cp1252"])).encode(rng.choice(_ENCODINGS))
    if kind == 2:
        return data.replace(rng.choice(LISTING[:9]), rng.choice(LISTING))
    return changed(data, rng, LISTING)


def pdf(data: bytes, rng: Random) -> bytes:
    """Change tokens of a PDF, also inside of a stream. Where objects begin stays the same, if there is room."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        streams = list(_PDF_STREAM.finditer(data))
        if streams and rng.random() < 0.15:
            found = rng.choice(streams)
            with suppress(zlib.error):
                inside = _retold(zlib.decompressobj().decompress(found[1], 1 << 20), rng)
                data = data[: found.start(1)] + zlib.compress(inside) + data[found.end(1) :]
                continue
        data = _retold(data, rng)
    return data


def _retold(data: bytes, rng: Random) -> bytes:
    tokens = list(_PDF_TOKEN.finditer(data))
    if not tokens or rng.random() < 0.1:
        return changed(data, rng, PDF)
    old = rng.choice(tokens)
    new = rng.choice(PDF) if rng.random() < 0.5 else rng.choice(tokens)[0]
    if rng.random() < 0.2:
        new = old[0] + b" " + new
    end = old.end()
    while rng.random() < 0.9 and end - old.start() < len(new) and data[end : end + 1] in (b" ", b"\n"):
        end += 1
    return data[: old.start()] + new.ljust(end - old.start()) + data[end:]


def jpeg(data: bytes, rng: Random) -> bytes:
    """Change one of the segments of a JPEG, with its length set right, or its picture data."""
    segments, at = [], 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda" and at + 4 <= len(data):
        end = at + 2 + max(2, int.from_bytes(data[at + 2 : at + 4]))
        segments.append(data[at : at + 2] + data[at + 4 : end])
        at = end
    rest = data[at:]
    if not segments or rng.random() < 0.3:
        return data[:at] + changed(rest, rng, [b"\xff" + bytes([each]) for each in _MARKERS])

    def change(segment: bytes) -> bytes:
        if rng.random() < 0.15:
            return segment[:1] + bytes([rng.choice(_MARKERS)]) + segment[2:]
        return rng.choice(_SEGMENTS) if rng.random() < 0.2 else segment[:2] + changed(segment[2:], rng)

    kept = one_of(segments, rng, change)
    return data[:2] + b"".join(s[:2] + struct.pack(">H", (len(s) & 0xFFFF) or 2) + s[2:] for s in kept) + rest


def png(data: bytes, rng: Random) -> bytes:
    """Change one of the chunks of a PNG, also what it has packed, with length and checksum set right."""
    chunks, at = [], 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    if not chunks:
        return changed(data, rng)

    def change(chunk: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        name, body = chunk
        if rng.random() < 0.2:
            return rng.choice(_CHUNKS), body
        if name in (b"IDAT", b"zTXt", b"iCCP") and rng.random() < 0.8:
            begin = 0 if name == b"IDAT" else body.find(b"\0") + 2
            with suppress(zlib.error):
                packed = zlib.decompressobj().decompress(body[begin:], 1 << 20)
                return name, body[:begin] + zlib.compress(changed(packed, rng))
        return name, changed(body, rng)

    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in one_of(chunks, rng, change)
    )


def tiff(data: bytes, rng: Random) -> bytes:
    """Change one entry of a directory of a TIFF."""
    order, out = "<" if data[:2] == b"II" else ">", bytearray(data)
    with suppress(struct.error):
        (place,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, place)
        at = place + 2 + 12 * rng.randrange(count or 1)
        tag, kind, number, value = struct.unpack_from(order + "HHII", data, at)
        which = rng.randrange(5)
        tag = rng.choice((tag, tag + 1, *_TAGS)) if which == 0 else tag
        kind = rng.randrange(19) if which == 1 else kind
        number = rng.choice(_NUMBERS) if which == 2 else number
        value = rng.choice([*_NUMBERS, *range(12), 32773, 34712, 50000, 7 << 16, 8 << 16]) if which > 2 else value
        struct.pack_into(order + "HHII", out, at, tag, kind, number, value & 0xFFFFFFFF)
    return bytes(out)


def picture(data: bytes, rng: Random) -> bytes:
    """Change a picture that is no JPEG, by its format where that has parts."""
    if rng.random() < 0.25:
        return changed(data, rng)
    if data.startswith(b"\x89PNG"):
        return png(data, rng)
    return tiff(data, rng) if data[:2] in (b"II", b"MM") else changed(data, rng)


TEXTS = [
    "", "\0", "é\u0301", "😀", "x" * 3000, "inputs/../x", "inputs/a.csv", "inputs/a.jpg", "https://[::1", "\r",
    "A4", "https://a@b:99999/x", "de", "xx_YY", "%", "%Q", "'", "d. MMM y", "punycode", "a@b.de", "2026-01-31",
    '"', "sum", "\u05e9",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 3, 2**31, 2**63, 10**40, 0.5, -0.0, 1e308, 5e-324, [], {}, *TEXTS,
]  # fmt: skip


def body(data: bytes, rng: Random, names: Sequence[str] = ()) -> bytes:
    """Change a value, or a name, of the JSON behind the first line, which is a path."""
    path, _, text = data.partition(b"\n")
    if rng.random() < 0.9:
        with suppress(ValueError, RecursionError):
            sent: dict[str, Any] = {"": json.loads(text)}
            for _ in range(rng.choice((1, 1, 2, 3))):
                _change(sent, rng, names)
            return (
                path + b"\n" + json.dumps(sent[""], ensure_ascii=rng.random() < 0.5).encode(errors="surrogatepass")
            )
    return path + b"\n" + changed(text, rng, LISTING)


def _change(sent: dict[str, Any], rng: Random, names: Sequence[str]) -> None:
    holder, key = rng.choice(list(_places(sent)))
    old, kind = holder[key], rng.randrange(6)
    if kind == 0 and isinstance(old, dict) and names:
        old[rng.choice(names)] = rng.choice(VALUES)
    elif kind == 1 and isinstance(old, list) and old:
        one_of(old, rng, lambda _: rng.choice(VALUES))
    elif kind == 2 and isinstance(holder, dict) and names and key:
        holder[rng.choice(names)] = holder.pop(key)
    elif kind == 3 and isinstance(old, str):
        holder[key] = old + rng.choice(TEXTS)
    elif kind == 4 and type(old) in (int, float):
        holder[key] = rng.choice((old * 1000, -old, old / 3, old + 1))
    else:
        holder[key] = rng.choice((rng.choice(VALUES), [old], {"field": old}))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each place inside of a value: what holds it, and under which name or number."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from _places(value[key])
