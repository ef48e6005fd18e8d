import threading

from authsvc.access.follower import AccessFollower
from authsvc.catalog.access import SqlAccessCatalog
from authsvc.catalog.port import AccessList
from tests.support.contract.values import a_token
from tests.support.workplace import Workplace


def test_follower_starts_with_the_content_of_the_catalog(place: Workplace) -> None:
    place.catalog.access.add_site("example.com", now=1)
    assert AccessFollower(place.catalog.access).current == place.catalog.access.read()


def test_unchanged_catalog_is_not_read_again(place: Workplace) -> None:
    follower = AccessFollower(place.catalog.access)
    before = follower.current
    assert follower.refresh() is False
    assert follower.current is before


def test_change_by_another_process_is_read_once(place: Workplace) -> None:
    follower = AccessFollower(place.catalog.access)
    token = a_token()
    place.catalog.access.add_token(token)
    assert follower.refresh() is True
    assert follower.current.tokens == (token,)
    assert follower.refresh() is False


def test_use_of_a_token_is_not_a_change(place: Workplace) -> None:
    token = a_token()
    place.catalog.access.add_token(token)
    follower = AccessFollower(place.catalog.access)
    place.catalog.access.note_use(token, now=5).result()
    assert follower.refresh() is False


def test_slow_reader_never_restores_an_older_list(place: Workplace) -> None:
    """One thread has read the list and is held up; another reads a newer one."""
    has_read, may_go_on = threading.Event(), threading.Event()

    class SlowOnce(SqlAccessCatalog):
        is_slow = False

        def read(self) -> AccessList:
            found = super().read()
            if self.is_slow:
                self.is_slow = False
                has_read.set()
                may_go_on.wait(1)
            return found

    access = SlowOnce(place.catalog._engine, place.catalog._writer)
    follower = AccessFollower(access)
    access.is_slow = True
    access.add_token(a_token("laptop"))
    slow = threading.Thread(target=follower.refresh)
    slow.start()
    assert has_read.wait(60)
    access.revoke_token("laptop", now=5)
    follower.refresh()
    may_go_on.set()
    slow.join(60)
    assert follower.current.tokens[0].revoked_at == 5
