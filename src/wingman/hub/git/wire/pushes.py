"""From the objects in a push's quarantine to commits that everybody sees."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wingman.hub.commits.heads import move_head
from wingman.hub.database import now
from wingman.hub.errors import HubError
from wingman.hub.git.objects import GitObject, ObjectKind
from wingman.hub.git.pointers import MAX_POINTER_BYTES
from wingman.hub.git.revisions import MAIN
from wingman.hub.git.store import Ref
from wingman.hub.git.wire.cache import GitCache
from wingman.hub.git.wire.checks import (
    Refused,
    pointers_among,
    refuse_card,
    refuse_giants,
    refuse_large_blobs,
    refuse_lost_pointers,
    refuse_paths,
)
from wingman.hub.git.wire.commands import Command, PushOutcome, PushRequest, refusals
from wingman.hub.git.wire.program import Described, DiskRepo, GitFailed
from wingman.hub.repos.card import MAX_CARD_BYTES
from wingman.hub.repos.model import Repo, RepoMissing
from wingman.hub.store import Store, Transaction

log = logging.getLogger("wingman.hub")

_BATCH_OBJECTS, _BATCH_BYTES = 1000, 16_000_000
"""What one transaction takes in: a few tenths of a second during which nobody else can write."""


@dataclass(frozen=True, slots=True)
class _Arrivals:
    """What a push brings that no reference led to before."""

    described: Sequence[Described]
    paths: dict[str, str]
    """Where each object stands; an object may stand elsewhere, too."""
    targets: dict[str, str]
    """The commit behind each new tip."""

    @property
    def size_bytes(self) -> int:
        return sum(item.size for item in self.described)

    def of(self, kind: ObjectKind) -> list[str]:
        return [item.oid for item in self.described if item.kind is kind]


class PushService:
    def __init__(self, store: Store, cache: GitCache, *, max_regular_bytes: int) -> None:
        self._store = store
        self._cache = cache
        self._max_regular_bytes = max_regular_bytes

    def settle(self, request: PushRequest, repo: Repo, quarantined: DiskRepo, *, user_id: int) -> PushOutcome:
        """Check what was pushed and make it true, or say why not. The quarantine holds the pack's objects."""
        try:
            arrivals = _explore(request, quarantined)
        except GitFailed as error:
            return _all_refused(request, Refused("objects are missing from the push", error.complaint))
        refused = self._check(request, repo, quarantined, arrivals)
        if refused is not None:
            return _all_refused(request, refused)
        try:
            self._bring_ahead(request, repo, quarantined, arrivals)
            outcome = self._move(request, repo, quarantined, arrivals, user_id=user_id)
        except HubError as error:
            return _all_refused(request, Refused("the Hub could not keep it", str(error)))
        if arrivals.described and any(problem is None for _, problem in outcome.problems):
            self._adopt(repo, quarantined, arrivals)
        return outcome

    def _check(
        self, request: PushRequest, repo: Repo, quarantined: DiskRepo, arrivals: _Arrivals
    ) -> Refused | None:
        refused = refuse_giants(arrivals.described) or refuse_large_blobs(
            arrivals.described, arrivals.paths, max_regular_bytes=self._max_regular_bytes
        )
        if refused is None:
            trees = quarantined.read_objects(arrivals.of(ObjectKind.TREE))
            refused = refuse_paths(trees, arrivals.paths)
        if refused is not None:
            return refused
        small = [
            item.oid
            for item in arrivals.described
            if item.kind is ObjectKind.BLOB and item.size <= MAX_POINTER_BYTES
        ]
        pointers = pointers_among(quarantined.read_objects(small))
        with self._store.read() as tx:
            held = tx.files.in_repo(repo.id, {pointer.sha256 for pointer in pointers.values()})
        sizes = {sha256: file.size for sha256, file in held.items()}
        return refuse_lost_pointers(pointers, sizes, arrivals.paths) or _check_card(
            request, repo, quarantined
        )

    def _bring_ahead(
        self, request: PushRequest, repo: Repo, quarantined: DiskRepo, arrivals: _Arrivals
    ) -> None:
        """Keep the objects of a large push in short transactions, so that others can write in between.

        No reference leads to them yet. `_move` does not rely on them: it adds those that are not there.
        """
        if len(arrivals.described) <= _BATCH_OBJECTS and arrivals.size_bytes <= _BATCH_BYTES:
            return
        with self._store.read() as tx:
            if len(_problems(request, tx.git.refs(repo.id), arrivals)) == len(request.commands):
                return
        for batch in _batches(quarantined.read_objects(item.oid for item in arrivals.described)):
            with self._store.write() as tx:
                tx.git.add_objects(repo.pool_id, batch)

    def _move(
        self, request: PushRequest, repo: Repo, quarantined: DiskRepo, arrivals: _Arrivals, *, user_id: int
    ) -> PushOutcome:
        """The one transaction: from here on the push is true, whatever happens to this process."""
        with self._store.write() as tx:
            tx.repos.lock(repo.id)
            current = tx.repos.by_id(repo.id)
            if current is None:
                raise RepoMissing(repo.kind, repo.full_name)
            problems = _problems(request, tx.git.refs(repo.id), arrivals)
            moved = [command for command in request.commands if problems.get(command.ref) is None]
            if moved and problems:
                arrivals = _explore(PushRequest(tuple(moved)), quarantined)  # less may be new now
            if moved:
                oids = [item.oid for item in arrivals.described]
                known = tx.git.kinds(repo.pool_id, oids)
                tx.git.add_objects(
                    repo.pool_id, quarantined.read_objects(oid for oid in oids if oid not in known)
                )
                tx.git.add_commits(repo.id, arrivals.of(ObjectKind.COMMIT))
            for command in moved:
                _move_ref(tx, current, command, arrivals, user_id=user_id)
        return PushOutcome(
            "ok", tuple((command.ref, problems.get(command.ref)) for command in request.commands)
        )

    def _adopt(self, repo: Repo, quarantined: DiskRepo, arrivals: _Arrivals) -> None:
        """Spare the copy from reading back what was just pushed. It can do without: SQL has everything."""
        try:
            if _is_sound(quarantined, arrivals):
                self._cache.adopt(repo, quarantined)
        except (OSError, GitFailed) as error:
            log.warning("The objects of a push to %s were not kept on disk: %s", repo.full_name, error)


def _explore(request: PushRequest, quarantined: DiskRepo) -> _Arrivals:
    """Walk from the new tips to what was there before. Raises `GitFailed` where an object is missing."""
    tips = list(dict.fromkeys(command.new for command in request.commands if command.new))
    if not tips:
        return _Arrivals((), {}, {})
    walk = quarantined.run(
        "rev-list",
        "--objects",
        "--stdin",
        "--not",
        "--all",
        feed="".join(f"{tip}\n" for tip in tips).encode(),
    )
    paths: dict[str, str] = {}
    for line in walk.decode("utf-8", "surrogateescape").splitlines():
        oid, _, path = line.partition(" ")
        paths[oid] = path
    described = [item for item in quarantined.describe(paths) if item is not None]
    targets = zip(tips, quarantined.describe(f"{tip}^{{commit}}" for tip in tips), strict=True)
    return _Arrivals(described, paths, {tip: target.oid for tip, target in targets if target is not None})


def _batches(objects: Iterable[GitObject]) -> Iterator[list[GitObject]]:
    batch: list[GitObject] = []
    size_bytes = 0
    for item in objects:
        batch.append(item)
        size_bytes += len(item.data)
        if len(batch) >= _BATCH_OBJECTS or size_bytes >= _BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def _problems(request: PushRequest, refs: Sequence[Ref], arrivals: _Arrivals) -> dict[str, str]:
    """Why each reference cannot be moved; those that can are left out."""
    problems = refusals(request.commands, {ref.name: ref for ref in refs})
    for command in request.commands:
        target = arrivals.targets.get(command.new) if command.new else None
        if command.new and target is None:
            problems.setdefault(command.ref, "it does not lead to a commit")
        elif target != command.new and not command.ref.startswith("refs/tags/"):
            problems.setdefault(command.ref, "a branch must be at a commit, not at a tag")
    if problems and request.is_atomic:
        for command in request.commands:
            problems.setdefault(command.ref, "another reference of this atomic push was refused")
    return problems


def _move_ref(tx: Transaction, repo: Repo, command: Command, arrivals: _Arrivals, *, user_id: int) -> None:
    if command.old == command.new:
        return
    move_head(
        tx,
        repo,
        command.ref,
        old=command.old,
        new=command.new,
        commit=arrivals.targets[command.new] if command.new else None,
        user_id=user_id,
        at=now(),
    )


def _check_card(request: PushRequest, repo: Repo, quarantined: DiskRepo) -> Refused | None:
    """A push that leaves README.md alone is not held up by what stood there before."""
    main = next((command for command in request.commands if command.ref == MAIN and command.new), None)
    if main is None:
        return None
    names = [f"{commit}:README.md" for commit in (main.new, main.old) if commit]
    readme, *before = quarantined.describe(names)
    if (
        readme is None
        or readme.kind is not ObjectKind.BLOB
        or readme.size > MAX_CARD_BYTES
        or readme in before
    ):
        return None
    return refuse_card(next(quarantined.read_objects([readme.oid])).data, repo.kind)


def _is_sound(quarantined: DiskRepo, arrivals: _Arrivals) -> bool:
    """Whether every object of the pack is either reachable or known: only such a pack is complete."""
    assert quarantined.quarantine is not None
    reached = {item.oid for item in arrivals.described}
    extra: set[str] = set()
    for index in (quarantined.quarantine / "pack").glob("*.idx"):
        for line in quarantined.run("show-index", feed=index.read_bytes()).decode().splitlines():
            extra.add(line.split(" ")[1])
    extra -= reached
    with DiskRepo(quarantined.folder).presence() as presence:
        return not extra - presence.among(extra)


def _all_refused(request: PushRequest, refused: Refused) -> PushOutcome:
    return PushOutcome(
        "ok", tuple((command.ref, refused.reason) for command in request.commands), (refused.advice,)
    )
