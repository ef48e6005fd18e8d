"""The sizes of a picture: dimensions, colours, transparency, animation."""

import io
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageSequence

from authsvc.errors import Corrupt, Unsupported
from authsvc.imaging.decoder.job import SizeJob
from authsvc.model import ImageType
from tests.support.decoder.pool import SharedWorker, make, outcome, pool, processes, run, saved
from tests.support.experiments import size
from tests.support.imaging.real_pictures import PICTURES

WEBP, AVIF, JPEG, PNG, GIF = (ImageType.WEBP, ImageType.AVIF, ImageType.JPEG, ImageType.PNG, ImageType.GIF)


shared = SharedWorker()


@pytest.fixture(scope="module", autouse=True)
def _shared_worker() -> Iterator[None]:
    with shared:
        yield


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def sized(folder: Path, content: bytes, kind: ImageType, width: int, form: ImageType) -> Image.Image:
    """Return the copy, opened."""
    return Image.open(io.BytesIO(sized_bytes(folder, content, kind, width, form)))


def sized_bytes(folder: Path, content: bytes, kind: ImageType, width: int, form: ImageType) -> bytes:
    path = saved(folder, content)
    return shared.do(lambda workers: make(workers, path, SizeJob(kind, width, form)))


def failure(folder: Path, content: bytes, kind: ImageType, width: int, form: ImageType) -> BaseException | None:
    path = saved(folder, content)
    return shared.do(lambda workers: outcome(make(workers, path, SizeJob(kind, width, form))))


def pixel(image: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    found = image.getpixel(at)
    assert isinstance(found, tuple)
    return tuple(map(int, found))


def is_near(found: tuple[int, ...], wanted: tuple[int, ...], *, by: int = 12) -> bool:
    return len(found) == len(wanted) and all(abs(a - b) <= by for a, b in zip(found, wanted, strict=True))


def test_every_picture_has_a_smaller_webp_unless_its_animation_would_be_lost(tmp_path: Path) -> None:
    sizes: dict[str, bytes] = {}

    async def kept(name: str, made: Awaitable[bytes]) -> None:
        sizes[name] = await made

    async def act() -> dict[str, BaseException | None]:
        async with pool() as workers:
            return {
                name: await outcome(kept(name, make(workers, saved(tmp_path, content), SizeJob(kind, 20, WEBP))))
                for name, (kind, content) in PICTURES.items()
            }

    found = run(act)
    lost = {name for name, error in found.items() if isinstance(error, Unsupported)}
    assert lost == {"PNG, animated", "AVIF, animated"}
    assert {name: error for name, error in found.items() if error is not None and name not in lost} == {}
    assert sizes.keys() == PICTURES.keys() - lost
    for name, content in sizes.items():
        with Image.open(io.BytesIO(content)) as image:
            assert (image.format, image.width) == ("WEBP", 20), name


@pytest.mark.parametrize("form", [PNG, WEBP, AVIF])
@pytest.mark.parametrize(
    ("size", "width", "expected"),
    [
        ((1000, 700), 160, (160, 112)),
        ((100, 70), 160, (100, 70)),
        ((1, 1), 160, (1, 1)),
        ((900, 3), 160, (160, 1)),
        ((3, 9000), 160, (3, 9000)),
    ],
    ids=["smaller", "never larger", "one pixel", "flat", "high"],
)
def test_copy_has_the_width_and_the_proportions(
    tmp_path: Path, size: tuple[int, int], width: int, expected: tuple[int, int], form: ImageType
) -> None:
    content = encoded(Image.new("RGB", size, "navy"), "JPEG")
    with sized(tmp_path, content, JPEG, width, form) as image:
        assert (image.size, image.format) == (expected, form.name)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_removed(tmp_path: Path, orientation: int) -> None:
    image = Image.new("RGB", (160, 80), "white")
    image.paste("red", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(image, "JPEG", quality=95, exif=exif.tobytes())
    with sized(tmp_path, content, JPEG, 20, WEBP) as copy:
        assert copy.size == ((20, 40) if orientation >= 5 else (20, 10))
        assert not copy.getexif()
        # The new place of the corner: TIFF 6.0, Orientation.
        right, down = orientation in {2, 3, 6, 7}, orientation in {3, 4, 7, 8}
        corner = (copy.width - 2 if right else 1, copy.height - 2 if down else 1)
        assert is_near(pixel(copy.convert("RGB"), corner), (255, 0, 0), by=60)


@pytest.mark.parametrize("kind", [JPEG, PNG, WEBP])
def test_colours_are_converted_to_srgb_without_a_profile(tmp_path: Path, kind: ImageType) -> None:
    # A profile that exchanges red and green, so that a wrong conversion is easy to see.
    swapped = swapped_srgb()
    name = kind.name
    content = encoded(Image.new("RGB", (60, 40), (255, 0, 0)), name, icc_profile=swapped)
    with sized(tmp_path, content, kind, 20, WEBP) as copy:
        assert "icc_profile" not in copy.info
        assert is_near(pixel(copy.convert("RGB"), (5, 5)), (0, 255, 0), by=30)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = encoded(Image.new("RGB", (60, 40), (255, 0, 0)), name, icc_profile=srgb)
    with sized(tmp_path, plain, kind, 20, WEBP) as copy:
        assert is_near(pixel(copy.convert("RGB"), (5, 5)), (255, 0, 0), by=30)


def swapped_srgb() -> bytes:
    """Return an sRGB profile with the primaries red and green exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def test_cmyk_is_converted_to_srgb(tmp_path: Path) -> None:
    content = encoded(Image.new("CMYK", (60, 40), (0, 255, 255, 0)), "JPEG", quality=95)
    for form in (JPEG, WEBP):
        with sized(tmp_path, content, JPEG, 20, form) as copy:
            assert copy.mode == "RGB"
            red, green, blue = pixel(copy, (5, 5))
            assert (red > 180, green < 100, blue < 100) == (True, True, True)


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    content = encoded(Image.new("I;16", (60, 40), 0x8000), "PNG")
    for form in (PNG, WEBP):
        with sized(tmp_path, content, PNG, 20, form) as copy:
            assert is_near(pixel(copy.convert("RGB"), (5, 5)), (128, 128, 128))


@pytest.mark.parametrize("form", [PNG, WEBP, AVIF])
def test_transparency_is_kept(tmp_path: Path, form: ImageType) -> None:
    image = Image.new("RGBA", (60, 40), (200, 30, 60, 255))
    image.paste((0, 0, 0, 0), (30, 0, 60, 40))
    with sized(tmp_path, encoded(image, "PNG"), PNG, 30, form) as copy:
        assert is_near(pixel(copy, (3, 3)), (200, 30, 60, 255))
        assert pixel(copy, (27, 3))[3] == 0


@pytest.mark.parametrize("kind", [GIF, WEBP])
@pytest.mark.parametrize("form", [GIF, WEBP])
def test_animation_keeps_frames_times_and_repetitions(tmp_path: Path, kind: ImageType, form: ImageType) -> None:
    if (kind, form) == (WEBP, GIF):
        form = WEBP  # a GIF is never made from a WebP
    shades = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]
    frames = [Image.new("RGB", (60, 40), shade) for shade in shades]
    content = encoded(frames[0], kind.name, save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=2)
    with sized(tmp_path, content, kind, 20, form) as copy:
        found = [_seen(frame) for frame in ImageSequence.Iterator(copy)]
        assert [size for size, _, _ in found] == [(20, 13)] * 3
        assert all(is_near(shade, wanted, by=40) for (_, shade, _), wanted in zip(found, shades, strict=True))
        assert [duration for _, _, duration in found] == [100, 200, 300]
        assert copy.info["loop"] in {2, 3}


def _seen(frame: Image.Image) -> tuple[tuple[int, int], tuple[int, ...], object]:
    """Return a frame's size, the colour of a pixel and its milliseconds."""
    frame.load()
    return frame.size, pixel(frame.convert("RGB"), (5, 5)), frame.info["duration"]


@pytest.mark.parametrize("name", ["GIF, animated", "WEBP, animated", "PNG, animated", "AVIF, animated"])
def test_no_animation_becomes_a_still_avif(tmp_path: Path, name: str) -> None:
    kind, content = PICTURES[name]
    assert isinstance(failure(tmp_path, content, kind, 20, AVIF), Unsupported)


def test_nothing_private_is_copied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    content = encoded(
        Image.new("RGB", (90, 60)), "JPEG", exif=exif.tobytes(), comment=b"SecretComment", xmp=b"<x>SecretXmp</x>"
    )
    assert content.count(b"Secret") == 3
    for form in (JPEG, WEBP, AVIF):
        assert b"Secret" not in sized_bytes(tmp_path, content, JPEG, 30, form)


def test_empty_file_has_no_size(tmp_path: Path) -> None:
    assert isinstance(failure(tmp_path, b"", JPEG, 100, WEBP), Unsupported)


@pytest.mark.parametrize("kind", list(ImageType))
def test_cut_off_picture_of_each_type_is_corrupt(tmp_path: Path, kind: ImageType) -> None:
    content = encoded(Image.effect_noise((400, 300), 60).convert("RGB"), kind.name)
    assert isinstance(failure(tmp_path, content[: len(content) // 2], kind, 100, WEBP), Corrupt)


def test_size_that_is_longer_than_a_result_may_be_is_useless(tmp_path: Path) -> None:
    content = encoded(Image.effect_noise((400, 300), 60), "PNG")

    async def act() -> BaseException | None:
        async with pool(max_result_bytes=4096) as workers:
            return await outcome(make(workers, saved(tmp_path, content), SizeJob(PNG, 320, PNG)))

    assert isinstance(run(act), Unsupported)


@pytest.mark.parametrize("width", [320, 640])
def test_size_in_its_own_format_has_to_be_smaller_than_the_picture(tmp_path: Path, width: int) -> None:
    content = encoded(Image.new("RGB", (320, 500)), "PNG")
    assert isinstance(failure(tmp_path, content, PNG, width, PNG), Unsupported)


def test_memory_of_a_worker_does_not_grow(tmp_path: Path) -> None:
    content = encoded(Image.effect_noise((size(400, 1200), size(300, 900)), 90).convert("RGB"), "JPEG")

    async def act() -> list[int]:
        async with pool() as workers:
            source, resident = saved(tmp_path, content), []
            for _ in range(60):
                await make(workers, source, SizeJob(JPEG, size(200, 800), WEBP))
                resident.append(_resident_kilobytes())
            return resident

    resident = run(act)
    # The minimum, because memory is returned only after the answer, when the worker is idle.
    assert min(resident[40:]) < min(resident[:20]) + 4 * 1024


def _resident_kilobytes() -> int:
    (pid,) = processes()
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))
