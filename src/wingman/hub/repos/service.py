"""The life of a repository: create, find, list, configure, move, delete."""

from collections.abc import Mapping, Sequence

import yaml

from wingman.hub.access.model import Caller, Permission, may, may_create_in, refuse, require_user, visibility
from wingman.hub.accounts.model import Organization, User
from wingman.hub.accounts.store import AccountMissing
from wingman.hub.commits.service import initial_commit
from wingman.hub.database import now
from wingman.hub.errors import Forbidden, Invalid
from wingman.hub.events.model import REPO_CONFIGURED, REPO_CREATED, REPO_DELETED, REPO_MOVED, Event
from wingman.hub.gating.model import AccessStatus
from wingman.hub.git.attributes import default_attributes
from wingman.hub.repos.duplicating import share_history
from wingman.hub.repos.model import Repo, RepoGated, RepoId, RepoKind, RepoMissing, check_repo_name
from wingman.hub.repos.store import SORTS, RepoFilter
from wingman.hub.repos.tag_types import PREFIXED
from wingman.hub.store import Store, Transaction

SPACE_SDKS = ("gradio", "streamlit", "docker", "static")
GATES = ("", "auto", "manual")


def find_visible(tx: Transaction, caller: Caller, kind: RepoKind, full_name: str) -> Repo:
    """The repository, if this caller may know of it. Raises `RepoMissing` in both other cases."""
    repo = tx.repos.find(kind, full_name)
    if repo is None or not may(caller, Permission.REPO_CONTENT_READ, repo):
        raise RepoMissing(kind, full_name, anonymous=caller.is_anonymous)
    return repo


def is_let_in(tx: Transaction, caller: Caller, repo: Repo) -> bool:
    """Whether no gate keeps the caller from the content: it opens to members, and to those who were granted it."""
    if repo.gated is None or may(caller, Permission.REPO_GATED_READ, repo):
        return True
    # What its owner was granted elsewhere is not what a token for one repository was made for.
    if caller.user is None or caller.is_confined:
        return False
    request = tx.access_requests.find(repo.id, caller.user.id)
    return request is not None and request.status is AccessStatus.ACCEPTED


class RepoService:
    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, caller: Caller, kind: RepoKind, full_name: str) -> Repo:
        """Raises `RepoMissing`."""
        with self._store.read() as tx:
            return find_visible(tx, caller, kind, full_name)

    def find_for(self, caller: Caller, permission: Permission, kind: RepoKind, full_name: str) -> Repo:
        """The repository, if the caller may do this to it. Raises `RepoMissing`, `Unauthorized`, `Forbidden`."""
        repo = self.find(caller, kind, full_name)
        if not may(caller, permission, repo):
            require_user(caller)
            raise refuse(caller, f"change {repo.full_name}")
        return repo

    def page(self, wanted: RepoFilter) -> Sequence[Repo]:
        """Raises `Invalid` for an unknown sort."""
        if wanted.sort not in SORTS:
            raise Invalid(f"Cannot sort by {wanted.sort!r}; use one of {', '.join(SORTS)}.")
        with self._store.read() as tx:
            return tx.repos.page(wanted)

    def create(
        self,
        caller: Caller,
        *,
        kind: RepoKind,
        name: str,
        namespace: str | None = None,
        private: bool | None = None,
        sdk: str | None = None,
        licence: str | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Repo:
        """A new repository with its initial commit.

        `private` None takes the organisation's default; a `licence` is stated in a first card.
        Raises `InvalidName`, `Invalid`, `RepoExists`, `Unauthorized`, `Forbidden`.
        """
        user = require_user(caller)
        check_repo_name(name)
        if kind is RepoKind.SPACE and sdk not in SPACE_SDKS:
            raise Invalid(f"A Space needs an sdk: one of {', '.join(SPACE_SDKS)}; {sdk!r} was given.")
        with self._store.write() as tx:
            owner = self._owner(tx, caller, namespace or user.name)
            default = isinstance(owner, Organization) and owner.private_by_default
            moment = now()
            repo = tx.repos.add(
                kind=kind,
                namespace_id=owner.id,
                name=name,
                private=default if private is None else private,
                created_at=moment,
            )
            contents = {".gitattributes": default_attributes(with_media=kind is RepoKind.DATASET)}
            if kind is RepoKind.SPACE or licence is not None:
                contents["README.md"] = _first_card(name, sdk if kind is RepoKind.SPACE else None, licence)
            initial_commit(tx, repo, user, contents | dict(files or {}), at=moment)
            tx.events.add(_event(REPO_CREATED, repo, user, scope=repo.scope))
            created = tx.repos.by_id(repo.id)
            assert created is not None
            return created

    def delete(self, caller: Caller, kind: RepoKind, full_name: str) -> None:
        """Raises `RepoMissing`, `Forbidden`."""
        with self._store.write() as tx:
            repo = self._configurable(tx, caller, kind, full_name)
            tx.repos.delete(repo.id)
            tx.events.add(_event(REPO_DELETED, repo, caller.user, scope=repo.scope))

    def configure(
        self,
        caller: Caller,
        kind: RepoKind,
        full_name: str,
        *,
        private: bool | None = None,
        gated: str | None = None,
        discussions_disabled: bool | None = None,
    ) -> Repo:
        """Change the settings that are not None; `gated` takes "", "auto" or "manual".

        Raises `RepoMissing`, `Forbidden`, `Invalid`.
        """
        if gated is not None and gated not in GATES:
            raise Invalid(f"gated is {gated!r}; it must be false, 'auto' or 'manual'.")
        with self._store.write() as tx:
            repo = self._configurable(tx, caller, kind, full_name)
            tx.repos.update_settings(
                repo.id, private=private, gated=gated, discussions_disabled=discussions_disabled
            )
            tx.events.add(_event(REPO_CONFIGURED, repo, caller.user, private=private, gated=gated))
            changed = tx.repos.by_id(repo.id)
            assert changed is not None
            return changed

    def move(self, caller: Caller, kind: RepoKind, full_name: str, to_full_name: str) -> Repo:
        """Rename or hand over; the old name keeps leading here.

        Raises `RepoMissing`, `MoveTargetExists`, `Invalid`, `Forbidden`.
        """
        namespace, _, name = to_full_name.partition("/")
        check_repo_name(name)
        with self._store.write() as tx:
            repo = self._configurable(tx, caller, kind, full_name)
            owner = self._owner(tx, caller, namespace)
            moved = tx.repos.rename(repo, namespace_id=owner.id, name=name)
            tx.events.add(_event(REPO_MOVED, repo, caller.user, old=repo.scope, new=moved.scope))
            return moved

    def duplicate(
        self, caller: Caller, source: Repo, to_full_name: str, *, private: bool | None = None
    ) -> Repo:
        """A new repository with the same history; as private as its source where `private` is None.

        Raises `RepoMissing`, `RepoGated`, `RepoExists`, `Invalid`, `Unauthorized`, `Forbidden`.
        """
        user = require_user(caller)
        self.require_content(caller, source)
        namespace, _, name = to_full_name.partition("/")
        check_repo_name(name)
        with self._store.write() as tx:
            source = find_visible(tx, caller, source.kind, source.full_name)
            owner = self._owner(tx, caller, namespace)
            moment = now()
            repo = tx.repos.add(
                kind=source.kind,
                namespace_id=owner.id,
                name=name,
                private=source.private if private is None else private,
                created_at=moment,
                pool_id=source.pool_id,
            )
            share_history(tx, source, repo, user, at=moment)
            tx.events.add(_event(REPO_CREATED, repo, user, scope=repo.scope, duplicate_of=source.scope))
            created = tx.repos.by_id(repo.id)
            assert created is not None
            return created

    def holdings(
        self, caller: Caller, name: str, *, after: RepoId | None, limit: int
    ) -> tuple[Sequence[Repo], int]:
        """What a namespace owns, newest first, and how many bytes that is in all; for its members.

        Raises `AccountMissing`, `Unauthorized`, `Forbidden`.
        """
        require_user(caller)
        with self._store.read() as tx:
            owner = tx.accounts.namespace(name)
            if caller.role_in(owner.id) is None or caller.is_confined:
                raise Forbidden(f"You may not see the storage of {name}: you are not a member of it.")
            return (
                tx.repos.holdings(owner.id, after=after, limit=limit),
                tx.repos.stored_bytes(owner.id),
            )

    def tags(self, caller: Caller, kind: RepoKind, *, limit: int) -> Sequence[str]:
        """The tags of the repositories that the caller may see: the `limit` most frequent with each prefix."""
        wanted = RepoFilter(kind=kind, visible_to=visibility(caller))
        prefixes = [*(f"{prefix}:" for prefix in PREFIXED), ""]
        with self._store.read() as tx:
            groups = tx.repos.facets(wanted, prefixes, limit=limit)
        return [tag for prefix in prefixes for tag in groups[prefix]]

    def survey(
        self, wanted: RepoFilter, prefixes: Sequence[str], *, limit: int
    ) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, int], int]:
        """What a list could be narrowed to: its tags by prefix, its owners, and how many repositories it has."""
        with self._store.read() as tx:
            tags = tx.repos.facets(wanted, prefixes, limit=limit)
            return tags, tx.repos.owners(wanted, limit=limit), tx.repos.num_matching(wanted)

    def spaces_with(self, caller: Caller, model: Repo, *, limit: int) -> Sequence[Repo]:
        """The Spaces whose cards name this model, first what is in fashion."""
        wanted = RepoFilter(
            kind=RepoKind.SPACE,
            visible_to=visibility(caller),
            tags=(f"model:{model.full_name}",),
            limit=limit,
        )
        return self.page(wanted)

    def num_children(self, caller: Caller, model: Repo) -> int:
        """How many models' cards name this one as their base."""
        tags = (f"base_model:{model.full_name}",)
        wanted = RepoFilter(kind=RepoKind.MODEL, visible_to=visibility(caller), tags=tags)
        with self._store.read() as tx:
            return tx.repos.num_matching(wanted)

    def num_repos(self, caller: Caller, namespace_id, kind: RepoKind) -> int:
        with self._store.read() as tx:
            return tx.repos.count(namespace_id, kind, visibility(caller))

    def require_content(self, caller: Caller, repo: Repo) -> None:
        """Gated content opens to the owner's members, and to those whose request was granted.

        Raises `RepoGated`.
        """
        if repo.gated is None:
            return
        with self._store.read() as tx:
            if is_let_in(tx, caller, repo):
                return
        raise RepoGated(repo.kind, repo.full_name, anonymous=caller.is_anonymous)

    @staticmethod
    def _owner(tx: Transaction, caller: Caller, namespace: str) -> User | Organization:
        try:
            owner = tx.accounts.namespace(namespace)
        except AccountMissing:
            owner = None
        if owner is None or not may_create_in(caller, owner.id):
            # One answer for both, so that names of accounts cannot be probed here.
            raise Forbidden(
                f"You don't have the rights to create a repository under the namespace {namespace!r}."
            )
        return owner

    @staticmethod
    def _configurable(tx: Transaction, caller: Caller, kind: RepoKind, full_name: str) -> Repo:
        repo = find_visible(tx, caller, kind, full_name)
        if not may(caller, Permission.REPO_SETTINGS_WRITE, repo):
            require_user(caller)
            raise refuse(caller, f"change the settings of {repo.full_name}")
        return repo


def _event(name: str, repo: Repo, user: User | None, **facts: object) -> Event:
    return Event(name=name, repo_id=repo.id, user_id=user.id if user else None, at=now(), facts=facts)


def _first_card(name: str, sdk: str | None, licence: str | None) -> bytes:
    facts: dict[str, object] = {}
    if sdk is not None:
        facts |= {"title": name, "sdk": sdk}
        if sdk in ("gradio", "streamlit"):
            facts["app_file"] = "app.py"
        facts["pinned"] = False
    if licence is not None:
        facts["license"] = licence
    return f"---\n{yaml.safe_dump(facts, sort_keys=False)}---\n\n# {name}\n".encode()
