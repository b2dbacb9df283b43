"""Which objects of a repository a copy of it still lacks, found by walking from its references in SQL."""

from collections.abc import Callable, Iterable, Mapping, Set

from wingman.hub.git.objects import (
    MODE_SUBMODULE,
    GitObject,
    ObjectKind,
    parse_commit,
    parse_tree,
    tag_target,
)
from wingman.hub.git.store import Git, ObjectMissing
from wingman.hub.repos.model import Repo

Presence = Callable[[Iterable[str]], Set[str]]
"""Which of some objects the copy has. It has everything below each of them, too: so the walk ends there."""


def has_nothing(oids: Iterable[str]) -> Set[str]:
    """The presence of objects in a copy that is empty."""
    return frozenset()


def missing_objects(git: Git, repo: Repo, tips: Iterable[str], present: Presence) -> list[str]:
    """What `tips` need and the copy lacks: tags and commits first, then trees, then blobs.

    Raises `ObjectMissing` if the store is damaged.
    """
    history, trees, blobs = _missing_history(git, repo, tips, present)
    folders, files = _missing_folders(git, repo, trees, present)
    blobs.update(files)
    return [*history, *folders, *(blobs.keys() - present(blobs))]


def _missing_history(
    git: Git, repo: Repo, tips: Iterable[str], present: Presence
) -> tuple[list[str], dict[str, None], dict[str, None]]:
    """Missing tags and commits, the trees they name, and (for odd tags) blobs."""
    # Commits come one after another; for a new copy, all of them at once save a question for each.
    ahead = git.objects(repo.pool_id, git.commits(repo.id)) if present is has_nothing else {}
    seen: dict[str, None] = {}
    trees: dict[str, None] = {}
    blobs: dict[str, None] = {}
    level = set(tips)
    while level := level - seen.keys() - present(level):
        following: set[str] = set()
        for oid, item in _load(git, repo, level, ahead).items():
            match item.kind:
                case ObjectKind.COMMIT:
                    commit = parse_commit(item.data)
                    trees[commit.tree] = None
                    following.update(commit.parents)
                    seen[oid] = None
                case ObjectKind.TAG:
                    following.add(tag_target(item.data)[0])
                    seen[oid] = None
                case ObjectKind.TREE:
                    trees[oid] = None
                case ObjectKind.BLOB:
                    blobs[oid] = None
        level = following
    return list(seen), trees, blobs


def _missing_folders(
    git: Git, repo: Repo, roots: Iterable[str], present: Presence
) -> tuple[list[str], dict[str, None]]:
    """The missing trees at and below `roots`, and every file in them."""
    seen: dict[str, None] = {}
    files: dict[str, None] = {}
    level = dict.fromkeys(roots)
    while wanted := level.keys() - seen.keys() - present(level):
        level = {}
        for oid, item in _load(git, repo, wanted, {}).items():
            seen[oid] = None
            for entry in parse_tree(item.data):
                if entry.is_directory:
                    level[entry.oid] = None
                elif entry.mode != MODE_SUBMODULE:
                    files[entry.oid] = None
    return list(seen), files


def _load(git: Git, repo: Repo, oids: Iterable[str], ahead: Mapping[str, GitObject]) -> dict[str, GitObject]:
    wanted = list(oids)
    found = {oid: ahead[oid] for oid in wanted if oid in ahead}
    found.update(git.objects(repo.pool_id, [oid for oid in wanted if oid not in found]))
    if lost := next((oid for oid in wanted if oid not in found), None):
        raise ObjectMissing(lost)
    return found
