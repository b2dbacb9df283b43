"""Keeping a pull request's timeline true when its ref moves, whoever moves it: commit API, push, squash."""

from datetime import datetime
from itertools import islice, takewhile

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.discussions.model import EventKind, Status, pull_request_number
from wingman.hub.errors import Invalid
from wingman.hub.git.history import first_parents, merge_base
from wingman.hub.repos.model import Repo
from wingman.hub.store import Transaction

MAX_COMMITS_SHOWN = 100
"""Of one push; older ones are in the history all the same."""


def record_push(
    tx: Transaction,
    repo: Repo,
    ref: str,
    *,
    old: str | None,
    new: str | None,
    user_id: int | None,
    at: datetime,
) -> None:
    """A ref moved from commit `old` to `new`: if it is a pull request's, put its new commits on the timeline.

    Raises `Invalid` if there is no such pull request, it is merged, or `new` is None: its changes stay readable.
    """
    if not ref.startswith("refs/pr/"):
        return
    num = pull_request_number(ref)
    discussion = tx.discussions.find(repo.id, num) if num else None
    if discussion is None or discussion.base is None:
        raise Invalid(f"There is no pull request behind {ref}; open one first.")
    if discussion.status is Status.MERGED:
        raise Invalid(f"Pull request {num} is merged; open another one for further changes.")
    if new is None:
        raise Invalid(f"{ref} cannot be deleted; close pull request {num} instead.")
    base = tx.git.ref(repo.id, discussion.base)
    forked_at = merge_base(tx.git, repo.pool_id, base.commit, new) if base else None
    added = takewhile(lambda item: item[0] not in (old, forked_at), first_parents(tx.git, repo.pool_id, new))
    for oid, commit in reversed(list(islice(added, MAX_COMMITS_SHOWN))):
        tx.discussions.add_event(
            discussion.id,
            EventKind.COMMIT,
            author_id=None if user_id is None else NamespaceId(user_id),
            at=at,
            facts={"subject": commit.title, "oid": oid},
        )
