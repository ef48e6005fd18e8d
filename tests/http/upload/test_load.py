import hashlib
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.support.imaging.private_pictures import png_chunk, png_with
from tests.support.pictures import noise, picture
from tests.support.stack import Stack
from tests.support.upload.catalog import digests
from tests.support.upload.watch import blobs, forget_peak, memory, wait_until_clean
from tests.support.upload.wire import Answer, connect, form, part, receive, upload_head

MIB = 2**20


def upload_at_once(stack: Stack, contents: list[bytes]) -> list[Answer]:
    """Upload all; the last byte of each is held back until every other byte is sent."""
    token = stack.token
    together = threading.Barrier(len(contents))

    def upload(content: bytes) -> Answer:
        body = form(part(content))
        with connect(stack) as connection:
            connection.sendall(upload_head(stack, len(body), token=token) + body[:-1])
            together.wait(60)
            connection.sendall(body[-1:])
            return receive(connection)

    with ThreadPoolExecutor(len(contents)) as pool:
        return list(pool.map(upload, contents))


def test_simultaneous_uploads_of_one_new_picture_are_equal_successes(stack: Stack) -> None:
    for _ in range(5):
        content = picture()
        before = blobs(stack)
        answers = upload_at_once(stack, [content] * 20)
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        assert blobs(stack) - before == {answers[0].json["data"]["path"]}
        wait_until_clean(stack)


def test_many_large_uploads_at_once_need_little_memory(stack: Stack) -> None:
    service = stack.pid("service")
    shared = noise(20 * MIB - 21)
    # Another density each, in 21 bytes.
    densities = [png_chunk(b"pHYs", struct.pack(">IIB", number, number, 0)) for number in range(1, 21)]
    contents = [png_with(density, plain=shared) for density in densities]
    assert {len(content) for content in contents} == {20 * MIB}
    forget_peak(service)
    answers = upload_at_once(stack, contents)
    peak = memory(service, "VmHWM")
    print(f"service's peak of memory: {peak / 1e6:.0f} MB")
    assert peak < 150e6
    assert {answer.status for answer in answers} == {200}
    for content, answer in zip(contents, answers, strict=True):
        digest = hashlib.md5(content).hexdigest()
        assert answer.json["data"]["md5"] == digest
        stored = stack.data_dir / "blobs" / answer.json["data"]["path"][1:]
        assert stored.read_bytes() == content
        stored_as = stored.relative_to(stack.data_dir / "blobs")
        assert str(stored_as) == f"{digest[:2]}/{digest[2:]}.png"
    assert {hashlib.md5(content).hexdigest() for content in contents} <= digests(stack)
    wait_until_clean(stack)
