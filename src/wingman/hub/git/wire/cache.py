"""Copies of repositories on disk, for git's own programs to work on. Each may be deleted at any time.

A copy is brought up to date from SQL before it is used; what it has in advance of the truth (objects of a
push that was refused or never finished) no reference leads to. Two rules keep it sound:

- An object is only there together with everything below it. Objects come as whole packs, and a pack is
  complete by itself or leans on objects that are there.
- References are one file, `packed-refs`, written beside and renamed, after the objects they need.
"""

import fcntl
import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wingman.hub.git.store import Ref
from wingman.hub.git.wire.missing import has_nothing, missing_objects
from wingman.hub.git.wire.packs import write_pack
from wingman.hub.git.wire.program import DiskRepo, GitFailed
from wingman.hub.repos.model import Repo, RepoId
from wingman.hub.store import Store, Transaction

log = logging.getLogger("wingman.hub")

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tbare = true
\tbigFileThreshold = 32m
[gc]
\tauto = 0
[repack]
\twriteBitmaps = false
[pack]
\tthreads = 1
\twindowMemory = 64m
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
"""
# allowAnySHA1InWant: partial clones ask for single blobs. A copy holds this repository's objects and no others.
# bigFileThreshold: larger blobs are streamed, not held in memory and compared.

_REFS_FILE, _PACKS_FILE = "packed-refs", "packs-list"
_MANY_PACKS = 24
_UNUSED_AFTER_S = 30 * 24 * 3600
_ABANDONED_AFTER_S = 24 * 3600
_REFS_HEADER = "# pack-refs with: peeled fully-peeled sorted \n"


class GitCache:
    """The copies below one folder. Its methods block; they may be called from several threads and processes."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._store = store

    def bring_up_to_date(self, repo: Repo) -> DiskRepo:
        """The copy of `repo`, with all that SQL holds at this moment. Raises `GitMissing`, `GitFailed`."""
        copy = DiskRepo(self._path(repo))
        with self._store.read() as tx:
            if _read_refs(copy) == render_refs(tx.git.refs(repo.id)) and _is_intact(copy):
                return copy
        with self._locked(repo), self._store.read() as tx:
            try:
                self._catch_up(tx, repo, copy)
            except GitFailed as error:
                log.warning("The copy %s is damaged and is made anew: %s", copy.folder.name, error)
                shutil.rmtree(copy.folder)
                self._catch_up(tx, repo, copy)
        return copy

    def _catch_up(self, tx: Transaction, repo: Repo, copy: DiskRepo) -> None:
        refs = tx.git.refs(repo.id)
        wanted = render_refs(refs)
        if not _is_intact(copy):
            shutil.rmtree(copy.folder, ignore_errors=True)
            self._create(copy.folder)
        elif _read_refs(copy) == wanted:
            return
        tips = {ref.oid for ref in refs}
        if any((copy.folder / "objects" / "pack").glob("*.pack")):
            with copy.presence() as presence:
                missing = missing_objects(tx.git, repo, tips, presence.among)
        else:
            missing = missing_objects(tx.git, repo, tips, has_nothing)
        for abandoned in (copy.folder / "objects" / "pack").glob("tmp_*"):
            abandoned.unlink()  # of a process that was killed; nobody else writes here while we hold the lock
        if missing:
            copy.add_pack(write_pack(len(missing), tx.git.packed_objects(repo.pool_id, missing)))
        _merge_packs(copy)
        _write_durably(copy.folder / _PACKS_FILE, _list_packs(copy))
        _write_durably(copy.folder / _REFS_FILE, wanted)

    @contextmanager
    def quarantine(self, repo: Repo) -> Iterator[DiskRepo]:
        """An up-to-date copy that takes new objects apart from its own, until `adopt`."""
        copy = self.bring_up_to_date(repo)
        folder = self._incoming / uuid.uuid4().hex
        (folder / "pack").mkdir(parents=True)
        try:
            yield DiskRepo(copy.folder, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def adopt(self, repo: Repo, quarantined: DiskRepo) -> None:
        """Take the objects of a push over, once SQL has them. It spares reading them back from there."""
        assert quarantined.quarantine is not None
        target = quarantined.folder / "objects" / "pack"
        with self._locked(repo):
            # The index last: a pack counts from the moment that its index is there.
            for file in sorted(
                (quarantined.quarantine / "pack").iterdir(), key=lambda file: file.suffix == ".idx"
            ):
                os.replace(file, target / file.name)

    def sweep(self) -> None:
        """Remove copies of repositories that are gone or were not used for a month, and dead pushes' files."""
        for folder in self._incoming.glob("*"):
            if time.time() - folder.stat().st_mtime > _ABANDONED_AFTER_S:
                shutil.rmtree(folder, ignore_errors=True)
        for folder in self._folder.glob("*.git"):
            repo_id = RepoId(int(folder.name.partition("-")[0]))
            with self._store.read() as tx:
                repo = tx.repos.by_id(repo_id)
            known = repo is not None and self._path(repo) == folder
            if not known or time.time() - _last_use(folder) > _UNUSED_AFTER_S:
                with self._locked_path(folder):
                    shutil.rmtree(folder, ignore_errors=True)

    def _path(self, repo: Repo) -> Path:
        # The time too: another database may give the same number to another repository.
        return self._folder / f"{repo.id}-{int(repo.created_at.timestamp() * 1000)}.git"

    def _create(self, folder: Path) -> None:
        partial = self._incoming / uuid.uuid4().hex
        for part in ("objects/pack", "objects/info", "refs"):
            (partial / part).mkdir(parents=True)
        (partial / "HEAD").write_text("ref: refs/heads/main\n")
        (partial / "config").write_text(_CONFIG)
        os.replace(partial, folder)

    def _locked(self, repo: Repo):
        return self._locked_path(self._path(repo))

    @contextmanager
    def _locked_path(self, folder: Path) -> Iterator[None]:
        """Alone with a copy, among all threads and processes. Readers do not ask: they see whole packs only."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Beside the copy, so that a copy can be deleted while somebody waits for it.
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def render_refs(refs: Sequence[Ref]) -> bytes:
    """`packed-refs` as git-pack-refs(1) writes it: sorted, each annotated tag followed by its commit."""
    lines = [_REFS_HEADER]
    for ref in sorted(refs, key=lambda ref: ref.name.encode()):
        lines.append(f"{ref.oid} {ref.name}\n")
        if ref.commit != ref.oid:
            lines.append(f"^{ref.commit}\n")
    return "".join(lines).encode()


def _read_refs(copy: DiskRepo) -> bytes:
    try:
        return (copy.folder / _REFS_FILE).read_bytes()
    except FileNotFoundError:
        return b""


def _list_packs(copy: DiskRepo) -> bytes:
    """Name and size of each file that holds objects."""
    files = sorted((copy.folder / "objects" / "pack").glob("pack-*"))
    return "".join(f"{file.stat().st_size} {file.name}\n" for file in files).encode()


def _is_intact(copy: DiskRepo) -> bool:
    """Whether all packs are there in full length.

    Git passes over references without an object: a copy that lost some would look like an empty repository.
    """
    try:
        listed = (copy.folder / _PACKS_FILE).read_text().splitlines()
        files = (
            (copy.folder / "objects" / "pack" / name, int(size)) for size, name in map(str.split, listed)
        )
        return all(file.stat().st_size == size for file, size in files)
    except FileNotFoundError:
        return False


def _write_durably(target: Path, text: bytes) -> None:
    partial = target.with_suffix(".new")
    with partial.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, target)


def _merge_packs(copy: DiskRepo) -> None:
    """Each catching up adds a pack, and git searches all of them: merge the small ones now and then."""
    if sum(1 for _ in (copy.folder / "objects" / "pack").glob("*.pack")) < _MANY_PACKS:
        return
    try:
        copy.run("repack", "-d", "-q", "--geometric=2", "--no-write-bitmap-index")
    except GitFailed as error:
        log.warning("The copy %s could not be repacked, which only costs time: %s", copy.folder.name, error)


def _last_use(folder: Path) -> float:
    try:
        return (folder / _REFS_FILE).stat().st_mtime
    except FileNotFoundError:
        return folder.stat().st_mtime
