"""What a page's content leaves open (ISO 32000-1, 7.8.2): states, text objects, marked content, arrays. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_EDGE = rb"[\s\0()<>\[\]{}/%]"
_NEXT = re.compile(rb"[(%/\[\]]|<<?|>>|(?<!" + _EDGE[:1] + rb"^" + _EDGE[1:]
                   + rb")(?:[qQ]|BT|ET|B[MD]C|EMC|BI)(?=" + _EDGE + rb"|\Z)")  # fmt: skip
_BRACKETS = {b"[": b"]", b"<<": b">>"}
_PARENTHESIS = re.compile(rb"\\.|[()]", re.DOTALL)
_NAME = re.compile(rb"[^\s\0()<>\[\]{}/%]*")
_LINE_END = re.compile(rb"[\r\n]")
_IMAGE_DATA = re.compile(rb"(?<=[\s\0>\])])ID[\s\0]")
_IMAGE_END = re.compile(rb"(?<=[\s\0>])EI(?=[\s\0]|\Z)")
# Data may have these letters too; behind the right ones only operators and numbers follow, up to a string or name.
_LIKELY_END = re.compile(rb"(?<=[\s\0>])EI(?=\s|\Z)(?=[\s!-~]{12}|[\s!-~]{0,11}(?:[(%/]|\Z))")
_LENGTH = re.compile(rb"/L(?:ength)?[\s\0]+(\d{1,9})")  # since PDF 2.0
_FILTER = re.compile(rb"/F(?:ilter)?" + _EDGE)
_MASK = re.compile(rb"/I(?:M|mageMask)[\s\0]+true")
_SIZES = [re.compile(each + rb"[\s\0]+(\d{1,6})") for each in (rb"/W(?:idth)?", rb"/H(?:eight)?")]
_BITS = re.compile(rb"/B(?:PC|itsPerComponent)[\s\0]+(\d{1,2})")
_SPACE = re.compile(rb"/C(?:S|olorSpace)[\s\0]*\[?[\s\0]*/(\w+)")
_COMPONENTS = {b"G": 1, b"DeviceGray": 1, b"I": 1, b"Indexed": 1, b"RGB": 3, b"DeviceRGB": 3, b"CMYK": 4,
               b"DeviceCMYK": 4}  # fmt: skip


@dataclass(frozen=True)
class Balance:
    """What must be done to content before more may follow it.

    `closing` are operators that close what is open. `surplus` says where Q has no q; readers ignore it there, but
    it would close a q that is put in front. `end` is where an unfinished string begins, or the length.
    """

    closing: bytes
    surplus: tuple[int, ...]
    end: int


def balance(content: bytes) -> Balance:
    """Return what content leaves open."""
    states = marks = 0
    text = False
    surplus: list[int] = []
    brackets: list[bytes] = []  # that close what is open
    at = 0
    while found := _NEXT.search(content, at):
        at = found.end()
        match found[0]:
            case b"q":
                states += 1
            case b"Q" if states:
                states -= 1
            case b"Q":
                surplus.append(found.start())
            case b"BT":
                text = True
            case b"ET":
                text = False
            case b"BMC" | b"BDC":
                marks += 1
            case b"EMC":
                marks = max(0, marks - 1)
            case b"[" | b"<<":
                brackets.append(_BRACKETS[found[0]])
            case b"]" | b">>":
                if brackets and brackets[-1] == found[0]:
                    brackets.pop()
            case _:
                at = _skip(content, found)
        if at < 0:
            break
    end = found.start() if found else len(content)
    closing = b"".join(b"%s " % each for each in reversed(brackets))
    closing += b"ET " * text + b"EMC " * marks + b"Q " * states
    return Balance(closing, tuple(surplus), end)


def _skip(content: bytes, found: re.Match[bytes]) -> int:
    """Return where a string, name, comment or picture that begins here ends; -1 when it does not."""
    at = found.end()
    match found[0]:
        case b"(":
            return _string_end(content, at)
        case b"<":
            return content.find(b">", at)
        case b"%":
            line = _LINE_END.search(content, at)
            return line.end() if line else len(content)
        case b"BI":
            return _image_end(content, at)
    name = _NAME.match(content, at)
    return name.end() if name and found[0] == b"/" else at


def _image_end(content: bytes, at: int) -> int:
    """Return where a picture ends whose entries begin here (8.9.7): by its length if that is known."""
    data = _IMAGE_DATA.search(content, at)
    if data is None:
        return -1
    length = _data_length(content[at : data.start()])
    found = _IMAGE_END.search(content, data.end() + length) if length else None
    found = found or _LIKELY_END.search(content, data.end()) or _IMAGE_END.search(content, data.end())
    return found.end() if found else -1


def _data_length(entries: bytes) -> int:
    """Return how many bytes a picture has: as it says, or by its size if it has no filter; 0 if not known."""
    if told := _LENGTH.search(entries):
        return int(told[1])
    sizes = [found for pattern in _SIZES if (found := pattern.search(entries))]
    if len(sizes) < 2 or _FILTER.search(entries):
        return 0
    across, down = (int(found[1]) for found in sizes)
    if _MASK.search(entries):
        return (across + 7) // 8 * down
    bits, space = _BITS.search(entries), _SPACE.search(entries)
    components = _COMPONENTS.get(space[1], 0) if space else 0
    return (across * components * int(bits[1]) + 7) // 8 * down if bits else 0


def _string_end(content: bytes, at: int) -> int:
    depth = 1
    while found := _PARENTHESIS.search(content, at):
        at = found.end()
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if not depth:
            return at
    return -1


def without(content: bytes, found: Balance) -> bytes:
    """Return content without surplus Q and without an unfinished string at its end."""
    changed = bytearray(content[: found.end])
    for at in found.surplus:
        changed[at] = 0x20
    return bytes(changed)
