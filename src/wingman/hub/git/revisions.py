"""From the name of a revision to the commit it means."""

import re

from wingman.hub.errors import Invalid, NotFound
from wingman.hub.git.objects import Commit, TreeEntry, parse_commit, parse_tree
from wingman.hub.git.store import Git, Ref
from wingman.hub.git.trees import TreeLoader
from wingman.hub.repos.model import PoolId, Repo

MAIN = "refs/heads/main"
_OID = re.compile(r"[0-9a-f]{7,40}\Z")
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|\Z)|\A[./-]|[./]\Z")


class RevisionMissing(NotFound):
    """The repository exists; no branch, tag or commit of it is called so."""

    def __init__(self, repo: Repo, revision: str) -> None:
        super().__init__(f"Invalid rev id: {revision}")
        self.repo, self.revision = repo, revision


class EntryMissing(NotFound):
    """The revision exists, but nothing stands at this path. `commit` lets clients remember the absence."""

    def __init__(self, repo: Repo, path: str, commit: str) -> None:
        super().__init__(f'Entry not found: "{path}" does not exist at {commit[:12]}')
        self.repo, self.path, self.commit = repo, path, commit


def check_ref_name(name: str) -> str:
    """Return `name` if a branch or tag may be called so (git-check-ref-format(1)), else raise `Invalid`."""
    if not name or len(name) > 250 or _BAD_REF.search(name) or name in ("@", "HEAD"):
        raise Invalid(f"Invalid reference name: {name!r}")
    if name.startswith("refs/"):
        raise Invalid(f"Invalid reference name: {name!r}: names that begin with refs/ are kept by the Hub.")
    if re.fullmatch(r"[0-9a-f]{40}", name):
        raise Invalid(f"Invalid reference name: {name!r}: it looks like a commit id.")
    return name


def find_ref(git: Git, repo: Repo, revision: str) -> Ref | None:
    """The branch, else the tag, else the special ref (`refs/pr/1`) of this name; `HEAD` is the default branch."""
    if revision == "HEAD":
        return git.ref(repo.id, MAIN)
    names = (
        (revision,) if revision.startswith("refs/") else (f"refs/heads/{revision}", f"refs/tags/{revision}")
    )
    return next((ref for name in names if (ref := git.ref(repo.id, name)) is not None), None)


def resolve_revision(git: Git, repo: Repo, revision: str) -> str:
    """The commit that a branch, tag, special ref or (abbreviated) commit id means. Raises `RevisionMissing`."""
    if ref := find_ref(git, repo, revision):
        return ref.commit
    if _OID.match(revision):
        known = git.find_commit(repo.id, revision) if len(revision) < 40 else revision
        if known and git.has_commit(repo.id, known):
            return known
    raise RevisionMissing(repo, revision)


def find_branch(git: Git, repo: Repo, revision: str) -> Ref:
    """The ref that a commit to `revision` moves: a branch or a pull request. Raises `RevisionMissing`."""
    name = revision if revision.startswith("refs/") else f"refs/heads/{revision}"
    ref = git.ref(repo.id, name) if name.startswith(("refs/heads/", "refs/pr/")) else None
    if ref is None:
        raise RevisionMissing(repo, revision)
    return ref


def load_commit(git: Git, pool: PoolId, oid: str) -> Commit:
    return parse_commit(git.object(pool, oid).data)


def tree_loader(git: Git, pool: PoolId) -> TreeLoader:
    """Trees of a pool, for `git/trees.py`."""

    def load(oids):
        found: dict[str, list[TreeEntry]] = {
            oid: parse_tree(item.data) for oid, item in git.objects(pool, oids).items()
        }
        return found

    return load
