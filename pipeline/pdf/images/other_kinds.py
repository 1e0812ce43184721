"""Files that are pictures, films or drawings of kinds that are not read, recognised by their first bytes."""

from __future__ import annotations

import re

HEAD = 1024  # bytes that are looked at
_SVG = rb"(?:\xef\xbb\xbf)?(?:\s|<\?xml.*?\?>|<!--.*?-->|<!DOCTYPE svg.*?>)*<svg[\s:>/]"
_KINDS = (
    (rb"\x00\x00[\x02\x03\x0a\x0b]\x00{5}|\x00\x01[\x01\x09]\x00\x00", "TGA"),
    (rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"\xff\x0a|\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (rb"II\xbc", "JPEG XR"),
    (rb"\x8aMNG|\x8bJNG", "MNG"),
    (rb"8BPS", "Photoshop"),
    (rb"\x00\x00\x01\x00|icns", "icon"),
    (rb"\x00\x00\x02\x00", "cursor"),
    (_SVG, "SVG"),
    (rb"P[14][\s#]", "PBM"),
    (rb"P[25][\s#]", "PGM"),
    (rb"P[36][\s#]", "PPM"),
    (rb"P7\n", "PAM"),
    (rb"P[Ff]\n", "PFM"),
    (rb"DDS ", "DDS"),
    (rb"\x0a\x05\x01", "PCX"),
    (rb"\x01\xda[\x00\x01][\x01\x02]", "SGI"),
    (rb"qoif", "QOI"),
    (rb"\x59\xa6\x6a\x95", "Sun raster"),
    (rb"#define \S+_width ", "XBM"),
    (rb"/\* XPM \*/", "XPM"),
    (rb"\x76\x2f\x31\x01", "OpenEXR"),
    (rb"#\?(?:RADIANCE|RGBE)", "Radiance"),
    (rb"SIMPLE  = ", "FITS"),
    (rb".{128}DICM", "DICOM"),
    (rb"AT&TFORM", "DjVu"),
    (rb"BPG\xfb", "BPG"),
    (rb"\xd7\xcd\xc6\x9a", "WMF"),
    (rb"\x01\x00\x00\x00.{36} EMF", "EMF"),
    (rb"gimp xcf", "GIMP"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb"%PDF-", "PDF"),
    (rb"II\*\x00.{4}CR|IIRO|IIRS|MMOR|IIU\x00|FUJIFILMCCD-RAW|FOVb|\x00MRM|.{4}ftypcrx ", "Camera raw"),
    (rb".{4}ftyp(?:isom|iso[2-9]|mp4\d|M4V |qt  |3g)|RIFF.{4}AVI |\x1a\x45\xdf\xa3|\x00\x00\x01\xba", "Film"),
)


def other_kind(start: bytes) -> str | None:
    """Return what kind of file begins like this; None for one that is read, or not known."""
    return next((kind for pattern, kind in _KINDS if re.match(pattern, start, re.DOTALL)), None)
