"""GIF files made of the smallest pieces (GIF89a specification)."""

import struct

from authsvc.imaging.gif.walk import MAX_BLOCKS, MAX_SUB_BLOCKS
from tests.support.imaging.worst.filling import Maker, filled, grown, profile

_HEAD = b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0)
_FRAME = struct.pack("<BHHHHBB", 0x2C, 0, 0, 9, 9, 0, 8)
_PICTURE = _FRAME + b"\1\0\0"
_REST = _PICTURE + b"\x3b"
_BLOCKS = MAX_BLOCKS - 20
_SUB_BLOCKS = MAX_SUB_BLOCKS - 20
_PROFILE = b"\x21\xff\x0bICCRGBG1012"


def _blocks(piece: bytes, *, most: int | None = _BLOCKS) -> Maker:
    return filled(_HEAD, piece, _REST, most=most)


def _large(head: bytes) -> Maker:
    """Return files with as many blocks as are accepted, each filled up with one sub-block."""

    def one(size: int) -> bytes:
        length = max(1, min(255, size - len(head) - 2))
        return head + bytes((length,)) + bytes(length) + b"\0"

    return grown(_HEAD, one, _REST, count=_BLOCKS)


def sub_blocks(content: bytes, size: int = 255) -> bytes:
    """Return data in sub-blocks of this size (section 15)."""
    parts = (content[at : at + size] for at in range(0, len(content), size))
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def _profiles(length: int) -> Maker:
    return _blocks(_PROFILE + sub_blocks(profile(length)))


FILES: dict[str, Maker] = {
    "frames": _blocks(_FRAME + b"\0"),
    "frames with colours": _blocks(struct.pack("<BHHHHB", 0x2C, 0, 0, 9, 9, 0x87) + bytes(768) + b"\x08\0"),
    "empty comments": _blocks(b"\x21\xfe\0", most=None),
    "empty comments, as many as accepted": _blocks(b"\x21\xfe\0"),
    "comments": _large(b"\x21\xfe"),
    "loops": _blocks(b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0\0"),
    "long loops": _large(b"\x21\xff\x0bNETSCAPE2.0"),
    "controls": _blocks(b"\x21\xf9\4\0\0\0\0\0"),
    "long controls": _large(b"\x21\xf9"),
    "texts": _blocks(b"\x21\1\x0c" + bytes(12) + b"\0"),
    "applications": _blocks(b"\x21\xff\x0bXMP DataXMP\0"),
    "small profiles": _blocks(_PROFILE + sub_blocks(profile(158))),
    "profiles": _profiles(2000),
    "profiles with many tags": _profiles(13_200),
    "one large profile": lambda size: _HEAD + _PROFILE + sub_blocks(profile(size)) + _REST,
    "profile in the smallest sub-blocks": lambda size: (
        _HEAD + _PROFILE + sub_blocks(profile(min(size // 2, _SUB_BLOCKS)), 1) + _REST
    ),
    "sub-blocks of a frame": filled(_HEAD + _FRAME, b"\1\0", b"\0\x3b"),
    "sub-blocks of a frame, as many as accepted": filled(_HEAD + _FRAME, b"\1\1", b"\0\x3b", most=_SUB_BLOCKS),
    "large sub-blocks of a frame": filled(_HEAD + _FRAME, b"\xff" * 256, b"\0\x3b"),
    "sub-blocks of a comment": filled(_HEAD + b"\x21\xfe", b"\1\1", b"\0" + _REST, most=_SUB_BLOCKS),
}
