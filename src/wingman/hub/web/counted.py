"""Counts that pages may show a little late: worked out once, kept for a while, renewed in the background.

Counting facets over a hundred thousand repositories takes longer than a page may; people do not mind a number
that is half a minute old. Callers who may see different things never share a value: what they see is part of the key.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from typing import Generic, TypeVar

_Value = TypeVar("_Value")

MAX_WAITING = 64
"""So many values are worked out or wait for it: there are more searches than anybody could count."""


class Counted(Generic[_Value]):
    """At most `size` values. A value older than `fresh_s` is still given out while it is renewed."""

    def __init__(
        self, *, size: int = 512, fresh_s: float = 20.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size = size
        self._fresh_s = fresh_s
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, _Value]] = OrderedDict()
        self._counting: dict[Hashable, Future[_Value]] = {}
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="counted")

    def get(self, key: Hashable, count: Callable[[], _Value], *, patience_s: float) -> _Value | None:
        """The value of `key`; None where there is none and counting takes longer than `patience_s`, or is put off."""
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                if self._clock() - known[0] <= self._fresh_s:
                    return known[1]
            future = self._counting.get(key)
            if future is None and len(self._counting) >= MAX_WAITING:
                return None if known is None else known[1]
            if future is None:
                future = self._counting[key] = self._workers.submit(self._count, key, count)
        if known is not None:
            return known[1]
        try:
            return future.result(patience_s)
        except StillRunning:
            return None

    def close(self) -> None:
        """Let the counts that are under way end; what is asked for afterwards is counted at once."""
        self._workers.shutdown(wait=True)
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="counted")

    def _count(self, key: Hashable, count: Callable[[], _Value]) -> _Value:
        try:
            return self._keep(key, count())
        finally:
            with self._lock:
                self._counting.pop(key, None)

    def _keep(self, key: Hashable, value: _Value) -> _Value:
        with self._lock:
            self._kept[key] = (self._clock(), value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return value
