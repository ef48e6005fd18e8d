"""PNG files made of the smallest pieces (PNG, Third Edition)."""

import random
import struct
import zlib

from authsvc.imaging.png.chunks import MAX_CHUNKS
from authsvc.imaging.png.walk import MAX_INFLATED_BYTES
from tests.support.imaging.private_pictures import exif, png_chunk
from tests.support.imaging.real_pictures import saved
from tests.support.imaging.worst.filling import Maker, filled, grown, profile

_PLAIN = saved("PNG", "RGB")
_HEAD, _REST = _PLAIN[:33], _PLAIN[33:]
_DATA, _END = _PLAIN[:-12], _PLAIN[-12:]
_CHUNKS = MAX_CHUNKS - 20
_KEYWORD = b"k\0"
_CONTROL = struct.pack(">IIIIIHHBB", 0, 73, 41, 0, 0, 1, 1, 0, 0)


def _before(piece: bytes, most: int | None = None) -> Maker:
    """Return files with pieces before the picture data."""
    return filled(_HEAD, piece, _REST, most=most)


def _chunks(name: bytes, content: bytes = b"", *, before_data: bool = True) -> Maker:
    """Return files with as many chunks as are accepted, each filled up."""

    def one(size: int) -> bytes:
        return png_chunk(name, content.ljust(size - 12, b"\0"))

    before, after = (_HEAD, _REST) if before_data else (_DATA, _END)
    return grown(before, one, after, count=_CHUNKS)


def _compressed(deflated: bytes, name: bytes = b"zTXt", *, most: int = 2**30) -> Maker:
    """Return files with one chunk whose compressed content repeats this."""

    def make(size: int) -> bytes:
        content = deflated * (min(size - 200, most) // len(deflated))
        return _HEAD + png_chunk(name, b"k\0\0\x78\x01" + content) + _REST

    return make


def _zeros_and_more(size: int) -> bytes:
    """Return a file with a text that inflates to zeros, and is much longer than that takes."""
    zeros = zlib.compress(bytes(MAX_INFLATED_BYTES))[:-8]
    return _HEAD + png_chunk(b"zTXt", b"k\0\0" + zeros.ljust(min(size - 200, MAX_INFLATED_BYTES), b"\xff")) + _REST


def _profile(size: int) -> bytes:
    content = zlib.compress(profile(min(size, MAX_INFLATED_BYTES - 2**13)), 1)
    return _HEAD + png_chunk(b"iCCP", b"k\0\0" + content) + _REST


def _profile_that_takes_longest(size: int) -> bytes:
    """Return a file with a profile that is slow to inflate, which is done twice, and to compress, and many chunks."""
    # Two values in no order: there are matches everywhere, and a better one might be anywhere.
    noise = random.Random(1).randbytes(min(size, MAX_INFLATED_BYTES) - 2**15).translate(bytes((0, 1)) * 128)
    content = profile(13_200) + noise
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = packer.compress(content) + packer.flush() + zlib.adler32(content).to_bytes(4, "big")
    blocks = dynamic_blocks()
    blocks *= (min(size, MAX_INFLATED_BYTES) - len(data) - 200) // len(blocks)
    chunk = png_chunk(b"iCCP", b"k\0\0\x78\1" + blocks + data)
    return filled(_HEAD + chunk, png_chunk(b"pHYs", bytes(9)), _REST, most=_CHUNKS)(size)


def dynamic_blocks() -> bytes:
    """Return eight empty DEFLATE blocks that declare their own codes (RFC 1951, section 3.2.7), in whole bytes."""
    # Not the last block; its type; 257 codes for bytes, one for distances, 18 for the lengths of codes.
    bits: list[tuple[int, int]] = [(0, 1), (2, 2), (0, 5), (0, 5), (14, 4)]
    # Of these, only 1 and 18 (many zeros) have a code, of one bit.
    order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1]
    bits += [(1 if symbol in {1, 18} else 0, 3) for symbol in order]
    # 256 zeros as two runs; the end of the block and a distance have codes of one bit; the end of the block.
    bits += [(1, 1), (138 - 11, 7), (1, 1), (118 - 11, 7), (0, 1), (0, 1), (0, 1)]
    number = at = 0
    for value, length in bits * 8:
        number |= value << at
        at += length
    return number.to_bytes(at // 8, "little")


def _animation(*pieces: bytes) -> bytes:
    """Return an animation with these chunks before the data of its second frame."""
    control = png_chunk(b"acTL", struct.pack(">II", 2, 0)) + png_chunk(b"fcTL", _CONTROL)
    return _HEAD + control + b"".join(pieces)


FILES: dict[str, Maker] = {
    "empty data chunks": filled(_DATA, png_chunk(b"IDAT", b""), _END),
    "empty data chunks, as many as accepted": filled(_DATA, png_chunk(b"IDAT", b""), _END, most=_CHUNKS),
    "data chunks": _chunks(b"IDAT", before_data=False),
    "unknown chunks": _chunks(b"abCd"),
    "texts": _chunks(b"tEXt", _KEYWORD),
    "texts that are not compressed": _chunks(b"iTXt", b"k\0\0\0\0\0"),
    "empty compressed texts": _chunks(b"zTXt", b"k\0\0" + zlib.compress(b"")),
    "unfinished compressed texts": _before(png_chunk(b"zTXt", b"k\0\0\x78"), _CHUNKS),
    "damaged compressed texts": _chunks(b"zTXt", b"k\0\0\xff"),
    "compressed texts of one byte": _chunks(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(b"k")),
    "texts without a keyword": _chunks(b"iTXt"),
    "texts with a long language": _chunks(b"iTXt", b"k\0\1\0" + b"x" * 300),
    "empty stored blocks in a text": _compressed(b"\0\0\0\xff\xff"),
    "empty dynamic blocks in a text": _compressed(dynamic_blocks()),
    "empty dynamic blocks in a profile": _compressed(dynamic_blocks(), b"iCCP"),
    "empty dynamic blocks, as many as accepted": _compressed(dynamic_blocks(), most=MAX_INFLATED_BYTES - 100),
    "text that is longer than it takes": _zeros_and_more,
    "profiles": _chunks(b"iCCP", b"k\0\0" + zlib.compress(profile(2000))[:60]),
    "tags of a profile": _profile,
    "profile that takes longest": _profile_that_takes_longest,
    "Exif": _chunks(b"eXIf", exif(6)),
    "palettes": filled(_HEAD, png_chunk(b"PLTE", bytes(3)), _REST, most=_CHUNKS),
    "large palettes": filled(_HEAD, png_chunk(b"PLTE", bytes(768)), _REST, most=_CHUNKS),
    "transparency": _chunks(b"tRNS"),
    "frame headers": filled(_DATA, png_chunk(b"fcTL", _CONTROL), _END, most=_CHUNKS),
    "frame data": filled(_animation(), png_chunk(b"fdAT", bytes(4)), _REST, most=_CHUNKS),
    "animation headers": _chunks(b"acTL", bytes(8)),
    "sizes of a pixel": filled(_HEAD, png_chunk(b"pHYs", bytes(9)), _REST, most=_CHUNKS),
}


def animated(piece: bytes, *, frames: int) -> Maker:
    """Return animations with so many frames after the first, and pieces before the first."""
    frame = png_chunk(b"fcTL", _CONTROL) + png_chunk(b"fdAT", bytes(4) + _PLAIN[_PLAIN.index(b"IDAT") + 4 : -16])
    return filled(_animation(), piece, _REST[:-12] + frame * frames + _END, most=_CHUNKS - 2 * frames)


ANIMATED: dict[str, Maker] = {
    "palettes": animated(png_chunk(b"PLTE", bytes(768)), frames=2),
    "palettes before many frames": animated(png_chunk(b"PLTE", bytes(768)), frames=399),
    "transparency": animated(png_chunk(b"tRNS", bytes(6)), frames=2),
    "frame data": filled(
        _animation() + _REST[:-12] + png_chunk(b"fcTL", _CONTROL), png_chunk(b"fdAT", bytes(4)), _END, most=_CHUNKS
    ),
}
"""Files from which a decoder's process makes a picture of each later frame."""
