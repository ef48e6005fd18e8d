"""What every catalog of tokens and sites does. A subclass defines how to open one."""

from dataclasses import replace

import pytest

from authsvc.catalog.port import AccessCatalog, Revision
from authsvc.errors import BadName, NoSuchObject
from authsvc.model import Scope
from tests.support.contract.values import a_token


def _raised(before: Revision, *, tokens: int = 0, sites: int = 0) -> Revision:
    return Revision(before.tokens + tokens, before.sites + sites)


class AccessCatalogContract:
    @pytest.fixture
    def access(self) -> AccessCatalog:
        """A catalog without tokens, with the first sites."""
        raise NotImplementedError

    @pytest.fixture
    def elsewhere(self) -> AccessCatalog:
        """The same catalog, opened a second time."""
        raise NotImplementedError

    def test_new_catalog_has_the_sites_of_local_previews_and_no_token(self, access: AccessCatalog) -> None:
        assert access.read().tokens == ()
        assert access.read().sites == ("127.0.0.1", "[::1]", "localhost")

    def test_added_site_is_read_in_order_and_raises_the_revision_once(
        self, access: AccessCatalog, elsewhere: AccessCatalog
    ) -> None:
        before = access.revision()
        assert access.add_site("example.com", now=1) is True
        assert access.add_site("*.example.com", now=2) is True
        for opened in (access, elsewhere):
            assert opened.read().sites == ("*.example.com", "127.0.0.1", "[::1]", "example.com", "localhost")
            assert opened.revision() == opened.read().revision == _raised(before, sites=2)

    def test_site_on_the_list_is_not_added_again(self, access: AccessCatalog) -> None:
        before = access.read()
        assert access.add_site("localhost", now=1) is False
        assert access.read() == before

    def test_removed_site_is_gone_and_raises_the_revision(self, access: AccessCatalog) -> None:
        before = access.revision()
        assert access.remove_site("localhost") is True
        assert access.read().sites == ("127.0.0.1", "[::1]")
        assert access.revision() == _raised(before, sites=1)

    def test_removal_of_a_site_not_on_the_list_changes_nothing(self, access: AccessCatalog) -> None:
        before = access.read()
        assert access.remove_site("example.com") is False
        assert access.read() == before

    def test_tokens_are_read_as_they_were_added_oldest_first(
        self, access: AccessCatalog, elsewhere: AccessCatalog
    ) -> None:
        before = access.revision()
        tokens = (
            replace(a_token("zebra"), expires_at=1_800_000_000),
            a_token("ant", scope=Scope.ADMIN),
            replace(a_token("猫"), expires_at=1),
        )
        for token in tokens:
            access.add_token(token)
        assert access.read().tokens == elsewhere.read().tokens == tokens
        assert access.revision() == _raised(before, tokens=3)

    def test_name_in_use_is_refused(self, access: AccessCatalog) -> None:
        access.add_token(a_token("laptop"))
        before = access.read()
        with pytest.raises(BadName, match="'laptop' exists"):
            access.add_token(a_token("laptop"))
        assert access.read() == before

    def test_token_in_use_under_another_name_is_refused(self, access: AccessCatalog) -> None:
        token = a_token("laptop")
        access.add_token(token)
        before = access.read()
        with pytest.raises(BadName, match="under the name 'laptop'"):
            access.add_token(a_token("phone", fingerprint=token.fingerprint))
        assert access.read() == before

    def test_refused_token_leaves_the_revoked_one_of_its_name(self, access: AccessCatalog) -> None:
        laptop = a_token("laptop")
        access.add_token(laptop)
        access.add_token(a_token("phone"))
        access.revoke_token("phone", now=5)
        before = access.read()
        with pytest.raises(BadName):
            access.add_token(a_token("phone", fingerprint=laptop.fingerprint))
        assert access.read() == before

    def test_revoked_token_makes_way_for_one_of_its_name(self, access: AccessCatalog) -> None:
        access.add_token(a_token("laptop"))
        access.revoke_token("laptop", now=5)
        before = access.revision()
        again = a_token("laptop")
        access.add_token(again)
        assert access.read().tokens == (again,)
        assert access.revision() == _raised(before, tokens=1)

    def test_revoked_token_keeps_its_facts_and_raises_the_revision(self, access: AccessCatalog) -> None:
        token = a_token("laptop")
        access.add_token(token)
        before = access.revision()
        assert access.revoke_token("laptop", now=5) is True
        assert access.read().tokens == (replace(token, revoked_at=5),)
        assert access.revision() == _raised(before, tokens=1)

    def test_second_revocation_changes_nothing(self, access: AccessCatalog) -> None:
        access.add_token(a_token("laptop"))
        access.revoke_token("laptop", now=5)
        before = access.read()
        assert access.revoke_token("laptop", now=6) is False
        assert access.read() == before

    def test_revocation_of_an_unknown_name_is_refused(self, access: AccessCatalog) -> None:
        before = access.read()
        with pytest.raises(NoSuchObject, match="'laptop'"):
            access.revoke_token("laptop", now=5)
        assert access.read() == before

    def test_use_of_a_token_is_noted_and_raises_no_revision(self, access: AccessCatalog) -> None:
        token, other = a_token(), a_token()
        access.add_token(token)
        access.add_token(other)
        before = access.revision()
        access.note_use(token, now=7).result()
        access.note_use(token, now=9).result()
        assert access.read().tokens == (replace(token, last_used_at=9), other)
        assert access.revision() == before

    def test_use_of_a_token_replaced_meanwhile_changes_nothing(self, access: AccessCatalog) -> None:
        access.add_token(a_token("laptop"))
        before = access.read()
        access.note_use(a_token("laptop"), now=7).result()
        assert access.read() == before
