"""Pictures with all kinds of private data, as cameras, phones and editors write it."""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image, PngImagePlugin

from authsvc.model import ImageType
from tests.support.imaging.real_pictures import SIZE, by_name, frames, jpeg_with, saved, segment

SECRET = b"Secret"
"""This is in all data that must be removed, and nowhere else."""
PROFILE_MARK = b"ColourProfile"
"""This is in data that must be kept."""

_GPS = {1: "N", 2: (52.0, 31.0, 12.0), 29: "Secret day"}
_XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SecretXmp</x:xmpmeta>"


def exif(orientation: int = 1) -> bytes:
    """Return an Exif block, from its TIFF header on: camera, serial number, place, the maker's own note."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010F] = "Secret Camera"
    block[0x0132] = "2026:01:01 Secret"
    block.get_ifd(0x8769)[0xA431] = "SecretSerial"
    block.get_ifd(0x8769)[0x927C] = b"SecretMakerNote"
    block.get_ifd(0x8825).update(_GPS)
    return block.tobytes().removeprefix(b"Exif\0\0")


def _iptc() -> bytes:
    record = b"\x1c\x02\x78" + struct.pack(">H", 13) + b"SecretCaption"
    return b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record + b"\0"


def _jpegs() -> Iterator[tuple[str, bytes]]:
    thumbnail = segment(0xFE, b"SecretThumbnail")
    yield (
        "camera",
        jpeg_with(
            segment(0xE1, b"Exif\0\0" + exif())
            + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _XMP)
            + segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0SecretLongXmp")
            + segment(0xED, _iptc())
            + segment(0xE2, b"FPXR\0SecretFlash")
            + segment(0xFE, b"SecretComment")
            + segment(0xEB, b"HDR_RI SecretRaw")
            + segment(0xE0, b"JFXX\0\x10" + thumbnail)
            + b"\xff\xff\xff"
        ),
    )
    for orientation in range(1, 9):
        yield f"turned {orientation}", jpeg_with(segment(0xE1, b"Exif\0\0" + exif(orientation)))
    yield "turned too late", _before_last_scan(saved("JPEG", progressive=True), segment(0xE1, b"Exif\0\0" + exif(6)))
    yield "number of lines", _before_last_scan(saved("JPEG", progressive=True), segment(0xDC, b"Secret"))
    yield "two Exif", jpeg_with(segment(0xE1, b"Exif\0\0" + exif(6)) + segment(0xE1, b"Exif\0\0" + exif(3)))
    yield (
        "thumbnail in JFIF",
        saved("JPEG").replace(
            b"\0\x10JFIF\0\1\1\0\0\1\0\1\0\0",
            struct.pack(">H", 16 + 3 * 8) + b"JFIF\0\1\1\0\0\1\0\1\2\4" + b"SecretSecretSecretSecret",
        ),
    )
    plain = saved("JPEG", "CMYK")
    at = plain.index(b"\xff\xee\0\x0eAdobe")
    yield "long Adobe", plain[:at] + segment(0xEE, plain[at + 4 : at + 16] + SECRET) + plain[at + 16 :]
    yield "comment between scans", _before_last_scan(saved("JPEG", progressive=True), segment(0xFE, b"SecretComment"))
    yield (
        "profile",
        saved("JPEG", icc_profile=PROFILE_MARK * 9000, exif=b"Exif\0\0" + exif(8), comment=b"SecretComment"),
    )
    yield "zip after it", saved("JPEG") + b"PK\x03\x04SecretZip"
    yield "another picture after it", saved("JPEG") + jpeg_with(segment(0xFE, b"SecretOther"))
    yield "preview by Multi-Picture", _multi_picture()


def _before_last_scan(content: bytes, more: bytes) -> bytes:
    at = content.rindex(b"\xff\xda")
    return content[:at] + more + content[at:]


def _multi_picture() -> bytes:
    file = io.BytesIO()
    other = Image.new("RGB", SIZE, "green")
    Image.new("RGB", SIZE, "red").save(file, "MPO", save_all=True, append_images=[other], exif=b"Exif\0\0" + exif())
    return file.getvalue()


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_with(chunks: bytes, *, after: bytes = b"", plain: bytes | None = None) -> bytes:
    """Return a PNG with more chunks directly after its header, and more bytes after its end."""
    plain = saved("PNG") if plain is None else plain
    return plain[:33] + chunks + plain[33:] + after


def _pngs() -> Iterator[tuple[str, bytes]]:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Secret")
    texts.add_text("Comment", "Secret " * 99, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", _XMP.decode())
    yield "texts", saved("PNG", pnginfo=texts)
    # Every program shows a picture with these.
    yield "broken text", png_with(png_chunk(b"zTXt", b"Comment\0\0Secret"))
    yield "broken profile", png_with(png_chunk(b"iCCP", b"Secret\0\0none"))
    private = png_chunk(b"tIME", b"Secret!") + png_chunk(b"prVt", b"Secret") + png_chunk(b"meTa", b"Secret")
    yield "private chunks", png_with(private)
    for orientation in (1, 6):
        yield f"turned {orientation}", png_with(png_chunk(b"eXIf", exif(orientation)))
    yield "script after it", png_with(b"", after=b"<script>Secret</script>")
    yield "profile", saved("PNG", icc_profile=PROFILE_MARK * 99, exif=b"Exif\0\0" + exif(), dpi=(300, 300))
    yield (
        "animated",
        png_with(png_chunk(b"tEXt", b"Author\0Secret"), plain=saved("PNG", save_all=True, append_images=frames())),
    )


def _gifs() -> Iterator[tuple[str, bytes]]:
    def block(label: int, *pieces: bytes) -> bytes:
        return bytes([0x21, label]) + b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"

    plain = saved("GIF", "P", comment=b"SecretComment", duration=70)
    text = bytes.fromhex("00000000 0a00 0a00 08 08 01 00".replace(" ", ""))
    control = bytes.fromhex("21f904000a00ff00")
    more = block(0xFE, b"SecretComment") + control + block(0x01, text, b"SecretText")
    more += block(0xFF, b"XMP DataXMP", _XMP) + block(0xFF, b"SecretAppl.", b"Secret")
    more += block(0xFF, b"SecretApp", b"Secret") + block(0xFF, b"ICCRGBG1012", PROFILE_MARK)
    at = plain.index(b"\x21\xf9\x04") + 7
    yield "long control", plain[:at] + b"\x06Secret" + plain[at:]
    yield "comments, texts, applications", _after_screen(plain, more)
    loops = block(0xFF, b"NETSCAPE2.0", b"\1\2\0", b"SecretMore")
    animated = saved("GIF", save_all=True, append_images=frames(), comment=b"SecretComment")
    yield "animated", _after_screen(animated, loops)
    yield "page after it", plain + b"<html>Secret"


def _after_screen(gif: bytes, more: bytes) -> bytes:
    at = 13 + (3 * 2 ** ((gif[10] & 7) + 1) if gif[10] & 0x80 else 0)
    return gif[:at] + more + gif[at:]


def webp_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def webp_with(chunks: bytes, plain: bytes, *, flags: int = 0) -> bytes:
    """Return a WebP with more chunks at its end; `flags` are set."""
    body = bytearray(plain[12:] + chunks)
    if flags:
        body[8] |= flags
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + bytes(body)


def _with_longer(webp: bytes, name: bytes) -> bytes:
    """Return the file with a chunk that is longer than defined."""
    at = webp.index(name)
    (size,) = struct.unpack_from("<I", webp, at + 4)
    more = webp_chunk(name, webp[at + 8 : at + 8 + size] + SECRET)
    body = webp[12:at] + more + webp[at + 8 + size :]
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _webps() -> Iterator[tuple[str, bytes]]:
    for orientation in (1, 6):
        yield f"turned {orientation}", saved("WEBP", exif=b"Exif\0\0" + exif(orientation), xmp=_XMP)
    yield "profile", saved("WEBP", lossless=True, icc_profile=PROFILE_MARK * 7, exif=exif(), xmp=_XMP)
    plain = saved("WEBP", "RGBA")
    yield "private bits", webp_with(webp_chunk(b"PRIV", SECRET), plain[:21] + b"key" + plain[24:])
    animated = saved("WEBP", save_all=True, append_images=frames())
    yield "long animation header", _with_longer(animated, b"ANIM")
    yield "private chunk", webp_with(webp_chunk(b"PRIV", b"Secret"), saved("WEBP", "RGBA"))
    yield "chunks after a simple file", webp_with(webp_chunk(b"EXIF", exif()), saved("WEBP"))
    yield "animated", saved("WEBP", save_all=True, append_images=frames(), exif=b"Exif\0\0" + exif(), xmp=_XMP)
    yield "zip after it", saved("WEBP") + b"PK\x03\x04SecretZip"


PRIVATE = by_name(
    (ImageType.JPEG, _jpegs()),
    (ImageType.PNG, _pngs()),
    (ImageType.GIF, _gifs()),
    (ImageType.WEBP, _webps()),
)
"""Every such picture with its type."""


def _two_orientations(first: int, second: int) -> bytes:
    """Return an Exif block with two orientations."""
    entry = struct.Struct(">HHIHH")
    return (
        b"MM\0*" + struct.pack(">IH", 8, 2) + entry.pack(0x0112, 3, 1, first, 0) + entry.pack(0x0112, 3, 1, second, 0)
    )


def oddly_turned() -> dict[str, tuple[ImageType, bytes]]:
    """Return pictures that some programs turn and others do not."""
    jpeg = {
        "another pad byte": b"Exif\0\xff" + exif(6),
        "an invalid one, then another": b"Exif\0\0" + _two_orientations(0, 6),
        "upright, then turned": b"Exif\0\0" + _two_orientations(1, 6),
        "turned, then upright": b"Exif\0\0" + _two_orientations(6, 1),
    }
    plain, block = saved("PNG"), png_chunk(b"eXIf", exif(6))
    png = {
        "after the data": plain[:-12] + block + plain[-12:],
        "twice": png_with(png_chunk(b"eXIf", exif(1)) + block),
        "twice, the other way": png_with(block + png_chunk(b"eXIf", exif(1))),
    }
    return by_name(
        (ImageType.JPEG, ((name, jpeg_with(segment(0xE1, block))) for name, block in jpeg.items())),
        (ImageType.PNG, iter(png.items())),
    )
