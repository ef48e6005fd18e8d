"""Tell the image type from a file's first bytes, never from its name."""

from typing import Final

from authsvc.model import ImageType

HEAD_BYTES: Final = 256
"""How much of a file `sniff` needs: an AVIF may list up to 58 compatible
brands before the right one."""

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", ImageType.JPEG),  # ITU-T T.81 B.1.1.3: SOI and the next marker
    (b"\x89PNG\r\n\x1a\n", ImageType.PNG),  # PNG (Third Edition) section 5.2
    (b"GIF87a", ImageType.GIF),
    (b"GIF89a", ImageType.GIF),
)
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})  # AV1 Image File Format section 6


def sniff(head: bytes) -> ImageType | None:
    """Return the type of the file that begins with `head`, or None.

    `head` is the file's first `HEAD_BYTES`, or all of a shorter file.
    """
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":  # RFC 9649 section 2.4
        return ImageType.WEBP
    return ImageType.AVIF if _is_avif(head) else None


def _is_avif(head: bytes) -> bool:
    """Look for an AVIF brand in the FileTypeBox (ISO/IEC 14496-12 section 4.3)."""
    if head[4:8] != b"ftyp":
        return False
    box = head[: int.from_bytes(head[:4], "big")]
    # The major brand, then, behind the minor version, the compatible ones.
    brands = {box[8:12], *(box[at : at + 4] for at in range(16, len(box), 4))}
    return not brands.isdisjoint(_AVIF_BRANDS)
