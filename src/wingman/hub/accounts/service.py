"""The use cases around accounts: signing up and in, tokens, organisations, provisioning from a file."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from wingman.hub.access.model import Caller
from wingman.hub.accounts.model import (
    Membership,
    NamespaceId,
    Organization,
    Role,
    Session,
    Token,
    TokenRole,
    User,
    check_name,
)
from wingman.hub.accounts.store import AccountMissing
from wingman.hub.accounts.throttle import Throttle
from wingman.hub.database import now
from wingman.hub.errors import Invalid, Unauthorized
from wingman.hub.store import Store, Transaction

SESSION_DAYS = 30
MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 1000
_Account = TypeVar("_Account", User, Organization)
_hasher = PasswordHasher()


class WrongCredentials(Unauthorized):
    """The user name or the password is not right; which one is not said."""

    def __init__(self) -> None:
        super().__init__("This user name and password do not fit together.")


class InvalidToken(Unauthorized):
    """An access token that is unknown, revoked or expired."""

    def __init__(self) -> None:
        super().__init__("Invalid credentials in Authorization header")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A caller together with what the browser session needs."""

    caller: Caller
    csrf: str


@cache
def _nobodys_hash() -> str:
    """Verified against when there is no such user, so that the time taken does not tell the two cases apart."""
    return _hasher.hash("nobody")


def hash_secret(secret: str) -> bytes:
    """How tokens and session cookies are kept. They are long and random, so that no slow hash is needed."""
    return hashlib.sha256(secret.encode()).digest()


class AccountService:
    def __init__(self, store: Store, *, throttle: Throttle | None = None) -> None:
        self._store = store
        self._throttle = throttle or Throttle()

    def caller_for_token(self, secret: str) -> Caller:
        """Whoever holds this token. Raises `InvalidToken`."""
        with self._store.read() as tx:
            token = tx.accounts.token(hash_secret(secret))
            if token is None or (token.expires_at is not None and token.expires_at <= now()):
                raise InvalidToken
            return _caller(tx, token.user_id, token)

    def caller_for_session(self, secret: str) -> SignedIn | None:
        """Whoever signed in with this cookie; None when it has ended."""
        with self._store.read() as tx:
            session = tx.accounts.session(hash_secret(secret))
            if session is None or session.expires_at <= now():
                return None
            return SignedIn(_caller(tx, session.user_id, None), session.csrf)

    def sign_in(self, name: str, password: str, *, origin: str = "") -> str:
        """Check the password and open a session; returns the cookie's secret. `origin`: the address it came from.

        Raises `WrongCredentials`, `TooManyTries`.
        """
        with self._store.read() as tx:
            user, known_hash = _user_and_hash(tx, name)
        with self._throttle.attempt(name, origin):
            try:
                _hasher.verify(known_hash or _nobodys_hash(), password)
            except (VerifyMismatchError, InvalidHashError) as error:
                raise WrongCredentials from error
            if user is None or known_hash is None:
                raise WrongCredentials
        return self.open_session(user.id)

    def open_session(self, user_id: NamespaceId) -> str:
        """A new session with a new secret (never a reused one: no session fixation)."""
        secret, moment = secrets.token_urlsafe(32), now()
        session = Session(
            user_id=user_id,
            csrf=secrets.token_urlsafe(24),
            created_at=moment,
            expires_at=moment + timedelta(days=SESSION_DAYS),
        )
        with self._store.write() as tx:
            tx.accounts.add_session(session, secret_hash=hash_secret(secret))
        return secret

    def sign_out(self, secret: str) -> None:
        with self._store.write() as tx:
            tx.accounts.delete_session(hash_secret(secret))

    def set_password(self, user_id: NamespaceId, password: str) -> None:
        """Set a password and sign the user out everywhere. Raises `Invalid` for a short one."""
        if len(password) < MIN_PASSWORD_LENGTH:
            raise Invalid(f"A password needs at least {MIN_PASSWORD_LENGTH} characters.")
        if len(password) > MAX_PASSWORD_LENGTH:
            raise Invalid(f"A password has at most {MAX_PASSWORD_LENGTH} characters.")
        password_hash = _hasher.hash(password)
        with self._store.write() as tx:
            tx.accounts.set_password_hash(user_id, password_hash)
            tx.accounts.delete_sessions(user_id)

    def create_token(
        self,
        user_id: NamespaceId,
        *,
        name: str,
        role: TokenRole,
        expires_at: datetime | None = None,
        repo_scope: str | None = None,
    ) -> tuple[str, Token]:
        """A new access token: its secret (this is the only time it is seen) and its record."""
        if not name.strip():
            raise Invalid("A token needs a name, so that you can tell later what it was for.")
        secret = "hf_" + secrets.token_urlsafe(26).replace("-", "x").replace("_", "X")
        with self._store.write() as tx:
            token = _add_token(
                tx, user_id, secret, name.strip(), role, expires_at=expires_at, repo_scope=repo_scope
            )
        return secret, token

    def tokens(self, user_id: NamespaceId) -> list[Token]:
        with self._store.read() as tx:
            return list(tx.accounts.tokens(user_id))

    def revoke_token(self, user_id: NamespaceId, token_id: int) -> bool:
        with self._store.write() as tx:
            return tx.accounts.delete_token(user_id, token_id)

    def update_profile(self, user_id: NamespaceId, *, full_name: str, email: str, about: str) -> None:
        with self._store.write() as tx:
            user = tx.accounts.user(user_id)
            tx.accounts.update_user(
                user_id, full_name=full_name or user.name, email=email, about=about, is_admin=user.is_admin
            )

    def create_user(
        self,
        name: str,
        *,
        full_name: str = "",
        email: str = "",
        is_admin: bool = False,
        password: str | None = None,
    ) -> User:
        """Raises `InvalidName`, `NameTaken`, `Invalid` (short password)."""
        check_name(name)
        with self._store.write() as tx:
            user = tx.accounts.add_user(
                name=name, full_name=full_name or name, email=email, is_admin=is_admin, created_at=now()
            )
        if password is not None:
            self.set_password(user.id, password)
        return user

    def find(self, name: str) -> User | Organization:
        """Raises `AccountMissing`."""
        with self._store.read() as tx:
            return tx.accounts.namespace(name)

    def memberships(self, user_id: NamespaceId) -> Sequence[Membership]:
        with self._store.read() as tx:
            return tx.accounts.memberships(user_id)

    def members(self, organization_id: NamespaceId) -> Sequence[tuple[User, Role]]:
        with self._store.read() as tx:
            return tx.accounts.members(organization_id)

    def ensure_first_admin(self) -> str | None:
        """On an empty Hub, make the user `admin` and return a first write token for it; else None."""
        with self._store.write() as tx:
            if tx.accounts.num_users():
                return None
            user = tx.accounts.add_user(
                name="admin", full_name="Administrator", email="", is_admin=True, created_at=now()
            )
            secret = "hf_" + secrets.token_hex(20)
            _add_token(tx, user.id, secret, "first start", TokenRole.WRITE)
            return secret


def _caller(tx: Transaction, user_id: NamespaceId, token: Token | None) -> Caller:
    user = tx.accounts.user(user_id)
    return Caller(
        user=user,
        memberships=tuple(tx.accounts.memberships(user_id)),
        token=token,
    )


def _user_and_hash(tx: Transaction, name: str) -> tuple[User | None, str | None]:
    try:
        account = tx.accounts.namespace(name)
    except AccountMissing:
        return None, None
    return (account, tx.accounts.password_hash(account.id)) if isinstance(account, User) else (None, None)


def _add_token(
    tx: Transaction,
    user_id: NamespaceId,
    secret: str,
    name: str,
    role: TokenRole,
    *,
    expires_at: datetime | None = None,
    repo_scope: str | None = None,
) -> Token:
    return tx.accounts.add_token(
        user_id,
        secret_hash=hash_secret(secret),
        name=name,
        role=role,
        hint=secret[-4:],
        created_at=now(),
        expires_at=expires_at,
        repo_scope=repo_scope,
    )


def seed(store: Store, document: Mapping[str, Any]) -> dict[str, int]:
    """Create or update users, organisations, memberships and tokens; returns how many of each were named.

    All or nothing, and repeatable: what exists is brought to what the document says, what it does not
    mention stays. Token strings are kept as given. Passwords are only hashed again when they changed.
    Raises `Invalid` naming the entry that is wrong.
    """
    users, organizations = _entries(document, "users"), _entries(document, "organizations")
    counts = {"users": len(users), "organizations": len(organizations), "memberships": 0, "tokens": 0}
    with store.write() as tx:
        for entry in users:
            counts["tokens"] += _seed_user(tx, entry)
        for entry in organizations:
            counts["memberships"] += _seed_organization(tx, entry)
    return counts


def _entries(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    entries = document.get(key, [])
    unknown = sorted(set(document) - {"users", "organizations"})
    if unknown:
        raise Invalid(f"The seed file has keys that mean nothing here: {', '.join(unknown)}.")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Invalid(f"{key!r} in the seed file must be a list of objects.")
    for number, entry in enumerate(entries):
        if not isinstance(entry.get("name"), str):
            raise Invalid(f"{key}[{number}] in the seed file has no name.")
    return entries


def _seed_user(tx: Transaction, entry: Mapping[str, Any]) -> int:
    name = check_name(entry["name"])
    user = _existing(tx, name, User)
    if user is None:
        user = tx.accounts.add_user(
            name=name,
            full_name=entry.get("full_name") or name,
            email=entry.get("email") or "",
            is_admin=bool(entry.get("admin", False)),
            created_at=now(),
        )
    else:
        tx.accounts.update_user(
            user.id,
            full_name=entry.get("full_name") or user.full_name,
            email=entry.get("email") or user.email,
            about=user.about,
            is_admin=bool(entry.get("admin", user.is_admin)),
        )
    if entry.get("password"):
        _seed_password(tx, user.id, entry["password"])
    tokens = entry.get("tokens", [])
    for number, token in enumerate(tokens):
        try:
            secret, role = str(token["token"]), TokenRole(token.get("role", "write"))
        except (KeyError, TypeError, ValueError) as error:
            raise Invalid(
                f'Token {number} of user {name!r} must be {{"token", "role": "read" or "write"}}.'
            ) from error
        _add_token(tx, user.id, secret, token.get("name") or f"seeded {number + 1}", role)
    return len(tokens)


def _seed_password(tx: Transaction, user_id: NamespaceId, password: str) -> None:
    known = tx.accounts.password_hash(user_id)
    if known is not None:
        try:
            _hasher.verify(known, password)
            return
        except (VerifyMismatchError, InvalidHashError):
            pass
    tx.accounts.set_password_hash(user_id, _hasher.hash(password))


def _seed_organization(tx: Transaction, entry: Mapping[str, Any]) -> int:
    name = check_name(entry["name"])
    organization = _existing(tx, name, Organization)
    private_by_default = bool(entry.get("private_by_default", False))
    if organization is None:
        organization = tx.accounts.add_organization(
            name=name,
            full_name=entry.get("full_name") or name,
            private_by_default=private_by_default,
            created_at=now(),
        )
    else:
        tx.accounts.update_organization(
            organization.id,
            full_name=entry.get("full_name") or organization.full_name,
            about=organization.about,
            private_by_default=bool(entry.get("private_by_default", organization.private_by_default)),
        )
    members = entry.get("members", [])
    for member in members:
        try:
            user_name, role = str(member["user"]), Role(member.get("role", "read"))
        except (KeyError, TypeError, ValueError) as error:
            raise Invalid(f'Each member of {name!r} must be {{"user", "role": {"/".join(Role)}}}.') from error
        user = _existing(tx, user_name, User)
        if user is None:
            raise Invalid(f"Organization {name!r} names the member {user_name!r}, who does not exist.")
        tx.accounts.set_membership(organization.id, user.id, role)
    return len(members)


def _existing(tx: Transaction, name: str, kind: type[_Account]) -> _Account | None:
    try:
        account = tx.accounts.namespace(name)
    except AccountMissing:
        return None
    if not isinstance(account, kind):
        raise Invalid(f"{name!r} is a {type(account).__name__.lower()} here, not a {kind.__name__.lower()}.")
    return account
