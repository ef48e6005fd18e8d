"""WebP files made of the smallest pieces (RFC 9649)."""

import struct

from authsvc.imaging.webp.walk import MAX_CHUNKS, MAX_FRAME_CHUNKS
from tests.support.imaging.private_pictures import exif, webp_chunk
from tests.support.imaging.real_pictures import saved
from tests.support.imaging.worst.filling import Maker, filled, grown, profile
from tests.support.limits import USUAL

_IMAGE = webp_chunk(b"VP8 ", saved("WEBP")[20:])
_CHUNKS = MAX_CHUNKS - 20
_ALL = 0x20 | 0x10 | 0x08 | 0x04
_ANIMATION = 0x02
_SIZE = (72).to_bytes(3, "little") + (40).to_bytes(3, "little")


def _file(make: Maker, flags: int = _ALL) -> Maker:
    """Return files with a canvas and what `make` makes."""

    def whole(size: int) -> bytes:
        body = b"WEBP" + webp_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + _SIZE) + make(size - 30)
        return b"RIFF" + struct.pack("<I", len(body)) + body

    return whole


def _chunks(piece: bytes, most: int | None = _CHUNKS) -> Maker:
    return _file(filled(b"", piece, _IMAGE, most=most))


def _large(name: bytes, content: bytes = b"") -> Maker:
    """Return files with as many chunks as are accepted, each filled up."""
    return _file(
        grown(b"", lambda size: webp_chunk(name, content.ljust(max(0, size - 9), b"\0")), _IMAGE, count=_CHUNKS)
    )


def _frame(*chunks: bytes) -> bytes:
    return webp_chunk(b"ANMF", bytes(6) + _SIZE + bytes(4) + b"".join(chunks))


def _animation(piece: bytes, most: int | None) -> Maker:
    return _file(filled(webp_chunk(b"ANIM", bytes(6)), piece, most=most), _ALL | _ANIMATION)


FILES: dict[str, Maker] = {
    "empty chunks": _chunks(webp_chunk(b"abcd", b""), None),
    "empty chunks, as many as accepted": _chunks(webp_chunk(b"abcd", b"")),
    "chunks": _large(b"abcd"),
    "chunks of odd length": _chunks(webp_chunk(b"ALPH", b"x")),
    "transparency": _large(b"ALPH"),
    "Exif": _large(b"EXIF", exif(6)),
    "headers": _chunks(webp_chunk(b"VP8X", bytes(10))),
    "profiles": _chunks(webp_chunk(b"ICCP", profile(2000))),
    "profiles with many tags": _chunks(webp_chunk(b"ICCP", profile(12_200, 927))),
    "small profiles": _chunks(webp_chunk(b"ICCP", profile(158))),
    "one large profile": lambda size: _chunks(webp_chunk(b"ICCP", profile(min(size, 2**22))), 1)(size),
    "frames": _animation(_frame(_IMAGE), None),
    "frames, as many as accepted": _animation(_frame(_IMAGE), USUAL.max_frames),
    "chunks of frames": _animation(
        _frame(_IMAGE, webp_chunk(b"abcd", b"") * (MAX_FRAME_CHUNKS - 2)), USUAL.max_frames
    ),
    "profiles of frames": _animation(
        _frame(_IMAGE, webp_chunk(b"ICCP", profile(500)) * (MAX_FRAME_CHUNKS - 2)), USUAL.max_frames
    ),
    "headers of an animation": _file(
        filled(webp_chunk(b"ANIM", bytes(6)), webp_chunk(b"ANIM", bytes(6)), _frame(_IMAGE), most=_CHUNKS),
        _ALL | _ANIMATION,
    ),
    "frames of a picture": _chunks(_frame()),
    "chunks after a simple picture": lambda size: (
        b"RIFF" + struct.pack("<I", 4 + len(_IMAGE) + 8 * min(size // 8, _CHUNKS)) + b"WEBP" + _IMAGE
        + webp_chunk(b"abcd", b"") * min(size // 8, _CHUNKS)
    ),
}  # fmt: skip
