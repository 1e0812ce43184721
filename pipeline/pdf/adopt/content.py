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
_IMAGE_END = re.compile(rb"(?<=[\s\0>])EI(?=[\s\0]|\Z)(?=[\s\0!-~]{0,12}(?:[\s\0]|\Z|(?<=[!-~])))")


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
            data = _IMAGE_DATA.search(content, at)
            last = _IMAGE_END.search(content, data.end()) if data else None
            return last.end() if last else -1
    name = _NAME.match(content, at)
    return name.end() if name and found[0] == b"/" else at


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
