"""Tokens and sites in SQL."""

from concurrent.futures import Future

from sqlalchemy import Connection, Engine, delete, insert, select, update

from authsvc.catalog.port import AccessCatalog, AccessList, Revision
from authsvc.catalog.schema import revisions, sites, tokens
from authsvc.catalog.transactions import reading, writing
from authsvc.catalog.writer import GroupWriter
from authsvc.errors import BadName, NoSuchObject
from authsvc.model import Scope, Token


class SqlAccessCatalog(AccessCatalog):
    """See AccessCatalog."""

    def __init__(self, engine: Engine, writer: GroupWriter) -> None:
        self._engine = engine
        self._writer = writer

    def revision(self) -> Revision:
        """See AccessCatalog.revision."""
        with reading(self._engine) as connection:
            return _revision(connection)

    def read(self) -> AccessList:
        """See AccessCatalog.read."""
        with reading(self._engine) as connection:
            return AccessList(
                revision=_revision(connection),
                tokens=tuple(
                    Token(
                        name=row.name,
                        fingerprint=row.fingerprint,
                        scope=Scope(row.scope),
                        created_at=row.created_at,
                        expires_at=row.expires_at,
                        revoked_at=row.revoked_at,
                        last_used_at=row.last_used_at,
                    )
                    for row in connection.execute(select(tokens).order_by(tokens.c.id))
                ),
                sites=tuple(connection.scalars(select(sites.c.pattern).order_by(sites.c.pattern))),
            )

    def add_token(self, token: Token) -> None:
        """See AccessCatalog.add_token."""
        with writing(self._engine) as connection:
            connection.execute(delete(tokens).where(tokens.c.name == token.name, tokens.c.revoked_at.is_not(None)))
            taken = (tokens.c.name == token.name) | (tokens.c.fingerprint == token.fingerprint)
            other = connection.execute(select(tokens.c.name).where(taken)).first()
            if other is not None:
                raise BadName(reason=_clash(token.name, other.name))
            connection.execute(
                insert(tokens).values(
                    name=token.name,
                    fingerprint=token.fingerprint,
                    scope=token.scope.value,
                    created_at=token.created_at,
                    expires_at=token.expires_at,
                )
            )
            _increment_revision(connection, "tokens")

    def revoke_token(self, name: str, *, now: int) -> bool:
        """See AccessCatalog.revoke_token."""
        with writing(self._engine) as connection:
            row = connection.execute(select(tokens.c.revoked_at).where(tokens.c.name == name)).one_or_none()
            if row is None:
                raise NoSuchObject(reason=f"there is no token named {name!r}; `authsvc token list` shows them")
            if row.revoked_at is not None:
                return False
            connection.execute(update(tokens).where(tokens.c.name == name).values(revoked_at=now))
            _increment_revision(connection, "tokens")
            return True

    def note_use(self, token: Token, *, now: int) -> Future[None]:
        """See AccessCatalog.note_use."""

        def act(connection: Connection) -> None:
            connection.execute(update(tokens).where(tokens.c.fingerprint == token.fingerprint).values(last_used_at=now))

        return self._writer.submit(act)

    def add_site(self, pattern: str, *, now: int) -> bool:
        """See AccessCatalog.add_site."""
        with writing(self._engine) as connection:
            if connection.scalar(select(sites.c.pattern).where(sites.c.pattern == pattern)) is not None:
                return False
            connection.execute(insert(sites).values(pattern=pattern, created_at=now))
            _increment_revision(connection, "sites")
            return True

    def remove_site(self, pattern: str) -> bool:
        """See AccessCatalog.remove_site."""
        with writing(self._engine) as connection:
            if connection.execute(delete(sites).where(sites.c.pattern == pattern)).rowcount == 0:
                return False
            _increment_revision(connection, "sites")
            return True


def _revision(connection: Connection) -> Revision:
    numbers = {row.scope: row.number for row in connection.execute(select(revisions))}
    return Revision(tokens=numbers["tokens"], sites=numbers["sites"])


def _increment_revision(connection: Connection, scope: str) -> None:
    connection.execute(update(revisions).where(revisions.c.scope == scope).values(number=revisions.c.number + 1))


def _clash(name: str, other: str) -> str:
    if name == other:
        return f"a token named {name!r} exists; choose another name, or run `authsvc token revoke {name}` first"
    return f"this token exists already, under the name {other!r}; `authsvc token list` shows all"
