"""Counting downloads in the background: a database that fails for a moment loses no count and ends no counting."""

import time
from contextlib import contextmanager

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.database import DatabaseFull
from wingman.hub.repos.downloads import ONE_DOWNLOAD_S, DownloadCounter
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
    for number in range(3):
        counter.count(repo, f"caller {number}")
    while store.num_writes < 2:
        time.sleep(0.01)

    counter.close()

    assert hub.repos.find(alice, RepoKind.MODEL, "alice/m").downloads == 3


def test_what_one_caller_fetches_within_five_minutes_is_one_download(hub: Hub, alice: Caller):
    repo = hub.repos.create(alice, kind=RepoKind.MODEL, name="m")
    other = hub.repos.create(alice, kind=RepoKind.MODEL, name="other")
    moment = 0.0
    counter = DownloadCounter(hub.store, interval_s=1000, clock=lambda: moment)

    for caller in ("user 1", "user 1", "10.0.0.7", "user 1"):
        counter.count(repo, caller)
    counter.count(other, "user 1")
    moment = ONE_DOWNLOAD_S + 1
    counter.count(repo, "user 1")
    counter.close()

    assert hub.repos.find(alice, RepoKind.MODEL, "alice/m").downloads == 3
    assert hub.repos.find(alice, RepoKind.MODEL, "alice/other").downloads == 1
