"""Turning a list of operations into a commit, and the other ways in which branches and tags change."""

from collections.abc import Collection, Iterable
from datetime import datetime

from wingman.hub.access.model import Caller, Permission, may, refuse, require_user
from wingman.hub.accounts.model import User
from wingman.hub.commits.heads import move_head
from wingman.hub.commits.model import (
    AddFile,
    AddLargeFile,
    CommitRequest,
    CommitResult,
    CopyFile,
    DeleteFile,
    DeleteFolder,
    FileToDeleteMissing,
    LargeFileDiffers,
    LargeFileMissing,
    Operation,
)
from wingman.hub.commits.rewriting import remove_from_history
from wingman.hub.database import now
from wingman.hub.discussions.model import pull_request_number
from wingman.hub.errors import Conflict, Invalid, TooLarge
from wingman.hub.git.objects import (
    EMPTY_TREE,
    MODE_FILE,
    Commit,
    GitObject,
    ObjectKind,
    Person,
    make_commit,
    make_tag,
)
from wingman.hub.git.pointers import SHA256, Pointer
from wingman.hub.git.revisions import (
    MAIN,
    EntryMissing,
    RevisionMissing,
    check_ref_name,
    find_branch,
    load_commit,
    resolve_revision,
    tree_loader,
)
from wingman.hub.git.store import RefMoved
from wingman.hub.git.trees import NewFile, check_path, edit, find_entry, walk
from wingman.hub.repos.model import Repo
from wingman.hub.store import Store, Transaction


class StaleParent(RefMoved):
    """The branch is not where the client saw it. Clients look for the first sentence."""

    def __init__(self, name: str, expected: str, actual: str) -> None:
        super().__init__(name, expected, actual)
        self.args = (
            f"The branch was updated since you opened this page. Please refresh and try again. ({self})",
        )


class BranchExists(Conflict):
    """A branch or tag of this name is there already."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"Reference {ref} already exists")
        self.ref = ref


def signature(user: User) -> Person:
    """How a user signs commits: no private address unless they gave one."""
    return Person(user.name, user.email or f"{user.name}@users.noreply.wingman")


class CommitService:
    def __init__(self, store: Store, *, max_regular_bytes: int) -> None:
        self._store = store
        self._max_regular_bytes = max_regular_bytes

    def commit(self, caller: Caller, repo: Repo, revision: str, request: CommitRequest) -> CommitResult:
        """Apply `request` to the branch `revision`. All of it becomes visible, or nothing.

        Raises `RevisionMissing`, `StaleParent` (the branch is not at `parent_commit`), `FileToDeleteMissing`,
        `LargeFileMissing`, `LargeFileDiffers`, `InvalidPath`, `TooLarge`, `Forbidden`.
        """
        with self._store.write() as tx:
            user = pusher(tx, caller, repo, revision)
            tx.repos.lock(repo.id)
            return self.commit_within(tx, user, repo, revision, request)

    def require_pusher(self, caller: Caller, repo: Repo, revision: str) -> User:
        """Who may commit to `revision`, before anything is uploaded. Raises `Unauthorized`, `Forbidden`."""
        with self._store.read() as tx:
            return pusher(tx, caller, repo, revision)

    def commit_within(
        self, tx: Transaction, user: User, repo: Repo, revision: str, request: CommitRequest
    ) -> CommitResult:
        """The same inside a transaction of the caller, who has checked the rights and holds the lock."""
        branch = find_branch(tx.git, repo, revision)
        expected = request.parent_commit
        if expected and not (len(expected) >= 7 and branch.commit.startswith(expected)):
            raise StaleParent(branch.name, expected, branch.commit)
        # Facts of main must be those of this very moment: the repository may have changed since it was looked up.
        repo = tx.repos.by_id(repo.id) or repo
        parent = load_commit(tx.git, repo.pool_id, branch.commit)
        changes, blobs = self._plan(tx, repo, parent.tree, request.operations)
        tree, trees = edit(tree_loader(tx.git, repo.pool_id), parent.tree, changes)
        if tree == parent.tree:
            return CommitResult(branch.commit, branch.name)
        moment = now()
        message = f"{request.summary}\n\n{request.description}".strip()
        commit = _new_commit(tree, (branch.commit,), user, message, max(moment, parent.committed_at))
        tx.git.add_objects(repo.pool_id, [*blobs, *trees, commit])
        move_head(tx, repo, branch.name, old=branch.oid, new=commit.oid, user_id=user.id, at=moment)
        return CommitResult(commit.oid, branch.name)

    def _plan(
        self, tx: Transaction, repo: Repo, tree: str, operations: Iterable[Operation]
    ) -> tuple[dict[str, NewFile | None], list[GitObject]]:
        """What changes where, and the new blobs; reads, but writes nothing."""
        operations = list(operations)
        large = tx.files.in_repo(
            repo.id,
            [op.sha256 for op in operations if isinstance(op, AddLargeFile) and SHA256.match(op.sha256)],
        )
        load = tree_loader(tx.git, repo.pool_id)
        changes: dict[str, NewFile | None] = {}
        blobs: list[GitObject] = []
        for operation in operations:
            path = check_path(
                operation.path.strip("/") if isinstance(operation, DeleteFolder) else operation.path
            )
            match operation:
                case AddFile(data=data):
                    if len(data) > self._max_regular_bytes:
                        raise TooLarge(
                            f"{path} has {len(data)} bytes; files over {self._max_regular_bytes} bytes must be "
                            "uploaded as large files (LFS or Xet)."
                        )
                    blob = GitObject(ObjectKind.BLOB, data)
                case AddLargeFile(sha256=sha256, size=size):
                    file = large.get(sha256)
                    if file is None:
                        raise LargeFileMissing(path, sha256)
                    if size is not None and size != file.size:
                        raise LargeFileDiffers(path, stated=size, actual=file.size)
                    blob = GitObject(ObjectKind.BLOB, Pointer(sha256, file.size).text)
                case DeleteFile() | DeleteFolder():
                    if path not in changes and find_entry(load, tree, path) is None:
                        raise FileToDeleteMissing(path)
                    changes[path] = None
                    continue
                case CopyFile(src_path=src_path, src_revision=src_revision):
                    changes |= _copied(tx, repo, tree, src_path, src_revision, path)
                    continue
            blobs.append(blob)
            changes[path] = NewFile(blob.oid, MODE_FILE)
        return changes, blobs

    def create_branch(
        self,
        caller: Caller,
        repo: Repo,
        name: str,
        *,
        starting_point: str | None,
        empty: bool = False,
        overwrite: bool = False,
    ) -> None:
        """A branch at `starting_point` (None: at `main`), or an `empty` one, with one commit that holds no files.

        overwrite: let a branch of that name begin there instead; with neither a starting point nor `empty` it stays.
        Raises `BranchExists`, `RevisionMissing` (no such starting point), `Invalid`, `Forbidden`.
        """
        user = _writer(caller, repo)
        ref = f"refs/heads/{check_ref_name(name)}"
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            known = tx.git.ref(repo.id, ref)
            if known is not None and not overwrite:
                raise BranchExists(ref)
            if known is not None and not empty and starting_point is None:
                return
            if empty:
                start = _add_root_commit(tx, repo, user, {}, at=now())
            else:
                start = resolve_revision(tx.git, repo, starting_point or "main")
            move_head(tx, repo, ref, old=known.oid if known else None, new=start, user_id=user.id, at=now())

    def delete_branch(self, caller: Caller, repo: Repo, name: str) -> None:
        """Raises `RevisionMissing`, `Invalid` (main, or not a branch's name), `Forbidden`."""
        user = _writer(caller, repo)
        if name == "main":
            raise Invalid("Cannot delete refs/heads/main: every repository has it.")
        ref = f"refs/heads/{check_ref_name(name)}"
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            known = tx.git.ref(repo.id, ref)
            if known is None:
                raise RevisionMissing(repo, name)
            move_head(tx, repo, ref, old=known.oid, new=None, user_id=user.id, at=now())

    def create_tag(
        self, caller: Caller, repo: Repo, name: str, *, revision: str, message: str | None
    ) -> None:
        """A light tag, or an annotated one where there is a message.

        Raises `BranchExists`, `RevisionMissing`, `Invalid`, `Forbidden`.
        """
        user = _writer(caller, repo)
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            # The revision first: clients know an error for it, and none for a bad name.
            commit = resolve_revision(tx.git, repo, revision)
            ref = f"refs/tags/{check_ref_name(name)}"
            if tx.git.ref(repo.id, ref) is not None:
                raise BranchExists(ref)
            moment, target = now(), commit
            if message:
                tag = make_tag(
                    target=commit,
                    target_kind=ObjectKind.COMMIT,
                    name=name,
                    tagger=signature(user),
                    at=moment,
                    message=message,
                )
                tx.git.add_objects(repo.pool_id, [tag])
                target = tag.oid
            move_head(tx, repo, ref, old=None, new=target, commit=commit, user_id=user.id, at=moment)

    def delete_tag(self, caller: Caller, repo: Repo, name: str) -> None:
        """Raises `RevisionMissing`, `Forbidden`."""
        user = _writer(caller, repo)
        ref = f"refs/tags/{name}"
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            known = tx.git.ref(repo.id, ref)
            if known is None:
                raise RevisionMissing(repo, name)
            # The commit behind a deleted tag stays known, so that nobody's pinned revision breaks.
            move_head(tx, repo, ref, old=known.oid, new=None, user_id=user.id, at=now())

    def squash(self, caller: Caller, repo: Repo, revision: str, *, message: str | None) -> None:
        """Replace a branch's history by one commit with the same files.

        Raises `RevisionMissing`, `Invalid` (a tag or commit), `Forbidden`.
        """
        user = _writer(caller, repo)
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            try:
                branch = find_branch(tx.git, repo, revision)
            except RevisionMissing:
                resolve_revision(tx.git, repo, revision)
                raise Invalid(f"{revision!r} is not a branch, so its history cannot be squashed.") from None
            head = load_commit(tx.git, repo.pool_id, branch.commit)
            moment = now()
            commit = _new_commit(head.tree, (), user, message or f"Super-squash branch '{revision}'", moment)
            tx.git.add_objects(repo.pool_id, [commit])
            move_head(tx, repo, branch.name, old=branch.oid, new=commit.oid, user_id=user.id, at=moment)

    def remove_large_files(self, caller: Caller, repo: Repo, sha256s: Collection[str]) -> None:
        """Take large files out of the repository and of its whole history. Raises `Unauthorized`, `Forbidden`."""
        if not may(caller, Permission.REPO_SETTINGS_WRITE, repo):
            require_user(caller)
            raise refuse(caller, f"rewrite the history of {repo.full_name}")
        user = require_user(caller)
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            remove_from_history(tx, repo, sha256s, user_id=user.id, at=now())
            tx.files.forget(repo.id, sha256s)


def initial_commit(tx: Transaction, repo: Repo, user: User, files: dict[str, bytes], *, at: datetime) -> str:
    """The first commit of a new repository, on `main`; returns its id."""
    commit = _add_root_commit(tx, repo, user, files, at=at)
    move_head(tx, repo, MAIN, old=None, new=commit, user_id=user.id, at=at)
    return commit


def _add_root_commit(
    tx: Transaction, repo: Repo, user: User, files: dict[str, bytes], *, at: datetime
) -> str:
    """A commit without a parent that no ref leads to yet; returns its id."""
    blobs = {path: GitObject(ObjectKind.BLOB, data) for path, data in files.items()}
    changes: dict[str, NewFile | None] = {path: NewFile(blob.oid, MODE_FILE) for path, blob in blobs.items()}
    tree, trees = edit(tree_loader(tx.git, repo.pool_id), EMPTY_TREE, changes)
    commit = _new_commit(tree, (), user, "initial commit", at)
    tx.git.add_objects(repo.pool_id, [*blobs.values(), *trees, commit])
    return commit.oid


def pusher(tx: Transaction, caller: Caller, repo: Repo, revision: str) -> User:
    """Who may move this branch: those who may write and, for a pull request, whoever opened it.

    Raises `Unauthorized`, `Forbidden`.
    """
    num = pull_request_number(revision)
    if num is not None and caller.user is not None and may(caller, Permission.REPO_CONTRIBUTE, repo):
        discussion = tx.discussions.find(repo.id, num)
        if discussion is not None and discussion.author_id == caller.user.id:
            return caller.user
    return _writer(caller, repo)


def _writer(caller: Caller, repo: Repo) -> User:
    if not may(caller, Permission.REPO_CONTENT_WRITE, repo):
        require_user(caller)
        raise refuse(caller, f"change {repo.full_name}")
    return require_user(caller)


def _new_commit(tree: str, parents: tuple[str, ...], user: User, message: str, at: datetime) -> GitObject:
    person = signature(user)
    return make_commit(Commit(tree, parents, person, at, person, at, message))


def _copied(
    tx: Transaction, repo: Repo, tree: str, src_path: str, src_revision: str | None, path: str
) -> dict[str, NewFile | None]:
    load = tree_loader(tx.git, repo.pool_id)
    commit = resolve_revision(tx.git, repo, src_revision) if src_revision else ""
    source_tree = load_commit(tx.git, repo.pool_id, commit).tree if commit else tree
    entry = find_entry(load, source_tree, src_path.strip("/"))
    if entry is None:
        raise EntryMissing(repo, src_path, commit or repo.head or "")
    if not entry.is_directory:
        return {path: NewFile(entry.oid, entry.mode)}
    files = (child for child in walk(load, entry.oid, prefix=path) if not child.is_directory)
    return {child.path: NewFile(child.oid, child.mode) for child in files}
