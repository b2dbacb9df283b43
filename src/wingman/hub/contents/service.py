"""Reading a repository at a revision: trees, single paths, files, history, refs."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from wingman.hub.contents.comparing import diff_commits
from wingman.hub.contents.model import Entry, HistoryEntry, LastCommit, OpenedFile
from wingman.hub.files.model import LargeFile
from wingman.hub.git.attributes import Attributes, parse_attributes
from wingman.hub.git.history import ancestors, merge_base
from wingman.hub.git.ignoring import IgnoreRules
from wingman.hub.git.objects import EMPTY_TREE, Commit
from wingman.hub.git.revisions import (
    MAIN,
    EntryMissing,
    RevisionMissing,
    find_branch,
    load_commit,
    resolve_revision,
    tree_loader,
)
from wingman.hub.git.store import Ref
from wingman.hub.git.trees import PathEntry, find_entries, find_entry, list_directory, walk
from wingman.hub.repos.model import Repo
from wingman.hub.store import Store, Transaction

MAX_HISTORY_LOOKED_AT = 2000
"""How many commits are looked at for the one that last touched an entry (older entries show the oldest of these), and
for those that changed a path."""


class ContentService:
    def __init__(self, store: Store) -> None:
        self._store = store

    def resolve(self, repo: Repo, revision: str) -> str:
        """The commit id. Raises `RevisionMissing`."""
        with self._store.read() as tx:
            return resolve_revision(tx.git, repo, revision)

    def tree(
        self,
        repo: Repo,
        revision: str,
        path: str = "",
        *,
        recursive: bool = False,
        last_commits: bool = False,
    ) -> tuple[str, list[Entry]]:
        """The commit, and what lies below `path`. Raises `RevisionMissing`, `EntryMissing`."""
        with self._store.read() as tx:
            commit, root = _root(tx, repo, revision)
            load = tree_loader(tx.git, repo.pool_id)
            here = find_entry(load, root, path)
            if here is None or not here.is_directory:
                raise EntryMissing(repo, path, commit)
            found = (
                walk(load, here.oid, prefix=path)
                if recursive
                else list_directory(load, here.oid, prefix=path)
            )
            entries = _described(tx, repo, found)
            return commit, _with_last_commits(tx, repo, commit, entries) if last_commits else entries

    def folder_page(
        self, repo: Repo, revision: str, path: str, *, start: int, limit: int
    ) -> tuple[str, list[Entry], int]:
        """The commit, some entries of one folder with the commits that last touched them, and how many it has in all.

        Only what is shown is described: a folder of ten thousand files costs little more than one of a hundred.
        Raises `RevisionMissing`, `EntryMissing`.
        """
        with self._store.read() as tx:
            commit, root = _root(tx, repo, revision)
            load = tree_loader(tx.git, repo.pool_id)
            here = find_entry(load, root, path)
            if here is None or not here.is_directory:
                raise EntryMissing(repo, path, commit)
            found = list(list_directory(load, here.oid, prefix=path))
            shown = _described(tx, repo, found[start : start + limit])
            return commit, _with_last_commits(tx, repo, commit, shown), len(found)

    def describe(self, repo: Repo, revision: str, entries: Sequence[Entry]) -> list[Entry]:
        """The same entries with the commit that last touched each."""
        with self._store.read() as tx:
            return _with_last_commits(tx, repo, resolve_revision(tx.git, repo, revision), entries)

    def paths(
        self, repo: Repo, revision: str, paths: Iterable[str], *, last_commits: bool = False
    ) -> tuple[str, list[Entry]]:
        """The commit, and those of the paths that exist. Raises `RevisionMissing`."""
        with self._store.read() as tx:
            commit, root = _root(tx, repo, revision)
            wanted = [path.strip("/") for path in paths]
            found = find_entries(tree_loader(tx.git, repo.pool_id), root, [path for path in wanted if path])
            entries = _described(tx, repo, found.values())
            return commit, _with_last_commits(tx, repo, commit, entries) if last_commits else entries

    def open(self, repo: Repo, revision: str, path: str) -> OpenedFile:
        """A file with its bytes or, for a large one, where they are. Raises `RevisionMissing`, `EntryMissing`."""
        with self._store.read() as tx:
            commit, root = _root(tx, repo, revision)
            entry = find_entry(tree_loader(tx.git, repo.pool_id), root, path)
            facts = tx.git.blob_facts(repo.pool_id, [entry.oid]) if entry and not entry.is_directory else {}
            if entry is None or entry.oid not in facts:
                raise EntryMissing(repo, path, commit)
            pointer = facts[entry.oid].pointer
            large = tx.files.in_repo(repo.id, [pointer.sha256]).get(pointer.sha256) if pointer else None
            if large is not None:
                return OpenedFile(path=path, commit=commit, oid=entry.oid, size=large.size, large=large)
            # Also a pointer whose object this repository never had: then the pointer itself is the file.
            data = tx.git.object(repo.pool_id, entry.oid).data
            return OpenedFile(path=path, commit=commit, oid=entry.oid, size=len(data), data=data)

    def open_raw(self, repo: Repo, revision: str, path: str) -> OpenedFile:
        """The blob as git has it: a large file's pointer stays a pointer."""
        with self._store.read() as tx:
            commit, root = _root(tx, repo, revision)
            entry = find_entry(tree_loader(tx.git, repo.pool_id), root, path)
            if entry is None or entry.is_directory:
                raise EntryMissing(repo, path, commit)
            data = tx.git.object(repo.pool_id, entry.oid).data
            return OpenedFile(path=path, commit=commit, oid=entry.oid, size=len(data), data=data)

    def find_large_file(self, repo: Repo, sha256: str) -> LargeFile | None:
        with self._store.read() as tx:
            return tx.files.in_repo(repo.id, [sha256]).get(sha256)

    def places_of(self, repo: Repo, sha256s: Collection[str]) -> dict[str, tuple[str, str]]:
        """The first reference whose head has each large file, and its path there; main is looked at first.

        Files that only older commits name are left out.
        """
        places: dict[str, tuple[str, str]] = {}
        with self._store.read() as tx:
            load = tree_loader(tx.git, repo.pool_id)
            for ref in sorted(tx.git.refs(repo.id), key=lambda ref: ref.name != MAIN):
                if len(places) == len(sha256s):
                    break
                entries = walk(load, load_commit(tx.git, repo.pool_id, ref.commit).tree)
                facts = tx.git.blob_facts(repo.pool_id, (entry.oid for entry in entries))
                for entry in entries:
                    fact = facts.get(entry.oid)
                    if fact and fact.pointer and fact.pointer.sha256 in sha256s:
                        places.setdefault(fact.pointer.sha256, (ref.name, entry.path))
        return places

    def history(
        self, repo: Repo, revision: str, path: str = "", *, skip: int = 0, limit: int = 50
    ) -> tuple[list[HistoryEntry], bool]:
        """Commits newest first, and whether there are more. Raises `RevisionMissing`.

        path: only those that changed what lies there, among the newest `MAX_HISTORY_LOOKED_AT`.
        """
        with self._store.read() as tx:
            head = resolve_revision(tx.git, repo, revision)
            walked = ancestors(tx.git, repo.pool_id, head)
            if path:
                walked = _changing(tx, repo, path, islice(walked, MAX_HISTORY_LOOKED_AT))
            page = list(islice(walked, skip, skip + limit + 1))
        entries = [
            HistoryEntry(oid, commit.title, commit.body, commit.author.name, commit.committed_at)
            for oid, commit in page[:limit]
        ]
        return entries, len(page) > limit

    def change(self, repo: Repo, revision: str) -> tuple[HistoryEntry, str]:
        """A commit, and what it changed beside its first parent, as a diff. Raises `RevisionMissing`."""
        with self._store.read() as tx:
            oid = resolve_revision(tx.git, repo, revision)
            commit = load_commit(tx.git, repo.pool_id, oid)
            diff = diff_commits(tx, repo, commit.parents[0] if commit.parents else None, oid)
        return HistoryEntry(oid, commit.title, commit.body, commit.author.name, commit.committed_at), diff

    def num_commits(self, repo: Repo, revision: str) -> int:
        """Raises `RevisionMissing`."""
        with self._store.read() as tx:
            head = resolve_revision(tx.git, repo, revision)
            return sum(1 for _ in ancestors(tx.git, repo.pool_id, head))

    def tree_size(self, repo: Repo, revision: str, path: str) -> int:
        """How many bytes the files at and below `path` have. Raises `RevisionMissing`, `EntryMissing`."""
        with self._store.read() as tx:
            commit, root = _root(tx, repo, revision)
            load = tree_loader(tx.git, repo.pool_id)
            here = find_entry(load, root, path)
            if here is None:
                raise EntryMissing(repo, path, commit)
            below = walk(load, here.oid, prefix=path) if here.is_directory else [here]
            return sum(entry.size for entry in _described(tx, repo, below))

    def compare(self, repo: Repo, before: str, after: str, *, since_fork: bool = False) -> str:
        """The diff from one revision to another; with `since_fork`, from where their histories parted.

        Raises `RevisionMissing`.
        """
        with self._store.read() as tx:
            start, end = resolve_revision(tx.git, repo, before), resolve_revision(tx.git, repo, after)
            forked_at = merge_base(tx.git, repo.pool_id, start, end) if since_fork else start
            return diff_commits(tx, repo, forked_at, end)

    def refs(self, repo: Repo) -> Sequence[Ref]:
        with self._store.read() as tx:
            return tx.git.refs(repo.id)

    def branch_head(self, repo: Repo, revision: str) -> Ref:
        """Raises `RevisionMissing`."""
        with self._store.read() as tx:
            return find_branch(tx.git, repo, revision)

    def attributes(self, repo: Repo, revision: str) -> Attributes:
        """The LFS rules at a revision; none where there is no `.gitattributes`."""
        return parse_attributes(self._small_file(repo, revision, ".gitattributes"))

    def ignore_rules(self, repo: Repo, revision: str) -> IgnoreRules:
        """What `.gitignore` leaves out at a revision; nothing where there is none."""
        return IgnoreRules(self._small_file(repo, revision, ".gitignore"))

    def _small_file(self, repo: Repo, revision: str, path: str) -> bytes:
        """Empty where it is missing."""
        try:
            return self.open_raw(repo, revision, path).data or b""
        except (EntryMissing, RevisionMissing):
            return b""


def _root(tx: Transaction, repo: Repo, revision: str) -> tuple[str, str]:
    commit = resolve_revision(tx.git, repo, revision)
    return commit, load_commit(tx.git, repo.pool_id, commit).tree


def _changing(
    tx: Transaction, repo: Repo, path: str, commits: Iterable[tuple[str, Commit]]
) -> Iterator[tuple[str, Commit]]:
    """Those of the commits that differ at `path` from each of their parents; so merges stay out that took a side."""
    load = tree_loader(tx.git, repo.pool_id)
    known: dict[str, str | None] = {}

    def lies_there(tree: str) -> str | None:
        if tree not in known:
            entry = find_entry(load, tree, path) if tree != EMPTY_TREE else None
            known[tree] = entry.oid if entry else None
        return known[tree]

    for oid, commit in commits:
        here = lies_there(commit.tree)
        parents = [load_commit(tx.git, repo.pool_id, parent).tree for parent in commit.parents]
        if all(lies_there(tree) != here for tree in parents or [EMPTY_TREE]):
            yield oid, commit


def _described(tx: Transaction, repo: Repo, entries: Iterable[PathEntry]) -> list[Entry]:
    entries = list(entries)
    facts = tx.git.blob_facts(repo.pool_id, (entry.oid for entry in entries if not entry.is_directory))
    large = tx.files.in_repo(repo.id, (fact.pointer.sha256 for fact in facts.values() if fact.pointer))
    described = []
    for entry in entries:
        fact = facts.get(entry.oid)
        pointer = fact.pointer if fact else None
        # A pointer whose bytes this repository never obtained is an ordinary small file.
        file = large.get(pointer.sha256) if pointer else None
        described.append(
            Entry(
                path=entry.path,
                is_directory=entry.is_directory,
                oid=entry.oid,
                size=file.size if file else fact.size if fact else 0,
                pointer=pointer if file else None,
                xet_hash=file.xet_hash if file else None,
            )
        )
    return described


def _with_last_commits(tx: Transaction, repo: Repo, head: str, entries: Sequence[Entry]) -> list[Entry]:
    """Walk back until every entry was seen to differ from an older commit."""
    load = tree_loader(tx.git, repo.pool_id)
    waiting = {entry.path: entry.oid for entry in entries}
    found: dict[str, LastCommit] = {}
    steps = islice(ancestors(tx.git, repo.pool_id, head), MAX_HISTORY_LOOKED_AT)
    newer: LastCommit | None = None
    newer_tree = ""
    for oid, commit in steps:
        if newer is not None and commit.tree != newer_tree:
            here = find_entries(load, commit.tree, list(waiting)) if commit.tree != EMPTY_TREE else {}
            for path in [path for path, was in waiting.items() if path not in here or here[path].oid != was]:
                found[path] = newer
                del waiting[path]
        if not waiting:
            break
        newer, newer_tree = LastCommit(oid, commit.title, commit.committed_at), commit.tree
    if newer is not None:
        found.update(dict.fromkeys(waiting, newer))
    return [
        Entry(
            path=entry.path,
            is_directory=entry.is_directory,
            oid=entry.oid,
            size=entry.size,
            pointer=entry.pointer,
            xet_hash=entry.xet_hash,
            last_commit=found.get(entry.path),
        )
        for entry in entries
    ]
