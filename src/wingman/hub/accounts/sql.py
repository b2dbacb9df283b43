"""Accounts in SQL."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from wingman.hub.accounts.model import (
    Membership,
    NamespaceId,
    Organization,
    Role,
    Session,
    Token,
    TokenRole,
    User,
)
from wingman.hub.accounts.store import AccountMissing, NameTaken
from wingman.hub.database import BigId, UtcTime, metadata

namespaces = sa.Table(
    "namespaces",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("key", sa.String, nullable=False, unique=True),
    sa.Column("is_organization", sa.Boolean, nullable=False),
    sa.Column("full_name", sa.String, nullable=False),
    sa.Column("about", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("email", sa.String, nullable=False, server_default=""),
    sa.Column("password_hash", sa.String),
    sa.Column("is_admin", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("private_by_default", sa.Boolean, nullable=False, server_default=sa.false()),
)
memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("user_id", BigId, sa.ForeignKey("namespaces.id", ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "organization_id",
        BigId,
        sa.ForeignKey("namespaces.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    sa.Column("role", sa.String, nullable=False),
)
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column(
        "user_id", BigId, sa.ForeignKey("namespaces.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("secret_hash", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("hint", sa.String, nullable=False),
    sa.Column("repo_scope", sa.String),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("last_used_at", UtcTime),
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("secret_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column(
        "user_id", BigId, sa.ForeignKey("namespaces.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("csrf", sa.String, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)


def to_user(row: sa.Row) -> User:
    """A row of `namespaces` that is a user."""
    return User(
        id=NamespaceId(row.id),
        name=row.name,
        full_name=row.full_name,
        email=row.email,
        about=row.about,
        is_admin=row.is_admin,
        has_password=row.password_hash is not None,
        created_at=row.created_at,
    )


def _organization(row: sa.Row) -> Organization:
    return Organization(
        id=NamespaceId(row.id),
        name=row.name,
        full_name=row.full_name,
        about=row.about,
        private_by_default=row.private_by_default,
        created_at=row.created_at,
    )


def _token(row: sa.Row) -> Token:
    return Token(
        id=row.id,
        user_id=NamespaceId(row.user_id),
        name=row.name,
        role=TokenRole(row.role),
        hint=row.hint,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        repo_scope=row.repo_scope,
    )


class SqlAccounts:
    """See `Accounts`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def num_users(self) -> int:
        query = sa.select(sa.func.count()).where(~namespaces.c.is_organization)
        return self._connection.execute(query).scalar_one()

    def namespace(self, name: str) -> User | Organization:
        row = self._connection.execute(sa.select(namespaces).where(namespaces.c.key == name.lower())).first()
        if row is None:
            raise AccountMissing(name)
        return _organization(row) if row.is_organization else to_user(row)

    def user(self, user_id: NamespaceId) -> User:
        query = sa.select(namespaces).where(namespaces.c.id == user_id, ~namespaces.c.is_organization)
        row = self._connection.execute(query).first()
        if row is None:
            raise AccountMissing(f"number {user_id}")
        return to_user(row)

    def users(self) -> Sequence[User]:
        query = sa.select(namespaces).where(~namespaces.c.is_organization).order_by(namespaces.c.key)
        return [to_user(row) for row in self._connection.execute(query)]

    def password_hash(self, user_id: NamespaceId) -> str | None:
        query = sa.select(namespaces.c.password_hash).where(namespaces.c.id == user_id)
        return self._connection.execute(query).scalar_one_or_none()

    def add_user(
        self, *, name: str, full_name: str, email: str, is_admin: bool, created_at: datetime
    ) -> User:
        self._add(
            name,
            is_organization=False,
            full_name=full_name,
            email=email,
            is_admin=is_admin,
            created_at=created_at,
        )
        user = self.namespace(name)
        assert isinstance(user, User)
        return user

    def update_user(
        self, user_id: NamespaceId, *, full_name: str, email: str, about: str, is_admin: bool
    ) -> None:
        self._update(user_id, full_name=full_name, email=email, about=about, is_admin=is_admin)

    def set_password_hash(self, user_id: NamespaceId, password_hash: str) -> None:
        self._update(user_id, password_hash=password_hash)

    def add_organization(
        self, *, name: str, full_name: str, private_by_default: bool, created_at: datetime
    ) -> Organization:
        self._add(
            name,
            is_organization=True,
            full_name=full_name,
            private_by_default=private_by_default,
            created_at=created_at,
        )
        organization = self.namespace(name)
        assert isinstance(organization, Organization)
        return organization

    def update_organization(
        self, organization_id: NamespaceId, *, full_name: str, about: str, private_by_default: bool
    ) -> None:
        self._update(organization_id, full_name=full_name, about=about, private_by_default=private_by_default)

    def set_membership(self, organization_id: NamespaceId, user_id: NamespaceId, role: Role | None) -> None:
        self._connection.execute(
            sa.delete(memberships).where(
                memberships.c.organization_id == organization_id, memberships.c.user_id == user_id
            )
        )
        if role is not None:
            self._connection.execute(
                sa.insert(memberships).values(
                    organization_id=organization_id, user_id=user_id, role=role.value
                )
            )

    def memberships(self, user_id: NamespaceId) -> Sequence[Membership]:
        query = (
            sa.select(namespaces, memberships.c.role)
            .join(memberships, memberships.c.organization_id == namespaces.c.id)
            .where(memberships.c.user_id == user_id)
            .order_by(namespaces.c.key)
        )
        rows = self._connection.execute(query)
        return [Membership(organization=_organization(row), role=Role(row.role)) for row in rows]

    def members(self, organization_id: NamespaceId) -> Sequence[tuple[User, Role]]:
        query = (
            sa.select(namespaces, memberships.c.role)
            .join(memberships, memberships.c.user_id == namespaces.c.id)
            .where(memberships.c.organization_id == organization_id)
            .order_by(namespaces.c.key)
        )
        return [(to_user(row), Role(row.role)) for row in self._connection.execute(query)]

    def add_token(
        self,
        user_id: NamespaceId,
        *,
        secret_hash: bytes,
        name: str,
        role: TokenRole,
        hint: str,
        created_at: datetime,
        expires_at: datetime | None,
        repo_scope: str | None,
    ) -> Token:
        facts = {"user_id": user_id, "name": name, "role": role.value, "hint": hint, "expires_at": expires_at}
        known = self.token(secret_hash)
        if known is None:
            self._connection.execute(
                sa.insert(tokens).values(
                    secret_hash=secret_hash, created_at=created_at, repo_scope=repo_scope, **facts
                )
            )
        else:
            self._connection.execute(sa.update(tokens).where(tokens.c.id == known.id).values(**facts))
        token = self.token(secret_hash)
        assert token is not None
        return token

    def token(self, secret_hash: bytes) -> Token | None:
        row = self._connection.execute(sa.select(tokens).where(tokens.c.secret_hash == secret_hash)).first()
        return None if row is None else _token(row)

    def tokens(self, user_id: NamespaceId) -> Sequence[Token]:
        query = (
            sa.select(tokens)
            .where(tokens.c.user_id == user_id, tokens.c.repo_scope.is_(None))
            .order_by(tokens.c.id.desc())
        )
        return [_token(row) for row in self._connection.execute(query)]

    def delete_token(self, user_id: NamespaceId, token_id: int) -> bool:
        query = sa.delete(tokens).where(tokens.c.user_id == user_id, tokens.c.id == token_id)
        return self._connection.execute(query).rowcount > 0

    def touch_token(self, token_id: int, at: datetime) -> None:
        self._connection.execute(sa.update(tokens).where(tokens.c.id == token_id).values(last_used_at=at))

    def add_session(self, session: Session, *, secret_hash: bytes) -> None:
        self._connection.execute(sa.delete(sessions).where(sessions.c.expires_at < session.created_at))
        self._connection.execute(
            sa.insert(sessions).values(
                secret_hash=secret_hash,
                user_id=session.user_id,
                csrf=session.csrf,
                created_at=session.created_at,
                expires_at=session.expires_at,
            )
        )

    def session(self, secret_hash: bytes) -> Session | None:
        row = self._connection.execute(
            sa.select(sessions).where(sessions.c.secret_hash == secret_hash)
        ).first()
        if row is None:
            return None
        return Session(
            user_id=NamespaceId(row.user_id),
            csrf=row.csrf,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )

    def delete_session(self, secret_hash: bytes) -> None:
        self._connection.execute(sa.delete(sessions).where(sessions.c.secret_hash == secret_hash))

    def delete_sessions(self, user_id: NamespaceId) -> None:
        self._connection.execute(sa.delete(sessions).where(sessions.c.user_id == user_id))

    def _add(self, name: str, **values: object) -> None:
        try:
            with self._connection.begin_nested():
                self._connection.execute(sa.insert(namespaces).values(name=name, key=name.lower(), **values))
        except sa.exc.IntegrityError as error:
            raise NameTaken(name) from error

    def _update(self, namespace_id: NamespaceId, **values: object) -> None:
        self._connection.execute(
            sa.update(namespaces).where(namespaces.c.id == namespace_id).values(**values)
        )
