"""XMP about HDR gain maps, rewritten with nothing else in it (Ultra HDR 1.1)."""

import re
from typing import Final

NAMESPACE: Final = b"http://ns.adobe.com/hdr-gain-map/1.0/"

_BEGIN: Final = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
_END: Final = b"</rdf:RDF></x:xmpmeta>"
_NUMBER: Final = rb"[-+]?[0-9.]{1,32}(?:[eE][-+]?[0-9]{1,4})?"
_FIELD: Final = (
    rb"hdrgm:(Version|GainMapMin|GainMapMax|Gamma|OffsetSDR|OffsetHDR|HDRCapacityMin|HDRCapacityMax|BaseRenditionIsHDR)"
)
_VALUE: Final = rb"(" + _NUMBER + rb"|True|False)"
# `hdrgm:Gamma="1.0"`, or the same as an element, or a list of up to three values, one for each channel.
_ATTRIBUTE: Final = re.compile(_FIELD + rb"""\s*=\s*["']""" + _VALUE + rb"""["']""")
_ELEMENT: Final = re.compile(rb"<" + _FIELD + rb">\s*" + _VALUE + rb"\s*</hdrgm:")
_LIST: Final = re.compile(
    rb"<hdrgm:(GainMapMin|GainMapMax|Gamma|OffsetSDR|OffsetHDR)>\s*<rdf:Seq>((?:\s*<rdf:li>"
    + _NUMBER
    + rb"</rdf:li>){1,3})\s*</rdf:Seq>"
)
_ITEM: Final = re.compile(rb"<rdf:li>(" + _NUMBER + rb")</rdf:li>")


def primary_xmp(size: int) -> bytes:
    """Return the XMP of a picture that is followed by a gain map of `size` bytes."""
    return (
        _BEGIN + b'<rdf:Description xmlns:hdrgm="' + NAMESPACE + b'" '
        b'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
        b'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" hdrgm:Version="1.0">'
        b"<Container:Directory><rdf:Seq>"
        b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
        b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" '
        b'Item:Length="%d"/></rdf:li>'
        b"</rdf:Seq></Container:Directory></rdf:Description>" % size + _END
    )


def gain_map_xmp(xmp: bytes) -> bytes:
    """Return a gain map's XMP with only the fields of a gain map; b"" when `xmp` is not about one."""
    attributes = dict(_ELEMENT.findall(xmp) + _ATTRIBUTE.findall(xmp)) if NAMESPACE in xmp else {}
    if b"Version" not in attributes:
        return b""
    lists = {name: _ITEM.findall(items) for name, items in _LIST.findall(xmp)}
    return b"".join(
        (
            _BEGIN + b'<rdf:Description xmlns:hdrgm="' + NAMESPACE + b'"',
            *(b' hdrgm:%s="%s"' % item for item in attributes.items()),
            b">",
            *(_list_xml(name, items) for name, items in lists.items()),
            b"</rdf:Description>" + _END,
        )
    )


def _list_xml(name: bytes, items: list[bytes]) -> bytes:
    inner = b"".join(b"<rdf:li>%s</rdf:li>" % item for item in items)
    return b"<hdrgm:%s><rdf:Seq>%s</rdf:Seq></hdrgm:%s>" % (name, inner, name)
