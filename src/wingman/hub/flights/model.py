"""What a flight is, and how the events it reports change what is known of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NewType

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.repos.model import RepoId

FlightNumber = NewType("FlightNumber", int)
"""A flight's row. People and the lab know flights by their `id`, a text that the lab chose."""

SILENT_AFTER = timedelta(minutes=10)
MAX_STEPS = 50


class FlightStatus(StrEnum):
    QUEUED = "queued"
    """Asked for here, and waiting for its turn."""
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    """Ended before its time, by a person or with the Hub; the same command goes on from there."""

    @property
    def has_ended(self) -> bool:
        return self in (FlightStatus.FINISHED, FlightStatus.FAILED, FlightStatus.STOPPED)


class EventKind(StrEnum):
    FLIGHT_STARTED = "flight_started"
    STEP_STARTED = "step_started"
    PROGRESS = "progress"
    METRIC = "metric"
    LOG = "log"
    WARNING = "warning"
    STEP_FINISHED = "step_finished"
    FLIGHT_FINISHED = "flight_finished"
    FLIGHT_FAILED = "flight_failed"


@dataclass(frozen=True, slots=True)
class FlightEvent:
    """One event as it is kept. `facts` is all of its JSON object but time, event and step.

    number: 1, 2, … in the order of arrival; 0 before it is kept.
    digest: names the event as it was sent, so that the same one sent again is known.
    """

    number: int
    at: datetime
    kind: EventKind
    step: str | None
    facts: Mapping[str, Any]
    digest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a flight; `finished_at` None: under way, or cut off. reused: done by an earlier attempt."""

    name: str
    started_at: datetime
    finished_at: datetime | None = None
    seconds: float | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the current step is. The first report tells where this attempt began, which may not be 0."""

    done: int
    total: int
    unit: str
    at: datetime
    first_done: int
    first_at: datetime

    def seconds_left(self) -> float | None:
        """At the pace since the first report; None while there is no pace yet."""
        elapsed = (self.at - self.first_at).total_seconds()
        advanced = self.done - self.first_done
        if advanced <= 0 or elapsed <= 0:
            return None
        return elapsed * max(0, self.total - self.done) / advanced


@dataclass(frozen=True, slots=True)
class Memory:
    """What the flight's process held of its machine's memory when it last said so, and at most."""

    now_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightOrder:
    """What was asked of a flight that is started here; what is None is chosen by the dry run.

    data, base, to: `namespace/name` on this Hub, never a path. columns: role -> column.
    endpoint: this Hub's address as seen from this machine.
    """

    data: str
    task: str = "text-classification"
    base: str | None = None
    method: str = "full"
    to: str | None = None
    private: bool | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    epochs: float | None = None
    repair: bool = False
    endpoint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """All that is known of a flight.

    owner: the name of the user who flies it. to: the repository it publishes to; `repo_id` is set once it has.
    host: the machine it runs on. heard_at: when its last event arrived. num_events: the number of the last event.
    version: grows with every change, so that watchers can tell. order: set when the Hub itself flies it.
    """

    number: FlightNumber
    id: str
    owner_id: NamespaceId
    owner: str
    task: str = ""
    data: str = ""
    base: str = ""
    method: str = ""
    to: str | None = None
    host: str = ""
    status: FlightStatus = FlightStatus.RUNNING
    steps: tuple[Step, ...] = ()
    progress: Progress | None = None
    memory: Memory | None = None
    result: Mapping[str, Any] | None = None
    error: str | None = None
    created_at: datetime
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    heard_at: datetime | None = None
    num_events: int = 0
    version: int = 0
    repo_id: RepoId | None = None
    order: FlightOrder | None = None

    @property
    def step(self) -> Step | None:
        """The step under way."""
        if self.status is not FlightStatus.RUNNING:
            return None
        return next((step for step in reversed(self.steps) if step.finished_at is None), None)

    @property
    def estimate(self) -> Mapping[str, Any]:
        """What the dry run expected the whole to cost, as the first step reports it; empty before that."""
        said = next((step.summary.get("estimate") for step in self.steps if step.name == "choose"), None)
        return said if isinstance(said, Mapping) else {}

    @property
    def is_started_here(self) -> bool:
        return self.order is not None

    @property
    def may_resume(self) -> bool:
        """Whether the Hub can go on with it; a flight of a terminal is resumed there."""
        return self.is_started_here and self.status in (FlightStatus.FAILED, FlightStatus.STOPPED)

    def is_silent(self, moment: datetime) -> bool:
        """It should be flying and has not been heard of for long: perhaps its machine is off."""
        last = self.heard_at or self.started_at or self.created_at
        return self.status is FlightStatus.RUNNING and moment - last > SILENT_AFTER


@dataclass(frozen=True, slots=True)
class FlightFile:
    """A small artefact of a flight. `key` is where the object store has its bytes."""

    name: str
    size: int
    key: str
    uploaded_at: datetime


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """A value a flight measured; `at` is the training step, 0 for what is measured once."""

    at: int
    value: float
    time: datetime


def fold(flight: Flight, events: Iterable[FlightEvent]) -> Flight:
    """What is known after these events, which come in order."""
    for event in events:
        flight = _CHANGES.get(event.kind, _nothing)(_with_memory(flight, event), event)
    return flight


def _with_memory(flight: Flight, event: FlightEvent) -> Flight:
    said = event.facts.get("memory_bytes")
    if not isinstance(said, int) or isinstance(said, bool) or not 0 <= said < 1 << 60:
        return flight
    peak = max(said, flight.memory.peak_bytes if flight.memory else 0)
    return replace(flight, memory=Memory(said, peak))


def _nothing(flight: Flight, event: FlightEvent) -> Flight:
    return flight


def _started(flight: Flight, event: FlightEvent) -> Flight:
    """Of the first attempt, or of another one, which reports the steps again."""
    return replace(
        flight,
        status=FlightStatus.RUNNING,
        started_at=flight.started_at or event.at,
        finished_at=None,
        error=None,
        result=None,
        progress=None,
        data=flight.data or str(event.facts.get("data", "")),
        task=flight.task or str(event.facts.get("task", "")),
        method=flight.method or str(event.facts.get("method", "")),
    )


def _step_started(flight: Flight, event: FlightEvent) -> Flight:
    if event.step is None:
        return flight
    return replace(flight, steps=_with_step(flight.steps, Step(event.step, event.at)), progress=None)


def _step_finished(flight: Flight, event: FlightEvent) -> Flight:
    if event.step is None:
        return flight
    begun = next((step for step in flight.steps if step.name == event.step), Step(event.step, event.at))
    seconds, summary = event.facts.get("seconds"), event.facts.get("summary")
    ended = replace(
        begun,
        finished_at=event.at,
        seconds=seconds if isinstance(seconds, int | float) else None,
        summary=summary if isinstance(summary, Mapping) else {},
        reused=bool(event.facts.get("reused", False)),
    )
    return replace(flight, steps=_with_step(flight.steps, ended), progress=None)


def _progressed(flight: Flight, event: FlightEvent) -> Flight:
    done, total, unit = (event.facts.get(name) for name in ("done", "total", "unit"))
    if not isinstance(done, int) or not isinstance(total, int):
        return flight
    unit, before = str(unit or ""), flight.progress
    if before is not None and before.at > event.at:
        return flight  # sent again, out of order
    # A step may count twice, first one split and then another: a count that fell began anew.
    if before is None or (before.unit, before.total) != (unit, total) or before.done > done:
        return replace(flight, progress=Progress(done, total, unit, event.at, done, event.at))
    return replace(flight, progress=replace(before, done=done, at=event.at))


def _finished(flight: Flight, event: FlightEvent) -> Flight:
    result = event.facts.get("result")
    return replace(
        flight,
        status=FlightStatus.FINISHED,
        finished_at=event.at,
        result=result if isinstance(result, Mapping) else {},
        error=None,
        progress=None,
    )


def _failed(flight: Flight, event: FlightEvent) -> Flight:
    stopped = event.facts.get("stopped") is True
    return replace(
        flight,
        status=FlightStatus.STOPPED if stopped else FlightStatus.FAILED,
        finished_at=event.at,
        error=None if stopped else str(event.facts.get("error") or "It did not say why."),
        progress=None,
    )


_CHANGES = {
    EventKind.FLIGHT_STARTED: _started,
    EventKind.STEP_STARTED: _step_started,
    EventKind.STEP_FINISHED: _step_finished,
    EventKind.PROGRESS: _progressed,
    EventKind.FLIGHT_FINISHED: _finished,
    EventKind.FLIGHT_FAILED: _failed,
}


def _with_step(steps: tuple[Step, ...], step: Step) -> tuple[Step, ...]:
    """In the place of the one with this name, or at the end."""
    if any(known.name == step.name for known in steps):
        return tuple(step if known.name == step.name else known for known in steps)
    return (*steps, step)[:MAX_STEPS]
