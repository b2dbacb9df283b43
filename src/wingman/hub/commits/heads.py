"""Moving a branch: the one way in which commits become visible, for the commit API, pushes and merges alike."""

from collections.abc import Iterable
from datetime import datetime

from wingman.hub.discussions.timeline import record_push
from wingman.hub.events.model import REFS_UPDATED, Event
from wingman.hub.git.objects import EMPTY_TREE
from wingman.hub.git.revisions import MAIN, load_commit, tree_loader
from wingman.hub.git.trees import Change, differences, find_entries, list_directory
from wingman.hub.repos.card import FACT_PATHS, MAX_CARD_BYTES, derive_facts
from wingman.hub.repos.model import Repo
from wingman.hub.store import Transaction


def move_head(
    tx: Transaction,
    repo: Repo,
    ref: str,
    *,
    old: str | None,
    new: str | None,
    commit: str | None = None,
    new_commits: Iterable[str] = (),
    user_id: int | None,
    at: datetime,
) -> None:
    """Move `ref` from `old` to `new` (an object id; `commit` is the commit behind a tag object) and keep
    everything that hangs on it true: the commits' membership, main's facts, a pull request's timeline, the
    update time, the event.

    Raises `RefMoved`, `Invalid` (a ref of no open pull request); then nothing happened, as long as the caller
    lets the transaction fail.
    """
    target = commit or new
    tx.git.add_commits(repo.id, [*new_commits, *([target] if target else [])])
    tx.git.move_ref(repo.id, ref, old=old, new=new, commit=target)
    record_push(tx, repo, ref, old=old, new=target, user_id=user_id, at=at)
    if ref == MAIN:
        record_main(tx, repo, head=target, before=old, at=at)
    else:
        tx.repos.set_updated(repo.id, at)
    tx.events.add(
        Event(
            name=REFS_UPDATED,
            repo_id=repo.id,
            user_id=user_id,
            at=at,
            facts={"ref": ref, "old": old, "new": new, "repo": repo.scope},
        )
    )


def record_main(tx: Transaction, repo: Repo, *, head: str | None, before: str | None, at: datetime) -> None:
    """Keep beside the repository what the new head of `main` says of it."""
    load = tree_loader(tx.git, repo.pool_id)
    tree = load_commit(tx.git, repo.pool_id, head).tree if head else EMPTY_TREE
    old_tree = load_commit(tx.git, repo.pool_id, before).tree if before else EMPTY_TREE
    used = (repo.facts.used_bytes if before else 0) + _growth(tx, repo, differences(load, old_tree, tree))
    wanted = find_entries(load, tree, FACT_PATHS)
    facts = tx.git.blob_facts(repo.pool_id, [entry.oid for entry in wanted.values()])
    small = {
        path: entry.oid
        for path, entry in wanted.items()
        if entry.oid in facts and facts[entry.oid].pointer is None and facts[entry.oid].size <= MAX_CARD_BYTES
    }
    objects = tx.git.objects(repo.pool_id, small.values())
    paths = [entry.path for entry in list_directory(load, tree)]
    for folder in ("onnx", "data"):
        nested = find_entries(load, tree, [folder]).get(folder)
        if nested is not None and nested.is_directory:
            paths += [entry.path for entry in list_directory(load, nested.oid, prefix=folder)]
    derived = derive_facts(
        repo.kind,
        files={path: objects[oid].data for path, oid in small.items()},
        paths=paths,
        used_bytes=max(0, used),
    )
    tx.repos.set_head(repo.id, head=head, facts=derived, updated_at=at)


def _growth(tx: Transaction, repo: Repo, changes: Iterable[Change]) -> int:
    """By how many bytes the files of a repository grow through these changes."""
    before, after = [], []
    for change in changes:
        before += [change.before.oid] if change.before else []
        after += [change.after.oid] if change.after else []
    facts = tx.git.blob_facts(repo.pool_id, {*before, *after})

    def total(oids: list[str]) -> int:
        found = [facts[oid] for oid in oids if oid in facts]
        return sum(item.pointer.size if item.pointer else item.size for item in found)

    return total(after) - total(before)
