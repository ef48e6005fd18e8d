"""Private metadata of an uploaded picture is never served."""

import hashlib
import io

import pytest
from PIL import Image

from authsvc.model import ImageType
from tests.support.imaging.private_pictures import PRIVATE, SECRET
from tests.support.imaging.real_pictures import saved
from tests.support.stack import Stack

SOME = ["JPEG, camera", "JPEG, turned 6", "PNG, texts", "GIF, animated", "WEBP, profile"]


@pytest.mark.parametrize("name", SOME)
def test_uploaded_picture_is_stored_and_read_without_metadata(stack: Stack, name: str) -> None:
    kind, content = PRIVATE[name]
    data = stack.post(content).json()["data"]
    read = stack.get(data["path"])
    assert (read.status_code, read.headers["content-type"]) == (200, kind.mime)
    assert SECRET not in read.content
    assert (data["md5"], data["size"]) == (hashlib.md5(read.content).hexdigest(), len(read.content))
    with Image.open(io.BytesIO(read.content)) as image:
        turned = image.getexif().get(0x0112, 1) >= 5
        assert (data["width"], data["height"]) == (image.size[::-1] if turned else image.size)
    assert list((stack.data_dir / "tmp").iterdir()) == []


def test_original_and_clean_picture_have_one_address(stack: Stack) -> None:
    _, content = PRIVATE["JPEG, camera"]
    path = stack.upload(content)
    clean = stack.get(path).content
    assert clean != content
    assert [stack.upload(content), stack.upload(clean), stack.upload(content + b"another trailer")] == [path] * 3


def test_picture_that_has_no_metadata_is_stored_as_it_is(stack: Stack) -> None:
    content = saved("PNG", size=(123, 77))
    assert stack.get(stack.upload(content)).content == content


def test_metadata_is_kept_by_a_setting_and_the_address_stays_the_same_after_it_changes() -> None:
    kind, content = PRIVATE["JPEG, camera"]
    assert kind is ImageType.JPEG
    with Stack(strip_metadata="false") as keeping:
        path = keeping.upload(content + b"trailer")
        assert keeping.get(path).content == content
        assert keeping.stop() == 0
        keeping.environment["AUTHSVC_STRIP_METADATA"] = "true"
        keeping.start()
        # Recognised by the bytes that were received.
        assert keeping.upload(content + b"trailer") == path
        assert keeping.get(path).content == content
        assert SECRET not in keeping.get(keeping.upload(PRIVATE["JPEG, turned 6"][1])).content


def test_width_of_a_rotated_photograph_is_the_width_on_the_screen(stack: Stack) -> None:
    data = stack.post(PRIVATE["JPEG, turned 8"][1]).json()["data"]
    assert (data["width"], data["height"]) == (41, 73)
    assert 'width="41" height="73"' in data["html"]
