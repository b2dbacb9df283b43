"""Flights in SQL. What is asked of many flights is a column; the steps of one are a JSON value in its row."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.accounts.sql import namespaces
from wingman.hub.database import BigId, UtcTime, metadata
from wingman.hub.flights.errors import FlightIdTaken
from wingman.hub.flights.model import (
    EventKind,
    Flight,
    FlightEvent,
    FlightFile,
    FlightNumber,
    FlightOrder,
    FlightStatus,
    Memory,
    MetricPoint,
    Progress,
    Step,
)
from wingman.hub.flights.store import FlightFilter, Supervision
from wingman.hub.gating.model import AccessStatus
from wingman.hub.gating.sql import access_requests
from wingman.hub.repos.model import RepoId
from wingman.hub.repos.sql import is_visible
from wingman.hub.repos.tables import repos

_INSERT_AT_ONCE = 500
_LOOK_UP_AT_ONCE = 500
"""Below the number of parameters that a statement may have."""

flights = sa.Table(
    "flights",
    metadata,
    sa.Column("number", BigId, primary_key=True),
    sa.Column("id", sa.String(96), nullable=False, unique=True),
    sa.Column("owner_id", BigId, sa.ForeignKey("namespaces.id", ondelete="CASCADE"), nullable=False),
    sa.Column("repo_id", BigId, sa.ForeignKey("repos.id", ondelete="SET NULL")),
    sa.Column("task", sa.String, nullable=False),
    sa.Column("data", sa.String, nullable=False),
    sa.Column("base", sa.String, nullable=False),
    sa.Column("method", sa.String, nullable=False),
    sa.Column("to", sa.String),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("state", sa.JSON, nullable=False),
    sa.Column("result", sa.JSON(none_as_null=True)),
    sa.Column("error", sa.Text),
    sa.Column("order", sa.JSON(none_as_null=True)),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("queued_at", UtcTime),
    sa.Column("started_at", UtcTime),
    sa.Column("finished_at", UtcTime),
    sa.Column("heard_at", UtcTime),
    sa.Column("num_events", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("supervisor", sa.String),
    sa.Column("lease_until", UtcTime),
    sa.Column("token_id", BigId),
    sa.Column("pid", sa.Integer),
    sa.Column("stop_asked", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_flights_owner", "owner_id", "number"),
    sa.Index("ix_flights_repo", "repo_id", "number"),
)
# The few that wait or are flown here, among the many that were.
sa.Index(
    "ix_flights_queued",
    flights.c.queued_at,
    sqlite_where=flights.c.status == "queued",
    postgresql_where=flights.c.status == "queued",
)
sa.Index(
    "ix_flights_supervised",
    flights.c.supervisor,
    sqlite_where=flights.c.supervisor.is_not(None),
    postgresql_where=flights.c.supervisor.is_not(None),
)
flight_events = sa.Table(
    "flight_events",
    metadata,
    sa.Column("flight", BigId, sa.ForeignKey("flights.number", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("step", sa.String),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("digest", sa.LargeBinary(16), nullable=False),
    sa.UniqueConstraint("flight", "digest"),
)
flight_files = sa.Table(
    "flight_files",
    metadata,
    sa.Column("flight", BigId, sa.ForeignKey("flights.number", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("uploaded_at", UtcTime, nullable=False),
)
_SELECT = sa.select(flights, namespaces.c.name.label("owner")).join(
    namespaces, namespaces.c.id == flights.c.owner_id
)


class SqlFlights:
    """See `Flights`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def find(self, flight_id: str) -> Flight | None:
        return self._one(_SELECT.where(flights.c.id == flight_id))

    def by_number(self, number: FlightNumber) -> Flight | None:
        return self._one(_SELECT.where(flights.c.number == number))

    def lock(self, flight_id: str) -> Flight | None:
        # SQLite has one writer at a time anyway, and takes no notice.
        return self._one(_SELECT.where(flights.c.id == flight_id).with_for_update(of=flights))

    def page(self, wanted: FlightFilter) -> Sequence[Flight]:
        query = _SELECT.where(*_conditions(wanted)).order_by(flights.c.number.desc()).limit(wanted.limit)
        if wanted.everything:
            return self._many(query)
        # Two walks along an index each; with "or" it would be one along the whole table.
        seen = self._many(
            query.join(repos, repos.c.id == flights.c.repo_id).where(
                is_visible(wanted.visible_to), _is_let_in(wanted)
            )
        )
        own = self._many(query.where(flights.c.owner_id == wanted.own)) if wanted.own is not None else []
        merged = {flight.number: flight for flight in (*seen, *own)}
        return [merged[number] for number in sorted(merged, reverse=True)][: wanted.limit]

    def add(self, flight: Flight) -> Flight:
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    sa.insert(flights).values(
                        id=flight.id,
                        owner_id=flight.owner_id,
                        created_at=flight.created_at,
                        **_changing(flight),
                    )
                )
        except sa.exc.IntegrityError as error:
            raise FlightIdTaken(flight.id) from error
        added = self.find(flight.id)
        assert added is not None
        return added

    def update(self, flight: Flight) -> Flight:
        values = _changing(flight) | {"version": flight.version + 1}
        self._connection.execute(sa.update(flights).where(flights.c.number == flight.number).values(values))
        changed = self.by_number(flight.number)
        assert changed is not None
        return changed

    def delete(self, number: FlightNumber) -> None:
        self._connection.execute(sa.delete(flights).where(flights.c.number == number))

    def versions(self, numbers: Collection[FlightNumber]) -> dict[FlightNumber, int]:
        query = sa.select(flights.c.number, flights.c.version).where(flights.c.number.in_(numbers))
        return {FlightNumber(row.number): row.version for row in self._connection.execute(query)}

    def known_digests(self, number: FlightNumber, digests: Collection[bytes]) -> set[bytes]:
        listed, known = list(digests), set()
        for start in range(0, len(listed), _LOOK_UP_AT_ONCE):
            query = sa.select(flight_events.c.digest).where(
                flight_events.c.flight == number,
                flight_events.c.digest.in_(listed[start : start + _LOOK_UP_AT_ONCE]),
            )
            known |= {bytes(row.digest) for row in self._connection.execute(query)}
        return known

    def add_events(self, number: FlightNumber, events: Sequence[FlightEvent]) -> None:
        rows = [
            {
                "flight": number,
                "number": event.number,
                "at": event.at,
                "kind": event.kind.value,
                "step": event.step,
                "facts": dict(event.facts),
                "digest": event.digest,
            }
            for event in events
        ]
        for start in range(0, len(rows), _INSERT_AT_ONCE):
            self._connection.execute(sa.insert(flight_events), rows[start : start + _INSERT_AT_ONCE])

    def events(
        self,
        number: FlightNumber,
        *,
        after: int,
        limit: int,
        kinds: tuple[EventKind, ...] = (),
        newest: bool = False,
    ) -> Sequence[FlightEvent]:
        query = sa.select(flight_events).where(
            flight_events.c.flight == number, flight_events.c.number > after
        )
        if kinds:
            query = query.where(flight_events.c.kind.in_([kind.value for kind in kinds]))
        order = flight_events.c.number.desc() if newest else flight_events.c.number
        found = [_to_event(row) for row in self._connection.execute(query.order_by(order).limit(limit))]
        return found[::-1] if newest else found

    def metrics(self, number: FlightNumber) -> dict[str, list[MetricPoint]]:
        query = (
            sa.select(flight_events.c.at, flight_events.c.facts)
            .where(flight_events.c.flight == number, flight_events.c.kind == EventKind.METRIC.value)
            .order_by(flight_events.c.number)
        )
        series: dict[str, dict[int, MetricPoint]] = {}
        for row in self._connection.execute(query):
            name, value, at = (row.facts.get(key) for key in ("name", "value", "at"))
            if isinstance(name, str) and isinstance(value, int | float) and isinstance(at, int):
                series.setdefault(name, {})[at] = MetricPoint(at, float(value), row.at)
        return {name: [points[at] for at in sorted(points)] for name, points in series.items()}

    def put_file(self, number: FlightNumber, file: FlightFile) -> str | None:
        known = self.file(number, file.name)
        values = {"size": file.size, "key": file.key, "uploaded_at": file.uploaded_at}
        here = (flight_files.c.flight == number, flight_files.c.name == file.name)
        if known is None:
            self._connection.execute(sa.insert(flight_files).values(flight=number, name=file.name, **values))
            return None
        self._connection.execute(sa.update(flight_files).where(*here).values(**values))
        return known.key if known.key != file.key else None

    def file(self, number: FlightNumber, name: str) -> FlightFile | None:
        query = sa.select(flight_files).where(flight_files.c.flight == number, flight_files.c.name == name)
        row = self._connection.execute(query).first()
        return None if row is None else _to_file(row)

    def files(self, number: FlightNumber) -> Sequence[FlightFile]:
        query = sa.select(flight_files).where(flight_files.c.flight == number).order_by(flight_files.c.name)
        return [_to_file(row) for row in self._connection.execute(query)]

    def queued(self) -> Sequence[Flight]:
        query = _SELECT.where(flights.c.status == FlightStatus.QUEUED.value)
        return self._many(query.order_by(flights.c.queued_at, flights.c.number))

    def claim(self, number: FlightNumber, supervision: Supervision) -> bool:
        query = (
            sa.update(flights)
            .where(flights.c.number == number, flights.c.status == FlightStatus.QUEUED.value)
            .values(
                status=FlightStatus.RUNNING.value,
                version=flights.c.version + 1,
                **asdict(supervision),
            )
        )
        return self._connection.execute(query).rowcount > 0

    def supervise(self, number: FlightNumber, supervision: Supervision) -> None:
        values = asdict(supervision)
        del values["stop_asked"]
        self._connection.execute(sa.update(flights).where(flights.c.number == number).values(**values))

    def ask_to_stop(self, number: FlightNumber) -> bool:
        query = sa.update(flights).where(flights.c.number == number, flights.c.supervisor.is_not(None))
        return self._connection.execute(query.values(stop_asked=True)).rowcount > 0

    def let_go(self, number: FlightNumber) -> None:
        nothing = {**dict.fromkeys(("supervisor", "lease_until", "token_id", "pid")), "stop_asked": False}
        self._connection.execute(sa.update(flights).where(flights.c.number == number).values(nothing))

    def supervision(self, number: FlightNumber) -> Supervision | None:
        query = sa.select(flights).where(flights.c.number == number, flights.c.supervisor.is_not(None))
        row = self._connection.execute(query).first()
        return None if row is None else _to_supervision(row)

    def supervised(self) -> Sequence[tuple[Flight, Supervision]]:
        rows = self._connection.execute(_SELECT.where(flights.c.supervisor.is_not(None)))
        return [(_to_flight(row), _to_supervision(row)) for row in rows]

    def _one(self, query: sa.Select[Any]) -> Flight | None:
        row = self._connection.execute(query).first()
        return None if row is None else _to_flight(row)

    def _many(self, query: sa.Select[Any]) -> list[Flight]:
        return [_to_flight(row) for row in self._connection.execute(query)]


def _is_let_in(wanted: FlightFilter) -> sa.ColumnElement[bool]:
    """`is_let_in` as a condition on `repos`."""
    granted = (
        (access_requests.c.repo_id == repos.c.id)
        & (access_requests.c.user_id == wanted.own)
        & (access_requests.c.status == AccessStatus.ACCEPTED.value)
    )
    is_member = repos.c.namespace_id.in_(wanted.visible_to.namespace_ids)
    return sa.or_(repos.c.gated == "", is_member, sa.exists().where(granted))


def _conditions(wanted: FlightFilter) -> list[sa.ColumnElement[bool]]:
    conditions = []
    if wanted.owner_id is not None:
        conditions.append(flights.c.owner_id == wanted.owner_id)
    if wanted.repo_id is not None:
        conditions.append(flights.c.repo_id == wanted.repo_id)
    if wanted.statuses:
        conditions.append(flights.c.status.in_([status.value for status in wanted.statuses]))
    if wanted.data is not None:
        conditions.append(flights.c.data == wanted.data)
    if wanted.after is not None:
        conditions.append(flights.c.number < wanted.after)
    return conditions


def _changing(flight: Flight) -> dict[str, Any]:
    """The columns that change in a flight's life."""
    return {
        "repo_id": flight.repo_id,
        "task": flight.task,
        "data": flight.data,
        "base": flight.base,
        "method": flight.method,
        "to": flight.to,
        "host": flight.host,
        "status": flight.status.value,
        "state": _state_json(flight),
        "result": None if flight.result is None else dict(flight.result),
        "error": flight.error,
        "order": None if flight.order is None else asdict(flight.order),
        "queued_at": flight.queued_at,
        "started_at": flight.started_at,
        "finished_at": flight.finished_at,
        "heard_at": flight.heard_at,
        "num_events": flight.num_events,
        "version": flight.version,
    }


def _state_json(flight: Flight) -> dict[str, Any]:
    progress = None
    if flight.progress is not None:
        moments = {"at": flight.progress.at.isoformat(), "first_at": flight.progress.first_at.isoformat()}
        progress = asdict(flight.progress) | moments
    steps = [
        {
            "name": step.name,
            "started_at": step.started_at.isoformat(),
            "finished_at": step.finished_at.isoformat() if step.finished_at else None,
            "seconds": step.seconds,
            "summary": dict(step.summary),
            "reused": step.reused,
        }
        for step in flight.steps
    ]
    memory = None if flight.memory is None else asdict(flight.memory)
    return {"steps": steps, "progress": progress, "memory": memory}


def _to_flight(row: Any) -> Flight:
    return Flight(
        number=FlightNumber(row.number),
        id=row.id,
        owner_id=NamespaceId(row.owner_id),
        owner=row.owner,
        task=row.task,
        data=row.data,
        base=row.base,
        method=row.method,
        to=row.to,
        host=row.host,
        status=FlightStatus(row.status),
        steps=tuple(_to_step(step) for step in row.state["steps"]),
        progress=_to_progress(row.state["progress"]),
        # Flights from before this was kept have no such key.
        memory=Memory(**kept) if (kept := row.state.get("memory")) else None,
        result=row.result,
        error=row.error,
        created_at=row.created_at,
        queued_at=row.queued_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        heard_at=row.heard_at,
        num_events=row.num_events,
        version=row.version,
        repo_id=None if row.repo_id is None else RepoId(row.repo_id),
        order=None if row.order is None else FlightOrder(**row.order),
    )


def _to_step(kept: Mapping[str, Any]) -> Step:
    finished = kept["finished_at"]
    moments = {
        "started_at": datetime.fromisoformat(kept["started_at"]),
        "finished_at": datetime.fromisoformat(finished) if finished else None,
    }
    return Step(**{**kept, **moments})


def _to_progress(kept: Mapping[str, Any] | None) -> Progress | None:
    if kept is None:
        return None
    return Progress(**{**kept, **{name: datetime.fromisoformat(kept[name]) for name in ("at", "first_at")}})


def _to_event(row: Any) -> FlightEvent:
    return FlightEvent(row.number, row.at, EventKind(row.kind), row.step, row.facts, bytes(row.digest))


def _to_file(row: Any) -> FlightFile:
    return FlightFile(row.name, row.size, row.key, row.uploaded_at)


def _to_supervision(row: Any) -> Supervision:
    return Supervision(
        supervisor=row.supervisor,
        lease_until=row.lease_until,
        token_id=row.token_id,
        pid=row.pid,
        stop_asked=row.stop_asked,
    )
