"""Users, organisations, roles and tokens: values and the rules for names."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from wingman.hub.errors import Invalid

NamespaceId = NewType("NamespaceId", int)

MAX_NAME_LENGTH = 96
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\Z")

RESERVED_NAMES = frozenset(
    [
        "api",
        "apps",
        "assets",
        "blog",
        "buckets",
        "collections",
        "compare",
        "datasets",
        "docs",
        "enterprise",
        "favicon.ico",
        "flights",
        "git",
        "healthz",
        "home",
        "inference",
        "join",
        "jobs",
        "kernels",
        "learn",
        "login",
        "logout",
        "me",
        "metrics",
        "models",
        "new",
        "notifications",
        "oauth",
        "organizations",
        "papers",
        "posts",
        "pricing",
        "privacy",
        "robots.txt",
        "search",
        "settings",
        "signup",
        "spaces",
        "static",
        "tasks",
        "terms",
        "users",
        "v1",
        "v2",
        "wingman",
        "xet",
    ]
)
"""First path segments that mean something else, and so cannot be a user or an organisation."""


class InvalidName(Invalid):
    """A name outside the grammar; `name` is what was given."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name!r} cannot be used as a name: {why}")
        self.name = name


def check_name(name: str) -> str:
    """Return `name` if a user or organisation may be called so, else raise `InvalidName`.

    Underscores may lead (the public client's own test accounts begin with them).
    """
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise InvalidName(name, f"it must have 1 to {MAX_NAME_LENGTH} characters.")
    if not _NAME.match(name) or "--" in name or ".." in name:
        raise InvalidName(
            name,
            "use letters, digits, '-', '_' and '.', no '--' or '..', and neither begin nor end with '-' or '.'.",
        )
    if name.lower() in RESERVED_NAMES:
        raise InvalidName(name, "it is an address of the Hub itself.")
    return name


class Role(StrEnum):
    """What a member may do in an organisation; each role includes the ones before it."""

    READ = "read"
    CONTRIBUTE = "contribute"
    WRITE = "write"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def includes(self, other: "Role") -> bool:
        return self.rank >= other.rank


class TokenRole(StrEnum):
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: NamespaceId
    name: str
    full_name: str
    email: str = ""
    about: str = ""
    is_admin: bool = False
    has_password: bool = False
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    id: NamespaceId
    name: str
    full_name: str
    about: str = ""
    private_by_default: bool = False
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    organization: Organization
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token as it is kept: its secret is known only as a hash; `hint` is its last four characters."""

    id: int
    user_id: NamespaceId
    name: str
    role: TokenRole
    hint: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    repo_scope: str | None = None
    """`models/ns/name` when the token opens one repository only (inference workers get such ones)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser. `csrf` goes into its forms; the cookie's secret is known only as a hash."""

    user_id: NamespaceId
    csrf: str
    created_at: datetime
    expires_at: datetime
