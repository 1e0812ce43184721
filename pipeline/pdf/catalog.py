"""What a file says about itself: catalog, information dictionary and XMP metadata (ISO 32000-1, 7.7.2, 14.3)."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence

import msgspec

from .numbering import OUTLINES, PAGES
from .objects import Stream, reference, text_string

PRODUCER = "pipeline"
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})  # xml.sax would bring urllib and email
_NOT_XML = "[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"  # XML 1.0, 2.2; compiling it takes 3 ms


class About(msgspec.Struct, frozen=True):
    """What the file says about itself. `created` is in seconds since 1970; the /ID is a hash of `id`; `language` is
    a tag such as de-DE (RFC 5646); `creator` is who publishes it."""

    title: str
    created: float
    id: str
    language: str = "en"
    creator: str = PRODUCER

    @property
    def digest(self) -> str:
        """The /ID of the file, 32 hexadecimal digits."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:32]


class Features(msgspec.Struct, frozen=True):
    """What the catalog of a file names; object numbers, 0 when the file has none."""

    metadata: int
    outline: bool = False
    names: int = 0
    first_label: int = 1
    layers: Sequence[int] = ()
    hidden: Sequence[int] = ()


def catalog(about: About, features: Features) -> bytes:
    """Return the catalog."""
    entries = b"/Pages %s/Lang(%s)/Metadata %s" % (
        reference(PAGES), about.language.encode("ascii", "ignore"), reference(features.metadata),
    )  # fmt: skip
    if features.outline:
        entries += b"/Outlines %s/PageMode/UseOutlines" % reference(OUTLINES)
    if features.names:
        entries += b"/Names<</Dests %s>>" % reference(features.names)
    if features.first_label > 1:  # readers then show the document's page numbers (12.4.2)
        entries += b"/PageLabels<</Nums[0<</S/D/St %d>>]>>" % features.first_label
    if features.layers:
        groups = (b" ".join(map(reference, some)) for some in (features.layers, features.hidden))
        entries += b"/OCProperties<</OCGs[%s]/D<</OFF[%s]>>>>" % tuple(groups)
    return b"<</Type/Catalog%s/ViewerPreferences<</DisplayDocTitle true>>>>" % entries


def information(about: About) -> bytes:
    """Return the information dictionary; it says the same as the metadata."""
    stamp = time.strftime("D:%Y%m%d%H%M%SZ", time.gmtime(about.created)).encode()
    return b"<</Title%s/Author%s/Creator(%s)/Producer(%s)/CreationDate(%s)/ModDate(%s)>>" % (
        text_string(about.title), text_string(about.creator), PRODUCER.encode(), PRODUCER.encode(), stamp, stamp,
    )  # fmt: skip


def metadata(about: About) -> Stream:
    """Return the XMP packet. It is not compressed, so that programs find it without reading PDF."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(about.created))
    packet = _PACKET.format(
        title=_text(about.title), creator=_text(about.creator), language=_text(about.language), stamp=stamp,
        producer=PRODUCER, id=about.digest,
    )  # fmt: skip
    return Stream.from_bytes(b"/Type/Metadata/Subtype/XML", packet.encode())


def _text(text: str) -> str:
    known = text if text.isprintable() else re.sub(_NOT_XML, " ", text)
    return known.translate(_ESCAPED)


_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/">
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{creator}</rdf:li></rdf:Seq></dc:creator>
<dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>{stamp}</xmp:CreateDate>
<xmp:ModifyDate>{stamp}</xmp:ModifyDate>
<xmp:MetadataDate>{stamp}</xmp:MetadataDate>
<xmp:CreatorTool>{producer}</xmp:CreatorTool>
<pdf:Producer>{producer}</pdf:Producer>
<xmpMM:DocumentID>uuid:{id}</xmpMM:DocumentID>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""
