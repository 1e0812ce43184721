"""Files that are no listing, recognised by their first bytes."""

from __future__ import annotations

import re

from ...errors import InvalidRequest

BEFORE_TAGS = rb"(?:\xef\xbb\xbf)?\s*+(?:<!--(?>.*?-->)\s*+)*+"
UNPACK = "Unpack it, and send what is inside."
SAVE = "Open it in its program, and save it as CSV in UTF-8."
PICTURE = "Give a folder of pictures, or a listing that names them."
OTHER_FILES = (  # the pattern of the first bytes, what the file is, what to do
    (rb"%PDF-", "a PDF", "Send the rows that the PDF was made from, as CSV or JSON lines."),
    (rb"PK\x03\x04.{26}(?:\[Content_Types\]|_rels/|xl/|docProps/)", "an Excel workbook (xlsx)", SAVE),
    (rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis", "an OpenDocument file", SAVE),
    (rb"PK(?:\x03\x04|\x05\x06)", "a ZIP file", UNPACK + " An Excel workbook (xlsx) is one too: save it as CSV."),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file, such as xls", SAVE),
    (rb"\x1f\x8b", "a gzip file", UNPACK),
    (rb"BZh[1-9]1AY&SY", "a bzip2 file", UNPACK),
    (rb"\xfd7zXZ\x00", "an xz file", UNPACK),
    (rb"\x28\xb5\x2f\xfd", "a Zstandard file", UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z file", UNPACK),
    (rb"Rar!\x1a\x07", "a RAR file", UNPACK),
    (rb"\x89PNG\r\n\x1a\n", "a PNG picture", PICTURE),
    (rb"\xff\xd8\xff", "a JPEG picture", PICTURE),
    (rb"GIF8[79]a", "a GIF picture", PICTURE),
    (rb"RIFF.{4}WEBP", "a WebP picture", PICTURE),
    (rb"(?:II\*\x00|MM\x00\*)", "a TIFF picture", PICTURE),
    (rb"SQLite format 3\x00", "an SQLite database", "Register a query, or export the rows as CSV."),
    (rb"ARROW1\x00\x00", "an Arrow file", "Write it as Parquet."),
    (rb"Obj\x01", "an Avro file", "Write it as Parquet or JSON lines."),
    (rb"ORC(?=.*[\x00-\x08])", "an ORC file", "Write it as Parquet."),  # ORCID may be the first title of a CSV
    (rb"\{\\rtf", "a Rich Text file", SAVE),
    (rb"version https://git-lfs\.github\.com/", "what Git LFS keeps in place of a file", "Fetch it: git lfs pull."),
    (
        rb"(?:\s|--[^\n]*\n|/\*.*?\*/;?)*+(?i:INSERT\s+INTO\s[^\n]{1,200}?\sVALUES?\s*\(|CREATE\s+TABLE\s[^,\n]*\(|"
        rb"BEGIN\s+TRANSACTION;|DROP\s+TABLE\s[^,\n]*;\s|PRAGMA\s\w+=|SET\s[@\w]+\s*=[^,\n]*;\s)|"
        rb"(?:--\s+)*-- (?:PostgreSQL database|MySQL|MariaDB|phpMyAdmin SQL) [Dd]ump",
        "a dump of SQL statements",
        "Register a query, or export the rows as CSV.",
    ),
    (
        rb"\x00\x05\x16[\x00\x07]",
        "what macOS keeps beside a file",
        "Give the file without ._ before its name.",
    ),
    (
        BEFORE_TAGS + rb"(?i:<!DOCTYPE html|<(?:html|head|body|meta|style|div|table)\b)",
        "an HTML page",
        "Send the rows as CSV; a download may need a sign-in.",
    ),
    (
        BEFORE_TAGS + rb"<(?:\?xml|!DOCTYPE|[\w:.-]+(?:\s[^<>]*)?>\s*<)",
        "an XML file",
        "Send the rows as CSV or JSON lines.",
    ),
)
_PATTERNS = [(re.compile(pattern, re.DOTALL), is_a, advice) for pattern, is_a, advice in OTHER_FILES]


def refuse_other_files(head: bytes, what: str) -> None:
    """Raise InvalidRequest if the first bytes of a listing are those of another kind of file."""
    for pattern, is_a, advice in _PATTERNS:
        if pattern.match(head):
            words = f"{what[:1].upper()}{what[1:]} is {is_a}, not a listing of records."
            raise InvalidRequest(words, field="listing", advice=advice)
