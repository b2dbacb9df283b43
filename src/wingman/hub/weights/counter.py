"""Counting the parameters of every model's head in the background, so that lists can be narrowed to them.

The database is the queue: a model whose `main` moved waits until it is counted, however it moved and whichever
process moved it. Counting one twice does no harm.
"""

import logging
import threading

from wingman.hub.errors import HubError
from wingman.hub.repos.model import Repo
from wingman.hub.store import Store
from wingman.hub.weights.service import WeightsService

log = logging.getLogger("wingman.hub")

_RHYTHM_SECONDS = 2.0
_AT_ONCE = 100


class ParameterCounter:
    """A thread that looks for uncounted models every two seconds. `start` it, `close` it."""

    def __init__(self, store: Store, weights: WeightsService) -> None:
        self._store = store
        self._weights = weights
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="parameters", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def count_pending(self) -> int:
        """Count every model that waits; returns how many those were."""
        done = 0
        while waiting := self._waiting():
            for repo in waiting:
                if self._ending.is_set():
                    return done
                self._count(repo)
                done += 1
        return done

    def _work(self) -> None:
        while not self._ending.wait(_RHYTHM_SECONDS):
            try:
                self.count_pending()
            except Exception:
                log.exception("counting parameters failed; it goes on in two seconds")

    def _waiting(self) -> list[Repo]:
        with self._store.read() as tx:
            return list(tx.repos.uncounted(limit=_AT_ONCE))

    def _count(self, repo: Repo) -> None:
        assert repo.head is not None, "only a head is counted"
        try:
            total = sum(self._weights.count(repo, repo.head).values())
        except HubError as error:
            log.error("cannot count the parameters of %s: %s", repo.full_name, error)
            total = 0
        with self._store.write() as tx:
            tx.repos.set_parameters(repo.id, head=repo.head, parameters=total or None)
