"""The access rules of the running service: in memory, and updated from the catalog."""

import asyncio
import time
from typing import Final

from authsvc.access.follower import AccessFollower
from authsvc.access.site_list_file import publish_sites
from authsvc.access.tokens import authorize
from authsvc.catalog.port import AccessCatalog
from authsvc.errors import BadToken
from authsvc.model import Scope, Token
from authsvc.settings import Settings
from authsvc.verdict.policy import Rules, Verdict, decide
from authsvc.verdict.sites import SiteSet

USE_NOTE_SECONDS: Final = 60
"""Precision of a token's last use. Each note costs a row in a group commit."""


class Guard:
    """The access rules of the running service. Call its methods only in the event loop."""

    def __init__(self, catalog: AccessCatalog, settings: Settings) -> None:
        self._catalog = catalog
        self._settings = settings
        self._follower = AccessFollower(catalog)
        self._access = self._follower.current
        self._published = self._access.revision.sites
        self._rules = self._make_rules()
        self._noted: dict[str, float] = {}
        self.nginx_revision: int | None = None
        """Revision of the sites that nginx was last seen to use; None before the first request."""

    @property
    def sites_revision(self) -> int:
        """Revision of the sites that verdicts are based on."""
        return self._access.revision.sites

    @property
    def rules(self) -> Rules:
        """The present rules for `policy.decide`."""
        return self._rules

    async def verdict(self, embedder: str, *, nginx_revision: int | None = None) -> Verdict:
        """Return the verdict on an embedder, a word that nginx has made.

        `nginx_revision` is the revision that nginx uses. When it is newer than
        the one here, the catalog is read first, because nginx caches the answer
        under its own revision.
        """
        await self.saw_nginx(nginx_revision)
        return decide(embedder, self._rules)

    async def saw_nginx(self, revision: int | None) -> None:
        """Record the revision that nginx uses; read the catalog if it is newer."""
        if revision is None:
            return
        self.nginx_revision = revision
        if revision > self.sites_revision:
            await self.refresh()

    async def authorize(self, presented: str, scope: Scope) -> Token:
        """Return the token that was presented, if it has this scope.

        A new token works at once: before an unknown token is refused, the
        catalog is read again. Raises BadToken or WrongScope.
        """
        try:
            return self._authorize(presented, scope)
        except BadToken:
            if not presented:
                raise
        await self.refresh()
        return self._authorize(presented, scope)

    def note_use(self, token: Token) -> None:
        """Record that the token was used, at most once a minute."""
        now = time.time()
        if now - self._noted.get(token.fingerprint, 0) >= USE_NOTE_SECONDS:
            self._noted[token.fingerprint] = now
            self._catalog.note_use(token, now=int(now))

    async def refresh(self) -> bool:
        """Read tokens and sites again if they have changed; return whether they have."""
        await asyncio.to_thread(self._follower.refresh)
        # Another call may have read the list already: compare it with the rules in use here.
        has_changed = self._access is not self._follower.current
        if has_changed:
            self._access = self._follower.current
            self._rules = self._make_rules()
        if self._published != self.sites_revision:
            self._published = (await asyncio.to_thread(publish_sites, self._catalog, self._settings)).revision
        return has_changed

    def _authorize(self, presented: str, scope: Scope) -> Token:
        return authorize(presented, self._access.tokens, scope=scope, now=time.time())

    def _make_rules(self) -> Rules:
        return rules_of(self._access.sites, self._settings)


def rules_of(sites: tuple[str, ...], settings: Settings) -> Rules:
    """Return the rules for `policy.decide`, from the canonical `sites` and the settings."""
    return Rules(
        sites=SiteSet.of(sites),
        own_hosts=settings.own_hosts,
        allows_empty=settings.empty_referer == "allow",
        allows_hidden=settings.hidden_referer == "allow",
    )
