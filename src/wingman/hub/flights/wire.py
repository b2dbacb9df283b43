"""Flights as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from wingman.hub.database import now
from wingman.hub.flights.comparing import Comparison, Estimate, MetricPair
from wingman.hub.flights.model import Flight, FlightEvent, FlightFile, MetricPoint
from wingman.hub.http.dates import iso


def flight_json(flight: Flight) -> dict[str, Any]:
    """All that is kept of a flight in its row."""
    return {
        "id": flight.id,
        "owner": flight.owner,
        "task": flight.task,
        "data": flight.data,
        "base": flight.base or None,
        "method": flight.method,
        "to": flight.to,
        "host": flight.host,
        "started_here": flight.is_started_here,
        **state_json(flight),
        "steps": [
            {
                "name": step.name,
                "started_at": iso(step.started_at),
                "finished_at": _iso(step.finished_at),
                "seconds": step.seconds,
                "summary": dict(step.summary),
                "reused": step.reused,
            }
            for step in flight.steps
        ],
        "result": None if flight.result is None else dict(flight.result),
        "created_at": iso(flight.created_at),
        "queued_at": _iso(flight.queued_at),
        "heard_at": _iso(flight.heard_at),
        "num_events": flight.num_events,
    }


def state_json(flight: Flight) -> dict[str, Any]:
    """What changes while it flies."""
    progress = flight.progress
    return {
        "status": flight.status.value,
        "silent": flight.is_silent(now()),
        "may_resume": flight.may_resume,
        "error": flight.error,
        "step": flight.step.name if flight.step else None,
        "progress": None
        if progress is None
        else {
            "done": progress.done,
            "total": progress.total,
            "unit": progress.unit,
            "seconds_left": progress.seconds_left(),
        },
        "memory": None if flight.memory is None else asdict(flight.memory),
        "started_at": _iso(flight.started_at),
        "finished_at": _iso(flight.finished_at),
    }


def event_json(event: FlightEvent) -> dict[str, Any]:
    """As the lab wrote it, with its number."""
    head = {
        "number": event.number,
        "time": iso(event.at),
        "event": event.kind.value,
        "step": event.step,
    }
    return {**event.facts, **head}


def file_json(file: FlightFile) -> dict[str, Any]:
    return {"name": file.name, "size": file.size, "uploaded_at": iso(file.uploaded_at)}


def metrics_json(series: dict[str, list[MetricPoint]]) -> dict[str, list[dict[str, Any]]]:
    return {name: [_point_json(point) for point in points] for name, points in series.items()}


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    paired = comparison.paired
    return {
        "first": comparison.first_id,
        "second": comparison.second_id,
        "metrics": {pair.name: _pair_json(pair) for pair in comparison.metrics},
        "same_test": comparison.is_same_test,
        "paired": None
        if paired is None
        else {
            "rows": paired.rows,
            "only_first_right": paired.only_first_right,
            "only_second_right": paired.only_second_right,
            "p_value": paired.p_value,
            "source": paired.source,
        },
        "verdict": comparison.verdict,
    }


def files_json(files: Sequence[FlightFile]) -> list[dict[str, Any]]:
    return [file_json(file) for file in files]


def _point_json(point: MetricPoint) -> dict[str, Any]:
    return {"at": point.at, "value": point.value, "time": iso(point.time)}


def _pair_json(pair: MetricPair) -> dict[str, Any]:
    return {
        "first": _estimate_json(pair.first),
        "second": _estimate_json(pair.second),
        "difference": pair.difference,
    }


def _estimate_json(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
