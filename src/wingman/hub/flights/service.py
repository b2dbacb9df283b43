"""Record flights as they report themselves; find them, list them, keep their files.

Who may see a flight: its owner, administrators, and whoever may read the files of the model it published. Its log
and its worst rows show lines of the data, so `OWNERS_EVENTS` and `OWNERS_FILES` stay with the first two.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wingman.hub.access.model import Caller, Permission, may, refuse, require_user, visibility
from wingman.hub.accounts.model import User
from wingman.hub.blobs.store import Blobs
from wingman.hub.database import now
from wingman.hub.errors import Invalid, TooLarge
from wingman.hub.flights.comparing import Comparison, Outcome, compare_reports
from wingman.hub.flights.errors import FlightFileMissing, FlightIdTaken, FlightMissing, WrongFlightState
from wingman.hub.flights.events import coalesce
from wingman.hub.flights.model import (
    EventKind,
    Flight,
    FlightEvent,
    FlightFile,
    FlightNumber,
    FlightStatus,
    MetricPoint,
    fold,
)
from wingman.hub.flights.store import FlightFilter
from wingman.hub.json_text import load_json
from wingman.hub.repos.front_matter import read_yaml
from wingman.hub.repos.model import Repo, RepoId, RepoKind
from wingman.hub.repos.service import is_let_in
from wingman.hub.store import Store, Transaction

MAX_FILE_BYTES = 2 << 20
MAX_FILES = 20
MAX_EVENTS = 100_000
"""Behind so many, only what changes the flight's state is kept."""
OWNERS_FILES = frozenset(["worst_rows.json"])
OWNERS_EVENTS = frozenset([EventKind.LOG, EventKind.WARNING])
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}\Z")
_RESERVED_IDS = frozenset(["compare", "new", "plan", "start"])
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.(json|yaml|svg|png|md|txt)\Z")
_STATE_CHANGING = frozenset(EventKind) - {
    EventKind.LOG,
    EventKind.WARNING,
    EventKind.PROGRESS,
    EventKind.METRIC,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightFacts:
    """What a flight says of itself when it begins."""

    task: str = ""
    data: str = ""
    base: str = ""
    method: str = ""
    to: str | None = None
    host: str = ""


class FlightService:
    """on_change: told the number and version of every flight that changed, from whichever thread changed it."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        *,
        on_change: Callable[[FlightNumber, int], None] = lambda number, version: None,
    ) -> None:
        self._store, self._blobs = store, blobs
        self._on_change = on_change

    def register(self, caller: Caller, flight_id: str, facts: FlightFacts) -> Flight:
        """A flight begins, or goes on. Raises `Unauthorized`, `Forbidden`, `Invalid` (its id), `FlightIdTaken`."""
        _recorder(caller)
        with self._store.write() as tx:
            try:
                flight = _own_or_begun(tx, caller, flight_id)
            except FlightMissing as error:
                raise FlightIdTaken(flight_id) from error
            changed = tx.flights.update(
                replace(
                    flight,
                    status=FlightStatus.RUNNING,
                    task=facts.task or flight.task,
                    data=facts.data or flight.data,
                    base=facts.base or flight.base,
                    method=facts.method or flight.method,
                    to=facts.to or flight.to,
                    host=facts.host or flight.host,
                    heard_at=now(),
                )
            )
        self._on_change(changed.number, changed.version)
        return changed

    def record(self, caller: Caller, flight_id: str, events: Sequence[FlightEvent]) -> Flight:
        """Keep a flight's events and what they change; those that are known already are passed over.

        The first of them may be quicker than `register`. Raises `Unauthorized`, `Forbidden`, `Invalid` (the id),
        `FlightMissing` (somebody else's).
        """
        _recorder(caller)
        with self._store.write() as tx:
            flight = _own_or_begun(tx, caller, flight_id)
            changed = keep_events(tx, caller, flight, events)
        self._on_change(changed.number, changed.version)
        return changed

    def find(self, caller: Caller, flight_id: str) -> Flight:
        """Raises `FlightMissing`."""
        with self._store.read() as tx:
            return _visible(tx, caller, flight_id)

    def find_own(self, caller: Caller, flight_id: str) -> Flight:
        """A flight that the caller may stop, resume or delete. Raises `FlightMissing`, `Unauthorized`, `Forbidden`."""
        flight = self.find(caller, flight_id)
        require_user(caller)
        if not caller.may_write_at_all or not is_own(caller, flight):
            raise refuse(caller, f"change the flight {flight_id}")
        return flight

    def page(
        self,
        caller: Caller,
        *,
        owner: str | None = None,
        repo: Repo | None = None,
        data: str | None = None,
        statuses: tuple[FlightStatus, ...] = (),
        after: FlightNumber | None = None,
        limit: int = 50,
    ) -> Sequence[Flight]:
        """Flights that the caller may see, newest first; `after` is the number of the last one seen.

        repo: those that published to this repository. data: those on this dataset. Raises `AccountMissing`.
        """
        is_limited = caller.is_confined
        with self._store.read() as tx:
            wanted = FlightFilter(
                visible_to=visibility(caller),
                own=caller.user.id if caller.user is not None and not is_limited else None,
                everything=caller.user is not None and caller.user.is_admin and not is_limited,
                owner_id=tx.accounts.namespace(owner).id if owner is not None else None,
                repo_id=repo.id if repo is not None else None,
                statuses=statuses,
                data=data,
                after=after,
                limit=limit,
            )
            return tx.flights.page(wanted)

    def events(
        self,
        flight: Flight,
        *,
        after: int = 0,
        limit: int = 1000,
        kinds: tuple[EventKind, ...] = (),
        newest: bool = False,
    ) -> Sequence[FlightEvent]:
        """Of a flight that the caller may see; the last ones with `newest`, in order of arrival either way."""
        with self._store.read() as tx:
            return tx.flights.events(flight.number, after=after, limit=limit, kinds=kinds, newest=newest)

    def metrics(self, flight: Flight) -> dict[str, list[MetricPoint]]:
        """Every series a flight measured, by name."""
        with self._store.read() as tx:
            return tx.flights.metrics(flight.number)

    def published_repo(self, flight: Flight) -> Repo | None:
        """The model it published to; for whoever may see the flight by it, and for its owner."""
        if flight.repo_id is None:
            return None
        with self._store.read() as tx:
            return tx.repos.by_id(flight.repo_id)

    def put_file(self, caller: Caller, flight_id: str, name: str, content: bytes) -> FlightFile:
        """Keep a small artefact, in place of one called alike.

        Raises `Unauthorized`, `Forbidden`, `FlightMissing` (somebody else's), `Invalid` (name, number), `TooLarge`.
        """
        _recorder(caller)
        if not _FILE_NAME.match(name):
            raise Invalid(
                f"{name!r} is not a name for a flight's file: use letters, digits, '-' and '_', and one of the endings "
                ".json, .yaml, .svg, .png, .md, .txt."
            )
        if len(content) > MAX_FILE_BYTES:
            raise TooLarge(
                f"{name} has {len(content)} bytes; a flight's file may have {MAX_FILE_BYTES} at most."
            )
        with self._store.write() as tx:
            flight = _own_or_begun(tx, caller, flight_id)
        file = FlightFile(name, len(content), _key(flight, content), now())
        self._blobs.put(file.key, content)
        with self._store.write() as tx:
            flight = _own_or_begun(tx, caller, flight_id)
            names = {known.name for known in tx.flights.files(flight.number)}
            if name not in names and len(names) >= MAX_FILES:
                raise Invalid(f"The flight {flight_id!r} has {MAX_FILES} files; more are not kept.")
            replaced = tx.flights.put_file(flight.number, file)
            changed = tx.flights.update(flight)
        if replaced is not None:
            self._blobs.delete(replaced)
        self._on_change(changed.number, changed.version)
        return file

    def files(self, caller: Caller, flight: Flight) -> list[FlightFile]:
        """The files of a flight that this caller may read, by name."""
        with self._store.read() as tx:
            files = tx.flights.files(flight.number)
        return [file for file in files if file.name not in OWNERS_FILES or is_own(caller, flight)]

    def read_file(self, caller: Caller, flight: Flight, name: str) -> bytes:
        """Raises `FlightFileMissing`."""
        with self._store.read() as tx:
            file = tx.flights.file(flight.number, name)
        if file is None or (name in OWNERS_FILES and not is_own(caller, flight)):
            raise FlightFileMissing(flight.id, name)
        return self._blobs.read(file.key)

    def delete(self, caller: Caller, flight_id: str) -> None:
        """Forget a flight that has ended. Raises `FlightMissing`, `Unauthorized`, `Forbidden`, `WrongFlightState`."""
        flight = self.find_own(caller, flight_id)
        if flight.is_started_here and not flight.status.has_ended:
            raise WrongFlightState(f"The flight {flight_id!r} is {flight.status}; stop it first.")
        with self._store.write() as tx:
            files = tx.flights.files(flight.number)
            tx.flights.delete(flight.number)
        for file in files:
            self._blobs.delete(file.key)

    def compare(self, caller: Caller, first_id: str, second_id: str) -> Comparison:
        """Two finished flights side by side. Raises `FlightMissing`, `FlightFileMissing` (one has no report)."""
        first, second = self.find(caller, first_id), self.find(caller, second_id)
        return compare_reports(self._outcome(first), self._outcome(second))

    def _outcome(self, flight: Flight) -> Outcome:
        report = _parsed(self._known_file(flight, "report.json"), _read_json)
        if not isinstance(report, Mapping):
            raise FlightFileMissing(flight.id, "report.json")
        worst_rows = _parsed(self._known_file(flight, "worst_rows.json"), _read_json)
        recipe = _parsed(self._known_file(flight, "recipe.yaml"), _read_yaml)
        result = flight.result or {}
        return Outcome(
            flight_id=flight.id,
            report=report,
            worst_rows=worst_rows if isinstance(worst_rows, list) else None,
            recipe=recipe if isinstance(recipe, Mapping) else None,
            repo=result.get("repo"),
            version=result.get("revision"),
            against=next((step.summary for step in flight.steps if step.name == "compare"), None),
        )

    def _known_file(self, flight: Flight, name: str) -> bytes | None:
        with self._store.read() as tx:
            file = tx.flights.file(flight.number, name)
        return self._blobs.read(file.key) if file is not None else None


def check_flight_id(flight_id: str) -> str:
    """Return `flight_id` if a flight may be called so (it names a folder too), else raise `Invalid`."""
    if not _ID.match(flight_id) or flight_id.lower() in _RESERVED_IDS:
        raise Invalid(
            f"{flight_id[:100]!r} cannot be used as a flight's id: use up to 96 letters, digits, '-', '_' and '.', "
            "beginning with a letter or a digit; and none of the words compare, new, plan, start."
        )
    return flight_id


def is_own(caller: Caller, flight: Flight) -> bool:
    """The flight is the caller's, or the caller is an administrator; tokens for one repository see no flights."""
    if caller.user is None or caller.is_confined:
        return False
    return caller.user.is_admin or caller.user.id == flight.owner_id


def kinds_told(caller: Caller, flight: Flight) -> tuple[EventKind, ...]:
    """The kinds of events of a visible flight that this caller may read; () means all, as `events` has it."""
    if is_own(caller, flight):
        return ()
    return tuple(kind for kind in EventKind if kind not in OWNERS_EVENTS)


def keep_events(
    tx: Transaction, owner: Caller, flight: Flight, events: Sequence[FlightEvent], *, late: bool = False
) -> Flight:
    """Add what is new among `events` to a locked flight, and to what is known of it.

    late: they may be older than what is known already, so that all is told again in the order of time.
    """
    known = tx.flights.known_digests(flight.number, [event.digest for event in events])
    fresh = {event.digest: event for event in events if event.digest not in known}
    kept = [
        event
        for event in coalesce(fresh.values())
        if flight.num_events < MAX_EVENTS or event.kind in _STATE_CHANGING
    ]
    numbered = [replace(event, number=flight.num_events + place) for place, event in enumerate(kept, 1)]
    tx.flights.add_events(flight.number, numbered)
    if late and kept:
        history = tx.flights.events(flight.number, after=0, limit=MAX_EVENTS, kinds=tuple(_STATE_CHANGING))
        changed = fold(replace(flight, steps=()), sorted(history, key=lambda event: event.at))
    else:
        changed = fold(flight, fresh.values())
    changed = replace(changed, num_events=flight.num_events + len(numbered), heard_at=now())
    if changed.result is not None and changed.repo_id is None:
        changed = replace(changed, repo_id=_published(tx, owner, changed))
    return tx.flights.update(changed)


def _published(tx: Transaction, owner: Caller, flight: Flight) -> RepoId | None:
    """The repository a flight says it published to: only if its owner may write there."""
    full_name = (flight.result or {}).get("repo")
    repo = tx.repos.find(RepoKind.MODEL, full_name) if isinstance(full_name, str) else None
    return repo.id if repo is not None and may(owner, Permission.REPO_CONTENT_WRITE, repo) else None


def _recorder(caller: Caller) -> User:
    user = require_user(caller)
    if not caller.may_write_at_all or caller.is_confined:
        raise refuse(caller, "record flights")
    return user


def _own_or_begun(tx: Transaction, caller: Caller, flight_id: str) -> Flight:
    """The caller's flight, locked; a new one if there is none yet."""
    check_flight_id(flight_id)
    flight = tx.flights.lock(flight_id)
    if flight is None:
        try:
            return tx.flights.add(new_flight(flight_id, caller))
        except FlightIdTaken:
            flight = tx.flights.lock(flight_id)  # begun at the same moment
    if flight is None or caller.user is None or flight.owner_id != caller.user.id:
        raise FlightMissing(flight_id)
    return flight


def new_flight(flight_id: str, caller: Caller) -> Flight:
    user = require_user(caller)
    return Flight(
        number=FlightNumber(0),
        id=flight_id,
        owner_id=user.id,
        owner=user.name,
        created_at=now(),
        heard_at=now(),
    )


def _visible(tx: Transaction, caller: Caller, flight_id: str) -> Flight:
    flight = tx.flights.find(flight_id)
    if flight is None:
        raise FlightMissing(flight_id)
    if is_own(caller, flight):
        return flight
    repo = tx.repos.by_id(flight.repo_id) if flight.repo_id is not None else None
    if repo is None or not may(caller, Permission.REPO_CONTENT_READ, repo) or not is_let_in(tx, caller, repo):
        raise FlightMissing(flight_id)
    return flight


def _key(flight: Flight, content: bytes) -> str:
    return f"flights/{flight.number}/{hashlib.sha256(content).hexdigest()}"


def _parsed(content: bytes | None, parse: Callable[[bytes], Any]) -> Any:
    """None where there is nothing, or not what its name says."""
    if content is None:
        return None
    try:
        return parse(content)
    except ValueError:
        return None


def _read_json(content: bytes) -> Any:
    return load_json(content, nan_is_null=True)


def _read_yaml(content: bytes) -> Any:
    return read_yaml(content.decode("utf-8", "replace"))
