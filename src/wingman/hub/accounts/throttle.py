"""Guessing passwords is slow: after a few wrong ones for a name from one address, the next try has to wait.

From one address, so that nobody can lock somebody else out.

Checking a password takes 64 MiB and a core for some milliseconds, so only a few are checked at a time: a crowd of
strangers at the door must not use up the memory of the house.

Kept in memory: with several processes a guesser has as many tries in each.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from threading import BoundedSemaphore, Lock

from wingman.hub.accounts.model import MAX_NAME_LENGTH
from wingman.hub.errors import HubError

FREE_TRIES = 5
LONGEST_WAIT_S = 60.0
MAX_CHECKS = 4
MAX_REMEMBERED = 10_000


class TooManyTries(HubError):
    """This name was given with too many wrong passwords lately."""

    def __init__(self, wait_s: float) -> None:
        self.retry_after_s = max(1, ceil(wait_s))
        super().__init__(
            f"Too many wrong passwords for this name. Try again in {self.retry_after_s} seconds."
        )


class Throttle:
    """Used from several threads. Names that do not exist are counted alike, so that waiting tells nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._checks = BoundedSemaphore(MAX_CHECKS)
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}

    @contextmanager
    def attempt(self, name: str, origin: str) -> Iterator[None]:
        """Around one check of a password; an error in it counts as a wrong one. Raises `TooManyTries`."""
        key = (name.lower()[:MAX_NAME_LENGTH], origin)
        with self._lock:
            num_failures, since = self._failures.get(key, (0, 0.0))
            wait_s = since + _wait_s(num_failures) - self._clock()
            if wait_s > 0 and num_failures:
                raise TooManyTries(wait_s)
            # Counted before the check: many tries at the same moment are many tries.
            if key not in self._failures and len(self._failures) >= MAX_REMEMBERED:
                del self._failures[next(iter(self._failures))]
            self._failures[key] = (num_failures + 1, self._clock())
        with self._checks:
            yield
        with self._lock:
            self._failures.pop(key, None)


def _wait_s(num_failures: int) -> float:
    """
    >>> [_wait_s(number) for number in (4, 5, 6, 9, 99)]
    [0.0, 1.0, 2.0, 16.0, 60.0]
    """
    return (
        0.0 if num_failures < FREE_TRIES else min(LONGEST_WAIT_S, 2.0 ** min(num_failures - FREE_TRIES, 10))
    )
