"""A body above every limit gets the answer of its address, not nginx's own 413."""

import pytest

from tests.support.stack import Stack

LARGE = b"x" * 3_000_000


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        pytest.param("/api/v2/upload", 404, "application/json", id="another upload interface"),
        pytest.param("/admin/x", 404, "image/png", id="no address at all"),
        pytest.param("/robots.txt", 405, "text/plain", id="a file to read"),
        pytest.param("/favicon.ico", 405, "text/plain", id="the icon"),
    ],
)
def test_large_body_changes_no_answer(stack: Stack, path: str, status: int, kind: str) -> None:
    answer = stack.client.post(path, content=LARGE)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(kind)
