import asyncio

import pytest

from authsvc.access.live import Guard
from authsvc.access.site_list_file import read_site_list
from authsvc.access.tokens import fingerprint, new_token
from authsvc.errors import BadToken, WrongScope
from authsvc.model import Scope, Token
from authsvc.verdict.policy import Verdict
from tests.support.contract.values import a_token
from tests.support.stack import wait_until
from tests.support.workplace import Workplace


def _guard(place: Workplace, **settings: object) -> Guard:
    return Guard(place.catalog.access, place.settings.model_copy(update=settings))


def _issue(place: Workplace, name: str = "laptop", scope: Scope = Scope.UPLOAD) -> str:
    text = new_token()
    place.catalog.access.add_token(a_token(name, fingerprint=fingerprint(text), scope=scope))
    return text


def test_known_site_is_allowed_and_a_stranger_denied(place: Workplace) -> None:
    guard = _guard(place)
    assert asyncio.run(guard.verdict("localhost")).allowed
    assert not asyncio.run(guard.verdict("stranger.example")).allowed


@pytest.mark.parametrize("setting", ["allow", "deny"])
@pytest.mark.parametrize(("embedder", "name"), [("-none", "empty_referer"), ("-hidden", "hidden_referer")])
def test_missing_and_hidden_referers_go_by_their_settings(
    place: Workplace, embedder: str, name: str, setting: str
) -> None:
    guard = _guard(place, **{name: setting})
    assert asyncio.run(guard.verdict(embedder)).allowed is (setting == "allow")


def test_own_host_is_allowed(place: Workplace) -> None:
    guard = _guard(place, extra_hosts=("pics.example.org",))
    assert "pics.example.org" in guard.rules.own_hosts
    assert asyncio.run(guard.verdict("pics.example.org")).allowed


def test_change_of_the_sites_is_seen_and_published_at_the_next_refresh(place: Workplace) -> None:
    guard = _guard(place)
    place.catalog.access.add_site("blog.example", now=1)
    assert not asyncio.run(guard.verdict("blog.example")).allowed
    assert asyncio.run(guard.refresh()) is True
    assert asyncio.run(guard.verdict("blog.example")).allowed
    assert guard.sites_revision == place.catalog.access.revision().sites
    assert read_site_list(place.settings.site_list_path).revision == guard.sites_revision
    assert asyncio.run(guard.refresh()) is False


def test_change_of_the_tokens_publishes_no_site_list(place: Workplace) -> None:
    guard = _guard(place)
    _issue(place)
    assert asyncio.run(guard.refresh()) is True
    assert not place.settings.site_list_path.exists()


def test_list_that_could_not_be_published_is_published_by_a_later_refresh(place: Workplace) -> None:
    guard = _guard(place)
    place.catalog.access.remove_site("localhost")
    in_the_way = place.settings.site_list_path.with_suffix(".new")
    in_the_way.mkdir()
    with pytest.raises(IsADirectoryError):
        asyncio.run(guard.refresh())
    in_the_way.rmdir()
    asyncio.run(guard.refresh())
    assert read_site_list(place.settings.site_list_path).revision == guard.sites_revision


def test_verdict_for_a_newer_nginx_reads_the_sites_first(place: Workplace) -> None:
    guard = _guard(place)
    assert guard.nginx_revision is None
    place.catalog.access.add_site("blog.example", now=1)
    revision = place.catalog.access.revision().sites
    assert asyncio.run(guard.verdict("blog.example", nginx_revision=revision)).allowed
    assert guard.nginx_revision == revision


def test_concurrent_verdicts_for_a_newer_nginx_all_use_its_sites(place: Workplace) -> None:
    guard = _guard(place)
    place.catalog.access.add_site("blog.example", now=1)
    revision = place.catalog.access.revision().sites

    async def every() -> list[Verdict]:
        return await asyncio.gather(*(guard.verdict("blog.example", nginx_revision=revision) for _ in range(20)))

    assert all(verdict.allowed for verdict in asyncio.run(every()))


@pytest.mark.parametrize("lag", [0, 1], ids=["the same", "an older one"])
def test_revision_of_nginx_is_recorded_without_reading_the_sites(place: Workplace, lag: int) -> None:
    guard = _guard(place)
    seen = guard.sites_revision - lag
    place.catalog.access.add_site("blog.example", now=1)
    assert not asyncio.run(guard.verdict("blog.example", nginx_revision=seen)).allowed
    assert guard.nginx_revision == seen


def test_token_allows_only_its_scope(place: Workplace) -> None:
    upload, admin = _issue(place, "upload"), _issue(place, "admin", Scope.ADMIN)
    guard = _guard(place)
    assert asyncio.run(guard.authorize(upload, Scope.UPLOAD)).name == "upload"
    assert asyncio.run(guard.authorize(admin, Scope.ADMIN)).name == "admin"
    for token, other in ((upload, Scope.ADMIN), (admin, Scope.UPLOAD)):
        with pytest.raises(WrongScope):
            asyncio.run(guard.authorize(token, other))


@pytest.mark.parametrize("presented", ["", "asv_wrong"], ids=["no token", "wrong token"])
def test_unknown_token_is_refused(place: Workplace, presented: str) -> None:
    _issue(place)
    with pytest.raises(BadToken):
        asyncio.run(_guard(place).authorize(presented, Scope.UPLOAD))


def test_new_token_works_at_once(place: Workplace) -> None:
    guard = _guard(place)
    text = _issue(place)
    assert asyncio.run(guard.authorize(text, Scope.UPLOAD)).name == "laptop"


def test_new_token_works_for_many_concurrent_requests(place: Workplace) -> None:
    guard = _guard(place)
    text = _issue(place)

    async def every() -> list[Token | BaseException]:
        asked = (guard.authorize(text, Scope.UPLOAD) for _ in range(20))
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [token.name for token in asyncio.run(every()) if isinstance(token, Token)] == ["laptop"] * 20


def test_revoked_token_is_refused_from_the_next_refresh_on(place: Workplace) -> None:
    text = _issue(place)
    guard = _guard(place)
    place.catalog.access.revoke_token("laptop", now=1)
    asyncio.run(guard.refresh())
    with pytest.raises(BadToken):
        asyncio.run(guard.authorize(text, Scope.UPLOAD))


def test_use_of_a_token_is_recorded_once_a_minute(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    text = _issue(place)
    guard = _guard(place)
    token = asyncio.run(guard.authorize(text, Scope.UPLOAD))

    def last_use() -> int | None:
        return place.catalog.access.read().tokens[0].last_used_at

    for now, noted in ((1000.0, 1000), (1059.0, 1000), (1060.0, 1060)):
        monkeypatch.setattr("authsvc.access.live.time.time", lambda now=now: now)
        guard.note_use(token)
        wait_until(lambda: last_use() == noted, f"use noted at {noted}")  # noqa: B023 — asked at once
