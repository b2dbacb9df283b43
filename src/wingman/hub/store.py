"""The contract that services work against: transactions over all domains' stores at once.

One write transaction covers everything that must be true together, e.g. a commit's objects, its ref, the
index rows and the event: an acknowledged commit is never half there.
"""

from contextlib import AbstractContextManager
from typing import Protocol

from wingman.hub.accounts.store import Accounts
from wingman.hub.collections.store import Collections
from wingman.hub.discussions.store import Discussions
from wingman.hub.events.store import Events
from wingman.hub.files.store import LargeFiles
from wingman.hub.flights.store import Flights
from wingman.hub.gating.store import AccessRequests
from wingman.hub.git.store import Git
from wingman.hub.lfs.store import Locks
from wingman.hub.repos.store import Repos
from wingman.hub.signing.store import Secrets
from wingman.hub.social.store import Social
from wingman.hub.xet.store import Chunks


class Transaction(Protocol):
    """A consistent view of everything; its changes become true together, or not at all."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def repos(self) -> Repos: ...
    @property
    def git(self) -> Git: ...
    @property
    def files(self) -> LargeFiles: ...
    @property
    def chunks(self) -> Chunks: ...
    @property
    def locks(self) -> Locks: ...
    @property
    def discussions(self) -> Discussions: ...
    @property
    def access_requests(self) -> AccessRequests: ...
    @property
    def social(self) -> Social: ...
    @property
    def collections(self) -> Collections: ...
    @property
    def flights(self) -> Flights: ...
    @property
    def events(self) -> Events: ...
    @property
    def secrets(self) -> Secrets: ...


class Store(Protocol):
    def read(self) -> AbstractContextManager[Transaction]:
        """A snapshot to read from. Writing in it is an error."""

    def write(self) -> AbstractContextManager[Transaction]:
        """Committed when the block ends, undone when it raises."""
