"""Every valid picture passes the check, and nothing else reaches a decoder."""

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from authsvc.errors import Bomb, Corrupt, TooManyFrames, Unsupported
from authsvc.imaging.decoder.job import SizeJob
from authsvc.imaging.decoder.pool import DecoderPool
from authsvc.imaging.gif.walk import IMAGE, walk_gif
from authsvc.imaging.inspection import size_in_header
from authsvc.imaging.png.frames import later_frames
from authsvc.model import ImageType
from tests.support.decoder.pool import (
    SharedWorker,
    check,
    decoding_errors,
    made_by_libvips,
    make,
    outcome,
    pool,
    processes,
    run,
    saved,
)
from tests.support.imaging.avif_files import MADE
from tests.support.imaging.real_pictures import PICTURES
from tests.support.imaging.real_pictures import saved as real
from tests.support.limits import USUAL

shared = SharedWorker()


@pytest.fixture(scope="module", autouse=True)
def _shared_worker() -> Iterator[None]:
    with shared:
        yield


SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>"
PPM = b"P6 2 1 255\n" + bytes(6)
CSV = b"1,2\n3,4\n"
BMP = real("BMP")
TIFF = real("TIFF")


def test_every_picture_of_the_corpus_is_decoded(tmp_path: Path) -> None:
    async def check_all() -> dict[str, BaseException | None]:
        async with pool() as workers:
            return {
                name: await outcome(check(workers, saved(tmp_path, content)))
                for name, (kind, content) in PICTURES.items()
            }

    found = run(check_all)
    assert len(found) == len(PICTURES) > 40
    assert {name: error for name, error in found.items() if error is not None} == {}


@pytest.mark.parametrize("kind", list(ImageType))
@pytest.mark.parametrize("content", [SVG, PPM, CSV, BMP, TIFF], ids=["SVG", "PPM", "CSV", "BMP", "TIFF"])
def test_file_of_another_type_reaches_no_decoder(tmp_path: Path, content: bytes, kind: ImageType) -> None:
    path = saved(tmp_path, content)
    assert isinstance(shared.do(lambda workers: outcome(check(workers, path))), Unsupported)
    size_job = SizeJob(kind, 160, ImageType.WEBP)
    assert isinstance(shared.do(lambda workers: outcome(make(workers, path, size_job))), Corrupt)


@pytest.mark.parametrize("content", [SVG, TIFF], ids=["SVG", "TIFF"])
def test_libvips_without_our_set_up_decodes_it(tmp_path: Path, content: bytes) -> None:
    path = saved(tmp_path, content)
    assert made_by_libvips(f"b'%d' % pyvips.Image.new_from_file({str(path)!r}).width") != b""


@pytest.mark.parametrize("content", [SVG, PPM, TIFF, BMP], ids=["SVG", "PPM", "TIFF", "BMP"])
def test_libvips_with_our_set_up_finds_no_loader(tmp_path: Path, content: bytes) -> None:
    path = saved(tmp_path, content)
    code = f"""
import pyvips
from authsvc.imaging.decoder import vips
vips.set_up()
try:
    pyvips.Image.new_from_file({str(path)!r})
except pyvips.Error as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert "not a known file format" in result.stdout or "blocked" in result.stdout


def test_picture_of_another_type_than_the_job_names_is_refused(tmp_path: Path) -> None:
    async def act() -> list[BaseException | None]:
        async with pool() as workers:
            path = saved(tmp_path, real("JPEG"))
            return [await outcome(make(workers, path, SizeJob(kind, 20, ImageType.WEBP))) for kind in ImageType]

    assert [type(error) for error in run(act)] == [type(None), *[Corrupt] * 4]


def gif(screen: tuple[int, int], *frames: tuple[int, int, int, int]) -> bytes:
    """Return a GIF of one colour with frames of these places and sizes on its screen."""
    content = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    for left, top, width, height in frames:
        file = io.BytesIO()
        Image.new("P", (width, height)).save(file, "GIF", optimize=False)
        data = file.getvalue()
        (block,) = [block for block in walk_gif(data, USUAL).blocks if block.kind == IMAGE]
        content += struct.pack("<BHHHHB", 0x2C, left, top, width, height, 0) + data[block.start + 10 : block.end]
    return content + b";"


def damaged_jpeg() -> bytes:
    """Return a JPEG whose Huffman tables are all empty; the walk does not read them."""
    content = bytearray(real("JPEG"))
    at = -1
    while (at := content.find(b"\xff\xc4", at + 1)) >= 0:
        content[at + 5 : at + 21] = bytes(16)
    return bytes(content)


def damaged_gif() -> bytes:
    """Return a GIF whose compressed data consists of codes that do not exist yet."""
    content = bytearray(gif((30, 20), (0, 0, 30, 20)))
    at = content.index(b",") + 11
    length = content[at]
    content[at + 1 : at + 1 + length] = b"\xff" * length
    return bytes(content)


def damaged_png() -> bytes:
    """Return a PNG whose data is not a zlib stream, although its CRCs are right."""
    content = bytearray(real("PNG"))
    at = content.index(b"IDAT")
    length = int.from_bytes(content[at - 4 : at], "big")
    content[at + 6 : at + 4 + length] = b"\xff" * (length - 2)
    content[at + 4 + length : at + 8 + length] = zlib.crc32(content[at : at + 4 + length]).to_bytes(4, "big")
    return bytes(content)


def damaged_webp() -> bytes:
    content = bytearray(real("WEBP", lossless=True))
    content[25:-2] = b"\xff" * (len(content) - 27)
    return bytes(content)


def damaged_avif() -> bytes:
    content = bytearray(real("AVIF"))
    at = content.index(b"mdat") + 4
    content[at:] = b"\xff" * (len(content) - at)
    return bytes(content)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (ImageType.JPEG, damaged_jpeg()),
        (ImageType.PNG, damaged_png()),
        (ImageType.WEBP, damaged_webp()),
        (ImageType.AVIF, damaged_avif()),
        (ImageType.GIF, damaged_gif()),
    ],
    ids=["JPEG without Huffman tables", "PNG without zlib", "WebP of ones", "AVIF of ones", "GIF of ones"],
)
def test_picture_that_cannot_be_decoded_is_corrupt_and_the_worker_survives(
    tmp_path: Path, kind: ImageType, content: bytes
) -> None:
    async def act() -> None:
        async with pool() as workers:
            await check(workers, saved(tmp_path))
            before = processes()
            error = await outcome(check(workers, saved(tmp_path, content, "damaged")))
            assert isinstance(error, Corrupt)
            assert error.text.startswith(f"The {kind.name} file is damaged: ")
            assert processes() == before

    run(act)


def test_error_with_bytes_of_the_file_does_not_appear_in_another_job(tmp_path: Path) -> None:
    content = MADE["turned"].to_bytes()
    damaged = content.replace(b"irot", b"ir\xa9t")
    assert damaged != content

    async def act() -> None:
        async with pool() as workers:
            error = await outcome(check(workers, saved(tmp_path, damaged)))
            assert isinstance(error, Corrupt)
            assert "ir\ufffdt" in error.text
            await check(workers, saved(tmp_path, content))

    run(act)


def test_picture_that_takes_too_much_memory_is_a_bomb_and_the_next_is_decoded(tmp_path: Path) -> None:
    content = made_by_libvips(
        "pyvips.Image.black(6000, 4000, bands=3).write_to_buffer('.avif', effort=0, compression='av1')"
    )
    assert len(content) < 20_000

    async def act() -> None:
        async with pool(max_memory_bytes=300 * 2**20) as workers:
            assert isinstance(await outcome(check(workers, saved(tmp_path, content))), Bomb)
            await check(workers, saved(tmp_path))
        async with pool() as workers:
            await check(workers, saved(tmp_path, content))

    run(act)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (gif((30, 20), (0, 0, 30, 20)), (30, 20)),
        (gif((1, 1), (0, 0, 300, 200), (0, 0, 1, 1)), (300, 200)),
        (gif((100, 40), (20, 30, 50, 60)), (100, 90)),
        (gif((30, 20), (0, 0, 3, 2), (0, 0, 300, 200)), (30, 20)),
    ],
    ids=["as large as its screen", "larger", "beyond an edge", "a later frame is larger"],
)
def test_gif_has_the_size_that_decoders_find(tmp_path: Path, content: bytes, size: tuple[int, int]) -> None:
    found = walk_gif(content, USUAL)
    assert (found.width, found.height) == size
    assert size_in_header(content, ImageType.GIF) == size
    path = saved(tmp_path, content)
    printed = made_by_libvips(f"b'%d %d' % ((i := pyvips.Image.gifload({str(path)!r})).width, i.height)")
    assert tuple(map(int, printed.split())) == size

    assert decoding_errors([(path, ImageType.GIF)], max_pixels=size[0] * size[1]) == [""]
    (error,) = decoding_errors([(path, ImageType.GIF)], max_pixels=size[0] * size[1] - 1)
    assert f"{size[0]} x {size[1]} pixels in it, more than its header declares" in error
    accepted = shared.do(lambda workers: check(workers, path))
    assert (accepted.width, accepted.height) == size


def test_gif_with_a_first_frame_beyond_the_limits_is_refused_with_any_screen() -> None:
    content = gif((1, 1), (0, 0, 2000, 2000), *[(0, 0, 1, 1)] * 99)
    with pytest.raises(TooManyFrames, match="has 400 megapixels"):
        walk_gif(content, USUAL)


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_later_frames_of_a_png_are_decoded(tmp_path: Path, mode: str) -> None:
    frames = [Image.effect_noise((60, 40), 20 * number).convert(mode) for number in (1, 2, 3)]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], duration=100)
    content = file.getvalue()
    assert len(list(later_frames(content))) == 2
    begin = content.rindex(b"fdAT") + 8
    end = content.rindex(b"IEND") - 8
    zeros = bytes(end - begin)
    crc = zlib.crc32(content[begin - 8 : begin] + zeros)
    damaged = content[:begin] + zeros + crc.to_bytes(4, "big") + content[end + 4 :]

    async def act(workers: DecoderPool) -> None:
        await check(workers, saved(tmp_path, content))
        error = await outcome(check(workers, saved(tmp_path, damaged)))
        assert isinstance(error, Corrupt)
        assert "libpng" in error.text

    shared.do(act)
