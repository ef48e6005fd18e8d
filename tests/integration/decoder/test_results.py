"""What a worker returns: a file that nobody can change afterwards, and that only the service names."""

import os
from pathlib import Path

import pytest

from authsvc.errors import Busy
from authsvc.imaging.decoder.job import SizeJob
from authsvc.imaging.inspection import inspect
from authsvc.imaging.pieces import contents
from authsvc.model import ImageType
from tests.support.decoder.pool import check, outcome, pool, processes, run, saved, started
from tests.support.imaging.private_pictures import PRIVATE, SECRET
from tests.support.limits import USUAL

KIND, CONTENT = PRIVATE["JPEG, turned 6"]


def test_clean_picture_is_the_one_that_the_strip_function_makes_and_cannot_be_changed(tmp_path: Path) -> None:
    async def act() -> bytes:
        async with pool() as workers:
            with saved(tmp_path, CONTENT).open("rb") as file:
                accepted, clean = await workers.inspect(file.fileno(), owner="owner")
            with clean:
                assert accepted.clean_bytes == clean.size
                for change in (
                    lambda: os.pwrite(clean.descriptor, b"x", 0),
                    lambda: os.ftruncate(clean.descriptor, 1),
                    lambda: os.ftruncate(clean.descriptor, clean.size + 1),
                ):
                    with pytest.raises(PermissionError):
                        change()
                return b"".join(clean.blocks())

    clean = run(act)
    assert (SECRET in CONTENT, SECRET in clean) == (True, False)
    assert clean == b"".join(contents(CONTENT, inspect(CONTENT, KIND, USUAL, strips=True).pieces))


def test_picture_without_metadata_gives_an_empty_file(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            with saved(tmp_path).open("rb") as file:
                accepted, clean = await workers.inspect(file.fileno(), owner="owner")
            with clean:
                assert (accepted.kind, accepted.width, accepted.height) == (ImageType.PNG, 40, 30)
                assert (accepted.clean_bytes, clean.size, list(clean.blocks())) == (None, 0, [])

    run(act)


@pytest.mark.parametrize(
    "keep",
    ["kept = mmap.mmap(result, 100)", "os.ftruncate(result, 99)", "os.ftruncate(result, 0)"],
    ids=["keeps a way to write", "wrote less", "wrote nothing"],
)
def test_worker_whose_result_is_not_what_it_claims_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, keep: str
) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    # In the place of libvips, which a worker loads first.
    (modules / "pyvips.py").write_text(f"""
import mmap, os, socket
service = socket.socket(fileno=0)
service.send(b'{{"has_filter": false, "landlock_version": 0}}')
while True:
    message, files, _, _ = socket.recv_fds(service, 16384, 2)
    if not message:
        os._exit(0)
    result = files[1]
    os.write(result, bytes(100))
    {keep}
    service.send(b"[100]")
""")
    monkeypatch.setenv("PYTHONPATH", f"{modules}:{os.environ.get('PYTHONPATH', '')}")

    async def act() -> BaseException | None:
        async with pool() as workers:
            with saved(tmp_path).open("rb") as file:
                job = SizeJob(ImageType.PNG, 160, ImageType.WEBP)
                error = await outcome(workers.make_size(file.fileno(), job))
            assert processes() == set()
            return error

    assert isinstance(run(act), Busy)
    assert caplog.messages[-1] == "a worker ended with status -9 while it decoded a picture"


def test_worker_is_replaced_after_a_number_of_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authsvc.imaging.decoder.pool.MAX_JOBS", 3)

    async def act() -> list[int]:
        async with pool() as workers:
            first = await started(workers, tmp_path)
            await check(workers, tmp_path / "picture")
            assert processes() == {first}
            await check(workers, tmp_path / "picture")
            assert processes() == set()
            await check(workers, tmp_path / "picture")
            return [first, *processes()]

    first, second = run(act)
    assert first != second
