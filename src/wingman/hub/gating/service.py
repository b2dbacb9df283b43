"""Asking for access to a gated repository, and deciding on it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wingman.hub.access.model import Caller, Permission, may, refuse, require_user
from wingman.hub.accounts.model import User
from wingman.hub.accounts.store import AccountMissing
from wingman.hub.database import now
from wingman.hub.errors import Invalid, TooLarge
from wingman.hub.events.model import ACCESS_DECIDED, ACCESS_REQUESTED, Event
from wingman.hub.gating.model import AccessDecided, AccessRequest, AccessRequestMissing, AccessStatus
from wingman.hub.repos.model import Repo
from wingman.hub.store import Store, Transaction

MAX_FIELDS_CHARACTERS = 20_000


class AccessRequestService:
    """Decisions are for those who may change the repository's settings."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ask(self, caller: Caller, repo: Repo, fields: Mapping[str, Any]) -> AccessRequest:
        """Ask for oneself: accepted at once where the gate is "auto"; asking twice changes nothing.

        Raises `Unauthorized`, `Forbidden` (a token that only reads), `Invalid` (the repository is not gated).
        """
        user = require_user(caller)
        if not caller.may_write_at_all or (caller.token is not None and caller.token.repo_scope is not None):
            raise refuse(caller, f"ask for access to {repo.full_name}")
        if len(json.dumps(fields)) > MAX_FIELDS_CHARACTERS:
            raise TooLarge(f"The answers have more than {MAX_FIELDS_CHARACTERS} characters together.")
        if repo.gated is None:
            raise Invalid(f"{repo.full_name} is open to everyone who can see it; there is no need to ask.")
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            known = tx.access_requests.find(repo.id, user.id)
            if known is not None:
                return known
            status = AccessStatus.ACCEPTED if repo.gated == "auto" else AccessStatus.PENDING
            _announce(tx, ACCESS_REQUESTED, repo, user, user, status)
            return tx.access_requests.add(
                repo.id, user.id, status=status, at=now(), asked=True, fields=fields
            )

    def list(
        self, caller: Caller, repo: Repo, status: AccessStatus, *, after: int | None, limit: int
    ) -> Sequence[AccessRequest]:
        """Newest first. Raises `Unauthorized`, `Forbidden`."""
        _decider(caller, repo)
        with self._store.read() as tx:
            return tx.access_requests.list(repo.id, status, after=after, limit=limit)

    def grant(self, caller: Caller, repo: Repo, name: str) -> AccessRequest:
        """Let a user in who need not have asked. Raises `AccountMissing`, `AccessDecided`, `Forbidden`."""
        decider = _decider(caller, repo)
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            user = _user(tx, name)
            known = tx.access_requests.find(repo.id, user.id)
            if known is not None:
                return _decide(tx, decider, repo, known, AccessStatus.ACCEPTED)
            _announce(tx, ACCESS_DECIDED, repo, decider, user, AccessStatus.ACCEPTED)
            return tx.access_requests.add(
                repo.id, user.id, status=AccessStatus.ACCEPTED, at=now(), asked=False, fields={}
            )

    def handle(
        self,
        caller: Caller,
        repo: Repo,
        status: AccessStatus,
        *,
        user_name: str | None = None,
        request_id: int | None = None,
        rejection_reason: str = "",
    ) -> AccessRequest:
        """Accept, reject, or put back to pending the request of a user, or one by its id.

        Raises `AccountMissing`, `AccessRequestMissing`, `AccessDecided` (it is so already), `Forbidden`.
        """
        decider = _decider(caller, repo)
        with self._store.write() as tx:
            if user_name is not None:
                known = tx.access_requests.find(repo.id, _user(tx, user_name).id)
            else:
                known = None if request_id is None else tx.access_requests.by_id(repo.id, request_id)
            if known is None:
                raise AccessRequestMissing(user_name or "this id")
            return _decide(tx, decider, repo, known, status, rejection_reason=rejection_reason)


def _decider(caller: Caller, repo: Repo) -> User:
    if not may(caller, Permission.REPO_SETTINGS_WRITE, repo):
        require_user(caller)
        raise refuse(caller, f"decide who may read {repo.full_name}")
    return require_user(caller)


def _user(tx: Transaction, name: str) -> User:
    account = tx.accounts.namespace(name)
    if not isinstance(account, User):
        raise AccountMissing(name)
    return account


def _decide(
    tx: Transaction,
    decider: User,
    repo: Repo,
    request: AccessRequest,
    status: AccessStatus,
    *,
    rejection_reason: str = "",
) -> AccessRequest:
    if request.status is status:
        raise AccessDecided(request.user.name, status)
    tx.access_requests.set_status(request.id, status, rejection_reason=rejection_reason)
    _announce(tx, ACCESS_DECIDED, repo, decider, request.user, status)
    decided = tx.access_requests.by_id(repo.id, request.id)
    assert decided is not None
    return decided


def _announce(
    tx: Transaction, name: str, repo: Repo, by: User, requester: User, status: AccessStatus
) -> None:
    facts = {"repo": repo.scope, "user": requester.name, "status": status.value}
    tx.events.add(Event(name=name, repo_id=repo.id, user_id=by.id, at=now(), facts=facts))
