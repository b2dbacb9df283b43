"""The contract for flights, their events and the names of their files."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wingman.hub.access.model import Visibility
from wingman.hub.accounts.model import NamespaceId
from wingman.hub.flights.model import (
    EventKind,
    Flight,
    FlightEvent,
    FlightFile,
    FlightNumber,
    FlightStatus,
    MetricPoint,
)
from wingman.hub.repos.model import RepoId


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightFilter:
    """What a list asks for; every condition must hold. Newest first.

    own:        also flights of this user, published or not.
    visible_to: flights whose published repository may be seen.
    everything: all flights, for administrators.
    """

    visible_to: Visibility
    own: NamespaceId | None = None
    everything: bool = False
    owner_id: NamespaceId | None = None
    repo_id: RepoId | None = None
    statuses: tuple[FlightStatus, ...] = ()
    data: str | None = None
    after: FlightNumber | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """Who flies a flight that was started here.

    supervisor: the Hub process, as `host/process id`. lease_until: it is gone when this passes without a new one.
    token_id: the access token made for the flight. pid: the child process. stop_asked: somebody wants it ended.
    """

    supervisor: str
    lease_until: datetime
    token_id: int | None = None
    pid: int | None = None
    stop_asked: bool = False


class Flights(Protocol):
    def find(self, flight_id: str) -> Flight | None: ...

    def by_number(self, number: FlightNumber) -> Flight | None: ...

    def lock(self, flight_id: str) -> Flight | None:
        """The same, and nobody else changes it until this transaction ends."""

    def page(self, wanted: FlightFilter) -> Sequence[Flight]: ...

    def add(self, flight: Flight) -> Flight:
        """Keep a new flight; its number is given here. Raises `FlightIdTaken`."""

    def update(self, flight: Flight) -> Flight:
        """Keep all of it but id and owner, under the next version; returns it with that."""

    def delete(self, number: FlightNumber) -> None:
        """With its events and the names of its files."""

    def versions(self, numbers: Collection[FlightNumber]) -> dict[FlightNumber, int]:
        """The current version of each flight that exists."""

    def known_digests(self, number: FlightNumber, digests: Collection[bytes]) -> set[bytes]:
        """Which of these events are kept already."""

    def add_events(self, number: FlightNumber, events: Sequence[FlightEvent]) -> None:
        """Keep events that already have their numbers."""

    def events(
        self,
        number: FlightNumber,
        *,
        after: int,
        limit: int,
        kinds: tuple[EventKind, ...] = (),
        newest: bool = False,
    ) -> Sequence[FlightEvent]:
        """At most `limit` events behind number `after`, in order; the last ones with `newest`."""

    def metrics(self, number: FlightNumber) -> dict[str, list[MetricPoint]]:
        """Every series in the order of its steps; a step measured again counts as measured last."""

    def put_file(self, number: FlightNumber, file: FlightFile) -> str | None:
        """Keep a file's name, replacing one called alike; returns the other key that it had before."""

    def file(self, number: FlightNumber, name: str) -> FlightFile | None: ...

    def files(self, number: FlightNumber) -> Sequence[FlightFile]:
        """By name."""

    def queued(self) -> Sequence[Flight]:
        """Those waiting for their turn, the longest waiting first."""

    def claim(self, number: FlightNumber, supervision: Supervision) -> bool:
        """Take a queued flight on; False when somebody else was quicker. It is running from now on."""

    def supervise(self, number: FlightNumber, supervision: Supervision) -> None:
        """Renew the lease and keep what is known by now; `stop_asked` stays as it is."""

    def ask_to_stop(self, number: FlightNumber) -> bool:
        """Whoever flies it will see this; False when nobody does."""

    def let_go(self, number: FlightNumber) -> None:
        """Nobody flies it any more."""

    def supervision(self, number: FlightNumber) -> Supervision | None: ...

    def supervised(self) -> Sequence[tuple[Flight, Supervision]]:
        """Every flight that somebody has taken on and not let go."""
