"""Discussions: starting, reading, answering, editing, closing. Pull requests' own matters: `pull_requests.py`."""

from collections.abc import Sequence

from wingman.hub.access.model import Caller, Permission, may, refuse, require_user
from wingman.hub.accounts.model import NamespaceId, User
from wingman.hub.database import now
from wingman.hub.discussions.model import (
    CommentMissing,
    Discussion,
    DiscussionEvent,
    DiscussionMissing,
    DiscussionsDisabled,
    EventKind,
    Status,
    check_comment,
    check_title,
)
from wingman.hub.discussions.store import DiscussionFilter
from wingman.hub.errors import Forbidden, Invalid
from wingman.hub.events.model import COMMENT_ADDED, DISCUSSION_CHANGED, DISCUSSION_OPENED, Event
from wingman.hub.ids import number_of
from wingman.hub.repos.model import Repo
from wingman.hub.store import Store, Transaction


def contributor(caller: Caller, repo: Repo) -> User:
    """Whoever may take part. Raises `DiscussionsDisabled`, `Unauthorized`, `Forbidden`."""
    if repo.discussions_disabled:
        raise DiscussionsDisabled(repo)
    if not may(caller, Permission.REPO_CONTRIBUTE, repo):
        require_user(caller)
        raise refuse(caller, f"take part in discussions of {repo.full_name}")
    return require_user(caller)


def find_discussion(tx: Transaction, repo: Repo, num: int) -> Discussion:
    """Raises `DiscussionMissing`."""
    discussion = tx.discussions.find(repo.id, num)
    if discussion is None:
        raise DiscussionMissing(repo, num)
    return discussion


def add_discussion(
    tx: Transaction,
    user: User,
    repo: Repo,
    *,
    title: str,
    description: str,
    status: Status = Status.OPEN,
    base: str | None = None,
) -> Discussion:
    """A new discussion, or a pull request against `base`, with its first comment; the caller holds the lock."""
    moment = now()
    discussion = tx.discussions.add(
        repo.id, title=check_title(title), status=status, author_id=user.id, created_at=moment, base=base
    )
    if description.strip():
        tx.discussions.add_comment(
            discussion.id, author_id=user.id, at=moment, text=check_comment(description)
        )
    announce(tx, DISCUSSION_OPENED, repo, discussion, user)
    return discussion


def announce(
    tx: Transaction, name: str, repo: Repo, discussion: Discussion, user: User, **facts: object
) -> None:
    """Into the event log of the Hub."""
    facts |= {"repo": repo.scope, "num": discussion.num, "pull_request": discussion.is_pull_request}
    tx.events.add(Event(name=name, repo_id=repo.id, user_id=user.id, at=now(), facts=facts))


def comment_on(tx: Transaction, user: User, repo: Repo, discussion: Discussion, text: str) -> DiscussionEvent:
    event = tx.discussions.add_comment(discussion.id, author_id=user.id, at=now(), text=check_comment(text))
    announce(tx, COMMENT_ADDED, repo, discussion, user, comment=event.id)
    return event


class DiscussionService:
    def __init__(self, store: Store) -> None:
        self._store = store

    def list(
        self, repo: Repo, wanted: DiscussionFilter, *, skip: int, limit: int
    ) -> tuple[Sequence[Discussion], int]:
        """A page, newest first, and how many there are in all."""
        with self._store.read() as tx:
            page = tx.discussions.list(repo.id, wanted, skip=skip, limit=limit)
            return page, tx.discussions.count(repo.id, wanted)

    def find(self, repo: Repo, num: int) -> tuple[Discussion, Sequence[DiscussionEvent]]:
        """With all that happened in it, oldest first. Raises `DiscussionMissing`."""
        with self._store.read() as tx:
            discussion = find_discussion(tx, repo, num)
            return discussion, tx.discussions.events(discussion.id)

    def num_started_by(self, user_id: NamespaceId) -> int:
        """Discussions and pull requests in public repositories."""
        with self._store.read() as tx:
            return tx.discussions.num_started_by(user_id)

    def open(self, caller: Caller, repo: Repo, *, title: str, description: str) -> Discussion:
        """Raises `DiscussionsDisabled`, `Unauthorized`, `Forbidden`, `Invalid`."""
        user = contributor(caller, repo)
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            return add_discussion(tx, user, repo, title=title, description=description)

    def comment(self, caller: Caller, repo: Repo, num: int, text: str) -> DiscussionEvent:
        """Raises `DiscussionMissing`, `DiscussionsDisabled`, `Unauthorized`, `Forbidden`, `Invalid`."""
        user = contributor(caller, repo)
        with self._store.write() as tx:
            return comment_on(tx, user, repo, find_discussion(tx, repo, num), text)

    def edit_comment(
        self, caller: Caller, repo: Repo, num: int, comment_id: str, text: str
    ) -> DiscussionEvent:
        """Only its author may. Raises `CommentMissing`, `Forbidden`, `Invalid` and what `comment` raises."""
        user = contributor(caller, repo)
        with self._store.write() as tx:
            discussion, event = _find_comment(tx, repo, num, comment_id)
            if event.author_id != user.id:
                raise Forbidden("You may not edit this comment: somebody else wrote it.")
            if event.comment is None or event.comment.hidden:
                raise Invalid("A hidden comment cannot be edited.")
            tx.discussions.edit_comment(event, text=check_comment(text), editor_id=user.id, at=now())
            return _reread(tx, discussion, event)

    def hide_comment(self, caller: Caller, repo: Repo, num: int, comment_id: str) -> DiscussionEvent:
        """Its author may, and those who may write. Raises as `edit_comment`."""
        user = contributor(caller, repo)
        with self._store.write() as tx:
            discussion, event = _find_comment(tx, repo, num, comment_id)
            if event.author_id != user.id and not may(caller, Permission.REPO_CONTENT_WRITE, repo):
                raise Forbidden(f"You may not hide this comment: you need write access to {repo.full_name}.")
            tx.discussions.hide_comment(event)
            return _reread(tx, discussion, event)

    def rename(self, caller: Caller, repo: Repo, num: int, title: str) -> DiscussionEvent:
        """Whoever started it may, and those who may write. Raises as `comment`."""
        user = contributor(caller, repo)
        with self._store.write() as tx:
            discussion = _changeable(tx, caller, user, repo, num)
            title = check_title(title)
            tx.discussions.rename(discussion.id, title)
            announce(tx, DISCUSSION_CHANGED, repo, discussion, user, title=title)
            return tx.discussions.add_event(
                discussion.id,
                EventKind.TITLE_CHANGE,
                author_id=user.id,
                at=now(),
                facts={"from": discussion.title, "to": title},
            )

    def set_status(
        self, caller: Caller, repo: Repo, num: int, status: Status, *, comment: str | None = None
    ) -> DiscussionEvent:
        """Close, or open (again): a draft that is opened asks to be looked at.

        Raises as `comment`, and `Invalid` for a merged pull request or another status.
        """
        user = contributor(caller, repo)
        if status not in (Status.OPEN, Status.CLOSED):
            raise Invalid(f"The status can be set to open or closed, not to {status.value}.")
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            discussion = _changeable(tx, caller, user, repo, num)
            if discussion.status is Status.MERGED:
                raise Invalid(f"Pull request {num} is merged: it stays so.")
            if discussion.status is status:
                raise Invalid(f"Discussion {num} is {status.value} already.")
            if comment and comment.strip():
                comment_on(tx, user, repo, discussion, comment)
            tx.discussions.set_status(discussion.id, status)
            announce(tx, DISCUSSION_CHANGED, repo, discussion, user, status=status.value)
            return tx.discussions.add_event(
                discussion.id,
                EventKind.STATUS_CHANGE,
                author_id=user.id,
                at=now(),
                facts={"status": status.value},
            )


def _changeable(tx: Transaction, caller: Caller, user: User, repo: Repo, num: int) -> Discussion:
    discussion = find_discussion(tx, repo, num)
    if discussion.author_id != user.id and not may(caller, Permission.REPO_CONTENT_WRITE, repo):
        raise refuse(caller, f"change a discussion that somebody else started in {repo.full_name}")
    return discussion


def _find_comment(
    tx: Transaction, repo: Repo, num: int, comment_id: str
) -> tuple[Discussion, DiscussionEvent]:
    discussion = find_discussion(tx, repo, num)
    number = number_of(comment_id)
    event = None if number is None else tx.discussions.event(discussion.id, number)
    if event is None or event.comment is None:
        raise CommentMissing(comment_id)
    return discussion, event


def _reread(tx: Transaction, discussion: Discussion, event: DiscussionEvent) -> DiscussionEvent:
    changed = tx.discussions.event(discussion.id, event.id)
    assert changed is not None
    return changed
