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


def merge_base(git: Git, pool: PoolId, left: str, right: str) -> str | None:
    """The newest commit that both descend from; None where their histories have nothing in common.

    Walks both histories at once from the newest commit down and stops at the first that both reach. After
    criss-cross merges there can be several best ones; then it is the newest of them.
    """
    if left == right:
        return left
    reached = {left: {left}, right: {right}}
    waiting: list[tuple[float, int, str]] = []
    order = 0

    def push(oids: list[str], latest: float) -> None:
        nonlocal order
        for oid, item in git.objects(pool, oids).items():
            order += 1
            time = min(parse_commit(item.data).committed_at.timestamp(), latest)
            heapq.heappush(waiting, (-time, order, oid))

    push([left, right], float("inf"))
    while waiting:
        negative_time, _, oid = heapq.heappop(waiting)
        sides = reached[oid]
        if len(sides) == 2:
            return oid
        for parent in parse_commit(git.object(pool, oid).data).parents:
            if not sides <= reached.get(parent, set()):
                reached[parent] = reached.get(parent, set()) | sides
                push([parent], -negative_time)
    return None


def first_parents(git: Git, pool: PoolId, head: str) -> Iterator[tuple[str, Commit]]:
    """`head` and the line of commits it was built on, newest first; what merges brought in is left out."""
    oid: str | None = head
    while oid is not None:
        commit = parse_commit(git.object(pool, oid).data)
        yield oid, commit
        oid = commit.parents[0] if commit.parents else None
