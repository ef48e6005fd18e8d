"""The times of an installation, and the tests that wait for them."""

import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from authsvc.model import SiteList
from authsvc.nginx.render import RenderTarget, render
from authsvc.nginx.templates import nginx_duration
from authsvc.settings import Settings
from authsvc.times import TIMES, Times
from authsvc.up.supervisor import LAST_GRACE_SECONDS

TESTS = Path(__file__).parents[1]

SHIPPED = {
    "verdict_answer": 1,
    "verdict_kept": 10,
    "legacy_answer": 2,
    "token_answer": 30,
    "upload_answer": 60,
    "size_answer": 5,
    "refused_body": 10,
    "access_poll": 1,
    "avif_pause": 1,
    "catalog_busy": 10,
    "decoder_wait": 30,
    "service_grace": 4,
    "up_grace": 3,
    "death_window": 30,
    "reload_pause": 1,
}

DIRECTIVES = {
    "snippets/verdict/auth-request.conf": [
        "proxy_read_timeout 1s;",
        "proxy_send_timeout 1s;",
        "proxy_cache_valid 204 403 10s;",
    ],
    "snippets/pictures/locations.conf": ["proxy_read_timeout 2s;"],
    "snippets/sizes/locations.conf": ["proxy_read_timeout 6s;"],
    "snippets/uploads/upload.conf": ["proxy_read_timeout 60s;", "proxy_read_timeout 30s;"],
    "authsvc-server.conf": ["lingering_timeout 10s;"],
}


@pytest.mark.parametrize("name", SHIPPED)
def test_time_of_an_installation(name: str) -> None:
    assert getattr(TIMES, name) == SHIPPED[name]


def test_times_that_depend_on_each_other_fit() -> None:
    assert TIMES.upload_answer == 2 * TIMES.decoder_wait
    assert TIMES.decoder_wait > TIMES.catalog_busy
    assert TIMES.access_poll < 2, "a revoked token stops within two seconds"
    assert TIMES.up_grace + 2 * LAST_GRACE_SECONDS < 5, "everything ends within five seconds"


def test_every_time_is_listed_here() -> None:
    assert list(asdict(TIMES)) == list(SHIPPED)


def test_a_test_waits_for_each_time() -> None:
    """The times are shorter in `make test` and real in `make campaign`."""
    marks = [
        name for file in TESTS.rglob("test_*.py") for name in re.findall(r'waits_for\("(\w+)"\)', file.read_text())
    ]
    assert set(marks) == set(SHIPPED)
    assert '-m "waits_for or promised"' in (TESTS.parent / "Makefile").read_text()


def rendered(folder: Path) -> dict[str, str]:
    target = RenderTarget(folder / "verdicts", folder / "placeholders")
    return render(Settings(data_dir=folder), SiteList(0, ()), folder, target)


@pytest.mark.parametrize("name", DIRECTIVES)
def test_nginx_gets_the_times_of_an_installation(folder: Path, name: str) -> None:
    text = rendered(folder)[name]
    for directive in DIRECTIVES[name]:
        assert directive in text


def test_nginx_gets_shorter_times_where_a_test_has_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authsvc.nginx.render.TIMES", replace(Times(), verdict_kept=0.25))
    assert "proxy_cache_valid 204 403 250ms;" in rendered(folder)["snippets/verdict/auth-request.conf"]


@pytest.mark.parametrize(("seconds", "text"), [(1, "1s"), (10.0, "10s"), (0.1, "100ms"), (1.5, "1500ms")])
def test_duration_is_written_as_nginx_reads_it(seconds: float, text: str) -> None:
    assert nginx_duration(seconds) == text
