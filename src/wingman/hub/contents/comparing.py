"""What lies between two commits of a repository, as a diff."""

from wingman.hub.git.diffs import BlobReader, unified_diff
from wingman.hub.git.objects import EMPTY_TREE
from wingman.hub.git.revisions import load_commit, tree_loader
from wingman.hub.repos.model import Repo
from wingman.hub.store import Transaction

MAX_FILE_BYTES = 1 << 20
MAX_DIFF_BYTES = 16 << 20
"""Larger files, and those after this much was read, are only named in a diff."""


def diff_commits(tx: Transaction, repo: Repo, before: str | None, after: str) -> str:
    """The diff from one commit to another; from nothing where `before` is None."""
    old_tree = load_commit(tx.git, repo.pool_id, before).tree if before else EMPTY_TREE
    new_tree = load_commit(tx.git, repo.pool_id, after).tree
    return unified_diff(tree_loader(tx.git, repo.pool_id), _bounded_reader(tx, repo), old_tree, new_tree)


def _bounded_reader(tx: Transaction, repo: Repo) -> BlobReader:
    left = MAX_DIFF_BYTES

    def read(oid: str) -> bytes | None:
        nonlocal left
        facts = tx.git.blob_facts(repo.pool_id, [oid]).get(oid)
        if facts is None or facts.size > min(MAX_FILE_BYTES, left):
            return None
        left -= facts.size
        return tx.git.object(repo.pool_id, oid).data

    return read
