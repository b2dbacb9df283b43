"""A repository with the history of another: both share one pool of git objects, so nothing is copied but refs."""

from collections.abc import Iterable
from datetime import datetime

from wingman.hub.accounts.model import User
from wingman.hub.commits.heads import move_head
from wingman.hub.git.history import ancestors
from wingman.hub.git.objects import EMPTY_TREE
from wingman.hub.git.revisions import load_commit, tree_loader
from wingman.hub.git.trees import differences
from wingman.hub.repos.model import Repo
from wingman.hub.store import Transaction


def share_history(tx: Transaction, source: Repo, target: Repo, user: User, *, at: datetime) -> None:
    """Give `target` the branches and tags of `source`, with the commits and large files that they reach.

    `target` is new and has the pool of `source`. Pull requests and unreachable files stay where they are.
    """
    refs = [ref for ref in tx.git.refs(source.id) if ref.name.startswith(("refs/heads/", "refs/tags/"))]
    commits = {oid for ref in refs for oid, _ in ancestors(tx.git, source.pool_id, ref.commit)}
    for file in tx.files.in_repo(source.id, _large_files(tx, source, commits)).values():
        tx.files.register(target.id, file)
    tx.git.add_commits(target.id, commits)
    for ref in refs:
        move_head(tx, target, ref.name, old=None, new=ref.oid, commit=ref.commit, user_id=user.id, at=at)


def _large_files(tx: Transaction, repo: Repo, commits: Iterable[str]) -> set[str]:
    """The sha256 of every large file that one of the commits brought in."""
    load = tree_loader(tx.git, repo.pool_id)
    blobs: set[str] = set()
    for oid in commits:
        commit = load_commit(tx.git, repo.pool_id, oid)
        parent = commit.parents[0] if commit.parents else None
        before = load_commit(tx.git, repo.pool_id, parent).tree if parent else EMPTY_TREE
        blobs |= {change.after.oid for change in differences(load, before, commit.tree) if change.after}
    facts = tx.git.blob_facts(repo.pool_id, blobs).values()
    return {fact.pointer.sha256 for fact in facts if fact.pointer}
