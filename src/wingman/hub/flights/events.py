"""The wire form of events: one JSON object a line, checked and bounded where it enters.

    {"time": "2026-01-31T09:00:00.000Z", "event": "progress", "step": "train", "done": 3, "total": 9, "unit": "steps"}

The lab writes them and the Hub reads them; this is all that the two know of each other.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite
from typing import Any

from wingman.hub.errors import Invalid
from wingman.hub.flights.model import EventKind, FlightEvent

MAX_MESSAGE_CHARACTERS = 4000
MAX_FACTS_CHARACTERS = 64_000
_KINDS = {kind.value: kind for kind in EventKind}


def parse_events(body: bytes) -> list[FlightEvent]:
    """The events in a body of lines; kinds that this Hub does not know are passed over.

    Raises `Invalid` with the number of the line that is no event.
    """
    parsed = []
    for number, line in enumerate(body.splitlines(), 1):
        if line.strip():
            try:
                event = parse_event(line)
            except (ValueError, OverflowError, RecursionError) as error:
                raise Invalid(f"Line {number} of the body is not an event: {error}") from error
            if event is not None:
                parsed.append(event)
    return parsed


def parse_event(line: bytes) -> FlightEvent | None:
    """One line; None for a kind that is not known here.

    >>> event = parse_event(b'{"time": "2026-01-31T09:00:00.000Z", "event": "log", "step": null, "message": "Hi"}')
    >>> event.kind.value, event.facts
    ('log', {'message': 'Hi'})
    """
    # JSON knows no NaN, though Python writes it; a loss that is one says nothing more than null.
    document = json.loads(line, parse_constant=lambda name: None, parse_float=_finite)
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")
    kind = _KINDS.get(str(document.get("event")))
    if kind is None:
        return None
    at = datetime.fromisoformat(str(document.get("time")))
    step = document.get("step")
    facts = {name: value for name, value in document.items() if name not in ("time", "event", "step")}
    return FlightEvent(
        number=0,
        at=(at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC),
        kind=kind,
        step=storable(str(step))[:64] if step else None,
        facts=_bounded(
            {name: storable(value) if isinstance(value, str) else value for name, value in facts.items()}
        ),
        digest=hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()[:16],
    )


def coalesce(events: Iterable[FlightEvent]) -> list[FlightEvent]:
    """Without the progress that the very next event overtakes: a step may report it a hundred times a second."""
    listed = list(events)
    kept = [before for before, after in pairwise(listed) if not _overtakes(after, before)]
    return [*kept, *listed[-1:]]


def storable(text: str) -> str:
    """As every database takes it: no NUL, no half of a character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if isfinite(number) else None


def _overtakes(after: FlightEvent, before: FlightEvent) -> bool:
    return (
        after.kind is before.kind is EventKind.PROGRESS
        and after.step == before.step
        and after.facts.get("unit") == before.facts.get("unit")
        and after.facts.get("total") == before.facts.get("total")
    )


def _bounded(facts: dict[str, Any]) -> dict[str, Any]:
    """Long messages are cut; of an event that is too large the largest facts are left out, and named."""
    message = facts.get("message")
    if isinstance(message, str) and len(message) > MAX_MESSAGE_CHARACTERS:
        facts = {**facts, "message": message[:MAX_MESSAGE_CHARACTERS] + " …"}
    sizes = {name: len(json.dumps(value)) for name, value in facts.items()}
    left_out: list[str] = []
    while sum(sizes.values()) > MAX_FACTS_CHARACTERS:
        largest = max(sizes, key=lambda name: sizes[name])
        del sizes[largest]
        left_out.append(largest)
    if not left_out:
        return facts
    return {name: facts[name] for name in sizes} | {"left_out": [name[:64] for name in left_out[:20]]}
