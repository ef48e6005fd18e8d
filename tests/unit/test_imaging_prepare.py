import hashlib
from pathlib import Path

import pytest

from authsvc.errors import Corrupt, Unsupported
from authsvc.imaging.prepare import Prepared, prepare
from authsvc.model import Digests, ImageType, Spooled
from tests.unit.real_pictures import PICTURES, SIZE, saved


def spooled(folder: Path, content: bytes, name: str = "upload") -> Spooled:
    path = folder / name
    path.write_bytes(content)
    digests = Digests(hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest())
    return Spooled(path, len(content), digests)


@pytest.mark.parametrize(("kind", "content"), PICTURES.values(), ids=PICTURES.keys())
def test_picture_is_kept_byte_for_byte(tmp_path: Path, kind: ImageType, content: bytes) -> None:
    received = spooled(tmp_path, content)
    assert prepare(received) == Prepared(received, kind, *SIZE)
    assert received.path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [received.path]


def test_type_comes_from_the_bytes_and_not_from_the_name(tmp_path: Path) -> None:
    assert prepare(spooled(tmp_path, saved("PNG"), "holiday.jpg")).kind is ImageType.PNG


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg/>", saved("TIFF"), saved("BMP"), saved("JPEG")[:2]],
    ids=["nothing", "SVG", "TIFF", "BMP", "two bytes of a JPEG"],
)
def test_other_file_is_unsupported(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Unsupported):
        prepare(spooled(tmp_path, content, "picture.png"))


@pytest.mark.parametrize("kind", ImageType, ids=str)
def test_picture_with_a_cut_header_is_corrupt(tmp_path: Path, kind: ImageType) -> None:
    with pytest.raises(Corrupt, match=f"The picture's {kind.name} header is damaged"):
        prepare(spooled(tmp_path, saved(kind.name)[:16] if kind is not ImageType.GIF else b"GIF89a"))
