import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.pictures import picture
from tests.support.stack import Stack
from tests.support.up.fresh import FreshStack
from tests.support.upload.watch import metric


@pytest.fixture(scope="module")
def newcomer() -> Iterator[FreshStack]:
    """A stack at its first start, which shows a token."""
    with FreshStack() as running:
        yield running


def test_printed_curl_line_works_when_pasted(newcomer: FreshStack) -> None:
    (line,) = re.findall(r"^  (curl .*)$", newcomer.output, re.MULTILINE)
    done = subprocess.run(line, shell=True, cwd="/", capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    path = json.loads(done.stdout)["data"]["path"]
    assert newcomer.get(path).content == (newcomer.data_dir / "welcome.png").read_bytes()


def test_curl_fails_visibly_with_a_wrong_token(newcomer: FreshStack) -> None:
    (line,) = re.findall(r"^  (curl .*)$", newcomer.output, re.MULTILINE)
    wrong = re.sub("asv_[^']*", "asv_wrong", line).replace("curl", "curl --fail-with-body")
    done = subprocess.run(wrong, shell=True, cwd="/", capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 22
    assert json.loads(done.stdout)["code"] == "bad_token"


def test_curl_uploads_in_chunks_from_a_pipe(stack: Stack) -> None:
    content = picture()
    command = ["curl", "-sS", "-H", f"token: {stack.token}", "-H", "Transfer-Encoding: chunked"]
    command += ["-F", "file=@-;filename=piped.png", f"{stack.base}/api/v1/upimg"]
    done = subprocess.run(command, input=content, capture_output=True, check=True, timeout=60)
    data = json.loads(done.stdout)["data"]
    assert (data["size"], data["name"]) == (len(content), "piped.png")


def test_uploads_are_counted_by_their_outcome(stack: Stack) -> None:
    def counted() -> tuple[float, ...]:
        names = ['uploads_total{code="ok"}', "upload_bytes_total", 'uploads_total{code="unsupported"}']
        return tuple(metric(stack, f"authsvc_{name}") for name in names)

    ok, size, unsupported = counted()
    content = picture()
    stack.upload(content)
    stack.upload(content)
    assert stack.post(b"no picture").status_code == 415
    assert counted() == (ok + 2, size + 2 * len(content), unsupported + 1)
    assert metric(stack, "authsvc_uploads_under_way") == 0
