"""The contract for accounts. All methods work inside the transaction that handed out the store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

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
from wingman.hub.errors import Conflict, NotFound


class AccountMissing(NotFound):
    """No user or organisation of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no user or organization {name!r} here.")
        self.name = name


class NameTaken(Conflict):
    """A user or an organisation has this name already (upper and lower case count as equal)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The name {name!r} is taken.")
        self.name = name


class Accounts(Protocol):
    """Users, organisations, memberships, tokens and sessions."""

    def num_users(self) -> int: ...

    def namespace(self, name: str) -> User | Organization:
        """Whoever owns this name, in any case. Raises `AccountMissing`."""

    def user(self, user_id: NamespaceId) -> User:
        """Raises `AccountMissing`."""

    def users(self) -> Sequence[User]:
        """Everyone, by name."""

    def password_hash(self, user_id: NamespaceId) -> str | None:
        """None where no password was ever set."""

    def add_user(
        self, *, name: str, full_name: str, email: str, is_admin: bool, created_at: datetime
    ) -> User:
        """Raises `NameTaken`."""

    def update_user(
        self, user_id: NamespaceId, *, full_name: str, email: str, about: str, is_admin: bool
    ) -> None: ...

    def set_password_hash(self, user_id: NamespaceId, password_hash: str) -> None: ...

    def add_organization(
        self, *, name: str, full_name: str, private_by_default: bool, created_at: datetime
    ) -> Organization:
        """Raises `NameTaken`."""

    def update_organization(
        self, organization_id: NamespaceId, *, full_name: str, about: str, private_by_default: bool
    ) -> None: ...

    def set_membership(self, organization_id: NamespaceId, user_id: NamespaceId, role: Role | None) -> None:
        """Give the user this role; None ends the membership."""

    def memberships(self, user_id: NamespaceId) -> Sequence[Membership]:
        """The organisations of a user, by name."""

    def members(self, organization_id: NamespaceId) -> Sequence[tuple[User, Role]]:
        """By name."""

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
        """A secret that is known already moves to this user, name and role."""

    def token(self, secret_hash: bytes) -> Token | None: ...

    def tokens(self, user_id: NamespaceId) -> Sequence[Token]:
        """Newest first, without those made for one repository."""

    def delete_token(self, user_id: NamespaceId, token_id: int) -> bool:
        """Whether there was one."""

    def touch_token(self, token_id: int, at: datetime) -> None: ...

    def add_session(self, session: Session, *, secret_hash: bytes) -> None: ...

    def session(self, secret_hash: bytes) -> Session | None: ...

    def delete_session(self, secret_hash: bytes) -> None: ...

    def delete_sessions(self, user_id: NamespaceId) -> None:
        """Sign the user out everywhere."""
