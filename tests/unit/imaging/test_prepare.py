import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from authsvc.errors import Corrupt, DiskFull, TooManyPixels, Truncated, Unsupported
from authsvc.imaging.limits import Limits
from authsvc.imaging.prepare import Prepared, prepare
from authsvc.model import Digests, ImageType, Spooled
from tests.support.contract.small_disk import fill, small_disk, use_up_names
from tests.support.imaging.private_pictures import PRIVATE, SECRET
from tests.support.imaging.real_pictures import PICTURES, SIZE, saved
from tests.support.limits import USUAL


def spooled(folder: Path, content: bytes, name: str = "upload") -> Spooled:
    path = folder / name
    path.write_bytes(content)
    digests = Digests(hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest())
    return Spooled(path, len(content), digests)


@pytest.mark.parametrize(("kind", "content"), PICTURES.values(), ids=PICTURES.keys())
def test_picture_is_kept_byte_for_byte(tmp_path: Path, kind: ImageType, content: bytes) -> None:
    received = spooled(tmp_path, content)
    assert prepare(received, USUAL) == Prepared(received.path, received.size, kind, *SIZE)
    assert received.path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [received.path]


def test_type_comes_from_the_bytes_and_not_from_the_name(tmp_path: Path) -> None:
    assert prepare(spooled(tmp_path, saved("PNG"), "holiday.jpg"), USUAL).kind is ImageType.PNG


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg/>", saved("TIFF"), saved("BMP"), saved("JPEG")[:2]],
    ids=["nothing", "SVG", "TIFF", "BMP", "two bytes of a JPEG"],
)
def test_other_file_is_unsupported(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Unsupported):
        prepare(spooled(tmp_path, content, "picture.png"), USUAL)


@pytest.mark.parametrize("limits", [USUAL, None], ids=["uploaded", "stored already"])
def test_avif_with_a_cut_off_header_is_refused(tmp_path: Path, limits: Limits | None) -> None:
    with pytest.raises(Truncated if limits else Corrupt):
        prepare(spooled(tmp_path, saved("AVIF")[:16]), limits)


@pytest.mark.parametrize(("kind", "content"), PICTURES.values(), ids=PICTURES.keys())
def test_picture_of_any_type_beyond_a_limit_is_refused(tmp_path: Path, kind: ImageType, content: bytes) -> None:
    received = spooled(tmp_path, content)
    for limits in (
        replace(USUAL, max_side=max(SIZE) - 1),
        replace(USUAL, max_pixels=9),
    ):
        with pytest.raises(TooManyPixels):
            prepare(received, limits)
    assert prepare(received, None) == Prepared(received.path, received.size, kind, *SIZE)


@pytest.mark.parametrize("kind", list(ImageType))
def test_cut_off_file_is_accepted_only_when_it_is_stored_already(tmp_path: Path, kind: ImageType) -> None:
    received = spooled(tmp_path, saved(kind.name)[:-2])
    with pytest.raises(Truncated):
        prepare(received, USUAL)
    assert prepare(received, None) == Prepared(received.path, received.size, kind, *SIZE)


def test_avif_has_the_limit_of_buffered_pictures(tmp_path: Path) -> None:
    received = spooled(tmp_path, saved("AVIF"))
    with pytest.raises(TooManyPixels, match="raise max_buffered_pixels"):
        prepare(received, replace(USUAL, max_buffered_pixels=9))


def test_clean_file_is_beside_the_received_one(tmp_path: Path) -> None:
    kind, content = PRIVATE["JPEG, turned 6"]
    received = spooled(tmp_path, content, "upload.part")
    found = prepare(received, USUAL, strips=True)
    clean = found.path.read_bytes()
    assert found == Prepared(tmp_path / "upload.clean.part", len(clean), kind, *SIZE[::-1])
    assert (SECRET in content, SECRET in clean) == (True, False)
    assert received.path.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["upload.clean.part", "upload.part"]


@pytest.mark.needs_root
@pytest.mark.parametrize("room", ["no room", "no names"])
def test_clean_file_without_room_is_disk_full_and_removed(tmp_path: Path, room: str) -> None:
    content = saved("JPEG", size=(900, 900), quality=100, comment=b"private")
    with small_disk(tmp_path / "disk", "size=1m,nr_inodes=9") as disk:
        received = spooled(disk, content, "upload.part")
        if room == "no room":
            fill(disk)
        else:
            use_up_names(disk)
        before = sorted(disk.iterdir())
        with pytest.raises(DiskFull):
            prepare(received, USUAL, strips=True)
        assert sorted(disk.iterdir()) == before
