"""The encoding of a text whose encoding was not given."""

from __future__ import annotations

import codecs
import re

from ...errors import InvalidRequest
from ...pdf.tally import Remarks
from .lines import BadLine

PLAIN = "".join(map(chr, range(32, 127))) + "\t\r\n" + r"\u000a"
MOST = 64 * 1024  # bytes of lines with other than ASCII characters that decide
UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
"""A character of several bytes, as UTF-8 writes it. Texts in other encodings have next to none."""
COMMON = {  # the usual characters of encodings with two bytes a character; of those that fit as well, the first
    "cp949": rb"[\xb0-\xc8][\xa1-\xfe]",
    "gb18030": rb"[\xb0-\xd7][\xa1-\xfe]",
    "euc_jp": rb"[\xa4\xa5\xb0-\xcf][\xa1-\xfe]",
    "big5": rb"[\xa4-\xc6][\x40-\xfe]",
    "cp932": rb"[\x82\x83\x88-\x97][\x40-\xfc]",
}
MOSTLY = 0.85  # of the characters
LEAST = 0.7  # score of a Latin encoding
OTHER_SCRIPTS = ("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874")
LATIN = {  # the letters of languages that are written in it; of encodings that fit as well, the first is taken
    "cp1252": (
        "äöüß", "àâæçèéêëîïôœùûüÿ", "áéíñóúü", "ãáâàçéêíóôõú", "àèéìíîòóùú", "æøåé", "äöåé", "áðéíóúýþæö",
        "éëïóöü", "àçèéíïòóúü",
    ),
    "cp1250": (
        "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž",
    ),
    "iso8859_2": (
        "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž",
    ),
    "cp1254": ("âçğıiîöşüû",),
}  # fmt: skip
DOT_OF_I = "\u0307"  # what Python adds to a small i in place of İ
ASCII = bytes(range(128))
SIGNS = "€„“”‘’‚‹›«»–—…•·§°²³ºªµ©®™×£\u00a0¿¡"


def guess_encoding(sample: bytes, remarks: Remarks) -> str:
    """Return UTF-8 if the text is that, else the most likely encoding, which is named in the remarks.

    Raises BadLine for UTF-8 with a wrong byte: in any other encoding all its letters would be wrong.
    """
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
        return "utf-8"
    except UnicodeDecodeError as error:
        wrong = error
    *whole, last = sample.split(b"\n")  # the last line may be cut off within a character
    odd = b"\n".join([line for line in whole if not line.isascii()] or [last])
    odd = odd[: odd.rfind(b"\n", 0, MOST)] if len(odd) > MOST else odd
    if len(UTF8.findall(odd)) > len(re.findall(rb"[\x80-\xff]", UTF8.sub(b"", odd))):
        return "utf-8"  # reading it names the wrong byte
    found = _double_byte(odd) or _other_script(odd) or _latin(odd)
    if not found:
        raise BadLine(
            wrong.start,
            f" is not UTF-8, and its encoding is not known: the byte at offset {wrong.start:,} "
            f"is {sample[wrong.start]:02X}.",
            "Give the encoding, or save the file again in UTF-8.",
            "encoding",
        )
    remarks.add(f"The encoding of the listing was not given; {found.replace('_', '-')} was guessed")
    return codecs.lookup(found).name


def is_utf8(sample: bytes) -> bool:
    """Return True for UTF-8 that may be cut off within a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def given_encoding(given: str, marked: bool) -> str:
    """Return the encoding of a text whose encoding was given; UTF-8 if a byte order mark says so.

    Raises InvalidRequest if there is no such encoding, or ASCII has other bytes in it: no line feed is found then.
    """
    try:
        name = codecs.lookup(given).name
        if marked or name == "utf-8-sig":  # UTF-16 was given, and is UTF-8 by now, or the mark is that of UTF-8
            return "utf-8"
        plain = PLAIN.encode(given) == PLAIN.encode("ascii") and PLAIN.encode(given).decode(given) == PLAIN
    except (LookupError, ValueError):  # ValueError: a null character, or a codec for bytes
        raise InvalidRequest(f"There is no encoding {given!r}.", field="encoding") from None
    if not plain:
        raise InvalidRequest(
            f"Lines cannot be found in {given}.",
            field="encoding",
            advice="Send UTF-8, or UTF-16 that begins with a byte order mark.",
        )
    return name


def _double_byte(text: bytes) -> str | None:
    """Return an encoding of Korean, Chinese or Japanese in which most characters are usual ones."""
    shares = {encoding: _usual(text, encoding) for encoding in COMMON}
    best = max(shares, key=lambda encoding: shares[encoding])
    return best if shares[best] >= MOSTLY else None


def _usual(text: bytes, encoding: str) -> float:
    """Return the share of usual characters; 0 if half of the bytes are ASCII, as where they are Latin letters."""
    try:
        encoded = [character.encode(encoding) for character in text.decode(encoding)]
    except UnicodeError:
        return 0.0
    found = [each for each in encoded if len(each) > 1]  # one byte is also Katakana, as Cyrillic capitals would be
    whole = b"".join(found)
    if not found or len(whole.translate(None, ASCII)) < 0.6 * len(whole):
        return 0.0
    usual = re.compile(COMMON[encoding])
    return sum(usual.fullmatch(each) is not None for each in found) / len(found)


def _other_script(text: bytes) -> str | None:
    """Return an encoding of a script that is not Latin; None if the words of the text have Latin letters too."""
    words = [word for word in re.findall(rb"[A-Za-z\x80-\xff]+", text) if not word.isascii()]
    mixed = sum(word.translate(None, ASCII) != word for word in words)
    if 10 * mixed > len(words) or sum(map(len, words)) < 2 * len(words):
        return None
    from charset_normalizer import from_bytes

    best = from_bytes(text, cp_isolation=[*OTHER_SCRIPTS, *LATIN]).best()
    return best.encoding if best and best.encoding in OTHER_SCRIPTS else None


def _latin(text: bytes) -> str | None:
    """Return the encoding in which the most characters are letters, and letters of one language."""
    scores = {encoding: score for encoding in LATIN if (score := _score(text, encoding)) is not None}
    return max(scores, key=lambda encoding: scores[encoding], default=None)


def _score(text: bytes, encoding: str) -> float | None:
    """Return the share of letters that some language has, and a part of the share that one language has."""
    try:
        decoded = text.decode(encoding).lower().replace(DOT_OF_I, "")
    except UnicodeDecodeError:
        return None
    found = [character for character in decoded if character > "\x7f"]
    if not found:  # all are capital letters I with a dot
        return None
    known = sum(character in SIGNS + "".join(LATIN[encoding]) for character in found)
    most = max(sum(character in SIGNS + language for character in found) for language in LATIN[encoding])
    strange = len(re.findall(rf"(?<=[^\W\d_])[{SIGNS}](?=[^\W\d_])", decoded))
    score = (known + 0.3 * most - strange) / len(found)
    return score if score > LEAST else None
