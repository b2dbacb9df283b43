"""Who asks, remembered for a moment.

A question costs a worker one or two milliseconds; looking up its token costs another one every time. The same
caller usually asks many in a row, so who a token belongs to is kept for a second: a revoked token may ask for so
long. What the caller may read, and which commit is current, is looked up for every question.
"""

import hashlib
import time
from collections.abc import Callable

from wingman.hub.access.model import Caller

REMEMBERED_S = 1.0
MAX_REMEMBERED = 1000


class RecentCallers:
    """Used from several threads; the worst that can happen is a lookup too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[bytes, tuple[float, Caller]] = {}

    def find(self, credentials: str, look_up: Callable[[], Caller]) -> Caller:
        """Whoever these credentials belong to; what `look_up` raises is not remembered."""
        key = hashlib.sha256(
            credentials.encode("utf-8", "surrogateescape")
        ).digest()  # no secret stays in memory
        moment = self._clock()
        known = self._known.get(key)
        if known is not None and known[0] > moment:
            return known[1]
        caller = look_up()
        if len(self._known) >= MAX_REMEMBERED:
            self._known = {}
        self._known[key] = (moment + REMEMBERED_S, caller)
        return caller
