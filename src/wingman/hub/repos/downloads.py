"""Counting downloads without a write transaction for each: gathered in memory, written in the background.

A download is somebody fetching from a repository, not each of its files: whatever the same caller fetches from it
within five minutes counts once. Otherwise a repository of a thousand files would lead every list.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from wingman.hub.repos.model import Repo, RepoId
from wingman.hub.store import Store

log = logging.getLogger("wingman.hub")


ONE_DOWNLOAD_S = 300.0


class DownloadCounter:
    """Counts are flushed every `interval_s` and on `close`; a kill may lose the last few, never more.

    clock: seconds that only go up.
    """

    def __init__(
        self, store: Store, *, interval_s: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._interval_s = interval_s
        self._clock = clock
        self._counts: Counter[RepoId] = Counter()
        self._began: dict[tuple[RepoId, str], float] = {}  # in the order of their times
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="download-counter", daemon=True)
        self._thread.start()

    def count(self, repo: Repo, caller: str) -> None:
        """`caller` tells one who downloads from another: a user's id or an address."""
        moment = self._clock()
        with self._lock:
            self._forget_before(moment - ONE_DOWNLOAD_S)
            if (repo.id, caller) not in self._began:
                self._began[repo.id, caller] = moment
                self._counts[repo.id] += 1

    def _forget_before(self, moment: float) -> None:
        while self._began and (oldest := next(iter(self._began.items())))[1] < moment:
            del self._began[oldest[0]]

    def flush(self) -> None:
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            with self._store.write() as tx:
                for repo_id, number in counts.items():
                    tx.repos.count_downloads(repo_id, number)
        except BaseException:
            # Not written: they wait for the next attempt.
            with self._lock:
                self._counts.update(counts)
            raise

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closing.wait(self._interval_s):
            try:
                self.flush()
            except Exception:
                log.exception("Downloads could not be counted yet; the next attempt makes up for it.")
