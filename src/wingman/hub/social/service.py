"""Liking repositories and following people."""

from collections.abc import Sequence

from wingman.hub.access.model import Caller, Permission, may, refuse, require_user, visibility
from wingman.hub.accounts.model import NamespaceId, Organization, User
from wingman.hub.accounts.store import AccountMissing
from wingman.hub.database import now
from wingman.hub.errors import Invalid
from wingman.hub.events.model import REPO_LIKED, Event
from wingman.hub.repos.model import Repo
from wingman.hub.social.model import Fan, Like, SocialCounts
from wingman.hub.store import Store, Transaction


class SocialService:
    """Lists are newest first; `after` is the id of the last entry of the page before."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def like(self, caller: Caller, repo: Repo) -> None:
        """Liking twice counts once. Raises `Unauthorized`, `Forbidden`."""
        user = _liker(caller, repo)
        with self._store.write() as tx:
            if tx.social.like(repo.id, user.id, now()):
                facts = {"repo": repo.scope}
                tx.events.add(Event(name=REPO_LIKED, repo_id=repo.id, user_id=user.id, at=now(), facts=facts))

    def unlike(self, caller: Caller, repo: Repo) -> None:
        """Raises `Unauthorized`, `Forbidden`."""
        user = _liker(caller, repo)
        with self._store.write() as tx:
            tx.social.unlike(repo.id, user.id)

    def likers(self, repo: Repo, *, after: int | None, limit: int) -> Sequence[Fan]:
        with self._store.read() as tx:
            return tx.social.likers(repo.id, after=after, limit=limit)

    def has_liked(self, caller: Caller, repo: Repo) -> bool:
        if caller.user is None:
            return False
        with self._store.read() as tx:
            return tx.social.has_liked(repo.id, caller.user.id)

    def likes(self, caller: Caller, name: str, *, after: int | None, limit: int) -> Sequence[Like]:
        """What the user `name` likes, as far as the caller may see it. Raises `AccountMissing`."""
        with self._store.read() as tx:
            user = _user(tx, name)
            return tx.social.likes(user.id, visibility(caller), after=after, limit=limit)

    def follow(self, caller: Caller, account: User | Organization) -> None:
        """Raises `Unauthorized`, `Forbidden`, `Invalid` (oneself)."""
        user = _follower(caller)
        if user.id == account.id:
            raise Invalid("You cannot follow yourself.")
        with self._store.write() as tx:
            tx.social.follow(user.id, account.id, now())

    def unfollow(self, caller: Caller, account: User | Organization) -> None:
        """Raises `Unauthorized`, `Forbidden`."""
        user = _follower(caller)
        with self._store.write() as tx:
            tx.social.unfollow(user.id, account.id)

    def followers(self, account: User | Organization, *, after: int | None, limit: int) -> Sequence[Fan]:
        with self._store.read() as tx:
            return tx.social.followers(account.id, after=after, limit=limit)

    def following(self, user: User, *, after: int | None, limit: int) -> Sequence[Fan]:
        with self._store.read() as tx:
            return tx.social.following(user.id, after=after, limit=limit)

    def counts(self, caller: Caller, account_id: NamespaceId) -> SocialCounts:
        """For an account's page; likes are those of repositories that the caller may see."""
        with self._store.read() as tx:
            return SocialCounts(
                num_likes=tx.social.num_likes(account_id, visibility(caller)),
                num_followers=tx.social.num_followers(account_id),
                num_following=tx.social.num_following(account_id),
                is_followed=caller.user is not None and tx.social.is_following(caller.user.id, account_id),
            )


def _liker(caller: Caller, repo: Repo) -> User:
    if not may(caller, Permission.REPO_CONTRIBUTE, repo):
        require_user(caller)
        raise refuse(caller, f"like {repo.full_name}")
    return require_user(caller)


def _follower(caller: Caller) -> User:
    user = require_user(caller)
    if not caller.may_write_at_all:
        raise refuse(caller, "follow anybody")
    return user


def _user(tx: Transaction, name: str) -> User:
    account = tx.accounts.namespace(name)
    if not isinstance(account, User):
        raise AccountMissing(name)
    return account
