"""Counting downloads without a write transaction for each: gathered in memory, written in the background."""

import logging
import threading
from collections import Counter

from wingman.hub.repos.model import Repo, RepoId
from wingman.hub.store import Store

log = logging.getLogger("wingman.hub")


class DownloadCounter:
    """Counts are flushed every `interval_s` and on `close`; a kill may lose the last few, never more."""

    def __init__(self, store: Store, *, interval_s: float = 5.0) -> None:
        self._store = store
        self._interval_s = interval_s
        self._counts: Counter[RepoId] = Counter()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="download-counter", daemon=True)
        self._thread.start()

    def count(self, repo: Repo) -> None:
        with self._lock:
            self._counts[repo.id] += 1

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
