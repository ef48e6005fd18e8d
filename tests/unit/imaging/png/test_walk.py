"""PNG files that are whole, cut off, damaged or hostile."""

import io
import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from authsvc.errors import AnswerError, Bomb, Corrupt, TooManyFrames, TooManyPixels, Truncated
from authsvc.imaging.png.chunks import MAX_CHUNKS
from authsvc.imaging.png.walk import MAX_INFLATED_BYTES, Png, walk_png
from tests.support.imaging.real_pictures import SIZE, interlaced_png, opened_size, saved
from tests.support.imaging.walking import each_byte_changed, outcomes_of
from tests.support.limits import USUAL

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, content: bytes = b"") -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def header(width: int = 73, height: int = 41, depth: int = 8, colour: int = 2, *methods: int) -> bytes:
    """Return an IHDR chunk; `methods` are compression, filter and interlacing."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, *(methods or (0, 0, 0))))


IMAGE = chunk(b"IDAT", zlib.compress(bytes(41 * (1 + 73 * 3))))
END = chunk(b"IEND")


def png(*chunks: bytes) -> bytes:
    """Return a PNG of these chunks."""
    return SIGNATURE + b"".join(chunks)


def texts() -> PngImagePlugin.PngInfo:
    """Return one text of each kind."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "not for everybody")
    info.add_text("Packed", "a" * 5000, zip=True)
    info.add_itxt("Place", "47.22 N", "en", "Ort")
    info.add_itxt("Packed too", "b" * 5000, "en", "Ort", zip=True)
    return info


def animated() -> bytes:
    """Return an animation of three frames."""
    frames = [Image.new("RGB", SIZE, shade) for shade in ("red", "green", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


WHOLE = {
    **{mode: saved("PNG", mode) for mode in ("RGB", "RGBA", "L", "LA", "1", "I;16")},
    "palette": saved("PNG", "P"),
    "palette of 2 bits": saved("PNG", "P", bits=2),
    "interlaced": interlaced_png(),
    "ICC profile": saved("PNG", icc_profile=bytes(100_000)),
    "EXIF": saved("PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    "texts": saved("PNG", pnginfo=texts()),
    "animated": animated(),
    "many pieces of data": png(
        header(), *(chunk(b"IDAT", IMAGE[8:-4][at : at + 1]) for at in range(len(IMAGE) - 12)), END
    ),
    "something after it": saved("PNG") + b"<script>1</script>",
}

outcome = outcomes_of(walk_png)


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_picture_that_a_decoder_reads_is_accepted_with_its_size(content: bytes) -> None:
    found = walk_png(content, USUAL)
    assert (found.width, found.height) == opened_size(content)


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_chunks_cover_the_file_from_its_header_to_its_end(content: bytes) -> None:
    chunks = walk_png(content, USUAL).chunks
    whole = png(*(chunk(part.name, content[part.start : part.end]) for part in chunks))
    assert content.startswith(whole)
    assert (whole == content) == (content != WHOLE["something after it"])


def test_frames_are_counted_and_limited() -> None:
    assert walk_png(WHOLE["animated"], replace(USUAL, max_frames=3)).frames == 3
    assert walk_png(WHOLE["RGB"], USUAL).frames == 1
    with pytest.raises(TooManyFrames, match="3 frames"):
        walk_png(WHOLE["animated"], replace(USUAL, max_frames=2))
    pixels = 3 * SIZE[0] * SIZE[1]
    assert walk_png(WHOLE["animated"], replace(USUAL, max_animation_pixels=pixels)).frames == 3
    with pytest.raises(TooManyFrames, match="max_animation_pixels"):
        walk_png(WHOLE["animated"], replace(USUAL, max_animation_pixels=pixels - 1))


@pytest.mark.parametrize("name", ["RGB", "palette", "texts", "animated"])
def test_file_cut_off_anywhere_is_truncated(name: str) -> None:
    for length in range(8, len(WHOLE[name])):
        assert isinstance(outcome(WHOLE[name][:length]), Truncated), length


@pytest.mark.parametrize("name", ["RGB", "palette", "texts", "animated"])
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF], ids=hex)
def test_damaged_byte_is_refused_with_a_reason(name: str, flip: int) -> None:
    for at, damaged in enumerate(each_byte_changed(WHOLE[name], flip)):
        assert isinstance(outcome(damaged), AnswerError), at


@given(st.binary(max_size=400))
def test_random_bytes_after_a_signature_are_refused_with_a_reason(rest: bytes) -> None:
    assert isinstance(outcome(SIGNATURE + rest), AnswerError)


NAMES = [b"IHDR", b"IDAT", b"IEND", b"PLTE", b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"fcTL", b"acTL", b"xxXX"]


@given(st.lists(st.builds(chunk, st.sampled_from(NAMES), st.binary(max_size=60)), max_size=8))
def test_chunks_in_any_order_are_refused_with_a_reason_or_have_data_and_an_end(chunks: list[bytes]) -> None:
    found = outcome(png(header(1, 1), *chunks))
    if isinstance(found, Png):
        names = [part.name for part in found.chunks]
        assert b"IDAT" in names
        assert names[-1] == b"IEND"


CORRUPT = {
    "nothing": (b"", "does not begin with a signature"),
    "no header": (png(IMAGE, END), "first chunk is not IHDR"),
    "Apple's own form": (png(chunk(b"CgBI", bytes(4)), header(), IMAGE, END), "first chunk is not IHDR"),
    "short header": (png(chunk(b"IHDR", bytes(12)), IMAGE, END), "first chunk is not IHDR"),
    "two headers": (png(header(), header(), IMAGE, END), "two IHDR chunks"),
    "two palettes": (png(header(), *[chunk(b"PLTE", bytes(3))] * 2, IMAGE, END), "two PLTE chunks"),
    "no data": (png(header(), END), "no IDAT chunk"),
    "data in two places": (png(header(), IMAGE, chunk(b"tEXt", b"a\0b"), IMAGE, END), "do not follow each other"),
    "no palette": (png(header(73, 41, 8, 3), IMAGE, END), "palette is missing"),
    "palette after the data": (png(header(73, 41, 8, 3), IMAGE, chunk(b"PLTE", bytes(3)), END), "palette is missing"),
    "no width": (png(header(0, 41), IMAGE, END), "0 x 41 pixels"),
    "no height": (png(header(73, 0), IMAGE, END), "73 x 0 pixels"),
    "width of 32 bits": (png(header(2**31, 1), IMAGE, END), "2147483648 x 1 pixels"),
    "unknown colour": (png(header(73, 41, 8, 5), IMAGE, END), "8 bits of colour type 5"),
    "unknown depth": (png(header(73, 41, 4, 2), IMAGE, END), "4 bits of colour type 2"),
    "unknown compression": (png(header(73, 41, 8, 2, 1, 0, 0), IMAGE, END), "compression 1"),
    "unknown filter": (png(header(73, 41, 8, 2, 0, 1, 0), IMAGE, END), "filter 1"),
    "unknown interlacing": (png(header(73, 41, 8, 2, 0, 0, 2), IMAGE, END), "interlace 2"),
    "name of no letters": (png(header(), chunk(b"a1b2"), IMAGE, END), "a chunk is called b'a1b2'"),
    "wrong CRC": (png(header(), IMAGE[:-1] + b"!", END), "CRC of its chunk IDAT is wrong"),
    "short frame header": (png(header(), chunk(b"fcTL", bytes(8)), IMAGE, END), "a wrong length"),
    "endless chunks": (png(header(), chunk(b"tEXt") * MAX_CHUNKS, IMAGE, END), "more than 50000 chunks"),
}


@pytest.mark.parametrize(("content", "reason"), CORRUPT.values(), ids=CORRUPT.keys())
def test_invalid_file_is_corrupt(content: bytes, reason: str) -> None:
    with pytest.raises(Corrupt, match=reason):
        walk_png(content, USUAL)


def test_size_that_needs_more_data_is_truncated() -> None:
    with pytest.raises(Truncated, match=r"has at least 130912 bytes of data; this one has \d+"):
        walk_png(png(header(12_000, 4_000), IMAGE, END), USUAL)


def test_most_compressible_picture_is_accepted() -> None:
    content = saved("PNG", "1", (16_000, 3_000))
    assert walk_png(content, USUAL).width == 16_000
    flat = io.BytesIO()
    Image.new("RGB", (8_000, 6_000)).save(flat, "PNG", compress_level=9)
    assert walk_png(flat.getvalue(), USUAL).width == 8_000


def test_size_beyond_a_limit_is_refused_before_the_data_is_read() -> None:
    with pytest.raises(TooManyPixels):
        walk_png(png(header(12_800, 4_000)), USUAL)


def test_interlaced_picture_has_the_limit_of_buffered_ones() -> None:
    with pytest.raises(TooManyPixels, match="max_buffered_pixels"):
        walk_png(png(header(6_000, 5_000, 8, 2, 0, 0, 1)), USUAL)


@pytest.mark.parametrize(
    ("name", "before"),
    [(b"iCCP", b"icc\0\0"), (b"zTXt", b"Comment\0\0"), (b"iTXt", b"Comment\0\1\0en\0Kommentar\0")],
    ids=["profile", "text", "international text"],
)
def test_chunk_that_inflates_endlessly_is_a_bomb(name: bytes, before: bytes) -> None:
    for size in MAX_INFLATED_BYTES, MAX_INFLATED_BYTES + 1, 100 * MAX_INFLATED_BYTES:
        found = outcome(png(header(), chunk(name, before + zlib.compress(bytes(size))), IMAGE, END))
        if size == MAX_INFLATED_BYTES:
            assert isinstance(found, Png)
        else:
            assert isinstance(found, Bomb)
            assert f"chunk {name.decode()} unpacks to more than 4194304 bytes" in found.text


def test_chunks_that_are_too_large_together_are_a_bomb() -> None:
    half = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(MAX_INFLATED_BYTES // 2)))
    assert isinstance(outcome(png(header(), half, half, IMAGE, END)), Png)
    one = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a"))
    assert isinstance(outcome(png(header(), half, half, one, IMAGE, END)), Bomb)


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt"])
def test_large_chunk_that_inflates_to_nothing_is_a_bomb(name: bytes) -> None:
    one = chunk(name, b"a\0\0\x78\1" + b"\0\0\0\xff\xff" * (MAX_INFLATED_BYTES // 10))
    assert isinstance(outcome(png(header(), one, IMAGE, END)), Png)
    assert isinstance(outcome(png(header(), one, one, one, IMAGE, END)), Bomb)


def test_few_damaged_texts_and_profiles_are_accepted_and_many_are_a_bomb() -> None:
    for name in (b"iCCP", b"zTXt"):
        broken = chunk(name, b"a\0\0" + zlib.compress(bytes(100_000))[:-4] + b"none")
        assert isinstance(outcome(png(header(), broken, broken, IMAGE, END)), Png)
        assert isinstance(outcome(png(header(), chunk(name, b"a\0\0none"), IMAGE, END)), Png)
        assert isinstance(outcome(png(header(), *[broken] * 100, IMAGE, END)), Bomb)


def test_uncompressed_text_is_not_a_bomb() -> None:
    plain = chunk(b"iTXt", b"Comment\0\0\0en\0\0" + bytes(100))
    assert isinstance(outcome(png(header(), plain, IMAGE, END)), Png)
