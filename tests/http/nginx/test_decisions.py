"""Each row of the decision table, asked of Python, of nginx and of the command."""

from collections.abc import Iterator

import pytest

from authsvc.verdict.embedder import DEFAULT_EDITOR_AGENTS, embedder_of
from authsvc.verdict.policy import Reason, Rules, decide
from authsvc.verdict.sites import SiteSet
from docs.decisions import DECISIONS, PUBLIC_URL, SITES, Decision
from tests.support.nginx.site_list import wait_until_service_is_quiet
from tests.support.nginx.wire import Wire
from tests.support.stack import Stack

FROM_THE_START = ("localhost", "127.0.0.1", "[::1]")
RULES = Rules(
    SiteSet.of((*SITES, *FROM_THE_START)), frozenset({"img.example.com"}), allows_empty=True, allows_hidden=False
)
every_row = pytest.mark.parametrize("row", DECISIONS, ids=lambda row: row.situation.replace("`", ""))


@pytest.fixture(scope="module")
def host() -> Iterator[Stack]:
    """An image host with the table's sites."""
    with Stack(public_url=PUBLIC_URL) as running:
        for site in SITES:
            running.cli("site", "add", site)
        wait_until_service_is_quiet(running)
        yield running


@pytest.fixture(scope="module")
def picture_path(host: Stack, content: bytes) -> str:
    return host.upload(content)


@every_row
def test_python_decides_as_the_table_says(row: Decision) -> None:
    headers = {name.lower(): value for name, value in row.headers.items()}
    word = embedder_of(headers, editor_agents=DEFAULT_EDITOR_AGENTS)
    verdict = decide(word, RULES)
    assert (word, verdict.reason, verdict.allowed) == (row.embedder, row.reason, row.allowed)


@every_row
def test_nginx_answers_as_the_table_says(host: Stack, picture_path: str, content: bytes, row: Decision) -> None:
    with Wire(host.port) as wire:
        answer = wire.ask(picture_path, row.headers)
    expected = (200, content) if row.allowed else (403, host.placeholder("hotlink.png"))
    assert (answer.status, answer.body) == expected


def test_rows_are_distinct_and_show_every_reason() -> None:
    assert len({row.situation for row in DECISIONS}) == len({row.sent for row in DECISIONS}) == len(DECISIONS)
    assert {row.reason for row in DECISIONS} == set(Reason)
