"""Counting downloads in the background: a database that fails for a moment loses no count and ends no counting."""

from contextlib import contextmanager

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.database import DatabaseFull
from wingman.hub.repos.downloads import DownloadCounter
from wingman.hub.repos.model import RepoKind


class FullAtFirst:
    """A store whose first write fails, as on a full disk."""

    def __init__(self, store) -> None:
        self._store, self.num_writes = store, 0

    @contextmanager
    def write(self):
        self.num_writes += 1
        if self.num_writes == 1:
            raise DatabaseFull
        with self._store.write() as tx:
            yield tx


def test_a_failed_write_is_made_up_for_by_the_next(hub: Hub, alice: Caller):
    repo = hub.repos.create(alice, kind=RepoKind.MODEL, name="m")
    store = FullAtFirst(hub.store)
    counter = DownloadCounter(store, interval_s=0.01)
    for _ in range(3):
        counter.count(repo)
    while store.num_writes < 2:
        counter.count(repo)

    counter.close()

    assert store.num_writes >= 2
    assert not counter._counts
    assert hub.repos.find(alice, RepoKind.MODEL, "alice/m").downloads >= 4
