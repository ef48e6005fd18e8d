"""What an installation uses, and where each time is waited for."""

import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from authsvc.model import SiteList
from authsvc.nginx.render import RenderTarget, render
from authsvc.nginx.templates import nginx_duration
from authsvc.settings import Settings
from authsvc.times import TIMES, Times

ROOT = Path(__file__).parents[2]

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

WAITED_FOR = {
    "verdict_answer": "http/nginx/test_outlives_service.py::test_frozen_service_costs_known_sites_nothing",
    "verdict_kept": "http/nginx/test_outlives_service.py::"
    "test_last_known_verdict_outlives_its_time_while_the_service_is_silent",
    "legacy_answer": "http/nginx/test_outlives_service.py::test_frozen_service_costs_known_sites_nothing",
    "token_answer": "http/upload/test_outage.py::test_frozen_service_is_unavailable_within_seconds",
    "upload_answer": "http/upload/test_outage.py::test_service_that_freezes_during_an_upload_is_a_timeout",
    "size_answer": "http/sizes/test_outages.py::test_first_request_before_a_frozen_service_gets_the_picture",
    "refused_body": "http/upload/test_slow_client.py::test_refused_client_that_stops_sending_is_dropped",
    "access_poll": "http/upload/test_tokens.py::test_revoked_token_stops_within_two_seconds",
    "avif_pause": "integration/sizes/test_maker.py::test_avif_starts_only_after_every_waiting_reader_is_served",
    "catalog_busy": "http/upload/test_limits.py::test_catalog_that_stays_locked_is_busy",
    "decoder_wait": "integration/decoder/test_waiting.py::test_job_that_waits_long_for_a_worker_is_told_to_come_again",
    "service_grace": "http/upload/test_slow_disk.py::test_service_that_stops_loses_no_upload_to_a_slow_disk",
    "up_grace": "system/up/test_end.py::test_signal_ends_everything_while_a_part_is_frozen",
    "death_window": "system/faults/test_service.py::"
    "test_service_killed_again_and_again_fails_no_read_and_loses_no_upload",
    "reload_pause": "system/up/test_site_list.py::test_change_that_could_not_be_applied_is_tried_again",
}
"""A test of each, with shorter times in `make test` and the real ones in `make campaign`."""

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


def test_every_time_is_listed_here() -> None:
    assert list(asdict(TIMES)) == list(SHIPPED) == list(WAITED_FOR)


@pytest.mark.parametrize("name", WAITED_FOR)
def test_campaign_waits_for_the_real_time(name: str) -> None:
    file, _, test = WAITED_FOR[name].partition("::")
    assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text()
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (paths,) = re.findall(r"(?m)^CAMPAIGN \?= (.*)", makefile)
    assert any(f"tests/{file}".startswith(path) for path in paths.split())


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
