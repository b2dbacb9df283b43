"""The wire form of events: read, bounded, and refused with the number of the line."""

import json

import pytest

from wingman.hub.errors import Invalid
from wingman.hub.flights.events import MAX_MESSAGE_CHARACTERS, coalesce, parse_events
from wingman.hub.flights.model import EventKind


def line(event: str, second: int = 0, *, step: str | None = "train", **facts: object) -> bytes:
    return json.dumps(
        {"time": f"2026-01-31T09:00:{second:02}.000Z", "event": event, "step": step, **facts}
    ).encode()


def progress(second: int, done: int, unit: str = "steps") -> bytes:
    return line("progress", second, done=done, total=9, unit=unit)


def test_an_event_comes_back_as_the_lab_wrote_it():
    [event] = parse_events(line("metric", 7, name="loss", value=0.5, at=3))

    assert (event.kind, event.step, event.facts) == (
        EventKind.METRIC,
        "train",
        {"name": "loss", "value": 0.5, "at": 3},
    )
    assert event.at.isoformat() == "2026-01-31T09:00:07+00:00"


def test_kinds_of_a_newer_lab_are_passed_over():
    assert parse_events(line("teleported") + b"\n\n" + line("log", message="here"))[0].kind is EventKind.LOG


@pytest.mark.parametrize(
    "wrong",
    [b"{", b"[]", b'{"event": "log"}', b'{"event": "log", "time": "noon"}', b"[" * 100_000, b"\xff\xfe"],
)
def test_a_line_that_is_no_event_is_named(wrong: bytes):
    with pytest.raises(Invalid, match="Line 2 of the body is not an event"):
        parse_events(line("log", message="fine") + b"\n" + wrong)


@pytest.mark.parametrize("digits", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_numbers_that_json_does_not_know_become_null(digits: bytes):
    body = line("metric", name="loss", value=12345, at=3).replace(b"12345", digits)

    assert parse_events(body)[0].facts["value"] is None


def test_texts_are_what_databases_take():
    [event] = parse_events(line("flight_failed", error="a\0b\ud800c"))

    assert event.facts["error"] == "ab?c"


def test_long_messages_are_cut_and_large_facts_named():
    cut, dropped = parse_events(
        line("log", message="x" * 10_000) + b"\n" + line("step_finished", seconds=1, summary=["y" * 99_000])
    )

    assert len(cut.facts["message"]) == MAX_MESSAGE_CHARACTERS + 2
    assert dropped.facts == {"seconds": 1, "left_out": ["summary"]}


def test_the_same_event_has_the_same_digest_whatever_the_order_of_its_fields():
    first, second, other = parse_events(
        b'{"time": "2026-01-31T09:00:00Z", "event": "log", "step": null, "message": "a"}\n'
        b'{"message": "a", "event": "log", "step": null, "time": "2026-01-31T09:00:00Z"}\n'
        b'{"message": "b", "event": "log", "step": null, "time": "2026-01-31T09:00:00Z"}'
    )

    assert first.digest == second.digest != other.digest


def test_progress_that_is_overtaken_at_once_is_left_out():
    body = b"\n".join(
        [progress(1, 1), progress(2, 2), line("log", 3, message="m"), progress(4, 3), progress(5, 4, "rows")]
    )

    kept = coalesce(parse_events(body))

    assert [event.facts.get("done") for event in kept] == [2, None, 3, 4]
