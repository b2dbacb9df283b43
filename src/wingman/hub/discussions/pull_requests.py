"""Pull requests: opening them, what they change, and merging them."""

from collections.abc import Sequence
from dataclasses import dataclass

from wingman.hub.access.model import Caller, Permission, may, refuse, require_user
from wingman.hub.accounts.model import User
from wingman.hub.commits.heads import move_head
from wingman.hub.commits.model import CommitRequest, CommitResult
from wingman.hub.commits.service import CommitService, signature
from wingman.hub.contents.comparing import diff_commits
from wingman.hub.database import now
from wingman.hub.discussions.model import Discussion, EventKind, MergeConflict, Status
from wingman.hub.discussions.service import (
    add_discussion,
    announce,
    comment_on,
    contributor,
    find_discussion,
)
from wingman.hub.discussions.store import DiscussionFilter
from wingman.hub.errors import Invalid
from wingman.hub.events.model import PULL_REQUEST_MERGED
from wingman.hub.git.history import merge_base
from wingman.hub.git.merging import Merge, TextReader, merge_trees
from wingman.hub.git.objects import EMPTY_TREE, Commit, GitObject, make_commit
from wingman.hub.git.revisions import MAIN, RevisionMissing, find_branch, load_commit, tree_loader
from wingman.hub.git.store import Ref
from wingman.hub.git.trees import edit
from wingman.hub.repos.model import Repo
from wingman.hub.store import Store, Transaction

MAX_MERGED_FILE_BYTES = 1 << 20
"""Larger files are not merged by line: where both sides changed one, it is a conflict."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a pull request would change, or changed: git's diff, and the files that stand in the way."""

    diff: str
    conflicts: Sequence[str]


class PullRequestService:
    def __init__(self, store: Store, commits: CommitService) -> None:
        self._store = store
        self._commits = commits

    def open_draft(self, caller: Caller, repo: Repo, *, title: str, description: str) -> Discussion:
        """An empty pull request against main; its ref stands where main stands.

        Raises `DiscussionsDisabled`, `Unauthorized`, `Forbidden`, `Invalid`, `RevisionMissing`.
        """
        user = contributor(caller, repo)
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            base = find_branch(tx.git, repo, MAIN)
            return _open(tx, user, repo, base, title=title, description=description, status=Status.DRAFT)

    def open_with(
        self, caller: Caller, repo: Repo, revision: str, request: CommitRequest
    ) -> tuple[Discussion, CommitResult]:
        """A pull request against the branch `revision` that holds one commit.

        Anybody who may read and is signed in may do this. Raises what `open_draft` and a commit raise.
        """
        user = contributor(caller, repo)
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            base = find_branch(tx.git, repo, revision)
            if not base.name.startswith("refs/heads/"):
                raise RevisionMissing(repo, revision)
            discussion = _open(
                tx,
                user,
                repo,
                base,
                title=request.summary,
                description=request.description,
                status=Status.OPEN,
            )
            result = self._commits.commit_within(tx, user, repo, discussion.ref, request)
            return discussion, result

    def require_push(self, caller: Caller, repo: Repo) -> None:
        """Whether there is anything that the caller may push to: a branch, or a pull request of their own.

        Raises `Unauthorized`, `Forbidden`.
        """
        if may(caller, Permission.REPO_CONTENT_WRITE, repo):
            return
        user = require_user(caller)
        if may(caller, Permission.REPO_CONTRIBUTE, repo):
            own = DiscussionFilter(
                is_pull_request=True, statuses=(Status.OPEN, Status.DRAFT, Status.CLOSED), author=user.name
            )
            with self._store.read() as tx:
                if tx.discussions.count(repo.id, own):
                    return
        raise refuse(caller, f"push to {repo.full_name}")

    def proposal(self, repo: Repo, discussion: Discussion) -> Proposal:
        """Raises `RevisionMissing` if the pull request's ref is gone."""
        with self._store.read() as tx:
            head = find_branch(tx.git, repo, discussion.ref)
            if discussion.status is Status.MERGED:
                return Proposal(diff_commits(tx, repo, discussion.merged_from, head.commit), ())
            base = tx.git.ref(repo.id, discussion.base or MAIN)
            if base is None:
                return Proposal(diff_commits(tx, repo, None, head.commit), ())
            start = merge_base(tx.git, repo.pool_id, base.commit, head.commit)
            diff = diff_commits(tx, repo, start, head.commit)
            if start in (base.commit, head.commit):
                return Proposal(diff, ())
            return Proposal(diff, _merge(tx, repo, start, base, head).conflicts)

    def merge(self, caller: Caller, repo: Repo, num: int, *, comment: str | None = None) -> str:
        """Bring the changes into the base branch; returns the commit that the branch is at then.

        Fast-forward where the branch has not moved on, else a merge commit. All or nothing. Raises
        `DiscussionMissing`, `MergeConflict`, `Invalid` (a draft, closed, merged, nothing to merge), `Forbidden`.
        """
        if not may(caller, Permission.REPO_CONTENT_WRITE, repo):
            require_user(caller)
            raise refuse(caller, f"merge into {repo.full_name}")
        user = require_user(caller)
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            discussion = find_discussion(tx, repo, num)
            base, head = _mergeable(tx, repo, discussion)
            repo = tx.repos.by_id(repo.id) or repo
            start = merge_base(tx.git, repo.pool_id, base.commit, head.commit)
            if start == head.commit:
                raise Invalid(f"Pull request {num} has nothing that {base.name} does not have already.")
            target = head.commit
            if start != base.commit:
                merged = _merge(tx, repo, start, base, head)
                if merged.conflicts:
                    raise MergeConflict(num, merged.conflicts)
                target = _commit_merge(tx, user, repo, discussion, merged, base, head)
            _record(tx, user, repo, discussion, base, target, start, comment)
            return target


def _open(
    tx: Transaction, user: User, repo: Repo, base: Ref, *, title: str, description: str, status: Status
) -> Discussion:
    discussion = add_discussion(
        tx, user, repo, title=title, description=description, status=status, base=base.name
    )
    move_head(tx, repo, discussion.ref, old=None, new=base.commit, user_id=user.id, at=discussion.created_at)
    return discussion


def _mergeable(tx: Transaction, repo: Repo, discussion: Discussion) -> tuple[Ref, Ref]:
    """The base branch and the pull request's head. Raises `Invalid`, `RevisionMissing`."""
    if discussion.base is None:
        raise Invalid(f"Discussion {discussion.num} is not a pull request.")
    if discussion.status is not Status.OPEN:
        raise Invalid(
            f"Pull request {discussion.num} is {discussion.status.value}; only open ones can be merged."
        )
    return find_branch(tx.git, repo, discussion.base), find_branch(tx.git, repo, discussion.ref)


def _merge(tx: Transaction, repo: Repo, start: str | None, base: Ref, head: Ref) -> Merge:
    def tree(commit: str) -> str:
        return load_commit(tx.git, repo.pool_id, commit).tree

    return merge_trees(
        tree_loader(tx.git, repo.pool_id),
        _text_reader(tx, repo),
        base=tree(start) if start else EMPTY_TREE,
        ours=tree(base.commit),
        theirs=tree(head.commit),
    )


def _text_reader(tx: Transaction, repo: Repo) -> TextReader:
    def read(oid: str) -> bytes | None:
        facts = tx.git.blob_facts(repo.pool_id, [oid]).get(oid)
        if facts is None or facts.pointer is not None or facts.size > MAX_MERGED_FILE_BYTES:
            return None
        data = tx.git.object(repo.pool_id, oid).data
        return None if b"\0" in data else data

    return read


def _commit_merge(
    tx: Transaction, user: User, repo: Repo, discussion: Discussion, merged: Merge, base: Ref, head: Ref
) -> str:
    parents = (base.commit, head.commit)
    loaded = [load_commit(tx.git, repo.pool_id, parent) for parent in parents]
    tree, trees = edit(tree_loader(tx.git, repo.pool_id), loaded[0].tree, merged.changes)
    moment = max(now(), *(parent.committed_at for parent in loaded))
    person = signature(user)
    message = f"{discussion.title} (#{discussion.num})"
    commit: GitObject = make_commit(Commit(tree, parents, person, moment, person, moment, message))
    tx.git.add_objects(repo.pool_id, [*merged.blobs, *trees, commit])
    return commit.oid


def _record(
    tx: Transaction,
    user: User,
    repo: Repo,
    discussion: Discussion,
    base: Ref,
    target: str,
    start: str | None,
    comment: str | None,
) -> None:
    """Move the branch and tell of it."""
    moment = now()
    move_head(tx, repo, base.name, old=base.oid, new=target, user_id=user.id, at=moment)
    if comment and comment.strip():
        comment_on(tx, user, repo, discussion, comment)
    tx.discussions.set_merged(discussion.id, merge_commit=target, merged_from=start or base.commit)
    tx.discussions.add_event(
        discussion.id,
        EventKind.STATUS_CHANGE,
        author_id=user.id,
        at=moment,
        facts={"status": Status.MERGED.value},
    )
    announce(tx, PULL_REQUEST_MERGED, repo, discussion, user, commit=target)
