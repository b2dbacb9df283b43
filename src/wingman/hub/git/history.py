"""Walking back through commits, newest first."""

import heapq
from collections.abc import Iterator

from wingman.hub.git.objects import Commit, parse_commit
from wingman.hub.git.store import Git
from wingman.hub.repos.model import PoolId


def ancestors(git: Git, pool: PoolId, head: str) -> Iterator[tuple[str, Commit]]:
    """`head` and everything it descends from; by commit time, never a parent before its child's turn."""
    seen = {head}
    first = parse_commit(git.object(pool, head).data)
    waiting = [(-first.committed_at.timestamp(), 0, head, first)]
    order = 0
    while waiting:
        _, _, oid, commit = heapq.heappop(waiting)
        yield oid, commit
        unseen = [parent for parent in commit.parents if parent not in seen]
        seen.update(unseen)
        loaded = git.objects(pool, unseen)
        for parent in unseen:
            order += 1
            parsed = parse_commit(loaded[parent].data)
            # Clocks lie: a parent is never shown as younger than the child that led to it.
            time = min(parsed.committed_at, commit.committed_at).timestamp()
            heapq.heappush(waiting, (-time, order, parent, parsed))


def is_ancestor(git: Git, pool: PoolId, old: str, new: str) -> bool:
    """Whether moving a ref from `old` to `new` is a fast-forward."""
    return any(oid == old for oid, _ in ancestors(git, pool, new))
