"""What events change: `fold`, over the events of flights as the lab reports them."""

from datetime import UTC, datetime, timedelta

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.flights.model import (
    EventKind,
    Flight,
    FlightEvent,
    FlightNumber,
    FlightStatus,
    Memory,
    fold,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
BLANK = Flight(number=FlightNumber(1), id="f-1", owner_id=NamespaceId(1), owner="alice", created_at=NOON)


def event(second: float, kind: str, step: str | None = None, **facts: object) -> FlightEvent:
    return FlightEvent(0, NOON + timedelta(seconds=second), EventKind(kind), step, facts)


TRAINED_HALF = [
    event(0, "flight_started", data="reviews.csv", task="text-classification", method="full"),
    event(1, "step_started", "choose"),
    event(2, "step_finished", "choose", seconds=1.0, summary={"rows": {"train": 3}}),
    event(3, "step_started", "train"),
    event(4, "progress", "train", done=10, total=100, unit="steps"),
    event(14, "progress", "train", done=50, total=100, unit="steps"),
]


def test_a_flight_under_way_has_finished_steps_and_one_that_goes_on():
    flight = fold(BLANK, TRAINED_HALF)

    assert flight.status is FlightStatus.RUNNING
    assert [(step.name, step.seconds) for step in flight.steps] == [("choose", 1.0), ("train", None)]
    assert flight.steps[0].summary == {"rows": {"train": 3}}
    assert flight.step is not None
    assert flight.step.name == "train"
    assert (flight.data, flight.started_at) == ("reviews.csv", NOON)


def test_the_time_left_follows_the_pace_since_the_first_report():
    """40 steps in 10 seconds, from step 10 on: a resumed flight does not begin at 0."""
    progress = fold(BLANK, TRAINED_HALF).progress

    assert progress is not None
    assert progress.seconds_left() == 12.5


def test_there_is_no_pace_after_one_report():
    progress = fold(BLANK, TRAINED_HALF[:5]).progress

    assert progress is not None
    assert progress.seconds_left() is None


def test_a_count_that_begins_anew_has_a_pace_of_its_own():
    again = event(15, "progress", "train", done=1, total=100, unit="steps")

    progress = fold(BLANK, [*TRAINED_HALF, again]).progress

    assert progress is not None
    assert (progress.first_done, progress.done) == (1, 1)


def test_progress_that_comes_late_does_not_turn_back():
    late = event(10, "progress", "train", done=30, total=100, unit="steps")

    progress = fold(BLANK, [*TRAINED_HALF, late]).progress

    assert progress is not None
    assert progress.done == 50


def test_the_highest_memory_is_remembered():
    said = [event(20, "progress", "train", done=1, total=9, memory_bytes=held) for held in (5, 9, 7)]

    assert fold(BLANK, [*TRAINED_HALF, *said]).memory == Memory(now_bytes=7, peak_bytes=9)


def test_memory_that_is_no_number_of_bytes_is_passed_over():
    odd = [event(20, "progress", "train", done=1, total=9, memory_bytes=held) for held in ("1", -1, True, 2**80, 1.5)]

    assert fold(BLANK, [*TRAINED_HALF, *odd]).memory is None


def test_a_finished_flight_has_its_result():
    flight = fold(BLANK, [*TRAINED_HALF, event(60, "flight_finished", result={"repo": "alice/mood"})])

    assert flight.status is FlightStatus.FINISHED
    assert flight.result == {"repo": "alice/mood"}
    assert (flight.step, flight.progress) == (None, None)


def test_a_failed_flight_says_why_and_a_stopped_one_has_no_error():
    failed = fold(BLANK, [*TRAINED_HALF, event(20, "flight_failed", "train", error="no memory")])
    stopped = fold(BLANK, [*TRAINED_HALF, event(20, "flight_failed", "train", error="…", stopped=True)])

    assert (failed.status, failed.error) == (FlightStatus.FAILED, "no memory")
    assert (stopped.status, stopped.error) == (FlightStatus.STOPPED, None)


def test_a_second_attempt_takes_the_place_of_the_first():
    first = [*TRAINED_HALF, event(20, "flight_failed", "train", error="no memory")]
    second = [
        event(100, "flight_started", data="reviews.csv"),
        event(101, "step_started", "choose"),
        event(102, "step_finished", "choose", seconds=1.0, summary={}, reused=True),
        event(103, "step_started", "train"),
    ]

    flight = fold(BLANK, [*first, *second])

    assert (flight.status, flight.error, flight.finished_at) == (FlightStatus.RUNNING, None, None)
    assert [step.name for step in flight.steps] == ["choose", "train"]
    assert flight.steps[0].reused
    assert flight.started_at == NOON


def test_a_flight_not_heard_of_for_long_is_silent():
    flight = fold(BLANK, TRAINED_HALF)

    assert not flight.is_silent(NOON + timedelta(minutes=9))
    assert flight.is_silent(NOON + timedelta(minutes=11))
