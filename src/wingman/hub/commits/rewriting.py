"""Taking large files out of a repository's whole history, as if they had never been committed."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from wingman.hub.commits.heads import move_head
from wingman.hub.git.objects import EMPTY_TREE, GitObject, ObjectKind, TreeEntry, make_commit, make_tree
from wingman.hub.git.revisions import load_commit, tree_loader
from wingman.hub.git.store import Ref
from wingman.hub.repos.model import Repo
from wingman.hub.store import Transaction


def remove_from_history(
    tx: Transaction, repo: Repo, sha256s: Collection[str], *, user_id: int, at: datetime
) -> None:
    """Move every branch, tag and pull request to a history without these files; the caller holds the lock.

    Commits that the files are not in keep their ids; later ones get new ones, and lose their signatures.
    """
    rewriter = _Rewriter(tx, repo, set(sha256s))
    for ref in tx.git.refs(repo.id):
        commit = rewriter.commit(ref.commit)
        if commit == ref.commit:
            continue
        target = commit if ref.oid == ref.commit else _moved_tag(tx, repo, ref, commit)
        if ref.name.startswith("refs/pr/"):
            # Not by `move_head`: nobody added to the pull request, and a merged one may be rewritten too.
            tx.git.move_ref(repo.id, ref.name, old=ref.oid, new=target, commit=commit)
        else:
            repo = tx.repos.by_id(repo.id) or repo
            move_head(tx, repo, ref.name, old=ref.oid, new=target, commit=commit, user_id=user_id, at=at)
    tx.git.add_commits(repo.id, rewriter.commits.values())


def _moved_tag(tx: Transaction, repo: Repo, ref: Ref, commit: str) -> str:
    """An annotated tag with the same words on another commit."""
    data = tx.git.object(repo.pool_id, ref.oid).data
    tag = GitObject(ObjectKind.TAG, data.replace(ref.commit.encode(), commit.encode(), 1))
    tx.git.add_objects(repo.pool_id, [tag])
    return tag.oid


class _Rewriter:
    """Commits and trees without some large files; each is looked at once."""

    def __init__(self, tx: Transaction, repo: Repo, sha256s: set[str]) -> None:
        self._git = tx.git
        self._pool = repo.pool_id
        self._sha256s = sha256s
        self._load = tree_loader(tx.git, repo.pool_id)
        self._trees: dict[str, str] = {EMPTY_TREE: EMPTY_TREE}
        self.commits: dict[str, str] = {}
        """From old ids to new ones."""

    def commit(self, head: str) -> str:
        """Parents before children, without recursion: histories are long."""
        waiting = [head]
        while waiting:
            oid = waiting[-1]
            if oid in self.commits:
                waiting.pop()
                continue
            commit = load_commit(self._git, self._pool, oid)
            unknown = [parent for parent in commit.parents if parent not in self.commits]
            if unknown:
                waiting.extend(unknown)
                continue
            parents = tuple(self.commits[parent] for parent in commit.parents)
            tree = self._tree(commit.tree)
            if (tree, parents) == (commit.tree, commit.parents):
                self.commits[oid] = oid
                continue
            rewritten = make_commit(replace(commit, tree=tree, parents=parents))
            self._git.add_objects(self._pool, [rewritten])
            self.commits[oid] = rewritten.oid
        return self.commits[head]

    def _tree(self, oid: str) -> str:
        if oid not in self._trees:
            entries = self._load([oid])[oid]
            kept = [entry for entry in self._kept(entries) if entry.oid != EMPTY_TREE]
            tree = make_tree(kept)
            if tree.oid != oid:
                self._git.add_objects(self._pool, [tree])
            self._trees[oid] = tree.oid
        return self._trees[oid]

    def _kept(self, entries: Iterable[TreeEntry]) -> list[TreeEntry]:
        entries = list(entries)
        facts = self._git.blob_facts(self._pool, (entry.oid for entry in entries if not entry.is_directory))
        kept = []
        for entry in entries:
            if entry.is_directory:
                kept.append(replace(entry, oid=self._tree(entry.oid)))
                continue
            fact = facts.get(entry.oid)
            if fact is None or fact.pointer is None or fact.pointer.sha256 not in self._sha256s:
                kept.append(entry)
        return kept
