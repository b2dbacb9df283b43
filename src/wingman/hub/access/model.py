"""Who may do what: one rule in two shapes, for one repository and for lists of them.

may(caller, permission, repo)   "may A do X to R?"
visibility(caller)              "which R may A see?", as a value that the SQL stores translate
"""

from dataclasses import dataclass
from enum import StrEnum

from wingman.hub.accounts.model import Membership, NamespaceId, Role, Token, TokenRole, User
from wingman.hub.errors import Forbidden, Unauthorized
from wingman.hub.repos.model import Repo


class Permission(StrEnum):
    REPO_CONTENT_READ = "repo:content:read"
    REPO_CONTENT_WRITE = "repo:content:write"
    REPO_CONTRIBUTE = "repo:contribute"
    REPO_GATED_READ = "repo:gated:read"
    """Reading what lies behind a gate without having asked."""
    REPO_SETTINGS_WRITE = "repo:settings:write"


_NEEDED_ROLE = {
    Permission.REPO_CONTENT_READ: Role.READ,
    Permission.REPO_CONTRIBUTE: Role.READ,
    Permission.REPO_GATED_READ: Role.READ,
    Permission.REPO_CONTENT_WRITE: Role.WRITE,
    Permission.REPO_SETTINGS_WRITE: Role.WRITE,
}
_READS = {Permission.REPO_CONTENT_READ, Permission.REPO_GATED_READ}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking. `ANONYMOUS` has no user; `token` is None for a browser session."""

    user: User | None = None
    memberships: tuple[Membership, ...] = ()
    token: Token | None = None

    @property
    def is_anonymous(self) -> bool:
        return self.user is None

    @property
    def may_write_at_all(self) -> bool:
        """A read token writes nothing, whoever holds it."""
        return self.user is not None and (self.token is None or self.token.role is TokenRole.WRITE)

    @property
    def is_confined(self) -> bool:
        """Whether the token was made to read one repository (by a worker of the Hub) and means nothing elsewhere."""
        return self.token is not None and self.token.repo_scope is not None

    def role_in(self, namespace_id: NamespaceId) -> Role | None:
        """The caller's role in a namespace; one's own namespace counts as admin."""
        if self.user is None:
            return None
        if self.user.id == namespace_id:
            return Role.ADMIN
        return next((item.role for item in self.memberships if item.organization.id == namespace_id), None)


ANONYMOUS = Caller()


@dataclass(frozen=True, slots=True)
class Visibility:
    """Which repositories may appear in a list: public ones and those of `namespace_ids`; or all of them."""

    everything: bool
    namespace_ids: frozenset[NamespaceId]


def visibility(caller: Caller) -> Visibility:
    """The list shape of `REPO_CONTENT_READ`."""
    if caller.user is None:
        return Visibility(everything=False, namespace_ids=frozenset())
    if caller.is_confined:
        return Visibility(everything=False, namespace_ids=frozenset())
    own = {caller.user.id} | {item.organization.id for item in caller.memberships}
    return Visibility(everything=caller.user.is_admin, namespace_ids=frozenset(own))


def may(caller: Caller, permission: Permission, repo: Repo) -> bool:
    """The item shape of the rule."""
    if caller.token is not None and caller.token.repo_scope is not None:
        in_scope = caller.token.repo_scope == repo.scope
        if permission is Permission.REPO_CONTENT_READ:
            return in_scope or not repo.private
        # Such a token was only made for somebody who might read the repository.
        return permission is Permission.REPO_GATED_READ and in_scope
    if permission is Permission.REPO_CONTENT_READ and not repo.private:
        return True
    if permission not in _READS and not caller.may_write_at_all:
        return False
    if caller.user is not None and caller.user.is_admin:
        return True
    if permission is Permission.REPO_CONTRIBUTE and not repo.private:
        return True
    role = caller.role_in(repo.namespace_id)
    return role is not None and role.includes(_NEEDED_ROLE[permission])


def may_create_in(caller: Caller, namespace_id: NamespaceId) -> bool:
    """Whether the caller may make repositories in a namespace."""
    if not caller.may_write_at_all or caller.user is None:
        return False
    if caller.is_confined:
        return False
    role = caller.role_in(namespace_id)
    return caller.user.is_admin or (role is not None and role.includes(Role.CONTRIBUTE))


def require_user(caller: Caller) -> User:
    """Raises `Unauthorized` for an anonymous caller."""
    if caller.user is None:
        raise Unauthorized("You must be logged in to do this: send an access token.")
    return caller.user


def refuse(caller: Caller, what: str) -> Forbidden:
    """The error for a caller who may see a thing but not change it; says why."""
    if caller.token is not None and caller.token.role is TokenRole.READ:
        return Forbidden(f"You may not {what}: this access token only allows reading.")
    return Forbidden(f"You may not {what}: you need write access to it.")
