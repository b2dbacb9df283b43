"""Waking those who watch flights: at once for what changes in this process, within a second for other processes'.

Watching holds neither a thread nor a database connection: one task asks for the versions of all watched flights.
"""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass, field

from wingman.hub.flights.model import FlightNumber
from wingman.hub.store import Store

log = logging.getLogger("wingman.hub.flights")

POLL_S = 1.0
_GONE = -1
"""The version of a flight that was deleted."""


@dataclass(slots=True)
class _Watched:
    version: int
    waiters: set[asyncio.Event] = field(default_factory=set)


class FlightWatch:
    """One per app. `wait` belongs to the app's event loop; `announce` and `close` may be called from anywhere."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watched: dict[FlightNumber, _Watched] = {}
        self._poller: asyncio.Task[None] | None = None
        self.is_closing = False

    def announce(self, number: FlightNumber, version: int) -> None:
        """A flight has changed."""
        if self._loop is not None and number in self._watched:
            self._loop.call_soon_threadsafe(self._wake, number, version)

    def close(self) -> None:
        """Let everybody go who waits, now and from now on: the server is about to end."""
        self.is_closing = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake_all)

    async def wait(self, number: FlightNumber, version: int, timeout_s: float) -> bool:
        """Return when the flight has another version than this one: True; after `timeout_s` or at the end: False."""
        if self.is_closing:
            return False
        self._loop = asyncio.get_running_loop()
        watched = self._watched.setdefault(number, _Watched(version))
        if watched.version > version:
            return True
        watched.version = version
        waiter = asyncio.Event()
        watched.waiters.add(waiter)
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(timeout_s):
                await waiter.wait()
        except TimeoutError:
            return False
        finally:
            watched.waiters.discard(waiter)
            if not watched.waiters and self._watched.get(number) is watched:
                del self._watched[number]
        return not self.is_closing

    async def _poll(self) -> None:
        """Runs while anybody watches."""
        try:
            while self._watched and not self.is_closing:
                await asyncio.sleep(POLL_S)
                numbers = list(self._watched)
                versions = await asyncio.to_thread(self._versions, numbers)
                for number in numbers:
                    self._wake(number, versions.get(number, _GONE))
        except Exception:
            log.exception("Flights of other processes are not watched for a moment.")
        finally:
            self._poller = None

    def _versions(self, numbers: Collection[FlightNumber]) -> dict[FlightNumber, int]:
        with self._store.read() as tx:
            return tx.flights.versions(numbers)

    def _wake(self, number: FlightNumber, version: int) -> None:
        watched = self._watched.get(number)
        if watched is None or (version != _GONE and version <= watched.version):
            return
        watched.version = version
        for waiter in watched.waiters:
            waiter.set()

    def _wake_all(self) -> None:
        for watched in self._watched.values():
            for waiter in watched.waiters:
                waiter.set()
